/*
 * gateway.c
 *	  What parley-pushd asks when a client connects.
 *
 * State and position come from one snapshot, also those of the conversations, from where
 * a feed of the tables goes on.  The memberships carry their versions, so that the gateway
 * can tell which of its feed's events are newer; snapshot_xmin is the oldest transaction that
 * may be missing from them.
 *
 * A crowd that comes back shows its tokens in one call: one statement, one snapshot.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/array.h"

#include "errors.h"
#include "identity.h"
#include "session.h"
#include "result.h"
#include "spi.h"
#include "ticket.h"

#define BATCH_MAX 1000 /* tokens */

PG_FUNCTION_INFO_V1(chat_gateway_connect);
PG_FUNCTION_INFO_V1(chat_gateway_connect_batch);
PG_FUNCTION_INFO_V1(chat_gateway_connect_ticket);
PG_FUNCTION_INFO_V1(chat_gateway_neighbours);

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

/* As m, of the account u. */
#define MEMBERSHIPS \
	"LATERAL (SELECT coalesce(array_agg(j.conversation_id), '{}') AS ids, " \
	"coalesce(array_agg(j.ver), '{}') AS vers, " \
	"coalesce(array_agg(j.last_seq), '{}') AS last_seqs, " \
	"coalesce(array_agg(j.last_ver), '{}') AS last_vers FROM (" \
	"SELECT b.conversation_id, b.ver, k.last_seq, k.last_ver FROM chat.member b " \
	"JOIN chat.conversation_counter k ON k.conversation_id = b.conversation_id " \
	"WHERE b.account_id = u.id AND b.state = 'joined' ORDER BY 1) j) m "

#define SHOWN \
	"u, m.ids, m.vers, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, " \
	"m.last_seqs, m.last_vers "

static SpiQuery show_memberships = {
	.sql = "SELECT " SHOWN "FROM chat.user_info u, " MEMBERSHIPS "WHERE u.id = $1",
	.argtypes = {INT8OID},
};

/* $1 why a token is refused already; else $2 account, $3 session, $4 end of the token. */
static SpiQuery connect_batch = {
	.sql = "SELECT i.item::int, "
		   "CASE WHEN s.id IS NULL THEN coalesce(i.error, 'session_revoked') END, "
		   "s.account_id, s.id, CASE WHEN s.id IS NOT NULL THEN i.expires_at_s END, " SHOWN
		   "FROM unnest($1, $2, $3, $4) WITH ORDINALITY "
		   "AS i (error, account_id, session_id, expires_at_s, item) "
		   "LEFT JOIN (chat.session s JOIN chat.account a ON a.id = s.account_id "
		   "AND a.closed_at IS NULL AND " SESSION_LIVES(
			   "$5") ") "
					 "ON s.id = i.session_id AND s.account_id = i.account_id "
					 "LEFT JOIN chat.user_info u ON u.id = s.account_id "
					 "LEFT JOIN " MEMBERSHIPS "ON u.id IS NOT NULL ORDER BY i.item",
	.argtypes = {TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4OID},
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

/* ---- chat.gateway_connect_batch() --------------------------------------- */

enum
{
	TOKEN_ERROR,
	TOKEN_ACCOUNT,
	TOKEN_SESSION,
	TOKEN_EXPIRES_AT,
	TOKEN_COLUMNS
};

static const Oid token_types[TOKEN_COLUMNS] = {TEXTOID, INT8OID, INT8OID, INT8OID};

/* What a token claims, or why it is refused; the others are NULL then. */
static void
ReadToken(Datum token, bool is_null, Datum *values, bool *nulls)
{
	JwtClaims claims;
	JwtVerdict verdict = is_null ? JWT_INVALID : SessionReadToken(DatumGetTextPP(token), &claims);

	for (int column = 0; column < TOKEN_COLUMNS; column++)
		nulls[column] = (column == TOKEN_ERROR) == (verdict == JWT_OK);
	if (verdict == JWT_OK)
	{
		values[TOKEN_ACCOUNT] = Int64GetDatum(claims.account_id);
		values[TOKEN_SESSION] = Int64GetDatum(claims.session_id);
		values[TOKEN_EXPIRES_AT] = Int64GetDatum(claims.expires_at_s);
	}
	else
		values[TOKEN_ERROR] = CStringGetTextDatum(ParleyErrorName(
			verdict == JWT_EXPIRED ? PARLEY_ERROR_TOKEN_EXPIRED : PARLEY_ERROR_TOKEN_INVALID));
}

/* One array per column. */
static void
ReadTokens(ArrayType *tokens, NullableDatum *columns)
{
	ArrayBuildState *states[TOKEN_COLUMNS] = {NULL};
	Datum *texts;
	bool *are_null;
	int count;

	deconstruct_array(tokens, TEXTOID, -1, false, TYPALIGN_INT, &texts, &are_null, &count);
	if (count > BATCH_MAX)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("at most %d tokens at once", BATCH_MAX)));
	for (int column = 0; column < TOKEN_COLUMNS; column++)
		states[column] = initArrayResult(token_types[column], CurrentMemoryContext, false);
	for (int i = 0; i < count; i++)
	{
		Datum values[TOKEN_COLUMNS] = {0};
		bool nulls[TOKEN_COLUMNS];

		ReadToken(texts[i], are_null[i], values, nulls);
		for (int column = 0; column < TOKEN_COLUMNS; column++)
			accumArrayResult(states[column], values[column], nulls[column], token_types[column],
							 CurrentMemoryContext);
	}
	for (int column = 0; column < TOKEN_COLUMNS; column++)
		columns[column] = SpiDatum(makeArrayResult(states[column], CurrentMemoryContext), false);
}

Datum
chat_gateway_connect_batch(PG_FUNCTION_ARGS)
{
	NullableDatum columns[TOKEN_COLUMNS];

	ReadTokens(PG_GETARG_ARRAYTYPE_P(0), columns);
	return SpiReturnRows(fcinfo, &connect_batch,
						 SpiArgs(columns[TOKEN_ERROR], columns[TOKEN_ACCOUNT],
								 columns[TOKEN_SESSION], columns[TOKEN_EXPIRES_AT],
								 SessionIdleDays()));
}

/* ---- tickets ------------------------------------------------------------ */

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

/* ---- chat.gateway_neighbours() ------------------------------------------ */

static SpiQuery show_neighbours = {
	.sql = "SELECT m.account_id, array_agg(m.conversation_id) FROM chat.member m "
		   "WHERE m.account_id = ANY ($1) AND m.state = 'joined' GROUP BY m.account_id",
	.argtypes = {INT8ARRAYOID},
	.read_only = true,
};

Datum
chat_gateway_neighbours(PG_FUNCTION_ARGS)
{
	return SpiReturnRows(fcinfo, &show_neighbours, SpiArgs(SpiFunctionArg(fcinfo, 0)));
}
