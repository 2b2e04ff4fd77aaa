/*
 * errors.h
 *	  Raising the errors of wire.h from the backend.
 *
 *		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USERNAME_TAKEN),
 *						errmsg("user name \"%s\" is taken", name)));
 *
 *	  A failure that must be remembered is not raised but returned to the caller
 *	  by its stable code: ParleyErrorName().
 */
#ifndef PARLEY_ERRORS_H
#define PARLEY_ERRORS_H

#include "postgres.h"

#include "wire.h"

/* For variables that hold an error or none. */
#define PARLEY_NO_ERROR PARLEY_ERROR_COUNT

/* Stands where errcode() stands in an ereport. */
extern int ParleyErrcode(ParleyError error);

/* The stable code, e.g. "username_taken"; static storage. */
extern const char *ParleyErrorName(ParleyError error);

#endif /* PARLEY_ERRORS_H */
