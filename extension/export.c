/*
 * export.c
 *	  All data of an account as one JSON document.
 *
 * A value of the server ends at 1 GB, and a reader's patience earlier: the messages of
 * one document are cut at PAGE_MESSAGES or PAGE_BYTES, and "next" says where the next
 * one goes on.  One statement reads it all, in one snapshot.
 */
#include "compat.h"

#include "fmgr.h"

#include "archive.h"
#include "audit.h"
#include "identity.h"
#include "spi.h"

#define PAGE_MESSAGES 100000
#define PAGE_BYTES (16 * 1024 * 1024) /* of content */

PG_FUNCTION_INFO_V1(chat_export_account);

/* The account's messages behind the place ($2, $3), one more than fit, in order. */
#define BEHIND "CASE WHEN me.conversation_id = $2 THEN $3 ELSE 0 END"
#define FOUND_MESSAGES \
	"found AS (SELECT m.conversation_id, m.seq, m.bytes FROM chat.member me " \
	"CROSS JOIN LATERAL ((SELECT conversation_id, seq, octet_length(content) AS bytes " \
	"FROM chat.message WHERE conversation_id = me.conversation_id AND sender_id = $1 " \
	"AND seq > " BEHIND " ORDER BY seq LIMIT $4 + 1) " \
	"UNION ALL SELECT conversation_id, seq, octet_length(content) FROM chat.archived(" \
	"me.conversation_id, " BEHIND ", NULL, $4 + 1, false, $1) ORDER BY seq LIMIT $4 + 1) m " \
	"WHERE me.account_id = $1 AND me.conversation_id >= $2 " \
	"ORDER BY m.conversation_id, m.seq LIMIT $4 + 1)"

/* The first fits whatever its size. */
#define COUNTED_MESSAGES \
	"counted AS (SELECT conversation_id, seq, n <= $4 AND (n = 1 OR total <= $5) AS fits " \
	"FROM (SELECT conversation_id, seq, row_number() OVER w AS n, sum(bytes) OVER w AS total " \
	"FROM found WINDOW w AS (ORDER BY conversation_id, seq)) s)"

#define SESSIONS \
	"(SELECT coalesce(json_agg(s ORDER BY s.id), '[]') FROM (SELECT id, client_info, " \
	"created_at, last_used_at, expires_at, ended_at, end_reason FROM chat.session " \
	"WHERE account_id = $1) s)"

#define CONVERSATIONS \
	"(SELECT coalesce(json_agg(c ORDER BY c.id), '[]') FROM (SELECT c.id, c.is_group, c.name, " \
	"(SELECT a.username FROM chat.member o JOIN chat.account a ON a.id = o.account_id " \
	"WHERE NOT c.is_group AND o.conversation_id = c.id AND o.account_id <> $1) AS \"with\", " \
	"me.role, me.state, me.joined_at, me.read_seq, me.delivered_seq " \
	"FROM chat.member me JOIN chat.conversation c ON c.id = me.conversation_id " \
	"WHERE me.account_id = $1) c)"

#define BLOCKED \
	"(SELECT coalesce(json_agg(a.username ORDER BY a.id), '[]') FROM chat.block b " \
	"JOIN chat.account a ON a.id = b.blocked_id WHERE b.blocker_id = $1)"

#define EXPORTED \
	MESSAGE_INFO("m") \
	" AS info FROM page p CROSS JOIN LATERAL " MESSAGE_AT("p.conversation_id", "p.seq") " m"
#define MESSAGES \
	"(SELECT coalesce(json_agg(i.info ORDER BY i.conversation_id, i.seq), '[]') " \
	"FROM (SELECT p.conversation_id, p.seq, " EXPORTED ") i)"

#define NEXT \
	"(SELECT row_to_json(page) FROM page WHERE EXISTS (SELECT FROM counted WHERE NOT fits) " \
	"ORDER BY conversation_id DESC, seq DESC LIMIT 1)"

/* $1 account, $2 $3 the place to go on from, $4 messages and $5 bytes at most. */
static SpiQuery export_account = {
	.sql = "WITH " FOUND_MESSAGES ", " COUNTED_MESSAGES ", "
		   "page AS (SELECT conversation_id, seq FROM counted WHERE fits) "
		   "SELECT json_build_object('exported_at', now(), "
		   "'profile', (SELECT p FROM chat.profile_info p WHERE p.id = $1), "
		   "'sessions', " SESSIONS ", 'conversations', " CONVERSATIONS ", "
		   "'blocked', " BLOCKED ", 'messages', " MESSAGES ", 'next', " NEXT ")",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID, INT4OID},
};

Datum
chat_export_account(PG_FUNCTION_ARGS)
{
	int64 account_id = IdentityRequire();

	AuditWrite(.kind = AUDIT_ACCOUNT_EXPORTED, .account_id = account_id);
	return SpiReturnValue(fcinfo, &export_account,
						  SpiArgs(SpiInt64(account_id), SpiFunctionArg(fcinfo, 0),
								  SpiFunctionArg(fcinfo, 1), SpiInt32(PAGE_MESSAGES),
								  SpiInt32(PAGE_BYTES)));
}
