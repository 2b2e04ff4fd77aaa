/*
 * session.c
 *	  Sign-up, login, refresh, logout, and the verification of access tokens.
 *
 * A session is a family of refresh tokens (RFC 9700, 4.14.2).  A token is 256 random
 * bits, kept as its SHA-256, and knows its parent, the token it was traded for.
 * session.current_hash is the token that was used last.  What can be traded:
 *
 *	 - the current token, again: its answer may have been lost on the way;
 *	 - a child of the current token, which becomes the current one.
 *
 * Whoever shows any other token of the family holds a copy of one that somebody
 * has moved on from: the session ends.
 */
#include "compat.h"

#include "session.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "account.h"
#include "argument.h"
#include "audit.h"
#include "errors.h"
#include "guc.h"
#include "identity.h"
#include "client.h"
#include "keyring.h"
#include "legible.h"
#include "ratelimit.h"
#include "result.h"
#include "secret.h"
#include "spi.h"
#include "token.h"
#include "unicode.h"
#include "wake.h"

#define LOGIN_MAX 254		 /* bytes: those of an e-mail address */
#define CLIENT_INFO_MAX 1024 /* bytes; more is cut, it is only shown */

static int access_token_lifetime_s = 15 * 60;
static int session_idle_days = 30;
static int session_lifetime_days = 90;

static const IntSetting settings[] = {
	{"pg_parley.access_token_lifetime", "How long an access token is good.",
	 &access_token_lifetime_s, 10, 24 * 60 * 60, GUC_UNIT_S},
	{"pg_parley.session_idle_days", "A session not refreshed for this many days ends.",
	 &session_idle_days, 1, 3650, 0},
	{"pg_parley.session_lifetime_days", "A session ends this many days after the login.",
	 &session_lifetime_days, 1, 3650, 0},
};

PG_FUNCTION_INFO_V1(chat_authenticate);
PG_FUNCTION_INFO_V1(chat_gateway_act);
PG_FUNCTION_INFO_V1(chat_signup);
PG_FUNCTION_INFO_V1(chat_login);
PG_FUNCTION_INFO_V1(chat_refresh);
PG_FUNCTION_INFO_V1(chat_logout);
PG_FUNCTION_INFO_V1(chat_logout_all);

void
SessionInit(void)
{
	DefineSettings(settings, lengthof(settings));
}

NullableDatum
SessionIdleDays(void)
{
	return SpiInt32(session_idle_days);
}

static int64
UnixNow(void)
{
	return GetCurrentTimestamp() / USECS_PER_SEC +
		   (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/* ---- access tokens ------------------------------------------------------ */

int64
SessionTokenExpiry(void)
{
	return UnixNow() + access_token_lifetime_s;
}

static char *
IssueAccessToken(int64 account_id, int64 session_id)
{
	JwtClaims claims = {
		.account_id = account_id,
		.session_id = session_id,
		.issued_at_s = UnixNow(),
		.expires_at_s = SessionTokenExpiry(),
	};

	return JwtIssue(KeyringSigner(), &claims);
}

/* A session past its limits has ended, though nobody has come to say so. */
static SpiQuery session_lives = {
	.sql = "SELECT FROM chat.session s JOIN chat.account a ON a.id = s.account_id "
		   "WHERE s.id = $1 AND s.account_id = $2 AND a.closed_at IS NULL AND " SESSION_LIVES("$3"),
	.argtypes = {INT8OID, INT8OID, INT4OID},
};

bool
SessionLives(int64 session_id, int64 account_id)
{
	bool lives;

	SpiBegin();
	lives = SpiRun(&session_lives,
				   SpiArgs(SpiInt64(session_id), SpiInt64(account_id), SessionIdleDays())) > 0;
	SpiEnd();
	return lives;
}

static void
RequireLivingSession(int64 session_id, int64 account_id)
{
	if (!SessionLives(session_id, account_id))
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_SESSION_REVOKED), errmsg("the session has ended")));
}

JwtVerdict
SessionReadToken(text *token, JwtClaims *claims)
{
	return JwtCheck(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), KeyringFind, NULL, UnixNow(),
					claims);
}

JwtClaims
SessionVerify(text *token)
{
	JwtClaims claims;

	switch (SessionReadToken(token, &claims))
	{
		case JWT_OK:
			break;
		case JWT_INVALID:
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_TOKEN_INVALID),
							errmsg("the access token is not valid")));
		case JWT_EXPIRED:
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_TOKEN_EXPIRED),
							errmsg("the access token has expired")));
	}
	RequireLivingSession(claims.session_id, claims.account_id);
	return claims;
}

Datum
chat_authenticate(PG_FUNCTION_ARGS)
{
	JwtClaims claims = SessionVerify(PG_GETARG_TEXT_PP(0));

	IdentitySet(claims.account_id, claims.session_id);
	PG_RETURN_INT64(claims.account_id);
}

/* For a gateway that verified a token of the session when its client came, and keeps none. */
Datum
chat_gateway_act(PG_FUNCTION_ARGS)
{
	int64 account_id = PG_GETARG_INT64(0);
	int64 session_id = PG_GETARG_INT64(1);

	RequireLivingSession(session_id, account_id);
	IdentitySet(account_id, session_id);
	PG_RETURN_VOID();
}

/* ---- refresh tokens ----------------------------------------------------- */

static NullableDatum
SpiBytea(bytea *value)
{
	return SpiDatum(PointerGetDatum(value), value == NULL);
}

static SpiQuery insert_refresh_token = {
	.sql = "INSERT INTO chat.refresh_token (token_hash, session_id, parent_hash) "
		   "VALUES ($1, $2, $3)",
	.argtypes = {BYTEAOID, INT8OID, BYTEAOID},
};

/* parent is NULL for the first token of a session. */
static char *
IssueRefreshToken(int64 session_id, bytea *parent)
{
	char *token = TokenMake();

	SpiBegin();
	SpiRun(&insert_refresh_token,
		   SpiArgs(SpiBytea(TokenHash(token)), SpiInt64(session_id), SpiBytea(parent)));
	SpiEnd();
	return token;
}

/* ---- what a login answers ----------------------------------------------- */

/* The columns of chat.grant_info. */
enum
{
	GRANT_ERROR,
	GRANT_RETRY_AFTER,
	GRANT_USER,
	GRANT_ACCESS_TOKEN,
	GRANT_TOKEN_TYPE,
	GRANT_EXPIRES_IN,
	GRANT_REFRESH_TOKEN,
	GRANT_COLUMNS
};

/* A refusal that the caller's commit must not take back; retry_after_s is 0 or says when. */
static Datum
ReturnRefusalUntil(FunctionCallInfo fcinfo, ParleyError error, int retry_after_s)
{
	Datum values[GRANT_COLUMNS] = {0};
	bool nulls[GRANT_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[GRANT_ERROR] = CStringGetTextDatum(ParleyErrorName(error));
	nulls[GRANT_ERROR] = false;
	values[GRANT_RETRY_AFTER] = Int32GetDatum(retry_after_s);
	nulls[GRANT_RETRY_AFTER] = retry_after_s == 0;
	return ResultRow(fcinfo, values, nulls);
}

static Datum
ReturnRefusal(FunctionCallInfo fcinfo, ParleyError error)
{
	return ReturnRefusalUntil(fcinfo, error, 0);
}

static Datum
ReturnThrottled(FunctionCallInfo fcinfo, RateAction action, int64 account_id, int wait_s)
{
	RateLimitAudit(action, account_id);
	return ReturnRefusalUntil(fcinfo, PARLEY_ERROR_THROTTLED, wait_s);
}

static Datum
ReturnGrant(FunctionCallInfo fcinfo, int64 account_id, int64 session_id, bytea *parent)
{
	Datum values[GRANT_COLUMNS] = {0};
	bool nulls[GRANT_COLUMNS] = {[GRANT_ERROR] = true, [GRANT_RETRY_AFTER] = true};

	values[GRANT_USER] = AccountShow(account_id);
	values[GRANT_ACCESS_TOKEN] = CStringGetTextDatum(IssueAccessToken(account_id, session_id));
	values[GRANT_TOKEN_TYPE] = CStringGetTextDatum("Bearer");
	values[GRANT_EXPIRES_IN] = Int32GetDatum(access_token_lifetime_s);
	values[GRANT_REFRESH_TOKEN] = CStringGetTextDatum(IssueRefreshToken(session_id, parent));
	return ResultRow(fcinfo, values, nulls);
}

static SpiQuery insert_session = {
	.sql = "INSERT INTO chat.session (account_id, client_info, expires_at) "
		   "VALUES ($1, $2, now() + make_interval(days => $3)) RETURNING id",
	.argtypes = {INT8OID, TEXTOID, INT4OID},
};

/* How the account came by it is `kind`.  client_info: argument n of the function, may be NULL. */
static Datum
OpenSession(FunctionCallInfo fcinfo, AuditKind kind, int64 account_id, int n)
{
	char *client_info = ArgumentText(fcinfo, n);
	int64 session_id;

	if (client_info == NULL && ClientAgent())
		client_info = pstrdup(ClientAgent());
	if (client_info)
	{
		LegibleClean(client_info);
		ClipText(client_info, CLIENT_INFO_MAX);
	}
	SpiBegin();
	SpiRun(&insert_session,
		   SpiArgs(SpiInt64(account_id), SpiText(client_info), SpiInt32(session_lifetime_days)));
	session_id = SpiGetInt64(0, 1);
	SpiEnd();
	IdentitySet(account_id, session_id);
	AuditWrite(.kind = kind, .account_id = account_id, .agent = client_info);
	return ReturnGrant(fcinfo, account_id, session_id, NULL);
}

/* ---- sign-up and login -------------------------------------------------- */

Datum
chat_signup(PG_FUNCTION_ARGS)
{
	char *username = ArgumentRequireText(fcinfo, 0, "username");
	char *email = ArgumentRequireText(fcinfo, 1, "email");
	char *password = ArgumentRequireText(fcinfo, 2, "password");
	int wait_s = RateLimitTake(RATE_SIGNUP, 0);

	if (wait_s > 0)
		return ReturnThrottled(fcinfo, RATE_SIGNUP, 0, wait_s);
	return OpenSession(fcinfo, AUDIT_SIGNUP,
					   AccountCreate(username, email, password, ArgumentText(fcinfo, 3)), 4);
}

static SpiQuery find_login = {
	.sql = "SELECT a.id FROM chat.account a "
		   "WHERE (lower(a.username COLLATE \"C\") = lower($1 COLLATE \"C\") "
		   "OR lower(a.email COLLATE \"C\") = lower($1 COLLATE \"C\")) AND a.closed_at IS NULL "
		   "ORDER BY lower(a.username COLLATE \"C\") = lower($1 COLLATE \"C\") DESC LIMIT 1",
	.argtypes = {TEXTOID},
};

/* As addresses are stored.  What is too long for one is nobody's anyhow. */
static char *
NormalizeLogin(char *login)
{
	return strlen(login) > LOGIN_MAX ? login : UnicodeNormalize(UNICODE_NFC, login);
}

/* 0 if there is none, as for what is longer than name and address can be. */
static int64
FindLogin(const char *login)
{
	int64 account_id = 0;

	if (strlen(login) > LOGIN_MAX)
		return 0;
	SpiBegin();
	if (SpiRun(&find_login, SpiArgs(SpiText(login))) > 0)
		account_id = SpiGetInt64(0, 1);
	SpiEnd();
	return account_id;
}

/*
 * An unknown user costs the time of a known one, SecretVerify sees to that, and is
 * throttled like one.
 */
Datum
chat_login(PG_FUNCTION_ARGS)
{
	char *login = NormalizeLogin(ArgumentRequireText(fcinfo, 0, "login"));
	char *password = ArgumentRequireText(fcinfo, 1, "password");
	int64 account_id = FindLogin(login);
	int64 limited = account_id ? account_id : RateLimitStandIn(login);
	RateAction action;
	int wait_s = RateLimitTryPassword(limited, &action);

	if (wait_s > 0)
		return ReturnThrottled(fcinfo, action, limited, wait_s);
	if (!SecretVerify(account_id, password))
	{
		AuditWrite(.kind = AUDIT_LOGIN_FAILED, .account_id = account_id,
				   .agent = ArgumentText(fcinfo, 2));
		return ReturnRefusal(fcinfo, PARLEY_ERROR_INVALID_CREDENTIALS);
	}
	RateLimitTrySucceeded(account_id);
	return OpenSession(fcinfo, AUDIT_LOGIN, account_id, 2);
}

/* ---- refresh ------------------------------------------------------------ */

static SpiQuery find_refresh_token = {
	.sql = "SELECT t.session_id, s.account_id FROM chat.refresh_token t "
		   "JOIN chat.session s ON s.id = t.session_id WHERE t.token_hash = $1",
	.argtypes = {BYTEAOID},
};

/* The lock makes two refreshes of one session take turns. */
static SpiQuery lock_session = {
	.sql = "SELECT account_id, " SESSION_LIVES(
		"$3") " AS lives, "
			  "current_hash IS NOT DISTINCT FROM t.parent_hash OR current_hash = t.token_hash "
			  "AS tradable "
			  "FROM chat.session s JOIN chat.refresh_token t ON t.session_id = s.id "
			  "WHERE s.id = $1 AND t.token_hash = $2 FOR NO KEY UPDATE OF s",
	.argtypes = {INT8OID, BYTEAOID, INT4OID},
};

static SpiQuery advance_session = {
	.sql = "UPDATE chat.session SET current_hash = $2, last_used_at = now() WHERE id = $1",
	.argtypes = {INT8OID, BYTEAOID},
};

static SpiQuery end_session = {
	.sql = "UPDATE chat.session SET ended_at = now(), end_reason = $2 "
		   "WHERE id = $1 AND ended_at IS NULL",
	.argtypes = {INT8OID, TEXTOID},
};

static SpiQuery end_sessions = {
	.sql = "UPDATE chat.session SET ended_at = now(), end_reason = $3 "
		   "WHERE account_id = $1 AND id <> $2 AND ended_at IS NULL",
	.argtypes = {INT8OID, INT8OID, TEXTOID},
};

static void
EndSession(int64 session_id, const char *reason)
{
	SpiBegin();
	SpiRun(&end_session, SpiArgs(SpiInt64(session_id), SpiText(reason)));
	WakeGateways();
	SpiEnd();
}

void
SessionEndOthers(int64 account_id, int64 session_id, const char *reason)
{
	SpiBegin();
	SpiRun(&end_sessions, SpiArgs(SpiInt64(account_id), SpiInt64(session_id), SpiText(reason)));
	WakeGateways();
	SpiEnd();
}

typedef enum Trade
{
	TRADE_OK,
	TRADE_UNKNOWN,
	TRADE_ENDED,
	TRADE_REUSED,
	TRADE_THROTTLED
} Trade;

/* False if there is no such token; *account_id is 0 then. */
static bool
FindToken(bytea *hash, int64 *session_id, int64 *account_id)
{
	bool found;

	*session_id = *account_id = 0;
	SpiBegin();
	found = SpiRun(&find_refresh_token, SpiArgs(SpiBytea(hash))) > 0;
	if (found)
	{
		*session_id = SpiGetInt64(0, 1);
		*account_id = SpiGetInt64(0, 2);
	}
	SpiEnd();
	return found;
}

/* Finds the session of a token and makes the token its current one. */
static Trade
TradeToken(bytea *hash, int64 *session_id, int64 *account_id, int *wait_s)
{
	Trade trade = TRADE_OK;
	bool found = FindToken(hash, session_id, account_id);

	*wait_s = RateLimitTake(RATE_REFRESH, *account_id);
	if (*wait_s > 0)
		return TRADE_THROTTLED;
	if (!found)
		return TRADE_UNKNOWN;
	SpiBegin();
	SpiRun(&lock_session, SpiArgs(SpiInt64(*session_id), SpiBytea(hash), SessionIdleDays()));
	if (!SpiGetBool(0, 2))
		trade = TRADE_ENDED;
	else if (!SpiGetBool(0, 3))
		trade = TRADE_REUSED;
	else
		SpiRun(&advance_session, SpiArgs(SpiInt64(*session_id), SpiBytea(hash)));
	SpiEnd();
	return trade;
}

Datum
chat_refresh(PG_FUNCTION_ARGS)
{
	bytea *hash = TokenHash(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	int64 session_id;
	int64 account_id;
	int wait_s;

	switch (TradeToken(hash, &session_id, &account_id, &wait_s))
	{
		case TRADE_OK:
			break;
		case TRADE_UNKNOWN:
			return ReturnRefusal(fcinfo, PARLEY_ERROR_TOKEN_INVALID);
		case TRADE_ENDED:
			return ReturnRefusal(fcinfo, PARLEY_ERROR_SESSION_REVOKED);
		case TRADE_REUSED:
			EndSession(session_id, "refresh_reused");
			AuditWrite(.kind = AUDIT_REFRESH_REUSED, .account_id = account_id,
					   .detail = psprintf("%lld", (long long) session_id));
			return ReturnRefusal(fcinfo, PARLEY_ERROR_REFRESH_REUSED);
		case TRADE_THROTTLED:
			return ReturnThrottled(fcinfo, RATE_REFRESH, account_id, wait_s);
	}
	return ReturnGrant(fcinfo, account_id, session_id, hash);
}

/* ---- logout ------------------------------------------------------------- */

Datum
chat_logout(PG_FUNCTION_ARGS)
{
	int64 account_id = IdentityRequire();

	if (IdentityGet()->session_id != 0)
	{
		EndSession(IdentityGet()->session_id, "logout");
		AuditWrite(.kind = AUDIT_LOGOUT, .account_id = account_id);
	}
	PG_RETURN_VOID();
}

Datum
chat_logout_all(PG_FUNCTION_ARGS)
{
	int64 account_id = IdentityRequire();

	SessionEndOthers(account_id, 0, "logout");
	AuditWrite(.kind = AUDIT_LOGOUT_ALL, .account_id = account_id);
	PG_RETURN_VOID();
}
