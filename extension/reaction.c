/*
 * reaction.c
 *	  Reactions: one row for each account and emoji, and their summary in the row of
 *	  the message.  An emoji is stored in one spelling (emoji.h), whichever was typed.
 *
 * The summary is made when a reaction comes or goes, under the conversation's lock,
 * from the rows of that one message; so it is exact, and reading a page of messages
 * reads no reactions.  The message's row is written anyhow, because it carries the
 * version.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "archive.h"
#include "argument.h"
#include "change.h"
#include "conversation.h"
#include "emoji.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"
#include "ratelimit.h"

#define EMOJI_KINDS_MAX 50 /* of one message */
#define PAGE_MAX 200

PG_FUNCTION_INFO_V1(chat_react);
PG_FUNCTION_INFO_V1(chat_unreact);
PG_FUNCTION_INFO_V1(chat_reactions);

static SpiQuery insert_reaction = {
	.sql = "INSERT INTO chat.reaction (conversation_id, seq, emoji, account_id, created_at) "
		   "VALUES ($1, $2, $3, $4, clock_timestamp()) ON CONFLICT DO NOTHING",
	.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID},
};

/* $5: a row that was stored as it was typed goes by the same spelling. */
static SpiQuery delete_reaction = {
	.sql = "DELETE FROM chat.reaction "
		   "WHERE conversation_id = $1 AND seq = $2 AND emoji IN ($3, $5) AND account_id = $4",
	.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID},
};

/*
 * The emoji in the order in which they were first used, of each the first 100 who
 * did.  array_to_json() makes no line breaks, which events could not have.
 */
static SpiQuery summarize = {
	.sql = "UPDATE chat.message SET ver = $3, changed = 'r', reactions = "
		   "(SELECT array_to_json(array_agg(i ORDER BY e.since, e.emoji)) FROM "
		   "(SELECT emoji, count(*) AS count, min(created_at) AS since, "
		   "(array_agg(account_id ORDER BY created_at, account_id))[:100] AS user_ids "
		   "FROM chat.reaction WHERE conversation_id = $1 AND seq = $2 GROUP BY emoji) e "
		   "CROSS JOIN LATERAL (SELECT e.emoji, e.count, e.user_ids) i) "
		   "WHERE conversation_id = $1 AND seq = $2 RETURNING "
		   "coalesce(json_array_length(reactions), 0)",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery show_summary = {
	.sql = "SELECT coalesce(m.reactions, '[]') FROM " THE_MESSAGE,
	.argtypes = {INT8OID, INT8OID},
};

static int64
Summarize(MessageChange *change)
{
	bool isnull;

	ChangeUnpack(change);
	SpiRun(&summarize, SpiArgs(SpiInt64(change->conversation_id), SpiInt64(change->seq),
							   SpiInt64(change->ver)));
	return DatumGetInt32(SpiGetDatum(0, 1, &isnull));
}

/* The body of both: `change_row` adds or takes away one row, or finds it so already. */
static Datum
ChangeReaction(FunctionCallInfo fcinfo, SpiQuery *change_row)
{
	char *typed = ArgumentText(fcinfo, 2);
	char *emoji = EmojiCanonical(typed);
	MessageChange change;

	if (emoji == NULL)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_EMOJI),
						errmsg("a reaction must be one emoji")));
	RateLimitRequire(RATE_REACT, IdentityRequire());
	SpiBegin();
	change = ChangeBegin(fcinfo);
	ChangeRequireMessage(&change);
	if (change_row == &insert_reaction)
		ChangeRequireVoice(&change);
	if (SpiRun(change_row, SpiArgs(SpiInt64(change.conversation_id), SpiInt64(change.seq),
								   SpiText(emoji), SpiInt64(change.caller), SpiText(typed))) > 0 &&
		Summarize(&change) > EMOJI_KINDS_MAX)
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_LIMIT_REACHED),
				 errmsg("a message can have at most %d different reactions", EMOJI_KINDS_MAX)));
	SpiEnd();
	return SpiReturnValue(fcinfo, &show_summary,
						  SpiArgs(SpiFunctionArg(fcinfo, 0), SpiFunctionArg(fcinfo, 1)));
}

Datum
chat_react(PG_FUNCTION_ARGS)
{
	return ChangeReaction(fcinfo, &insert_reaction);
}

Datum
chat_unreact(PG_FUNCTION_ARGS)
{
	return ChangeReaction(fcinfo, &delete_reaction);
}

static SpiQuery list_reactions = {
	.sql = "SELECT r.emoji, r.account_id, a.username, r.created_at "
		   "FROM chat.reaction r JOIN chat.account a ON a.id = r.account_id "
		   "WHERE r.conversation_id = $1 AND r.seq = $2 AND ($3 IS NULL OR r.emoji IN ($3, $6)) "
		   "AND ($4 IS NULL OR r.created_at > $4) ORDER BY r.created_at, r.account_id LIMIT $5",
	.argtypes = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID, INT4OID, TEXTOID},
	.read_only = true,
};

Datum
chat_reactions(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 seq = ArgumentRequireInt64(fcinfo, 1, "seq");
	int limit = CheckLimit(PG_ARGISNULL(4) ? PAGE_MAX : PG_GETARG_INT32(4), PAGE_MAX);
	char *emoji = ArgumentText(fcinfo, 2);

	ConversationRequireMember(conversation_id, caller);
	return SpiReturnRows(fcinfo, &list_reactions,
						 SpiArgs(SpiInt64(conversation_id), SpiInt64(seq),
								 SpiFunctionArg(fcinfo, 2), SpiFunctionArg(fcinfo, 3),
								 SpiInt32(limit), SpiText(emoji ? EmojiCanonical(emoji) : NULL)));
}
