/*
 * errors.c
 *	  The table of errors of wire.h, as the backend needs it.
 */
#include "compat.h"

#include "errors.h"

typedef struct ErrorRow
{
	char sqlstate[6];
	const char *name;
} ErrorRow;

static const ErrorRow error_rows[PARLEY_ERROR_COUNT] = {
#define PARLEY_ERROR_ROW(symbol, sqlstate, status, code, title) \
	[PARLEY_ERROR_##symbol] = {sqlstate, code},
	PARLEY_ERRORS(PARLEY_ERROR_ROW)
#undef PARLEY_ERROR_ROW
};

int
ParleyErrcode(ParleyError error)
{
	const char *s = error_rows[error].sqlstate;

	return errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4]));
}

const char *
ParleyErrorName(ParleyError error)
{
	return error_rows[error].name;
}
