/*
 * argument.c
 *	  Checks on the arguments of SQL functions.
 */
#include "compat.h"

#include "argument.h"

#include "access/detoast.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "errors.h"
#include "legible.h"

#define AGE_MAX_YEARS 4000

void
ArgumentRequire(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("%s must not be NULL", what)));
}

char *
ArgumentContent(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

char *
ArgumentText(FunctionCallInfo fcinfo, int n)
{
	if (!PG_ARGISNULL(n) && toast_raw_datum_size(PG_GETARG_DATUM(n)) - VARHDRSZ > ARGUMENT_MAX)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("argument %d is longer than %d bytes", n + 1, ARGUMENT_MAX)));
	return ArgumentContent(fcinfo, n);
}

char *
ArgumentRequireText(FunctionCallInfo fcinfo, int n, const char *what)
{
	ArgumentRequire(fcinfo, n, what);
	return ArgumentText(fcinfo, n);
}

int64
ArgumentRequireInt64(FunctionCallInfo fcinfo, int n, const char *what)
{
	ArgumentRequire(fcinfo, n, what);
	return PG_GETARG_INT64(n);
}

void
ClipText(char *text, int max)
{
	text[pg_mbcliplen(text, strlen(text), max)] = '\0';
}

void
CheckName(const char *what, const char *name, int max)
{
	if (pg_mbstrlen(name) > max || !LegibleName(name))
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT), errmsg("the %s is not valid", what),
				 errhint("Use 1 to %d characters that can be seen; spaces only between them.",
						 max)));
}

void
CheckText(const char *what, const char *text, int max)
{
	if (pg_mbstrlen(text) > max || !LegibleText(text))
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT), errmsg("the %s is not valid", what),
				 errhint("Use 1 to %d characters, of which some can be seen; of control characters "
						 "only tabs and ends of lines.",
						 max)));
}

void
CheckAge(const char *what, const Interval *age)
{
	bool negative = age->month < 0 || age->day < 0 || age->time < 0;
	int64 years = age->month / MONTHS_PER_YEAR + age->day / 365 + age->time / (365 * USECS_PER_DAY);

	if (negative || years > AGE_MAX_YEARS)
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
				 errmsg("%s must not be negative, nor more than %d years", what, AGE_MAX_YEARS)));
}

int
CheckLimit(int wanted, int max)
{
	if (wanted < 1)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("the number of results must be at least 1")));
	return Min(wanted, max);
}
