/*
 * identity.h
 *	  Who this transaction acts for.  The answer lives in C, not in a setting that
 *	  a caller could SET; it ends with the transaction, and a rollback to a
 *	  savepoint takes back what was set after it.
 */
#ifndef PARLEY_IDENTITY_H
#define PARLEY_IDENTITY_H

#include "postgres.h"

typedef struct Identity
{
	int64 account_id;
	int64 session_id; /* 0: vouched for by a trusted role, no session */
} Identity;

/* Called once, from _PG_init. */
extern void IdentityInit(void);

/* Called only after a token was verified, or by a function closed to untrusted roles.  0: nobody. */
extern void IdentitySet(int64 account_id, int64 session_id);

/* NULL if nobody has been authenticated in this transaction. */
extern const Identity *IdentityGet(void);

/* The account, or the error PARLEY_ERROR_UNAUTHENTICATED. */
extern int64 IdentityRequire(void);

#endif /* PARLEY_IDENTITY_H */
