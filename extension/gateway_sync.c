/*
 * gateway_sync.c
 *	  Catching up for many clients at once (invariants I2, I7), for parley-pushd.
 *
 * An `ask` is a conversation and a cursor; many clients may share it, and its frames are
 * made once.  Each (account, ask) is a `pair`: whoever is no member gets nothing.  All of it
 * is one statement, so of one snapshot: who is a member in it may see what is in it (I5).
 *
 * The rows come ask by ask; `part` says what a row is (ParleySyncPart in wire.h).
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"

#include "archive.h"
#include "argument.h"
#include "conversation.h"
#include "errors.h"
#include "spi.h"

#define MAX_MESSAGES 500	   /* of one ask in one answer */
#define POSITIONS_MEMBERS "50" /* up to so many, all positions are told */

PG_FUNCTION_INFO_V1(chat_gateway_sync);

/* $1 $2 $3 the asks: conversations, seqs, vers; $4 $5 the pairs: accounts, asks (from 1);
 * $6 messages at most. */
#define ASKS \
	"WITH ask AS (SELECT * FROM unnest($1, $2, $3) WITH ORDINALITY " \
	"AS u (conversation_id, seq, ver, ask)), " \
	"behind AS (SELECT a.ask, a.conversation_id, k.last_seq, k.last_ver, r.reset, " \
	"coalesce(a.ver, 0) AS had_ver, " \
	"CASE WHEN r.reset THEN greatest(k.last_seq - least($6, 50), k.purged_seq) ELSE a.seq END " \
	"AS from_seq " \
	"FROM ask a JOIN chat.conversation_counter k ON k.conversation_id = a.conversation_id " \
	"CROSS JOIN LATERAL (SELECT a.seq IS NULL OR a.ver IS NULL OR a.seq > k.last_seq " \
	"OR a.ver > k.last_ver OR a.seq < k.purged_seq AS reset) r), "

#define FOUND MESSAGES_ABOVE("b.conversation_id", "b.from_seq", "$6")
#define ARCHIVED_JSON "to_json(" MESSAGE_INFO("c") ")::text "
#define ARCHIVED_CHANGES \
	"SELECT c.conversation_id, c.seq, c.ver, c.sender_id, c.deleted_at IS NOT " \
	"NULL, " ARCHIVED_JSON \
	"FROM chat.archived_changes(b.conversation_id, b.had_ver, b.from_seq, $6) c "
#define MESSAGES \
	"news AS MATERIALIZED (SELECT b.ask, x.seq, x.sender_id, x.json FROM behind b " \
	"CROSS JOIN LATERAL (SELECT f.seq, (f.message).sender_id, to_json(f.message)::text AS json " \
	"FROM " FOUND " f) x WHERE b.from_seq < b.last_seq), " \
	"changes AS MATERIALIZED (SELECT b.ask, x.* FROM behind b " \
	"CROSS JOIN LATERAL ((SELECT m.conversation_id, m.seq, m.ver, m.sender_id, " \
	"m.deleted_at IS NOT NULL AS deleted, to_json(i)::text AS json " \
	"FROM chat.message m JOIN chat.message_info i " \
	"ON i.conversation_id = m.conversation_id AND i.seq = m.seq " \
	"WHERE m.conversation_id = b.conversation_id AND m.ver > b.had_ver AND m.seq <= b.from_seq " \
	"ORDER BY m.ver LIMIT $6) UNION ALL " ARCHIVED_CHANGES "ORDER BY ver LIMIT $6) x " \
	"WHERE NOT b.reset AND b.had_ver < b.last_ver), "

/* A page that is cut leaves the part of the cursor behind that it did not reach. */
#define REACHED \
	"reached AS (SELECT b.*, coalesce(n.seq, b.from_seq) AS seq, " \
	"CASE WHEN c.count = $6 THEN c.ver ELSE b.last_ver END AS ver FROM behind b " \
	"LEFT JOIN (SELECT ask, max(seq) AS seq FROM news GROUP BY ask) n ON n.ask = b.ask " \
	"LEFT JOIN (SELECT ask, count(*), max(ver) AS ver FROM changes GROUP BY ask) c " \
	"ON c.ask = b.ask), "

#define POSITION(type, position) \
	"'{\"type\":\"" type "\",\"conversation_id\":' || m.conversation_id || ',\"user_id\":' || " \
	"m.account_id || ',\"seq\":' || " position " || '}'"

#define READ_FRAME POSITION("read", "m.read_seq")
#define DELIVERED_FRAME POSITION("delivered", "m.delivered_seq")

/* What has been read has been delivered. */
#define POSITIONS \
	"concat_ws(E'\\n', CASE WHEN m.read_seq > 0 THEN " READ_FRAME " END, " \
	"CASE WHEN m.delivered_seq > m.read_seq THEN " DELIVERED_FRAME " END)"

#define MEMBERS \
	"few AS MATERIALIZED (SELECT b.ask, p.frame FROM behind b CROSS JOIN LATERAL (" \
	"SELECT string_agg(nullif(x.frame, ''), E'\\n' ORDER BY x.account_id) AS frame " \
	"FROM (SELECT m.account_id, " POSITIONS " AS frame FROM (SELECT m.conversation_id, " \
	"m.account_id, m.delivered_seq, " READ_SEQ " AS read_seq FROM chat.member m " \
	"WHERE m.conversation_id = b.conversation_id AND m.state = 'joined' " \
	"LIMIT " POSITIONS_MEMBERS " + 1) m) x HAVING count(*) <= " POSITIONS_MEMBERS ") p), " \
	"pair AS MATERIALIZED (SELECT p.pair, p.ask, m.conversation_id, m.account_id, " \
	"m.state, m.ver, m.delivered_seq, " READ_SEQ " AS read_seq " \
	"FROM unnest($4, $5) WITH ORDINALITY AS p (account, ask, pair) JOIN ask a ON a.ask = p.ask " \
	"LEFT JOIN chat.member m ON m.conversation_id = a.conversation_id " \
	"AND m.account_id = p.account) "

#define STATUS_ROWS \
	"SELECT 0, 's', 0, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, " \
	"(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() " \
	"ELSE pg_current_wal_insert_lsn() END - '0/0'::pg_lsn)::bigint, NULL, 0, 0 " \
	"UNION ALL SELECT ask, 'a', 0, seq, ver, CASE WHEN reset THEN 'reset' " \
	"WHEN seq < last_seq OR ver < last_ver THEN 'more' ELSE 'complete' END, 1, 0 FROM reached " \
	"UNION ALL SELECT ask, 'z', 0, from_seq, last_ver, " \
	"'{\"type\":\"reset\",\"conversation_id\":' || conversation_id || ',\"seq\":' || from_seq " \
	"|| ',\"ver\":' || last_ver || '}', 2, 0 FROM reached WHERE reset "

#define CONVERSATION_ROWS \
	"UNION ALL SELECT b.ask, 'c', 0, c.ver, c.ver, '{\"type\":\"conversation\",\"id\":' || c.id " \
	"|| ',\"is_group\":' || to_json(c.is_group)::text || ',\"name\":' || " \
	"coalesce(to_json(c.name)::text, 'null') || ',\"is_public\":' || " \
	"to_json(c.is_public)::text || ',\"ver\":' || c.ver || '}', 3, 0 " \
	"FROM behind b JOIN chat.conversation c ON c.id = b.conversation_id " \
	"WHERE b.reset OR c.ver > b.had_ver "

/* Those of a reset are asked for with the conversation. */
#define MEMBER_ROWS \
	"UNION ALL SELECT b.ask, 'b', m.account_id, m.ver, m.ver, " \
	"'{\"type\":\"member\",\"conversation_id\":' || m.conversation_id || ',\"user_id\":' || " \
	"m.account_id || ',\"role\":' || to_json(m.role)::text || ',\"state\":' || " \
	"to_json(m.state)::text || ',\"muted_until\":' || " \
	"coalesce(to_json(m.muted_until)::text, 'null') || ',\"ver\":' || m.ver || '}', 4, m.ver " \
	"FROM behind b JOIN chat.member m ON m.conversation_id = b.conversation_id " \
	"AND m.ver > b.had_ver WHERE NOT b.reset AND b.had_ver < b.last_ver "

#define MESSAGE_ROWS \
	"UNION ALL SELECT ask, 'm', sender_id, seq, 0, '{\"type\":\"message\",' || substr(json, 2), " \
	"5, seq FROM news " \
	"UNION ALL SELECT ask, 'd', sender_id, seq, ver, " \
	"'{\"type\":\"message_deleted\",\"conversation_id\":' || conversation_id || ',\"seq\":' " \
	"|| seq || ',\"ver\":' || ver || '}', 6, ver FROM changes WHERE deleted " \
	"UNION ALL SELECT ask, 'u', sender_id, seq, ver, '{\"type\":\"message_updated\",' || " \
	"substr(json, 2, length(json) - 2) || ',\"ver\":' || ver || '}', 6, ver " \
	"FROM changes WHERE NOT deleted "

#define POSITION_ROWS \
	"UNION ALL SELECT ask, 'r', 0, 0, 0, coalesce(frame, ''), 7, 0 FROM few " \
	"UNION ALL SELECT m.ask, 'o', m.account_id, m.pair, 0, " POSITIONS ", 8, m.pair FROM pair m " \
	"WHERE m.state = 'joined' AND NOT EXISTS (SELECT FROM few f WHERE f.ask = m.ask) " \
	"UNION ALL SELECT m.ask, 'g', m.account_id, m.pair, coalesce(m.ver, 0), NULL, 9, m.pair " \
	"FROM pair m WHERE m.state IS DISTINCT FROM 'joined' "

static SpiQuery find_missed = {
	.sql =
		"SELECT ask::int, part, account_id, number, ver, frame FROM (" ASKS MESSAGES REACHED MEMBERS
			STATUS_ROWS CONVERSATION_ROWS MEMBER_ROWS MESSAGE_ROWS POSITION_ROWS
		") rows (ask, part, account_id, number, ver, frame, place, rank) ORDER BY ask, place, rank",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT4OID},
	.read_only = true,
};

Datum
chat_gateway_sync(PG_FUNCTION_ARGS)
{
	int limit = CheckLimit(PG_GETARG_INT32(5), MAX_MESSAGES);

	return SpiReturnRows(fcinfo, &find_missed,
						 SpiArgs(fcinfo->args[0], fcinfo->args[1], fcinfo->args[2], fcinfo->args[3],
								 fcinfo->args[4], SpiInt32(limit)));
}
