/*
 * gateway.c
 *	  What parley-pushd asks when a client connects.
 *
 * State and position come from one snapshot, also those of the conversations, from where
 * a feed of the tables goes on.  The memberships carry their versions, so that the gateway can tell which of its feed's events are newer; snapshot_xmin
 * is the oldest transaction that may be missing from them.
 */
#include "postgres.h"

#include "fmgr.h"

#include "errors.h"
#include "identity.h"
#include "session.h"
#include "result.h"
#include "spi.h"
#include "ticket.h"

PG_FUNCTION_INFO_V1(chat_gateway_connect);
PG_FUNCTION_INFO_V1(chat_gateway_connect_ticket);

/* The columns of the answer; an error comes before them where it is returned. */
enum
{
	CONNECT_ACCOUNT_ID,
	CONNECT_SESSION_ID,
	CONNECT_EXPIRES_AT,
	CONNECT_USER,
	CONNECT_CONVERSATIONS,
	CONNECT_VERS,
	CONNECT_SNAPSHOT_XMIN,
	CONNECT_LAST_SEQS,
	CONNECT_LAST_VERS,
	CONNECT_COLUMNS
};

static SpiQuery show_memberships = {
	.sql = "SELECT u, m.ids, m.vers, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, "
		   "m.last_seqs, m.last_vers FROM chat.user_info u, LATERAL ("
		   "SELECT coalesce(array_agg(j.conversation_id), '{}') AS ids, "
		   "coalesce(array_agg(j.ver), '{}') AS vers, "
		   "coalesce(array_agg(j.last_seq), '{}') AS last_seqs, "
		   "coalesce(array_agg(j.last_ver), '{}') AS last_vers FROM ("
		   "SELECT b.conversation_id, b.ver, k.last_seq, k.last_ver FROM chat.member b "
		   "JOIN chat.conversation_counter k ON k.conversation_id = b.conversation_id "
		   "WHERE b.account_id = u.id AND b.state = 'joined' ORDER BY 1) j) m "
		   "WHERE u.id = $1",
	.argtypes = {INT8OID},
};

/* Writes CONNECT_COLUMNS values. */
static void
Connect(int64 account_id, int64 session_id, int64 expires_at_s, Datum *values, bool *nulls)
{
	values[CONNECT_ACCOUNT_ID] = Int64GetDatum(account_id);
	values[CONNECT_SESSION_ID] = Int64GetDatum(session_id);
	values[CONNECT_EXPIRES_AT] = Int64GetDatum(expires_at_s);
	SpiBegin();
	if (SpiRun(&show_memberships, SpiArgs(SpiInt64(account_id))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_TOKEN_INVALID),
						errmsg("the account of this token is gone")));
	for (int column = CONNECT_USER; column < CONNECT_COLUMNS; column++)
		values[column] = SpiKeepDatum(0, column - CONNECT_USER + 1, &nulls[column]);
	SpiEnd();
}

Datum
chat_gateway_connect(PG_FUNCTION_ARGS)
{
	JwtClaims claims = SessionVerify(PG_GETARG_TEXT_PP(0));
	Datum values[CONNECT_COLUMNS];
	bool nulls[CONNECT_COLUMNS] = {false};

	Connect(claims.account_id, claims.session_id, claims.expires_at_s, values, nulls);
	return ResultRow(fcinfo, values, nulls);
}

Datum
chat_gateway_connect_ticket(PG_FUNCTION_ARGS)
{
	TicketClaims claims;
	ParleyError refusal = TicketUse(PG_GETARG_TEXT_PP(0), &claims);
	Datum values[1 + CONNECT_COLUMNS] = {0};
	bool nulls[1 + CONNECT_COLUMNS] = {false};

	nulls[0] = refusal == TICKET_OK;
	if (refusal == TICKET_OK)
		Connect(claims.account_id, claims.session_id, claims.expires_at_s, values + 1, nulls + 1);
	else
	{
		memset(nulls + 1, true, CONNECT_COLUMNS);
		values[0] = CStringGetTextDatum(ParleyErrorName(refusal));
	}
	return ResultRow(fcinfo, values, nulls);
}
