/*
 * search_index.c
 *	  The search index: how texts are cut into pieces, and the job that keeps the index
 *	  up to date.
 *
 * Why beside the messages and not on them: a GIN index writes an entry for each word and
 * each piece, and a send would do that under the lock of its conversation.  Measured side by
 * side, user instructions of the backend a message of ten words: a send 403k without any
 * index of the content, 572k to 650k with the two GIN indexes on message (fastupdate on);
 * the job 2.8M here, off that lock and in nobody's way.
 *
 * Why pieces of our own and not pg_trgm: that needs three characters, but words of Han
 * have two; in a database with locale C it sees no letter beyond ASCII; and it is not
 * installed everywhere, so that answers would differ by server.
 *
 * The job may lag, stop, or run twice at once; search() stays right (search.c).
 */
#include "compat.h"

#include "search_index.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"

#include "argument.h"
#include "gram.h"
#include "guc.h"
#include "search_text.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_search_grams);
PG_FUNCTION_INFO_V1(chat_index_messages);
PG_FUNCTION_INFO_V1(chat_forget_words);

static char *search_language;

/* A name that is no configuration counts as simple, so any text will do. */
static const TextSetting settings[] = {
	{"pg_parley.search_language",
	 "The text search configuration of conversations without their own.", &search_language,
	 "simple"},
};

void
SearchInit(void)
{
	DefineTextSettings(settings, lengthof(settings));
}

/* ---- pieces ------------------------------------------------------------- */

static ArrayType *
MakeGrams(const char *folded)
{
	size_t length = strlen(folded);
	int32 *grams = palloc((GRAM_MAX(length) + 1) * sizeof(int32));
	int count = GramsOf(grams, folded, length);
	Datum *elements = palloc((count + 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = Int32GetDatum(grams[i]);
	return construct_array(elements, count, INT4OID, sizeof(int32), true, TYPALIGN_INT);
}

ArrayType *
SearchGrams(const char *folded)
{
	ArrayType *grams = MakeGrams(folded);

	return ARR_NDIM(grams) > 0 ? grams : NULL;
}

Datum
chat_search_grams(PG_FUNCTION_ARGS)
{
	char *content = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_ARRAYTYPE_P(MakeGrams(SearchFold(content)));
}

char *
SearchPattern(const char *text, bool anywhere)
{
	StringInfoData pattern;

	initStringInfo(&pattern);
	if (anywhere)
		appendStringInfoChar(&pattern, '%');
	for (const char *c = text; *c; c++)
	{
		if (*c == '%' || *c == '_' || *c == '\\')
			appendStringInfoChar(&pattern, '\\');
		appendStringInfoChar(&pattern, *c);
	}
	appendStringInfoChar(&pattern, '%');
	return pattern.data;
}

/* ---- the job ------------------------------------------------------------ */

/* In one order, so that two jobs do not wait for each other in a circle. */
static SpiQuery find_behind = {
	.sql = "SELECT s.conversation_id FROM chat.search_scope s "
		   "WHERE s.seq < s.last_seq OR s.ver < s.last_ver OR s.outdated "
		   "ORDER BY s.conversation_id LIMIT $1",
	.argtypes = {INT4OID},
};

static SpiQuery insert_state = {
	.sql = "INSERT INTO chat.search_state (conversation_id, language) "
		   "SELECT conversation_id, language FROM chat.search_scope WHERE conversation_id = $1 "
		   "ON CONFLICT DO NOTHING",
	.argtypes = {INT8OID},
};

/* What another job has in hand is left to it. */
static SpiQuery claim_state = {
	.sql = "SELECT FROM chat.search_state WHERE conversation_id = $1 FOR UPDATE SKIP LOCKED",
	.argtypes = {INT8OID},
};

/* After the claim, so that the language is seen that the claim was about. */
static SpiQuery restart_state = {
	.sql = "WITH old AS (UPDATE chat.search_state s SET language = w.language, seq = 0, ver = 0 "
		   "FROM chat.search_scope w WHERE w.conversation_id = $1 "
		   "AND s.conversation_id = w.conversation_id AND w.outdated "
		   "RETURNING s.conversation_id) "
		   "DELETE FROM chat.message_search m USING old "
		   "WHERE m.conversation_id = old.conversation_id",
	.argtypes = {INT8OID},
};

/*
 * One statement, so one snapshot: numbers and versions are given out in the order of
 * commits, and all up to the counter's are in it.  A change of a message that is not
 * indexed yet is left out: it will be indexed as it is.  A cut leaves the rest behind
 * the position.  $2 new ones at most, and $3 changed ones; 0: that position stays.
 */
static SpiQuery index_conversation = {
	.sql = "WITH w AS (SELECT * FROM chat.search_scope WHERE conversation_id = $1), "
		   "hot AS MATERIALIZED (SELECT m.* FROM w JOIN chat.message m "
		   "ON m.conversation_id = $1 AND m.seq > w.seq ORDER BY m.seq LIMIT $2), "
		   "fresh AS (SELECT * FROM hot UNION ALL SELECT a.* FROM w CROSS JOIN LATERAL "
		   "chat.archived($1, w.seq, (SELECT CASE WHEN count(*) = $2 THEN max(seq) END FROM hot), "
		   "$2) a "
		   "ORDER BY seq LIMIT $2), "
		   "changed AS ((SELECT m.* FROM w JOIN chat.message m "
		   "ON m.conversation_id = $1 AND m.ver > w.ver AND m.seq <= w.seq "
		   "ORDER BY m.ver LIMIT $3) UNION ALL SELECT a.* FROM w CROSS JOIN LATERAL "
		   "chat.archived_changes($1, w.ver, w.seq, $3) a ORDER BY ver LIMIT $3), "
		   "gone AS (DELETE FROM chat.message_search s USING changed c "
		   "WHERE s.conversation_id = $1 AND s.seq = c.seq AND c.deleted_at IS NOT NULL), "
		   "indexed AS (INSERT INTO chat.message_search (conversation_id, seq, words, grams) "
		   "SELECT $1, m.seq, chat.search_words(w.config, m.content, $1), "
		   "chat.search_grams(m.content) "
		   "FROM w, (SELECT * FROM fresh UNION ALL SELECT * FROM changed) m "
		   "WHERE m.deleted_at IS NULL ON CONFLICT (conversation_id, seq) "
		   "DO UPDATE SET words = excluded.words, grams = excluded.grams), "
		   "taken AS (SELECT (SELECT count(*) FROM fresh) AS fresh, "
		   "(SELECT count(*) FROM changed) AS changed) "
		   "UPDATE chat.search_state s SET "
		   "seq = CASE WHEN $2 = 0 THEN s.seq WHEN t.fresh < $2 THEN w.last_seq ELSE (SELECT "
		   "max(seq) FROM fresh) END, "
		   "ver = CASE WHEN $3 = 0 THEN s.ver WHEN t.changed < $3 THEN w.last_ver ELSE (SELECT "
		   "max(ver) FROM changed) END "
		   "FROM w, taken t WHERE s.conversation_id = $1 RETURNING t.fresh + t.changed",
	.argtypes = {INT8OID, INT4OID, INT4OID},
};

/*
 * What could not be indexed is passed by, with the reason.  It may lie in a block of the
 * archive that cannot be read, so that only its number is known.
 */
static SpiQuery skip_fresh = {
	.sql =
		"WITH next AS (UPDATE chat.search_state s SET seq = coalesce(least("
		"(SELECT min(m.seq) FROM chat.message m WHERE m.conversation_id = $1 AND m.seq > s.seq), "
		"(SELECT greatest(min(a.first_seq), s.seq + 1) FROM chat.archive a "
		"WHERE a.conversation_id = $1 AND a.last_seq > s.seq)), s.seq + 1) "
		"WHERE s.conversation_id = $1 RETURNING s.conversation_id, s.seq) "
		"INSERT INTO chat.search_skipped (conversation_id, seq, reason) "
		"SELECT conversation_id, seq, $2 FROM next ON CONFLICT (conversation_id, seq) "
		"DO UPDATE SET reason = excluded.reason, skipped_at = excluded.skipped_at",
	.argtypes = {INT8OID, TEXTOID},
};

/* In the archive its number is not known either: 0. */
static SpiQuery skip_changed = {
	.sql = "WITH next AS (UPDATE chat.search_state s SET ver = coalesce(least("
		   "(SELECT min(m.ver) FROM chat.message m "
		   "WHERE m.conversation_id = $1 AND m.ver > s.ver AND m.seq <= s.seq), "
		   "(SELECT greatest(min(a.min_ver), s.ver + 1) FROM chat.archive a "
		   "WHERE a.conversation_id = $1 AND a.max_ver > s.ver)), s.ver + 1) "
		   "WHERE s.conversation_id = $1 RETURNING s.conversation_id, s.ver) "
		   "INSERT INTO chat.search_skipped (conversation_id, seq, reason) "
		   "SELECT n.conversation_id, coalesce((SELECT m.seq FROM chat.message m "
		   "WHERE m.conversation_id = n.conversation_id AND m.ver = n.ver), 0), $2 "
		   "FROM next n ON CONFLICT (conversation_id, seq) "
		   "DO UPDATE SET reason = excluded.reason, skipped_at = excluded.skipped_at",
	.argtypes = {INT8OID, TEXTOID},
};

/* A conversation that is indexed from its begin tries all of them again. */
static SpiQuery forget_skipped = {
	.sql = "DELETE FROM chat.search_skipped k USING chat.search_state s "
		   "WHERE k.conversation_id = $1 AND s.conversation_id = $1 AND s.seq = 0 AND s.ver = 0",
	.argtypes = {INT8OID},
};

/*
 * Whether an error may come from what is indexed: not a cancelled statement, a conflict of
 * transactions, a lock, or a lack of memory or disk, which the next run may not meet.
 */
static bool
IsOfContent(int sqlerrcode)
{
	static const int others[] = {
		ERRCODE_OPERATOR_INTERVENTION,	   ERRCODE_TRANSACTION_ROLLBACK,
		ERRCODE_INSUFFICIENT_RESOURCES,	   ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		ERRCODE_INVALID_TRANSACTION_STATE,
	};

	for (int i = 0; i < (int) lengthof(others); i++)
	{
		if (ERRCODE_TO_CATEGORY(sqlerrcode) == others[i])
			return false;
	}
	return true;
}

/*
 * One step in a subtransaction, as PL/pgSQL runs a block with EXCEPTION (pl_exec.c).  Returns
 * how many messages were taken, or -1 and why none could be, palloc'd.
 */
static int64
TryStep(int64 conversation_id, int fresh, int changed, char **problem)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int64 taken = -1;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		SpiRun(&index_conversation,
			   SpiArgs(SpiInt64(conversation_id), SpiInt32(fresh), SpiInt32(changed)));
		taken = SpiGetInt64(0, 1);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (!IsOfContent(error->sqlerrcode))
			ReThrowError(error);
		*problem = psprintf("%s: %s", unpack_sql_state(error->sqlerrcode), error->message);
	}
	PG_END_TRY();
	return taken;
}

/* The next message, or the next change, is the one that cannot be indexed. */
static void
Skip(int64 conversation_id, const char *problem)
{
	char *of_fresh;
	bool fresh = TryStep(conversation_id, 1, 0, &of_fresh) < 0;

	SpiRun(fresh ? &skip_fresh : &skip_changed,
		   SpiArgs(SpiInt64(conversation_id), SpiText(problem)));
}

/* How often one run tries anew where something cannot be indexed. */
#define MAX_STEPS 100

/*
 * Claimed.  After a failure half as many are tried, down to one: that is passed by.  So a message
 * that cannot be indexed keeps nobody else's from it.
 */
static int64
IndexClaimed(int64 conversation_id, int max)
{
	int64 total = 0;
	int count = max;

	for (int step = 0; step < MAX_STEPS && total < max; step++)
	{
		char *problem;
		int64 taken = TryStep(conversation_id, count, count, &problem);

		if (taken < 0 && count == 1)
			Skip(conversation_id, problem);
		if (taken >= 0 && taken < count)
			return total + taken;
		total += taken >= 0 ? taken : count == 1;
		count = taken >= 0 ? count : count == 1 ? Max(max - total, 1) : count / 2;
	}
	return total;
}

/* Inside SpiBegin().  How many messages were taken; 0 also if another job is at it. */
static int64
IndexConversation(int64 conversation_id, int max)
{
	const NullableDatum *id = SpiArgs(SpiInt64(conversation_id));

	SpiRun(&insert_state, id);
	if (SpiRun(&claim_state, id) == 0)
		return 0;
	SpiRun(&restart_state, id);
	SpiRun(&forget_skipped, id);
	return IndexClaimed(conversation_id, max);
}

Datum
chat_index_messages(PG_FUNCTION_ARGS)
{
	int max = CheckLimit(PG_GETARG_INT32(0), PG_INT32_MAX);
	int64 taken = 0;
	uint64 behind;
	int64 *ids;

	SpiBegin();
	behind = SpiRun(&find_behind, SpiArgs(SpiInt32(max)));
	ids = palloc((behind + 1) * sizeof(int64));
	for (uint64 i = 0; i < behind; i++)
		ids[i] = SpiGetInt64(i, 1);
	for (uint64 i = 0; i < behind && taken < max; i++)
		taken += IndexConversation(ids[i], max - taken);
	SpiEnd();
	PG_RETURN_INT64(taken);
}

/* ---- edits and deletions ------------------------------------------------ */

static SpiQuery forget_message = {
	.sql = "DELETE FROM chat.message_search WHERE conversation_id = $1 AND seq = $2",
	.argtypes = {INT8OID, INT8OID},
};

/*
 * Only what is in the index now.  A job that runs at the same moment may put the old words
 * back, but they don't count (search.c), and its next run takes them out.
 */
Datum
chat_forget_words(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("forget_words() is a trigger")));
	SpiBegin();
	SpiRun(&forget_message,
		   SpiArgs(SpiTriggerColumn(trigger, "conversation_id"), SpiTriggerColumn(trigger, "seq")));
	SpiEnd();
	return PointerGetDatum(NULL);
}
