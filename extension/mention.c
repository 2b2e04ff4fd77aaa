/*
 * mention.c
 *	  Finds mentions in contents and keeps them; lists those of the caller.
 *
 * Only a content with an @ comes here: the others pay for one strchr().
 */
#include "compat.h"

#include "mention.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "archive.h"
#include "argument.h"
#include "conversation.h"
#include "identity.h"
#include "spi.h"

#define MENTIONS_MAX 50
#define CANDIDATES_MAX 200
#define USERNAME_MAX 32
#define PAGE_MAX 200

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

PG_FUNCTION_INFO_V1(chat_mentions);

/* Every name that each mention may mean. */
typedef struct Candidates
{
	bool all;
	int mentions;
	int count;
	Datum names[CANDIDATES_MAX]; /* text */
	Datum words[CANDIDATES_MAX]; /* which mention it is of, int */
} Candidates;

/* "bob.." may be "bob..", "bob." or "bob". */
static void
AddCandidates(Candidates *found, const char *name, size_t length)
{
	found->mentions++;
	for (; length > 0 && found->count < CANDIDATES_MAX; length--)
	{
		if (length == 3 && pg_strncasecmp(name, "all", 3) == 0)
			found->all = true;
		if (length <= USERNAME_MAX)
		{
			found->names[found->count] =
				PointerGetDatum(cstring_to_text_with_len(name, (int) length));
			found->words[found->count] = Int32GetDatum(found->mentions);
			found->count++;
		}
		if (strchr(LETTERS, name[length - 1]))
			break;
	}
}

static void
FindCandidates(const char *content, Candidates *found)
{
	const char *at = content;

	while ((at = strchr(at, '@')) != NULL && found->mentions < MENTIONS_MAX)
	{
		bool begins = at == content || strchr(LETTERS "_+-", at[-1]) == NULL;
		size_t length = strspn(++at, LETTERS "_.-");

		if (begins && length > 0 && strchr(LETTERS, *at))
			AddCandidates(found, at, length);
		at += length;
	}
}

static SpiQuery insert_mentions = {
	.sql = "INSERT INTO chat.mention (conversation_id, account_id, seq, sender_id) "
		   "SELECT DISTINCT $1, w.id, $2, $3 FROM (SELECT DISTINCT ON (n.word) a.id "
		   "FROM unnest($4, $5) AS n (word, name) "
		   "JOIN chat.account a ON lower(a.username COLLATE \"C\") = lower(n.name COLLATE \"C\") "
		   "AND a.closed_at IS NULL "
		   "JOIN chat.member m ON m.conversation_id = $1 AND m.account_id = a.id "
		   "AND m.state = 'joined' "
		   "ORDER BY n.word, length(n.name) DESC) w WHERE w.id <> $3 "
		   "UNION ALL SELECT $1, 0, $2, $3 WHERE $6",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT4ARRAYOID, TEXTARRAYOID, BOOLOID},
};

static SpiQuery delete_mentions = {
	.sql = "DELETE FROM chat.mention WHERE conversation_id = $1 AND seq = $2",
	.argtypes = {INT8OID, INT8OID},
};

void
MentionStore(int64 conversation_id, int64 seq, int64 sender_id, const char *content)
{
	Candidates found = {0};

	FindCandidates(content, &found);
	if (found.count == 0)
		return;
	SpiRun(&insert_mentions, SpiArgs(SpiInt64(conversation_id), SpiInt64(seq), SpiInt64(sender_id),
									 SpiArray(found.words, found.count, INT4OID),
									 SpiArray(found.names, found.count, TEXTOID),
									 SpiDatum(BoolGetDatum(found.all), false)));
}

void
MentionForget(int64 conversation_id, int64 seq)
{
	SpiRun(&delete_mentions, SpiArgs(SpiInt64(conversation_id), SpiInt64(seq)));
}

/* Of each kind the newest, by index; a message that names both is one. */
#define NEWEST_MENTIONS(account) \
	"(SELECT n.seq FROM chat.mention n WHERE n.conversation_id = $1 AND n.account_id = " account \
	" " \
	"AND n.seq < coalesce($3, 9223372036854775807) AND " MENTION_COUNTS( \
		"n", "$2") " " \
				   "ORDER BY n.seq DESC LIMIT $4)"

#define MENTIONED "(" NEWEST_MENTIONS("0") " UNION " NEWEST_MENTIONS("$2") ") n "

/* In order before the messages are looked up: neighbours may be of one block. */
#define MENTIONING \
	"(SELECT n.seq FROM " MENTIONED "ORDER BY n.seq DESC LIMIT $4) s " \
	"CROSS JOIN LATERAL " MESSAGE_AT("$1", "s.seq") " m "

static SpiQuery list_mentions = {
	.sql = "SELECT (x.info).* FROM (SELECT " MESSAGE_INFO(
		"m") " AS info FROM " MENTIONING "OFFSET 0) x ORDER BY (x.info).seq DESC",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID},
	.read_only = true,
};

Datum
chat_mentions(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int limit = CheckLimit(PG_ARGISNULL(2) ? PAGE_MAX : PG_GETARG_INT32(2), PAGE_MAX);

	ConversationRequireMember(conversation_id, caller);
	return SpiReturnRows(fcinfo, &list_mentions,
						 SpiArgs(SpiInt64(conversation_id), SpiInt64(caller),
								 SpiFunctionArg(fcinfo, 1), SpiInt32(limit)));
}
