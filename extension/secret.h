/*
 * secret.h
 *	  The password of an account, table chat.account_secret.
 */
#ifndef PARLEY_SECRET_H
#define PARLEY_SECRET_H

#include "postgres.h"

#include "fmgr.h"

#include "errors.h"

/*
 * Is this the password of the account?  No for an account that is closed or unknown
 * (0), after the same time.  After a yes the secret is locked until the transaction
 * ends: it can't be changed before what was done by right of it is to be seen.
 * Hashes again where the cost has changed, or the password was not normalized.
 */
extern bool SecretVerify(int64 account_id, const char *password);

/* What came of asking for a password again. */
typedef struct SecretAnswer
{
	ParleyError refusal; /* PARLEY_NO_ERROR: it is right */
	int retry_after_s;	 /* THROTTLED: for so long */
} SecretAnswer;

/*
 * The same for the account acted for, where a password is asked for again.  It counts as
 * a login does (ratelimit.h): who came by a session must not guess the password by it.
 * A no is written to the audit log; `purpose` says what for.
 */
extern SecretAnswer SecretVerifyAgain(int64 account_id, const char *password, const char *purpose);

/* Only after SecretVerify. */
extern void SecretReplace(int64 account_id, const char *password);
extern void SecretDelete(int64 account_id);

/* The answer as a chat.outcome. */
extern Datum SecretOutcome(FunctionCallInfo fcinfo, SecretAnswer answer);

#endif /* PARLEY_SECRET_H */
