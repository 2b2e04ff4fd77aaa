/*
 * secret.h
 *	  The password of an account, table chat.account_secret.
 */
#ifndef PARLEY_SECRET_H
#define PARLEY_SECRET_H

#include "postgres.h"

#include "fmgr.h"

/*
 * Is this the password of the account?  No for an account that is closed or unknown
 * (0), after the same time.  After a yes the secret is locked until the transaction
 * ends: it can't be changed before what was done by right of it is to be seen.
 * Hashes again where the cost has changed.
 */
extern bool SecretVerify(int64 account_id, const char *password);

/*
 * The same for the account acted for, where a password is asked for again.  A no is
 * written to the audit log; `purpose` says what for.
 */
extern bool SecretVerifyAgain(int64 account_id, const char *password, const char *purpose);

/* Only after SecretVerify. */
extern void SecretReplace(int64 account_id, const char *password);
extern void SecretDelete(int64 account_id);

/* A chat.outcome: done, or that the password was wrong. */
extern Datum SecretOutcome(FunctionCallInfo fcinfo, bool done);

#endif /* PARLEY_SECRET_H */
