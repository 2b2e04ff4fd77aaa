/*
 * sync.c
 *	  Catching up (invariants I2, I7): what a client missed of each conversation, from
 *	  the tables alone.
 *
 * A cursor (seq, ver) says: I have every message up to seq, and know of every change
 * up to ver.  So what is missing is the messages above seq, the changes above ver of
 * messages up to seq (a later message comes in its present state anyway), and the
 * memberships above ver.  One statement reads it all, so it is of one snapshot, and
 * the counters of that snapshot are the new cursor: whatever commits later has a
 * greater seq or ver.
 *
 * A cursor below what was purged can't be brought to now: it is reset, and the client
 * forgets what is gone.
 *
 * A page that is cut leaves the part of the cursor behind that it did not reach;
 * what is then sent twice is the same or newer.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "archive.h"
#include "argument.h"
#include "conversation.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"

#define MAX_MESSAGES 500  /* of one conversation in one answer */
#define MAX_CURSORS 10000 /* of one call */

PG_FUNCTION_INFO_V1(chat_sync);

/* $1 caller, $2 $3 $4 $5 the cursors, $6 messages at most. */
#define BEHIND \
	"WITH cursor AS (SELECT * FROM unnest($2, $3, $4, $5) " \
	"AS u (conversation_id, seq, ver, positions)), " \
	"behind AS (SELECT me.conversation_id, k.last_seq, k.last_ver, k.purged_seq, " \
	"u.seq AS had_seq, " \
	"u.ver AS had_ver, r.reset, " \
	"CASE WHEN r.reset THEN greatest(k.last_seq - $6, k.purged_seq) ELSE u.seq END AS from_seq " \
	"FROM chat.member me " \
	"JOIN chat.conversation_counter k ON k.conversation_id = me.conversation_id " \
	"LEFT JOIN cursor u ON u.conversation_id = me.conversation_id " \
	"CROSS JOIN LATERAL (SELECT u.seq IS NULL OR u.seq > k.last_seq OR u.ver > k.last_ver " \
	"OR u.seq < k.purged_seq AS reset) r " \
	"WHERE me.account_id = $1 AND me.state = 'joined' AND (r.reset OR u.positions " \
	"OR u.seq < k.last_seq OR u.ver < k.last_ver)) "

#define NEW_MESSAGES \
	"CROSS JOIN LATERAL (SELECT coalesce(array_agg(x.message ORDER BY x.seq), '{}') AS list, " \
	"coalesce(max(x.seq), b.from_seq) AS seq " \
	"FROM " MESSAGES_ABOVE("b.conversation_id", "b.from_seq", "$6") " x) news "

#define ARCHIVED_CHANGES \
	"SELECT " MESSAGE_INFO( \
		"c") ", c.ver FROM chat.archived_changes(b.conversation_id, b.had_ver, " \
			 "b.had_seq, $6) c WHERE NOT b.reset "
#define CHANGED_MESSAGES \
	"CROSS JOIN LATERAL (SELECT coalesce(array_agg(x.message ORDER BY x.ver), '{}') AS list, " \
	"CASE WHEN count(*) = $6 THEN max(x.ver) ELSE b.last_ver END AS ver " \
	"FROM ((SELECT i AS message, m.ver FROM chat.message m JOIN chat.message_info i " \
	"ON i.conversation_id = m.conversation_id AND i.seq = m.seq " \
	"WHERE NOT b.reset AND m.conversation_id = b.conversation_id " \
	"AND m.ver > b.had_ver AND m.seq <= b.had_seq ORDER BY m.ver LIMIT $6) " \
	"UNION ALL " ARCHIVED_CHANGES "ORDER BY ver LIMIT $6) x) changes "

/* Those of a reset are in the conversation. */
#define MEMBERSHIPS \
	"CROSS JOIN LATERAL (SELECT coalesce(array_agg(" \
	"ROW(m.account_id, m.role, m.state, m.ver, m.muted_until)::chat.membership_info ORDER BY " \
	"m.ver), '{}') " \
	"AS list FROM chat.member m WHERE NOT b.reset " \
	"AND m.conversation_id = b.conversation_id AND m.ver > b.had_ver) memberships "

#define POSITIONS \
	"CROSS JOIN LATERAL (SELECT coalesce(array_agg(" \
	"ROW(m.account_id, m.read_seq, greatest(m.delivered_seq, m.read_seq))::chat.position_info " \
	"ORDER BY m.account_id), '{}') AS list FROM (SELECT m.account_id, m.delivered_seq, " \
	"greatest(b.purged_seq, " READ_SEQ ") AS read_seq FROM chat.member m " \
	"WHERE m.conversation_id = b.conversation_id AND m.state = 'joined' " \
	"ORDER BY m.account_id = $1 DESC, m.joined_at, m.account_id LIMIT 50) m) positions "

#define CONVERSATION \
	"LEFT JOIN LATERAL (SELECT " CONVERSATION_INFO " AS info " SHOWN_CONVERSATIONS \
	"WHERE me.account_id = $1 AND me.conversation_id = b.conversation_id " \
	"AND (b.reset OR c.ver > b.had_ver OR memberships.list <> '{}')) conversation ON true "

static SpiQuery find_missed = {
	.sql = BEHIND
	"SELECT b.conversation_id, CASE WHEN b.reset THEN 'reset' "
	"WHEN news.seq < b.last_seq OR changes.ver < b.last_ver THEN 'more' ELSE 'complete' END, "
	"news.seq, changes.ver, conversation.info, news.list, changes.list, memberships.list, "
	"positions.list "
	"FROM behind b " NEW_MESSAGES CHANGED_MESSAGES MEMBERSHIPS POSITIONS CONVERSATION
	"UNION ALL SELECT u.conversation_id, 'gone', NULL, NULL, NULL, '{}', '{}', '{}', '{}' "
	"FROM cursor u WHERE NOT EXISTS (SELECT FROM chat.member me "
	"WHERE me.conversation_id = u.conversation_id AND me.account_id = $1 "
	"AND me.state = 'joined') "
	"ORDER BY 1",
	.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, BOOLARRAYOID, INT4OID},
	.read_only = true,
};

/* The cursors of a call, column by column. */
typedef struct Cursors
{
	int count;
	Datum *conversation_ids;
	Datum *seqs;
	Datum *vers;
	Datum *positions;
} Cursors;

static void
pg_attribute_noreturn() RaiseBadCursor(const char *what)
{
	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT), errmsg("bad cursors: %s", what),
					errhint("They look like {\"7\": {\"seq\": 41, \"ver\": 3}}.")));
}

static Datum
GetKey(const JsonbValue *key)
{
	char *text = pnstrdup(key->val.string.val, key->val.string.len);
	char *end;
	int64 id;

	errno = 0;
	id = strtoi64(text, &end, 10);
	/* "07" would name conversation 7 a second time. */
	if (errno != 0 || *end != '\0' || id < 1 || text[0] < '1' || text[0] > '9')
		RaiseBadCursor("a conversation id is a positive number");
	return Int64GetDatum(id);
}

/* Below 0: less, above: more. */
static int
CompareNumber(Datum numeric, int64 to)
{
	Datum other = DirectFunctionCall1(int8_numeric, Int64GetDatum(to));

	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, numeric, other));
}

static Datum
GetNumber(JsonbContainer *cursor, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(cursor, name, strlen(name), NULL);
	Datum number;

	if (value == NULL || value->type != jbvNumeric)
		RaiseBadCursor("seq and ver are numbers");
	number = NumericGetDatum(value->val.numeric);
	if (CompareNumber(number, 0) < 0)
		RaiseBadCursor("seq and ver are not negative");
	if (CompareNumber(number, PG_INT64_MAX) > 0)
		RaiseBadCursor("seq and ver are at most 9223372036854775807");
	return DirectFunctionCall1(numeric_int8, number);
}

static Datum
GetFlag(JsonbContainer *cursor, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(cursor, name, strlen(name), NULL);

	if (value && value->type != jbvBool)
		RaiseBadCursor("positions is true or false");
	return BoolGetDatum(value && value->val.boolean);
}

static void
AddCursor(Cursors *cursors, const JsonbValue *key, const JsonbValue *value)
{
	int n = cursors->count++;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		RaiseBadCursor("each is an object");
	cursors->conversation_ids[n] = GetKey(key);
	cursors->seqs[n] = GetNumber(value->val.binary.data, "seq");
	cursors->vers[n] = GetNumber(value->val.binary.data, "ver");
	cursors->positions[n] = GetFlag(value->val.binary.data, "positions");
}

static Cursors
ReadCursors(Jsonb *json)
{
	Cursors cursors = {0};
	int size = JB_ROOT_COUNT(json);
	JsonbIterator *iterator = JsonbIteratorInit(&json->root);
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(json))
		RaiseBadCursor("an object is needed");
	if (size > MAX_CURSORS)
		RaiseBadCursor("there are too many");
	cursors.conversation_ids = palloc((size + 1) * sizeof(Datum));
	cursors.seqs = palloc((size + 1) * sizeof(Datum));
	cursors.vers = palloc((size + 1) * sizeof(Datum));
	cursors.positions = palloc((size + 1) * sizeof(Datum));

	(void) JsonbIteratorNext(&iterator, &value, true);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		AddCursor(&cursors, &key, &value);
	}
	return cursors;
}

Datum
chat_sync(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	Cursors cursors = {0};
	int limit = CheckLimit(PG_ARGISNULL(1) ? MAX_MESSAGES : PG_GETARG_INT32(1), MAX_MESSAGES);

	if (!PG_ARGISNULL(0))
		cursors = ReadCursors(PG_GETARG_JSONB_P(0));
	return SpiReturnRows(fcinfo, &find_missed,
						 SpiArgs(SpiInt64(caller),
								 SpiArray(cursors.conversation_ids, cursors.count, INT8OID),
								 SpiArray(cursors.seqs, cursors.count, INT8OID),
								 SpiArray(cursors.vers, cursors.count, INT8OID),
								 SpiArray(cursors.positions, cursors.count, BOOLOID),
								 SpiInt32(limit)));
}
