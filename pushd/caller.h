/*
 * caller.h
 *	  Tells the database whose call a transaction is: for limits per address, and for
 *	  the audit log.
 */
#ifndef PARLEY_CALLER_H
#define PARLEY_CALLER_H

#include "address.h"
#include "pgpool.h"

/* Holds the parameters until the request is made. */
typedef struct Caller
{
	char address[ADDRESS_TEXT_SIZE];
	PgParam params[2];
} Caller;

/*
 * The call that has to come first in the transaction.  The machine itself (loopback) is
 * told as nobody: it is a proxy that we were not told of, and all clients would share its
 * limits.  `agent` (User-Agent) may be NULL.
 */
PgCall caller_call(Caller *caller, const Address *address, const char *agent);

#endif /* PARLEY_CALLER_H */
