/*
 * session_show.c
 *	  What the owner of an account does about its sessions and how they are opened:
 *	  looking at them, ending one, ending the others by a new password, and another
 *	  e-mail address.
 */
#include "compat.h"

#include "fmgr.h"

#include "account.h"
#include "argument.h"
#include "audit.h"
#include "errors.h"
#include "identity.h"
#include "password.h"
#include "secret.h"
#include "session.h"
#include "spi.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(chat_sessions);
PG_FUNCTION_INFO_V1(chat_revoke_session);
PG_FUNCTION_INFO_V1(chat_change_password);
PG_FUNCTION_INFO_V1(chat_change_email);

static SpiQuery list_sessions = {
	.sql = "SELECT id, client_info, created_at, last_used_at, expires_at, id = $2 AS is_current "
		   "FROM chat.session WHERE account_id = $1 AND " SESSION_LIVES(
			   "$3") " "
					 "ORDER BY last_used_at DESC, id DESC",
	.argtypes = {INT8OID, INT8OID, INT4OID},
	.read_only = true,
};

Datum
chat_sessions(PG_FUNCTION_ARGS)
{
	int64 account_id = IdentityRequire();

	return SpiReturnRows(fcinfo, &list_sessions,
						 SpiArgs(SpiInt64(account_id), SpiInt64(IdentityGet()->session_id),
								 SessionIdleDays()));
}

static SpiQuery revoke_session = {
	.sql = "UPDATE chat.session SET ended_at = now(), end_reason = 'revoked' "
		   "WHERE id = $1 AND account_id = $2 AND ended_at IS NULL",
	.argtypes = {INT8OID, INT8OID},
};

Datum
chat_revoke_session(PG_FUNCTION_ARGS)
{
	int64 session_id = PG_GETARG_INT64(0);
	int64 account_id = IdentityRequire();

	SpiBegin();
	if (SpiRun(&revoke_session, SpiArgs(SpiInt64(session_id), SpiInt64(account_id))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_SESSION_NOT_FOUND),
						errmsg("you have no session %lld", (long long) session_id)));
	WakeGateways();
	SpiEnd();
	AuditWrite(.kind = AUDIT_SESSION_REVOKED, .account_id = account_id,
			   .detail = psprintf("%lld", (long long) session_id));
	PG_RETURN_VOID();
}

/*
 * The other sessions may be those of whoever knew the old password.  They are ended
 * after the secret is locked: a login by the old one has committed its session
 * before that, or finds the new one.
 */
Datum
chat_change_password(PG_FUNCTION_ARGS)
{
	char *old = ArgumentRequireText(fcinfo, 0, "old_password");
	char *new = ArgumentRequireText(fcinfo, 1, "new_password");
	int64 account_id = IdentityRequire();
	SecretAnswer answer;

	PasswordCheck(new);
	answer = SecretVerifyAgain(account_id, old, "change_password");
	if (answer.refusal != PARLEY_NO_ERROR)
		return SecretOutcome(fcinfo, answer);
	SecretReplace(account_id, new);
	SessionEndOthers(account_id, IdentityGet()->session_id, "password_changed");
	AuditWrite(.kind = AUDIT_PASSWORD_CHANGED, .account_id = account_id);
	return SecretOutcome(fcinfo, answer);
}

/* By the address one logs in, and is helped when a password is lost. */
Datum
chat_change_email(PG_FUNCTION_ARGS)
{
	char *password = ArgumentRequireText(fcinfo, 0, "password");
	char *email = ArgumentRequireText(fcinfo, 1, "new_email");
	int64 account_id = IdentityRequire();
	SecretAnswer answer;

	email = AccountReadEmail(email);
	answer = SecretVerifyAgain(account_id, password, "change_email");
	if (answer.refusal != PARLEY_NO_ERROR)
		return SecretOutcome(fcinfo, answer);
	AccountChangeEmail(account_id, email);
	AuditWrite(.kind = AUDIT_EMAIL_CHANGED, .account_id = account_id);
	return SecretOutcome(fcinfo, answer);
}
