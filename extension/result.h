/*
 * result.h
 *	  What a SQL function of several columns or rows gives back.
 */
#ifndef PARLEY_RESULT_H
#define PARLEY_RESULT_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

/* One row of the function's declared type. */
extern Datum ResultRow(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

/*
 * For RETURNS SETOF or TABLE: the store that the rows go into, already set as the
 * result.  ResultStore takes the columns from the declaration and gives their
 * description too; with ResultOpen the caller states them with ResultDescribe, and the
 * executor checks them against the declaration.  All in memory of the calling query.
 */
extern Tuplestorestate *ResultStore(FunctionCallInfo fcinfo, TupleDesc *description);
extern Tuplestorestate *ResultOpen(FunctionCallInfo fcinfo);
extern void ResultDescribe(FunctionCallInfo fcinfo, TupleDesc description);

#endif /* PARLEY_RESULT_H */
