/*
 * ticket.c
 *	  Making and using up tickets.
 *
 * The row stays until the ticket would have expired, so that a second use is known
 * for one.  Of two uses at once the row lock lets one through.  The next tickets clear
 * away those that have expired, a few each.
 */
#include "compat.h"

#include "ticket.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "audit.h"
#include "identity.h"
#include "result.h"
#include "session.h"
#include "spi.h"
#include "token.h"

#define TICKET_LIFETIME_S 30

PG_FUNCTION_INFO_V1(chat_ws_ticket);

static SpiQuery clear_away = {
	.sql = "DELETE FROM chat.ticket WHERE ticket_hash = ANY (ARRAY("
		   "SELECT ticket_hash FROM chat.ticket WHERE expires_at < now() "
		   "ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED))",
};

static SpiQuery insert_ticket = {
	.sql = "INSERT INTO chat.ticket "
		   "(ticket_hash, account_id, session_id, connection_expires_at_s, expires_at) "
		   "VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
	.argtypes = {BYTEAOID, INT8OID, INT8OID, INT8OID, INT4OID},
};

static int64
RequireSession(void)
{
	int64 session_id;

	IdentityRequire();
	session_id = IdentityGet()->session_id;
	if (session_id == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_FORBIDDEN),
						errmsg("a ticket belongs to a session, and here is none"),
						errhint("Authenticate with an access token.")));
	return session_id;
}

Datum
chat_ws_ticket(PG_FUNCTION_ARGS)
{
	int64 session_id = RequireSession();
	char *ticket = TokenMake();
	Datum values[2] = {CStringGetTextDatum(ticket), Int32GetDatum(TICKET_LIFETIME_S)};
	bool nulls[2] = {false};

	SpiBegin();
	SpiRun(&clear_away, SpiNoArgs);
	SpiRun(&insert_ticket, SpiArgs(SpiDatum(PointerGetDatum(TokenHash(ticket)), false),
								   SpiInt64(IdentityRequire()), SpiInt64(session_id),
								   SpiInt64(SessionTokenExpiry()), SpiInt32(TICKET_LIFETIME_S)));
	SpiEnd();
	return ResultRow(fcinfo, values, nulls);
}

static SpiQuery use_ticket = {
	.sql = "UPDATE chat.ticket SET used_at = now() WHERE ticket_hash = $1 AND used_at IS NULL "
		   "RETURNING account_id, session_id, connection_expires_at_s, expires_at <= now()",
	.argtypes = {BYTEAOID},
};

static SpiQuery find_ticket = {
	.sql = "SELECT account_id FROM chat.ticket WHERE ticket_hash = $1",
	.argtypes = {BYTEAOID},
};

/* Inside SpiBegin(). */
static ParleyError
Take(NullableDatum hash, TicketClaims *claims)
{
	if (SpiRun(&use_ticket, SpiArgs(hash)) > 0)
	{
		*claims = (TicketClaims){.account_id = SpiGetInt64(0, 1),
								 .session_id = SpiGetInt64(0, 2),
								 .expires_at_s = SpiGetInt64(0, 3)};
		return SpiGetBool(0, 4) ? PARLEY_ERROR_TOKEN_EXPIRED : TICKET_OK;
	}
	if (SpiRun(&find_ticket, SpiArgs(hash)) > 0)
		AuditWrite(.kind = AUDIT_TICKET_REUSED, .account_id = SpiGetInt64(0, 1));
	return PARLEY_ERROR_TOKEN_INVALID;
}

ParleyError
TicketUse(text *ticket, TicketClaims *claims)
{
	bytea *hash = TokenHash(text_to_cstring(ticket));
	ParleyError refusal;

	SpiBegin();
	refusal = Take(SpiDatum(PointerGetDatum(hash), false), claims);
	SpiEnd();
	if (refusal == TICKET_OK && !SessionLives(claims->session_id, claims->account_id))
		refusal = PARLEY_ERROR_SESSION_REVOKED;
	return refusal;
}
