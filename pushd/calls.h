/*
 * calls.h
 *	  What REST can do, by a `call` frame: the methods are the routes that need a login,
 *	  by the names of their statements.
 */
#ifndef PARLEY_CALLS_H
#define PARLEY_CALLS_H

#include <jansson.h>

#include "pgpool.h"
#include "quota.h"
#include "session.h"

typedef struct Call
{
	const char *id; /* or NULL */
	const char *method;
	const json_t *params; /* an object, or NULL */
} Call;

/*
 * The session gets a `result`, or an `error` with the same id.  The limits are those of
 * REST, by account.
 */
void calls_run(PgPool *pool, Quota *quota, Session *session, const Call *call);

#endif /* PARLEY_CALLS_H */
