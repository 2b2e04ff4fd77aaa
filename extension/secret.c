/*
 * secret.c
 *	  Verifying and replacing passwords.
 *
 * The hash is read before the slow verification and no lock is held meanwhile.  So it
 * may be another one by then: the row is locked only if it is still what was
 * verified, else all begins anew.  From there on a login and a change of password
 * take turns, and the change, which ends all sessions, finds that of the login.
 */
#include "compat.h"

#include "secret.h"

#include "audit.h"
#include "errors.h"
#include "password.h"
#include "ratelimit.h"
#include "result.h"
#include "spi.h"

static SpiQuery find_secret = {
	.sql = "SELECT s.password_hash FROM chat.account_secret s "
		   "JOIN chat.account a ON a.id = s.account_id "
		   "WHERE s.account_id = $1 AND a.closed_at IS NULL",
	.argtypes = {INT8OID},
};

static SpiQuery hold_secret = {
	.sql = "SELECT FROM chat.account_secret WHERE account_id = $1 AND password_hash = $2 "
		   "FOR NO KEY UPDATE",
	.argtypes = {INT8OID, TEXTOID},
};

static SpiQuery replace_hash = {
	.sql = "UPDATE chat.account_secret SET password_hash = $2 WHERE account_id = $1",
	.argtypes = {INT8OID, TEXTOID},
};

static SpiQuery note_change = {
	.sql = "UPDATE chat.account_secret SET changed_at = now() WHERE account_id = $1",
	.argtypes = {INT8OID},
};

static SpiQuery delete_secret = {
	.sql = "DELETE FROM chat.account_secret WHERE account_id = $1",
	.argtypes = {INT8OID},
};

/* NULL if the account has none. */
static char *
FindHash(int64 account_id)
{
	char *hash = NULL;

	SpiBegin();
	if (SpiRun(&find_secret, SpiArgs(SpiInt64(account_id))) > 0)
		hash = SpiKeepText(0, 1);
	SpiEnd();
	return hash;
}

static bool
Hold(int64 account_id, const char *hash)
{
	bool held;

	SpiBegin();
	held = SpiRun(&hold_secret, SpiArgs(SpiInt64(account_id), SpiText(hash))) > 0;
	SpiEnd();
	return held;
}

static void
StoreHashOf(int64 account_id, const char *password)
{
	char *hash = PasswordHash(password);

	SpiBegin();
	SpiRun(&replace_hash, SpiArgs(SpiInt64(account_id), SpiText(hash)));
	SpiEnd();
}

bool
SecretVerify(int64 account_id, const char *password)
{
	PasswordVerdict verdict;
	char *hash;

	do
	{
		hash = FindHash(account_id);
		verdict = PasswordVerify(hash, password);
		if (verdict == PASSWORD_WRONG)
			return false;
	} while (!Hold(account_id, hash));
	if (verdict == PASSWORD_RIGHT_AS_TYPED || PasswordNeedsRehash(hash))
		StoreHashOf(account_id, password);
	return true;
}

SecretAnswer
SecretVerifyAgain(int64 account_id, const char *password, const char *purpose)
{
	RateAction action;
	int wait_s = RateLimitTryPassword(account_id, &action);

	if (wait_s > 0)
	{
		RateLimitAudit(action, account_id);
		return (SecretAnswer){.refusal = PARLEY_ERROR_THROTTLED, .retry_after_s = wait_s};
	}
	if (!SecretVerify(account_id, password))
	{
		AuditWrite(.kind = AUDIT_PASSWORD_REFUSED, .account_id = account_id, .detail = purpose);
		return (SecretAnswer){.refusal = PARLEY_ERROR_INVALID_CREDENTIALS};
	}
	RateLimitTrySucceeded(account_id);
	return (SecretAnswer){.refusal = PARLEY_NO_ERROR};
}

void
SecretReplace(int64 account_id, const char *password)
{
	StoreHashOf(account_id, password);
	SpiBegin();
	SpiRun(&note_change, SpiArgs(SpiInt64(account_id)));
	SpiEnd();
}

void
SecretDelete(int64 account_id)
{
	SpiBegin();
	SpiRun(&delete_secret, SpiArgs(SpiInt64(account_id)));
	SpiEnd();
}

/* The columns of chat.outcome. */
enum
{
	OUTCOME_ERROR,
	OUTCOME_RETRY_AFTER,
	OUTCOME_COLUMNS
};

Datum
SecretOutcome(FunctionCallInfo fcinfo, SecretAnswer answer)
{
	bool done = answer.refusal == PARLEY_NO_ERROR;
	Datum values[OUTCOME_COLUMNS] = {[OUTCOME_RETRY_AFTER] = Int32GetDatum(answer.retry_after_s)};
	bool nulls[OUTCOME_COLUMNS] =
		{[OUTCOME_ERROR] = done, [OUTCOME_RETRY_AFTER] = answer.retry_after_s == 0};

	if (!done)
		values[OUTCOME_ERROR] = CStringGetTextDatum(ParleyErrorName(answer.refusal));
	return ResultRow(fcinfo, values, nulls);
}
