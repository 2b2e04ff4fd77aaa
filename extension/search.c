/*
 * search.c
 *	  Finding messages: search(), and the language it is done in.
 *
 * A message matches by its words, as the text search configuration of its conversation
 * makes them.  Where nothing does, or where the query is in a script without spaces, it
 * matches by containing the terms.  A query without terms lists what its filters let
 * through.  Each way is one statement, of one snapshot, over
 *
 *	 - what is indexed, unless it changed since: search_state says up to which version;
 *	 - what is not indexed yet, read from the messages themselves.
 *
 * So the answer does not depend on how far the job has come (search_index.c).  Whatever
 * is found is looked up in the messages before it is shown: nothing deleted is found.
 *
 * Pages are by keyset: a row's next_page holds the values that rows are ordered by.
 */
#include "compat.h"

#include "search_index.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "account.h"
#include "archive.h"
#include "argument.h"
#include "conversation.h"
#include "errors.h"
#include "gram.h"
#include "identity.h"
#include "permission.h"
#include "query.h"
#include "ratelimit.h"
#include "result.h"
#include "search_text.h"
#include "spi.h"
#include "zone.h"

#define MAX_RESULTS 100

PG_FUNCTION_INFO_V1(chat_search);
PG_FUNCTION_INFO_V1(chat_set_language);

/* ---- statements --------------------------------------------------------- */

/*
 * $1 caller, $2 conversations or NULL, $3 sender or NULL, $4 from and $5 to which time
 * or NULL, $6 has (query.h), $7 the newest first, $8 where the page begins or NULL, $9 how
 * many; $10 the words for search_query(), $11 the pieces, $12 patterns that
 * must match, $13 that must not, $14 the terms, folded.
 */
#define SEARCH_ARGTYPES \
	{ \
		INT8OID, INT8ARRAYOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, BOOLOID, \
			INT8ARRAYOID, INT4OID, TEXTOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID \
	}

#define SCOPE \
	"WITH scope AS MATERIALIZED (SELECT s.* FROM chat.member me " \
	"JOIN chat.search_scope s ON s.conversation_id = me.conversation_id " \
	"WHERE me.account_id = $1 AND me.state = 'joined' " \
	"AND ($2 IS NULL OR me.conversation_id = ANY ($2))), "

/*
 * By the conversation in the index as long as that is a short list.  A query of stop words
 * alone is empty and finds nothing.
 */
#define LANGUAGES \
	"languages AS MATERIALIZED (SELECT c.config, q.query, CASE WHEN count(*) > 100 THEN q.query " \
	"ELSE q.query && string_agg(format(''' %s''', c.conversation_id), '|')::tsquery END AS keys " \
	"FROM scope c CROSS JOIN LATERAL chat.search_query(c.config, $10) AS q (query) " \
	"WHERE numnode(q.query) > 0 " \
	"GROUP BY c.config, q.query), "

/* The messages that are not indexed, or have changed since; the archive only if there are any. */
#define TAIL \
	"CROSS JOIN LATERAL (SELECT * FROM chat.message t " \
	"WHERE t.conversation_id = c.conversation_id AND t.seq > c.seq " \
	"UNION ALL SELECT * FROM chat.message t WHERE t.conversation_id = c.conversation_id " \
	"AND t.ver > c.ver AND t.seq <= c.seq " \
	"UNION ALL SELECT * FROM chat.archived(c.conversation_id, c.seq) WHERE c.seq < c.last_seq " \
	"UNION ALL SELECT * FROM chat.archived_changes(c.conversation_id, c.ver, c.seq, 2147483647) " \
	"WHERE c.ver < c.last_ver) m "

/* An indexed row, its message and its conversation. */
#define INDEXED_MESSAGE MESSAGE_AT("c.conversation_id", "x.seq") " m "
#define INDEXED \
	"JOIN scope c ON c.conversation_id = x.conversation_id AND x.seq <= c.seq " \
	"CROSS JOIN LATERAL " INDEXED_MESSAGE "WHERE (m.ver IS NULL OR m.ver <= c.ver) AND "

#define PASSES \
	"m.deleted_at IS NULL AND ($3 IS NULL OR m.sender_id = $3) " \
	"AND ($4 IS NULL OR m.created_at >= $4) AND ($5 IS NULL OR m.created_at < $5) " \
	"AND ($6 & 1 = 0 OR m.content ~* E'\\\\mhttps?://') AND ($6 & 2 = 0 OR m.reply_to IS NOT " \
	"NULL) " \
	"AND ($6 & 4 = 0 OR m.attachments IS NOT NULL) AND ($6 & 8 = 0 OR m.reactions IS NOT NULL) " \
	"AND ($6 & 16 = 0 OR m.pinned_at IS NOT NULL) " \
	"AND ($6 & 32 = 0 OR EXISTS (SELECT FROM chat.mention n " \
	"WHERE n.conversation_id = m.conversation_id AND n.account_id IN (0, $1) AND n.seq = m.seq)) "

#define CONTAINS \
	"chat.search_fold(m.content) LIKE ALL ($12) AND NOT chat.search_fold(m.content) LIKE ANY " \
	"($13) "

/* A score in millionths: as a whole number it comes back from a page as it was. */
#define FOUND(how) \
	"found AS (SELECT h.* FROM (SELECT conversation_id, seq, query, config, moment, " how \
	" AS score FROM hits) h " \
	"WHERE $8 IS NULL OR (h.score, h.moment, h.conversation_id, h.seq) < " \
	"(($8)[1], ($8)[2], ($8)[3], ($8)[4]) " \
	"ORDER BY score DESC, moment DESC, conversation_id DESC, seq DESC LIMIT $9) "

/* Only the rows of the page get a snippet. */
#define FOUND_MESSAGE MESSAGE_AT("f.conversation_id", "f.seq") " i "
#define PAGE \
	"SELECT " MESSAGE_INFO( \
		"i") ", (f.score / 1000000.0)::real, " \
			 "chat.search_snippet(i.content, f.config, f.query, $14), " \
			 "concat_ws('.', f.score, f.moment, f.conversation_id, f.seq) " \
			 "FROM found f CROSS JOIN LATERAL " FOUND_MESSAGE \
			 "ORDER BY f.score DESC, f.moment DESC, f.conversation_id DESC, f.seq DESC"

#define MOMENT "(extract(epoch FROM m.created_at) * 1000000)::bigint"
#define HIT "m.conversation_id, m.seq, " MOMENT " AS moment, c.config, "

/* OFFSET 0: by the index of words, never by reading the conversation. */
static SpiQuery by_words = {
	.sql = SCOPE LANGUAGES
	"hits AS (SELECT " HIT "q.query, x.words FROM languages q "
	"CROSS JOIN LATERAL (SELECT * FROM chat.message_search s "
	"WHERE s.words @@ q.keys OFFSET 0) x " INDEXED "c.config = q.config AND " PASSES
	"UNION ALL SELECT " HIT
	"q.query, v.words FROM scope c JOIN languages q ON q.config = c.config " TAIL
	"CROSS JOIN LATERAL chat.search_words(c.config, m.content, m.conversation_id) AS v (words) "
	"WHERE v.words @@ q.query AND " PASSES
	"), " FOUND("CASE WHEN $7 THEN 0 ELSE (ts_rank_cd(words, query, 1) * 1000000)::bigint END")
		PAGE,
	.argtypes = SEARCH_ARGTYPES,
	.by_value = true,
	.read_only = true,
};

static SpiQuery by_parts = {
	.sql = SCOPE
	"hits AS (SELECT " HIT "NULL::tsquery AS query FROM (SELECT * FROM chat.message_search s "
	"WHERE s.grams @> $11 OFFSET 0) x " INDEXED PASSES "AND " CONTAINS "UNION ALL SELECT " HIT
	"NULL FROM scope c " TAIL "WHERE " PASSES "AND " CONTAINS "), " FOUND("0::bigint") PAGE,
	.argtypes = SEARCH_ARGTYPES,
	.by_value = true,
	.read_only = true,
};

/*
 * The lists of the conversations, each by seq, are merged by time.  Where a clock was set
 * back, time runs against seq: a message then counts as no newer than those behind it in
 * its list, so that the order of a page is that of its cursor.
 *
 * What is left of a list begins below the message that the cursor names, or at the first
 * message that is older than the cursor.
 */
#define LISTED(more) \
	more PASSES "AND NOT chat.search_fold(m.content) LIKE ANY ($13) ORDER BY m.seq DESC LIMIT "
#define NEWEST(below, more, count) \
	"(WITH hot AS MATERIALIZED (SELECT * FROM chat.message m " \
	"WHERE m.conversation_id = c.conversation_id AND m.seq < " below " AND " LISTED(more) count \
		") SELECT x.* FROM (SELECT * FROM hot UNION ALL (SELECT * FROM chat.archived(" \
		"c.conversation_id, (SELECT CASE WHEN count(*) = " count \
		" THEN min(seq) ELSE 0 END FROM hot)" \
		", " below ", NULL, true, $3) m WHERE " LISTED(more) count \
		")) x ORDER BY x.seq DESC LIMIT " count ") "
#define OLDER "(" MOMENT ", m.conversation_id) < (($8)[2], ($8)[3]) AND "

static SpiQuery by_filters = {
	.sql = SCOPE
	"hits AS (SELECT m.conversation_id, m.seq, least(min(" MOMENT ") OVER "
	"(PARTITION BY m.conversation_id ORDER BY m.seq DESC), "
	"CASE WHEN m.conversation_id = ($8)[3] THEN ($8)[2] END) AS moment, c.config, "
	"NULL::tsquery AS query FROM scope c "
	"CROSS JOIN LATERAL (SELECT CASE WHEN $8 IS NULL THEN c.last_seq + 1 "
	"WHEN c.conversation_id = ($8)[3] THEN ($8)[4] "
	"ELSE (SELECT coalesce(max(o.seq), 0) + 1 FROM " NEWEST(
		"c.last_seq + 1", OLDER,
		"1") "o) END AS seq) below "
			 "CROSS JOIN LATERAL " NEWEST("below.seq", "", "$9") "m), " FOUND("0::bigint") PAGE,
	.argtypes = SEARCH_ARGTYPES,
	.by_value = true,
	.read_only = true,
};

/* ---- what is asked ------------------------------------------------------ */

typedef struct Search
{
	int64 caller;
	SearchQuery query;
	NullableDatum conversations; /* bigint[] */
	NullableDatum sender;		 /* bigint; 0 matches nobody */
	NullableDatum after;		 /* timestamptz */
	NullableDatum before;
	bool newest_first;
	NullableDatum page; /* bigint[4] */
	const char *zone;	/* of the days in the query; NULL: the session's */
	int limit;
	ArrayType *grams; /* NULL: the terms can't be found as parts */
	NullableDatum patterns;
	NullableDatum excluded;
	NullableDatum terms;
	bool unspaced; /* a term is in a script without spaces */
} Search;

static const NullableDatum nothing = {.isnull = true};

/* Both have to hold: `sender` becomes an account, or nobody. */
static void
LimitSender(Search *search, const char *name)
{
	int64 id;

	if (name == NULL)
		return;
	if (pg_strcasecmp(name, "me") == 0)
		id = search->caller;
	else
	{
		SpiBegin();
		id = AccountFind(*name == '@' ? name + 1 : name);
		SpiEnd();
	}
	if (!search->sender.isnull && DatumGetInt64(search->sender.value) != id)
		id = 0;
	search->sender = SpiInt64(id);
}

/* A group by its name, a direct conversation by the other's user name, any by its id. */
static SpiQuery find_conversations = {
	.sql = "SELECT array_agg(c.id) FROM chat.member me "
		   "JOIN chat.conversation c ON c.id = me.conversation_id "
		   "WHERE me.account_id = $1 AND me.state = 'joined' AND ($3 IS NULL OR c.id = ANY ($3)) "
		   "AND (c.id::text = $2 OR CASE WHEN c.is_group THEN chat.search_fold(c.name) = "
		   "chat.search_fold($2) "
		   "ELSE EXISTS (SELECT FROM chat.member o JOIN chat.account a ON a.id = o.account_id "
		   "WHERE o.conversation_id = c.id AND o.account_id <> $1 "
		   "AND lower(a.username COLLATE \"C\") = lower(ltrim($2, '@') COLLATE \"C\")) END)",
	.argtypes = {INT8OID, TEXTOID, INT8ARRAYOID},
	.read_only = true,
};

static void
LimitConversations(Search *search, const char *name)
{
	NullableDatum found;

	if (name == NULL)
		return;
	SpiBegin();
	SpiRun(&find_conversations,
		   SpiArgs(SpiInt64(search->caller), SpiText(name), search->conversations));
	found.value = SpiKeepDatum(0, 1, &found.isnull);
	SpiEnd();
	search->conversations = found.isnull ? SpiArray(NULL, 0, INT8OID) : found;
}

static void
LimitTime(NullableDatum *limit, const char *zone, QueryDate day, bool latest)
{
	TimestampTz moment;

	if (day.year == 0)
		return;
	moment = ZoneDay(zone, day.year, day.month, day.day);
	if (limit->isnull || (DatumGetTimestampTz(limit->value) < moment) == latest)
		*limit = SpiDatum(TimestampTzGetDatum(moment), false);
}

/* ---- terms as parts ----------------------------------------------------- */

/* Folded; as patterns, or as they are. */
static NullableDatum
FoldTerms(const char *const *terms, int count, bool as_patterns)
{
	Datum *folded = palloc((count + 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
	{
		char *term = SearchFold(terms[i]);

		folded[i] = CStringGetTextDatum(as_patterns ? SearchPattern(term, true) : term);
	}
	return SpiArray(folded, count, TEXTOID);
}

/* With an "or" the parts of one side would have to be enough: only words do that. */
static void
ReadTerms(Search *search)
{
	const SearchQuery *query = &search->query;
	StringInfoData all;

	initStringInfo(&all);
	for (int i = 0; i < query->term_count; i++)
		appendStringInfo(&all, "%s ", SearchFold(query->terms[i]));
	search->unspaced = GramsUnspaced(all.data, all.len);
	search->grams = query->alternatives ? NULL : SearchGrams(all.data);
	search->terms = FoldTerms(query->terms, query->term_count, false);
	search->patterns = FoldTerms(query->terms, query->term_count, true);
	search->excluded = FoldTerms(query->excluded, query->excluded_count, true);
}

/* ---- chat.search() ------------------------------------------------------ */

/* What a next_page says: score, moment, conversation, seq. */
static NullableDatum
ReadPage(const char *page)
{
	long long numbers[4];
	Datum elements[4];
	int end = 0;

	if (page == NULL)
		return nothing;
	if (sscanf(page, "%lld.%lld.%lld.%lld%n", &numbers[0], &numbers[1], &numbers[2], &numbers[3],
			   &end) != 4 ||
		page[end] != '\0')
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("page is no next_page of an answer")));
	for (int i = 0; i < 4; i++)
		elements[i] = Int64GetDatum(numbers[i]);
	return SpiArray(elements, 4, INT8OID);
}

static void
ReadQuery(Search *search, char *text)
{
	if (strlen(text) <= QUERY_MAX_LENGTH)
		QueryParse(&search->query, text, palloc(QUERY_BUFFER_SIZE));
	if (strlen(text) > QUERY_MAX_LENGTH || search->query.is_cut)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("the query is longer than %d bytes or %d terms", QUERY_MAX_LENGTH,
							   QUERY_MAX_TERMS)));
	LimitSender(search, search->query.from);
	LimitConversations(search, search->query.in);
	LimitTime(&search->after, search->zone, search->query.after, true);
	LimitTime(&search->before, search->zone, search->query.before, false);
	ReadTerms(search);
}

static Search
GetSearch(FunctionCallInfo fcinfo)
{
	Search search = {
		.caller = IdentityRequire(),
		.conversations = nothing,
		.sender = nothing,
		.before = SpiFunctionArg(fcinfo, 3),
		.after = SpiFunctionArg(fcinfo, 4),
		.limit = CheckLimit(PG_ARGISNULL(5) ? MAX_RESULTS : PG_GETARG_INT32(5), MAX_RESULTS),
		.newest_first = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6),
		.page = ReadPage(ArgumentText(fcinfo, 7)),
		.zone = ArgumentText(fcinfo, 8),
	};

	if (!PG_ARGISNULL(1))
	{
		Datum conversation = PG_GETARG_DATUM(1);

		ConversationRequireMember(DatumGetInt64(conversation), search.caller);
		search.conversations = SpiArray(&conversation, 1, INT8OID);
	}
	ZoneCheck(search.zone);
	LimitSender(&search, ArgumentText(fcinfo, 2));
	ReadQuery(&search, ArgumentRequireText(fcinfo, 0, "query"));
	return search;
}

static uint64
Run(SpiQuery *statement, const Search *search, Tuplestorestate *store)
{
	return SpiRunInto(statement,
					  SpiArgs(SpiInt64(search->caller), search->conversations, search->sender,
							  search->after, search->before, SpiInt32(search->query.has),
							  SpiDatum(BoolGetDatum(search->newest_first), false), search->page,
							  SpiInt32(search->limit), SpiText(search->query.words),
							  SpiDatum(PointerGetDatum(search->grams), search->grams == NULL),
							  search->patterns, search->excluded, search->terms),
					  store);
}

/* Whether any page has a match by words. */
static bool
AnyWords(Search search)
{
	search.page = nothing;
	search.limit = 1;
	return Run(&by_words, &search, NULL) > 0;
}

static bool
HasFilter(const Search *search)
{
	return !search->conversations.isnull || !search->sender.isnull || !search->before.isnull ||
		   !search->after.isnull || search->query.has != 0 || search->query.excluded_count > 0;
}

static void
FindMessages(const Search *search, Tuplestorestate *store)
{
	if (search->query.term_count == 0)
	{
		if (HasFilter(search))
			Run(&by_filters, search, store);
		return;
	}
	if (search->grams == NULL)
		Run(&by_words, search, store);
	else if (search->unspaced ||
			 (Run(&by_words, search, store) == 0 && (search->page.isnull || !AnyWords(*search))))
		Run(&by_parts, search, store);
}

Datum
chat_search(PG_FUNCTION_ARGS)
{
	Search search = GetSearch(fcinfo);
	TupleDesc description;
	Tuplestorestate *store = ResultStore(fcinfo, &description);

	RateLimitRequire(RATE_SEARCH, search.caller);
	SpiBegin();
	FindMessages(&search, store);
	SpiEnd();
	return (Datum) 0;
}

/* ---- the language of a conversation ------------------------------------- */

static SpiQuery find_language = {
	.sql = "SELECT FROM chat.search_language WHERE language = $1",
	.argtypes = {TEXTOID},
};

static SpiQuery set_language = {
	.sql = "INSERT INTO chat.conversation_language (conversation_id, language) VALUES ($1, $2) "
		   "ON CONFLICT (conversation_id) DO UPDATE SET language = excluded.language",
	.argtypes = {INT8OID, TEXTOID},
};

static SpiQuery unset_language = {
	.sql = "DELETE FROM chat.conversation_language WHERE conversation_id = $1",
	.argtypes = {INT8OID},
};

static SpiQuery show_language = {
	.sql = "SELECT language FROM chat.search_scope WHERE conversation_id = $1",
	.argtypes = {INT8OID},
};

static void
StoreLanguage(int64 conversation_id, const char *language)
{
	if (language == NULL)
		SpiRun(&unset_language, SpiArgs(SpiInt64(conversation_id)));
	else if (SpiRun(&find_language, SpiArgs(SpiText(language))) > 0)
		SpiRun(&set_language, SpiArgs(SpiInt64(conversation_id), SpiText(language)));
	else
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("there is no text search configuration \"%s\"", language),
						errhint("Use for example simple, english or german; \\dF lists them.")));
}

Datum
chat_set_language(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	char *language;

	SpiBegin();
	PermissionRequire(conversation_id, IdentityRequire(), PERMISSION_SET_LANGUAGE);
	StoreLanguage(conversation_id, ArgumentText(fcinfo, 1));
	SpiRun(&show_language, SpiArgs(SpiInt64(conversation_id)));
	language = SpiKeepText(0, 1);
	SpiEnd();
	PG_RETURN_TEXT_P(cstring_to_text(language));
}
