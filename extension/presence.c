/*
 * presence.c
 *	  Who is online, as the gateways say, and to whom that is told.
 *
 * A row of chat.presence holds the gateways that an account is connected to; its lock
 * decides who came first and who went last, so that of two gateways exactly one is told
 * that the account came or went, and tells the others.  A gateway that dies leaves its
 * id behind, and its lease runs out: from then on the id counts for nothing, and the
 * first gateway that notices takes it out of every row.
 *
 * Rows are locked in the order of accounts, so that two gateways never wait for each
 * other in a circle.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/array.h"

#include "errors.h"
#include "result.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_gateway_key);
PG_FUNCTION_INFO_V1(chat_gateway_beat);
PG_FUNCTION_INFO_V1(chat_gateway_presence);
PG_FUNCTION_INFO_V1(chat_gateway_reap);
PG_FUNCTION_INFO_V1(chat_gateway_changes);
PG_FUNCTION_INFO_V1(chat_gateway_counts);
PG_FUNCTION_INFO_V1(chat_gateway_may_type);

/* ---- gateways ----------------------------------------------------------- */

static SpiQuery show_key = {
	.sql = "SELECT encode(secret, 'hex') FROM chat.gateway_secret",
	.read_only = true,
};

Datum
chat_gateway_key(PG_FUNCTION_ARGS)
{
	return SpiReturnValue(fcinfo, &show_key, SpiNoArgs);
}

static SpiQuery renew_lease = {
	.sql = "UPDATE chat.gateway SET seen_at = now(), online_until = now() + $2 * interval '1 s' "
		   "WHERE id = $1",
	.argtypes = {INT8OID, INT4OID},
};

static SpiQuery take_lease = {
	.sql = "INSERT INTO chat.gateway (id, seen_at, online_until) "
		   "VALUES ($1, now(), now() + $2 * interval '1 s') ON CONFLICT DO NOTHING",
	.argtypes = {INT8OID, INT4OID},
};

static SpiQuery count_gateways = {
	.sql = "SELECT count(*) FILTER (WHERE online_until > now() AND id <> $1), "
		   "count(*) FILTER (WHERE online_until <= now()) FROM chat.gateway",
	.argtypes = {INT8OID},
};

Datum
chat_gateway_beat(PG_FUNCTION_ARGS)
{
	const NullableDatum *args = SpiArgs(SpiFunctionArg(fcinfo, 0), SpiFunctionArg(fcinfo, 1));
	Datum values[3];
	bool nulls[3] = {false};
	bool is_new;

	SpiBegin();
	is_new = SpiRun(&renew_lease, args) == 0;
	if (is_new)
		SpiRun(&take_lease, args);
	SpiRun(&count_gateways, args);
	values[0] = BoolGetDatum(is_new);
	values[1] = Int32GetDatum((int32) SpiGetInt64(0, 1));
	values[2] = Int32GetDatum((int32) SpiGetInt64(0, 2));
	SpiEnd();
	return ResultRow(fcinfo, values, nulls);
}

/* ---- accounts that come and go ------------------------------------------ */

/*
 * A chat.presence_change of each row c (account_id, is_online, last_seen), $1 the most
 * members of a conversation whose members are told one by one.  Those of a direct
 * conversation with a block in it are not told at all.
 */
#define SHOW_CHANGES(rows) \
	"SELECT a.id, a.username, c.is_online, c.last_seen, coalesce(m.small, '{}'), " \
	"coalesce(m.large, '{}') " \
	"FROM " rows " c JOIN chat.account a ON a.id = c.account_id " \
	"CROSS JOIN LATERAL (SELECT " \
	"array_agg(o.conversation_id ORDER BY o.conversation_id) FILTER (WHERE n.count <= $1) " \
	"AS small, " \
	"array_agg(o.conversation_id ORDER BY o.conversation_id) FILTER (WHERE n.count > $1) " \
	"AS large " \
	"FROM chat.member o CROSS JOIN LATERAL (SELECT count(*) FROM (SELECT FROM chat.member p " \
	"WHERE p.conversation_id = o.conversation_id AND p.state = 'joined' LIMIT $1 + 1) l) n " \
	"WHERE o.account_id = a.id AND o.state = 'joined' AND NOT o.is_blocked) m " \
	"WHERE a.closed_at IS NULL ORDER BY a.id"

static SpiQuery come_online = {
	.sql = "WITH w AS (INSERT INTO chat.presence AS p (account_id, gateways, last_seen, "
		   "changed_at) SELECT DISTINCT i, ARRAY[$2], now(), now() FROM unnest($3) i "
		   "WHERE NOT EXISTS (SELECT FROM chat.presence q "
		   "WHERE q.account_id = i AND $2 = ANY (q.gateways)) ORDER BY i "
		   "ON CONFLICT (account_id) DO UPDATE SET gateways = p.gateways || $2, "
		   "last_seen = now(), changed_at = CASE WHEN p.gateways = '{}' THEN now() "
		   "ELSE p.changed_at END WHERE NOT $2 = ANY (p.gateways) "
		   "RETURNING account_id, gateways = ARRAY[$2] AS first, last_seen) " SHOW_CHANGES(
			   "(SELECT account_id, true AS is_online, last_seen FROM w WHERE first)"),
	.argtypes = {INT4OID, INT8OID, INT8ARRAYOID},
};

static SpiQuery go_offline = {
	.sql = "WITH l AS MATERIALIZED (SELECT account_id FROM chat.presence "
		   "WHERE account_id = ANY ($3) ORDER BY account_id FOR UPDATE), "
		   "w AS (UPDATE chat.presence p SET gateways = array_remove(p.gateways, $2), "
		   "last_seen = now(), changed_at = CASE WHEN p.gateways = ARRAY[$2] THEN now() "
		   "ELSE p.changed_at END FROM l "
		   "WHERE p.account_id = l.account_id AND $2 = ANY (p.gateways) "
		   "RETURNING p.account_id, p.gateways = '{}' AS last, p.last_seen) " SHOW_CHANGES(
			   "(SELECT account_id, false AS is_online, last_seen FROM w WHERE last)"),
	.argtypes = {INT4OID, INT8OID, INT8ARRAYOID},
};

/* Argument n: more members are not told one by one. */
static NullableDatum
MembersMax(FunctionCallInfo fcinfo, int n)
{
	int count = PG_GETARG_INT32(n);

	if (count < 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("members_max must not be negative")));
	return SpiInt32(Min(count, PG_INT32_MAX - 1));
}

static NullableDatum
Accounts(FunctionCallInfo fcinfo, int n)
{
	if (array_contains_nulls(PG_GETARG_ARRAYTYPE_P(n)))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("an account must not be NULL")));
	return SpiFunctionArg(fcinfo, n);
}

/* Not more often than every minute, however many gateways say so. */
static SpiQuery note_activity = {
	.sql = "WITH l AS MATERIALIZED (SELECT account_id FROM chat.presence "
		   "WHERE account_id = ANY ($1) AND last_seen < now() - interval '59 s' "
		   "ORDER BY account_id FOR UPDATE) "
		   "UPDATE chat.presence p SET last_seen = now() FROM l WHERE p.account_id = l.account_id",
	.argtypes = {INT8ARRAYOID},
};

Datum
chat_gateway_presence(PG_FUNCTION_ARGS)
{
	NullableDatum gateway = SpiFunctionArg(fcinfo, 0);
	NullableDatum online = Accounts(fcinfo, 1);
	NullableDatum offline = Accounts(fcinfo, 2);
	NullableDatum active = Accounts(fcinfo, 3);
	NullableDatum members_max = MembersMax(fcinfo, 4);
	TupleDesc description;
	Tuplestorestate *store = ResultStore(fcinfo, &description);

	SpiBegin();
	SpiRunInto(&come_online, SpiArgs(members_max, gateway, online), store);
	SpiRunInto(&go_offline, SpiArgs(members_max, gateway, offline), store);
	SpiRun(&note_activity, SpiArgs(active));
	SpiEnd();
	return (Datum) 0;
}

/* ---- gateways that die -------------------------------------------------- */

/* One that another gateway is removing is left to it. */
static SpiQuery remove_dead = {
	.sql = "WITH d AS (DELETE FROM chat.gateway WHERE id IN (SELECT id FROM chat.gateway "
		   "WHERE online_until <= now() FOR UPDATE SKIP LOCKED) RETURNING id, seen_at) "
		   "SELECT coalesce(array_agg(id), '{}'), max(seen_at) FROM d",
};

/* $2 the dead, $3 when the last of them was seen. */
static SpiQuery take_offline = {
	.sql = "WITH l AS MATERIALIZED (SELECT account_id FROM chat.presence "
		   "WHERE gateways && $2 ORDER BY account_id FOR UPDATE), "
		   "w AS (UPDATE chat.presence p SET "
		   "gateways = ARRAY(SELECT g FROM unnest(p.gateways) g WHERE g <> ALL ($2)), "
		   "last_seen = greatest(p.last_seen, $3), changed_at = CASE WHEN p.gateways <@ $2 "
		   "THEN now() ELSE p.changed_at END FROM l WHERE p.account_id = l.account_id "
		   "RETURNING p.account_id, p.gateways = '{}' AS last, p.last_seen) " SHOW_CHANGES(
			   "(SELECT account_id, false AS is_online, last_seen FROM w WHERE last)"),
	.argtypes = {INT4OID, INT8ARRAYOID, TIMESTAMPTZOID},
};

Datum
chat_gateway_reap(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Tuplestorestate *store = ResultStore(fcinfo, &description);
	NullableDatum members_max = MembersMax(fcinfo, 0);
	NullableDatum dead;
	NullableDatum seen_at;

	SpiBegin();
	SpiRun(&remove_dead, SpiNoArgs);
	dead.value = SpiGetDatum(0, 1, &dead.isnull);
	seen_at.value = SpiGetDatum(0, 2, &seen_at.isnull);
	if (!seen_at.isnull)
		SpiRunInto(&take_offline, SpiArgs(members_max, dead, seen_at), store);
	SpiEnd();
	return (Datum) 0;
}

/* ---- looking ------------------------------------------------------------ */

static SpiQuery show_changes = {
	.sql = SHOW_CHANGES("(SELECT account_id, gateways <> '{}' AS is_online, last_seen "
						"FROM chat.presence WHERE changed_at >= now() - $2 * interval '1 s')"),
	.argtypes = {INT4OID, INT4OID},
	.read_only = true,
};

Datum
chat_gateway_changes(PG_FUNCTION_ARGS)
{
	return SpiReturnRows(fcinfo, &show_changes,
						 SpiArgs(MembersMax(fcinfo, 1), SpiFunctionArg(fcinfo, 0)));
}

static SpiQuery show_counts = {
	.sql = "SELECT i, (SELECT count(*)::int FROM chat.member m "
		   "JOIN chat.presence p ON p.account_id = m.account_id "
		   "WHERE m.conversation_id = i AND m.state = 'joined' AND p.gateways <> '{}') "
		   "FROM unnest($1) i",
	.argtypes = {INT8ARRAYOID},
	.read_only = true,
};

Datum
chat_gateway_counts(PG_FUNCTION_ARGS)
{
	return SpiReturnRows(fcinfo, &show_counts, SpiArgs(SpiFunctionArg(fcinfo, 0)));
}

/* The same refusals as for a message, in the same order of importance. */
static SpiQuery show_voices = {
	.sql = "SELECT a.username, CASE WHEN m.state = 'banned' THEN 'banned' "
		   "WHEN m.state IS DISTINCT FROM 'joined' OR a.closed_at IS NOT NULL "
		   "THEN 'conversation_not_found' "
		   "WHEN m.is_blocked THEN 'blocked' "
		   "WHEN m.muted_until > statement_timestamp() THEN 'muted' END, "
		   "ARRAY(SELECT o.account_id FROM chat.block b JOIN chat.member o "
		   "ON o.account_id = b.blocker_id AND o.conversation_id = i.conversation_id "
		   "WHERE b.blocked_id = i.account_id AND o.state = 'joined' ORDER BY o.account_id) "
		   "FROM unnest($1, $2) WITH ORDINALITY AS i (account_id, conversation_id, item) "
		   "LEFT JOIN chat.account a ON a.id = i.account_id "
		   "LEFT JOIN chat.member m ON m.conversation_id = i.conversation_id "
		   "AND m.account_id = i.account_id ORDER BY i.item",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID},
	.read_only = true,
};

Datum
chat_gateway_may_type(PG_FUNCTION_ARGS)
{
	return SpiReturnRows(fcinfo, &show_voices,
						 SpiArgs(SpiFunctionArg(fcinfo, 0), SpiFunctionArg(fcinfo, 1)));
}
