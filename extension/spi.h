/*
 * spi.h
 *	  SQL from C: statements that are planned once a backend, typed access to
 *	  their rows, and the return of rows to the caller.  All SPI of the library
 *	  goes through here.
 *
 *	  A statement is a static SpiQuery.  Its names are schema-qualified, so that
 *	  no search_path can bend it:
 *
 *		static SpiQuery find_account = {
 *			"SELECT id FROM chat.account WHERE username = $1", {TEXTOID}
 *		};
 *
 *		SpiBegin();
 *		if (SpiRun(&find_account, SpiArgs(SpiText(name))) > 0)
 *			id = SpiGetInt64(0, 1);
 *		SpiEnd();
 *
 *	  Between SpiBegin() and SpiEnd() palloc gives memory that SpiEnd() frees, the
 *	  rows of its statements included; what must outlive it is copied out by
 *	  SpiKeepText() or SpiKeepDatum().  An error in between is cleaned up by the end
 *	  of the transaction, as with plain SPI.
 *
 *	  Pairs may nest.  A loop over blocks, conversations or messages has a pair around
 *	  each step, so that a call holds the memory of one step, however many there are;
 *	  after it SpiGet…() reads the rows of the outer pair again.
 */
#ifndef PARLEY_SPI_H
#define PARLEY_SPI_H

#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#define SPI_QUERY_MAX_ARGS 16

typedef struct SpiQuery
{
	const char *sql;
	Oid argtypes[SPI_QUERY_MAX_ARGS]; /* ends at the first 0 */
	bool by_value;			/* plan for each set of arguments: they decide which index helps */
	bool read_only;			/* see what the calling statement sees; for STABLE functions */
	struct _SPI_plan *plan; /* made on first use, kept for the backend's life */
} SpiQuery;

/* The arguments of one execution, in the order of $1, $2, ... */
#define SpiArgs(...) ((const NullableDatum[]){__VA_ARGS__})
#define SpiNoArgs ((const NullableDatum *) NULL)

static inline NullableDatum
SpiDatum(Datum value, bool isnull)
{
	return (NullableDatum){.value = value, .isnull = isnull};
}

static inline NullableDatum
SpiInt64(int64 value)
{
	return SpiDatum(Int64GetDatum(value), false);
}

static inline NullableDatum
SpiInt32(int32 value)
{
	return SpiDatum(Int32GetDatum(value), false);
}

/* A NULL string is SQL's NULL. */
static inline NullableDatum
SpiText(const char *value)
{
	return SpiDatum(value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

/* Arrays, without NULLs; in the current memory context. */
extern NullableDatum SpiArray(const Datum *elements, int count, Oid type);
extern NullableDatum SpiInt64Array(const int64 *elements, int count);

/* Argument `n` of the SQL function that is running, NULL included. */
#define SpiFunctionArg(fcinfo, n) ((fcinfo)->args[n])

extern void SpiBegin(void);
extern void SpiEnd(void);

/* Runs the statement and returns how many rows it gave or changed. */
extern uint64 SpiRun(SpiQuery *query, const NullableDatum *args);

/*
 * The same, and puts the rows into `store`; NULL: they are only counted.  For functions whose
 * answer takes more than one statement; `store` is from result.h and wants the columns of the
 * function's declaration.
 */
extern uint64 SpiRunInto(SpiQuery *query, const NullableDatum *args, Tuplestorestate *store);

/* The rows of the last SpiRun(): row counts from 0, column from 1.  No such row is an error. */
extern Datum SpiGetDatum(uint64 row, int column, bool *isnull);
extern int64 SpiGetInt64(uint64 row, int column); /* NULL reads as 0 */
extern bool SpiGetBool(uint64 row, int column);	  /* NULL reads as false */
extern char *SpiGetText(uint64 row, int column);  /* NULL for NULL */

/* The same in memory of the caller of SpiBegin(), and such memory itself. */
extern char *SpiKeepText(uint64 row, int column);
extern Datum SpiKeepDatum(uint64 row, int column, bool *isnull);
extern Datum SpiKeepRow(Datum row); /* a composite value */
extern void *SpiKeepAlloc(Size size);

/* A column of the row that a trigger was fired for: the old one in an UPDATE.  No such column is
 * an error. */
extern NullableDatum SpiTriggerColumn(const TriggerData *trigger, const char *name);

/*
 * The whole body of a function whose answer is what one statement gives.
 * SpiReturnRows: all rows, for RETURNS SETOF or TABLE.  SpiReturnValue: the first
 * column of the first row, NULL if there is none.  Neither wants SpiBegin().
 */
extern Datum SpiReturnRows(FunctionCallInfo fcinfo, SpiQuery *query, const NullableDatum *args);
extern Datum SpiReturnValue(FunctionCallInfo fcinfo, SpiQuery *query, const NullableDatum *args);

#endif /* PARLEY_SPI_H */
