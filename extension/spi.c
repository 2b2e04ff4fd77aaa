/*
 * spi.c
 *	  Saved plans and typed rows on top of the server programming interface.
 *
 * Plans live in the plan cache for the backend's life; the server replans them
 * when a table changes.  Everything else belongs to the SPI context of the
 * current SpiBegin(), or to the caller where a function says so.
 *
 * A plan that is made while a table is empty outlives that state: a table scan,
 * then the cheapest, is still in use when there are a million rows, until the next
 * ANALYZE.  Our statements find rows by index, so plans are made as if a table scan
 * were out of the question, and once for all values.  Where the values decide,
 * SpiQuery.by_value leaves it to the server.
 */
#include "compat.h"

#include "spi.h"

#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "result.h"

void
SpiBegin(void)
{
	SPI_connect();
}

void
SpiEnd(void)
{
	SPI_finish();
}

NullableDatum
SpiArray(const Datum *elements, int count, Oid type)
{
	int16 typlen;
	bool typbyval;
	char typalign;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	return SpiDatum(PointerGetDatum(construct_array(unconstify(Datum *, elements), count, type,
													typlen, typbyval, typalign)),
					false);
}

NullableDatum
SpiInt64Array(const int64 *elements, int count)
{
	Datum *values = palloc((count + 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		values[i] = Int64GetDatum(elements[i]);
	return SpiArray(values, count, INT8OID);
}

static int
ArgCount(const SpiQuery *query)
{
	int count = 0;

	while (count < SPI_QUERY_MAX_ARGS && OidIsValid(query->argtypes[count]))
		count++;
	return count;
}

static void
SetForNow(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/*
 * The text is read once, and the plan keeps what the session's settings made of it: a
 * backslash would mean something else in every later session of a pool, too.
 */
static SPIPlanPtr
Prepare(const SpiQuery *query)
{
	int level = NewGUCNestLevel();
	SPIPlanPtr plan;

	SetForNow("standard_conforming_strings", "on");
	plan = SPI_prepare_cursor(query->sql, ArgCount(query), (Oid *) query->argtypes,
							  query->by_value ? 0 : CURSOR_OPT_GENERIC_PLAN);
	AtEOXact_GUC(true, level);
	return plan;
}

static SPIPlanPtr
PlanOf(SpiQuery *query)
{
	SPIPlanPtr plan;

	if (query->plan)
		return query->plan;

	plan = Prepare(query);
	if (plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not prepare \"%s\": %s", query->sql,
														 SPI_result_code_string(SPI_result))));
	SPI_keepplan(plan);
	query->plan = plan;
	return plan;
}

static CachedPlanSource *
SourceOf(SpiQuery *query)
{
	return linitial(SPI_plan_get_plan_sources(PlanOf(query)));
}

/* Is the next execution going to make the plan, for the first time or anew? */
static bool
IsUnplanned(SpiQuery *query)
{
	CachedPlanSource *source = SourceOf(query);

	return !source->is_valid || source->gplan == NULL || !source->gplan->is_valid;
}

/*
 * Makes the plan that the execution will find in the cache.  The settings hold meanwhile only:
 * what the execution runs of other people's (triggers, policies, functions) sees and is planned
 * with the session's own.  An error ends them, too.
 *
 * Where a small table has no index that helps, it is scanned after all, at the price of a scan
 * that is out of the question: enough to have a statement of a millisecond compiled.  So no JIT.
 */
static void
MakePlan(SpiQuery *query)
{
	SPIPlanPtr plan = PlanOf(query);
	int level = NewGUCNestLevel();
	CachedPlan *made;

	SetForNow("enable_seqscan", "off");
	SetForNow("jit", "off");
	made = SPI_plan_get_cached_plan(plan);
	if (made)
		ReleaseCachedPlan(made, CurrentResourceOwner);
	AtEOXact_GUC(true, level);
}

/* NULL where there are none, as SPI_execute() has it: hooks tell by that. */
static ParamListInfo
ParamsOf(const SpiQuery *query, const NullableDatum *args)
{
	int count = ArgCount(query);
	ParamListInfo params;

	if (count == 0)
		return NULL;
	params = makeParamList(count);
	for (int i = 0; i < count; i++)
	{
		params->params[i].value = args[i].value;
		params->params[i].isnull = args[i].isnull;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = query->argtypes[i];
	}
	return params;
}

/*
 * What is planned by value is planned within its execution, so that JIT is off for both.  Such
 * statements only read, and run nothing of other people's.  They are the ones that search by GIN
 * indexes, from which gin_fuzzy_search_limit would take some of the matches at random.
 */
static void
Execute(SpiQuery *query, const NullableDatum *args, DestReceiver *dest)
{
	SPIExecuteOptions options = {0};
	int level = query->by_value ? NewGUCNestLevel() : 0;
	int result;

	if (query->by_value)
	{
		SetForNow("jit", "off");
		SetForNow("gin_fuzzy_search_limit", "0");
	}
	else if (IsUnplanned(query))
		MakePlan(query);
	options.params = ParamsOf(query, args);
	options.read_only = query->read_only;
	options.dest = dest;
	result = SPI_execute_plan_extended(PlanOf(query), &options);
	if (result < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not run \"%s\": %s", query->sql, SPI_result_code_string(result))));
	if (level)
		AtEOXact_GUC(true, level);
}

uint64
SpiRun(SpiQuery *query, const NullableDatum *args)
{
	Execute(query, args, NULL);
	return SPI_processed;
}

/* The receiver works in the store's memory, which is not that of SPI. */
uint64
SpiRunInto(SpiQuery *query, const NullableDatum *args, Tuplestorestate *store)
{
	DestReceiver *dest;

	if (store == NULL)
		return SpiRun(query, args);
	dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(dest, store, CurrentMemoryContext, false, NULL, NULL);
	Execute(query, args, dest);
	return SPI_processed;
}

Datum
SpiGetDatum(uint64 row, int column, bool *isnull)
{
	if (SPI_tuptable == NULL || row >= SPI_tuptable->numvals)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("a statement gave no row %llu", (unsigned long long) row + 1)));
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

int64
SpiGetInt64(uint64 row, int column)
{
	bool isnull;
	Datum value = SpiGetDatum(row, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

bool
SpiGetBool(uint64 row, int column)
{
	bool isnull;
	Datum value = SpiGetDatum(row, column, &isnull);

	return !isnull && DatumGetBool(value);
}

char *
SpiGetText(uint64 row, int column)
{
	bool isnull;
	Datum value = SpiGetDatum(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

void *
SpiKeepAlloc(Size size)
{
	return SPI_palloc(size);
}

char *
SpiKeepText(uint64 row, int column)
{
	char *text = SpiGetText(row, column);

	return text ? strcpy(SPI_palloc(strlen(text) + 1), text) : NULL;
}

Datum
SpiKeepDatum(uint64 row, int column, bool *isnull)
{
	Datum value = SpiGetDatum(row, column, isnull);
	int16 typlen;
	bool typbyval;

	if (*isnull)
		return (Datum) 0;
	get_typlenbyval(SPI_gettypeid(SPI_tuptable->tupdesc, column), &typlen, &typbyval);
	return SPI_datumTransfer(value, typbyval, typlen);
}

Datum
SpiKeepRow(Datum row)
{
	return SPI_datumTransfer(row, false, -1);
}

NullableDatum
SpiTriggerColumn(const TriggerData *trigger, const char *name)
{
	TupleDesc description = RelationGetDescr(trigger->tg_relation);
	NullableDatum column;

	column.value = SPI_getbinval(trigger->tg_trigtuple, description, SPI_fnumber(description, name),
								 &column.isnull);
	if (SPI_result == SPI_ERROR_NOATTRIBUTE)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("table \"%s\" has no column \"%s\"",
							   RelationGetRelationName(trigger->tg_relation), name)));
	return column;
}

/* The columns are those of the execution: the types before it may have been dropped since. */
Datum
SpiReturnRows(FunctionCallInfo fcinfo, SpiQuery *query, const NullableDatum *args)
{
	Tuplestorestate *store;
	DestReceiver *dest = CreateDestReceiver(DestTuplestore);
	MemoryContext caller = CurrentMemoryContext;

	SpiBegin();
	store = ResultOpen(fcinfo);
	SetTuplestoreDestReceiverParams(dest, store, caller, false, NULL, NULL);
	Execute(query, args, dest);
	ResultDescribe(fcinfo, SourceOf(query)->resultDesc);
	SpiEnd();
	return (Datum) 0;
}

Datum
SpiReturnValue(FunctionCallInfo fcinfo, SpiQuery *query, const NullableDatum *args)
{
	Datum value = (Datum) 0;
	bool isnull = true;

	SpiBegin();
	if (SpiRun(query, args) > 0)
		value = SpiKeepDatum(0, 1, &isnull);
	SpiEnd();

	fcinfo->isnull = isnull;
	return value;
}
