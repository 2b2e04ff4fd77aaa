/*
 * result.c
 *	  Rows as the results of SQL functions (funcapi.h, materialize mode).
 */
#include "compat.h"

#include "result.h"

#include "access/htup_details.h"
#include "miscadmin.h"

static TupleDesc
DeclaredColumns(FunctionCallInfo fcinfo)
{
	TupleDesc description;

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("the function is not declared to return columns")));
	return description;
}

Datum
ResultRow(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc description = BlessTupleDesc(DeclaredColumns(fcinfo));

	return HeapTupleGetDatum(heap_form_tuple(description, values, nulls));
}

Tuplestorestate *
ResultOpen(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("a function that returns rows was called where none can go")));

	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(old);
	return rsinfo->setResult;
}

void
ResultDescribe(FunctionCallInfo fcinfo, TupleDesc description)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);

	rsinfo->setDesc = CreateTupleDescCopy(description);
	MemoryContextSwitchTo(old);
}

Tuplestorestate *
ResultStore(FunctionCallInfo fcinfo, TupleDesc *description)
{
	Tuplestorestate *store = ResultOpen(fcinfo);

	ResultDescribe(fcinfo, DeclaredColumns(fcinfo));
	*description = ((ReturnSetInfo *) fcinfo->resultinfo)->setDesc;
	return store;
}
