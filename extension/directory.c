/*
 * directory.c
 *	  Finding people and conversations by a part of their name.
 *
 * Names are compared by UnicodeFold(), user names among them, whose letters are ASCII.
 * What begins with the query comes first.  A part inside a name is found by the pieces
 * that an index holds (gram.h); a query too short to have any, such as two Latin
 * letters, only finds what begins with it.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "argument.h"
#include "identity.h"
#include "ratelimit.h"
#include "search_index.h"
#include "search_text.h"
#include "spi.h"
#include "unicode.h"

#define MAX_RESULTS 100
#define QUERY_MAX 400 /* bytes; no name is longer */

PG_FUNCTION_INFO_V1(chat_search_users);
PG_FUNCTION_INFO_V1(chat_search_conversations);

/*
 * $1 caller, $2 how many, $3 what begins with the query, $4 what contains it, $5 its pieces.  The
 * patterns are built in C and not in SQL: only a constant one lets the planner use an index.
 */
#define NAME_ARGTYPES \
	{ \
		INT8OID, INT4OID, TEXTOID, TEXTOID, INT4ARRAYOID \
	}

static SpiQuery find_users = {
	.sql =
		"SELECT u.* FROM (SELECT a.id, a.username FROM chat.account a "
		"WHERE (lower(a.username COLLATE \"C\") LIKE $3 "
		"OR chat.fold_case(a.display_name) LIKE $3) AND a.closed_at IS NULL "
		"UNION SELECT a.id, a.username FROM chat.account a "
		"WHERE chat.search_grams(chat.fold_case(a.username || ' ' || a.display_name)) @> $5 "
		"AND chat.search_fold(a.username || ' ' || a.display_name) LIKE $4 "
		"AND a.closed_at IS NULL) f JOIN chat.user_info u ON u.id = f.id WHERE f.id <> $1 "
		"ORDER BY lower(u.username COLLATE \"C\") LIKE $3 OR chat.fold_case(u.display_name) LIKE "
		"$3 DESC, "
		"lower(u.username COLLATE \"C\") LIMIT $2",
	.argtypes = NAME_ARGTYPES,
	.by_value = true,
	.read_only = true,
};

/* Of one's own conversations there are few, so that they need no index. */
static SpiQuery find_conversations = {
	.sql =
		"SELECT f.id, f.is_group, f.name, f.is_public, f.joined, "
		"(SELECT count(*)::int FROM chat.member m "
		"WHERE m.conversation_id = f.id AND m.state = 'joined') "
		"FROM (SELECT c.id, c.is_group, n.name, c.is_public, true AS joined FROM chat.member me "
		"JOIN chat.conversation c ON c.id = me.conversation_id "
		"CROSS JOIN LATERAL (SELECT c.name, '' AS username WHERE c.is_group "
		"UNION ALL SELECT a.display_name, a.username FROM chat.member o "
		"JOIN chat.account a ON a.id = o.account_id WHERE NOT c.is_group "
		"AND o.conversation_id = c.id AND o.account_id <> $1) n "
		"WHERE me.account_id = $1 AND me.state = 'joined' "
		"AND chat.search_fold(n.name || ' ' || n.username) LIKE $4 "
		"UNION ALL SELECT c.id, true, c.name, true, false FROM chat.conversation c "
		"WHERE c.is_group AND c.is_public AND c.deleted_at IS NULL "
		"AND chat.search_fold(c.name) LIKE $4 AND chat.search_grams(chat.fold_case(c.name)) @> $5 "
		"AND NOT EXISTS (SELECT FROM chat.member me WHERE me.conversation_id = c.id "
		"AND me.account_id = $1 AND me.state IN ('joined', 'banned'))) f "
		"ORDER BY chat.fold_case(f.name) LIKE $3 DESC, f.joined DESC, "
		"chat.fold_case(f.name) COLLATE \"C\", f.id LIMIT $2",
	.argtypes = NAME_ARGTYPES,
	.by_value = true,
	.read_only = true,
};

static Datum
SearchNames(FunctionCallInfo fcinfo, SpiQuery *statement)
{
	char *query = ArgumentText(fcinfo, 0);
	int64 caller = IdentityRequire();
	int limit = CheckLimit(PG_GETARG_INT32(1), MAX_RESULTS);
	char *folded;
	ArrayType *grams;

	RateLimitRequire(RATE_SEARCH, caller);
	ClipText(query, QUERY_MAX);
	folded = SearchFold(query);
	grams = SearchGrams(folded); /* as chat.search_grams() makes those of the index */
	return SpiReturnRows(fcinfo, statement,
						 SpiArgs(SpiInt64(caller), SpiInt32(limit),
								 SpiText(SearchPattern(UnicodeFold(query), false)),
								 SpiText(SearchPattern(folded, true)),
								 SpiDatum(PointerGetDatum(grams), grams == NULL)));
}

Datum
chat_search_users(PG_FUNCTION_ARGS)
{
	return SearchNames(fcinfo, &find_users);
}

Datum
chat_search_conversations(PG_FUNCTION_ARGS)
{
	return SearchNames(fcinfo, &find_conversations);
}
