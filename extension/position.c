/*
 * position.c
 *	  How far members have come, many of them in one call.
 *
 * Only rows that will move are locked.  One that a transaction has, which may stay open
 * for long, is not waited for: it stays as it is, and the answer says so.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/array.h"

#include "errors.h"
#include "result.h"
#include "spi.h"

#define POSITIONS_MAX 10000

PG_FUNCTION_INFO_V1(chat_gateway_positions);

enum
{
	ARGUMENT_ACCOUNTS,
	ARGUMENT_CONVERSATIONS,
	ARGUMENT_READS,
	ARGUMENT_DELIVEREDS,
	ARGUMENTS
};

/* What is left of the arguments. */
static SpiQuery lock_members = {
	.sql =
		"SELECT coalesce(array_agg(account_id), '{}'), coalesce(array_agg(conversation_id), '{}'), "
		"coalesce(array_agg(read_seq), '{}'), coalesce(array_agg(delivered_seq), '{}') "
		"FROM (SELECT m.account_id, m.conversation_id, p.read_seq, p.delivered_seq "
		"FROM chat.member m "
		"JOIN (SELECT account_id, conversation_id, max(read_seq) AS read_seq, "
		"max(delivered_seq) AS delivered_seq FROM unnest($1, $2, $3, $4) "
		"AS p (account_id, conversation_id, read_seq, delivered_seq) "
		"GROUP BY account_id, conversation_id) p USING (conversation_id, account_id) "
		"WHERE m.state = 'joined' AND (m.read_seq < p.read_seq OR "
		"greatest(m.delivered_seq, m.read_seq) < greatest(p.read_seq, p.delivered_seq)) "
		"FOR NO KEY UPDATE OF m SKIP LOCKED) l",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID},
};

/* As chat.mark_delivered() does it. */
static SpiQuery move_delivereds = {
	.sql = "UPDATE chat.member m SET delivered_seq = least(p.seq, k.last_seq), changed = 'd' "
		   "FROM (SELECT account_id, conversation_id, max(delivered_seq) AS seq, "
		   "coalesce(max(read_seq), 0) AS read_seq FROM unnest($1, $2, $3, $4) "
		   "AS p (account_id, conversation_id, read_seq, delivered_seq) "
		   "GROUP BY account_id, conversation_id HAVING max(delivered_seq) IS NOT NULL) p, "
		   "chat.conversation_counter k "
		   "WHERE m.conversation_id = p.conversation_id AND m.account_id = p.account_id "
		   "AND m.state = 'joined' AND k.conversation_id = m.conversation_id "
		   "AND greatest(m.delivered_seq, m.read_seq, p.read_seq) < least(p.seq, k.last_seq)",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID},
};

/* As chat.mark_read() does it. */
static SpiQuery move_reads = {
	.sql = "UPDATE chat.member m SET read_seq = least(p.seq, k.last_seq), changed = 'r' "
		   "FROM (SELECT account_id, conversation_id, max(read_seq) AS seq "
		   "FROM unnest($1, $2, $3) AS p (account_id, conversation_id, read_seq) "
		   "GROUP BY account_id, conversation_id HAVING max(read_seq) IS NOT NULL) p, "
		   "chat.conversation_counter k "
		   "WHERE m.conversation_id = p.conversation_id AND m.account_id = p.account_id "
		   "AND m.state = 'joined' AND k.conversation_id = m.conversation_id "
		   "AND m.read_seq < least(p.seq, k.last_seq)",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID},
};

/* One's own messages count as read and delivered.  $5 who is no member, $6 who is locked. */
static SpiQuery show_positions = {
	.sql =
		"SELECT p.item::int, greatest(m.read_seq, own.seq), "
		"greatest(m.delivered_seq, m.read_seq, own.seq), "
		"CASE WHEN m.account_id IS NULL THEN $5 "
		"WHEN m.read_seq < least(coalesce(p.read_seq, 0), k.last_seq) "
		"OR greatest(m.delivered_seq, m.read_seq) "
		"< least(coalesce(p.delivered_seq, 0), k.last_seq) THEN $6 END "
		"FROM unnest($1, $2, $3, $4) WITH ORDINALITY "
		"AS p (account_id, conversation_id, read_seq, delivered_seq, item) "
		"LEFT JOIN chat.member m ON m.conversation_id = p.conversation_id "
		"AND m.account_id = p.account_id AND m.state = 'joined' "
		"LEFT JOIN chat.conversation_counter k ON k.conversation_id = m.conversation_id "
		"LEFT JOIN LATERAL (SELECT max(o.seq) AS seq FROM chat.message o "
		"WHERE o.conversation_id = m.conversation_id AND o.sender_id = m.account_id) own ON true "
		"ORDER BY p.item",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TEXTOID, TEXTOID},
};

static void
CheckLengths(FunctionCallInfo fcinfo)
{
	int count = 0;

	for (int n = 0; n < ARGUMENTS; n++)
	{
		ArrayType *array = PG_GETARG_ARRAYTYPE_P(n);
		int elements = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

		if (n == 0)
			count = elements;
		if (elements != count || elements > POSITIONS_MAX)
			ereport(ERROR,
					(ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
					 errmsg("the arrays must have the same length, at most %d", POSITIONS_MAX)));
	}
}

Datum
chat_gateway_positions(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Tuplestorestate *store = ResultStore(fcinfo, &description);
	NullableDatum accounts = SpiFunctionArg(fcinfo, ARGUMENT_ACCOUNTS);
	NullableDatum conversations = SpiFunctionArg(fcinfo, ARGUMENT_CONVERSATIONS);
	NullableDatum reads = SpiFunctionArg(fcinfo, ARGUMENT_READS);
	NullableDatum delivereds = SpiFunctionArg(fcinfo, ARGUMENT_DELIVEREDS);
	NullableDatum not_found = SpiText(ParleyErrorName(PARLEY_ERROR_CONVERSATION_NOT_FOUND));
	NullableDatum busy = SpiText(ParleyErrorName(PARLEY_ERROR_CONVERSATION_BUSY));
	NullableDatum locked[ARGUMENTS];

	CheckLengths(fcinfo);
	SpiBegin();
	SpiRun(&lock_members, SpiArgs(accounts, conversations, reads, delivereds));
	for (int n = 0; n < ARGUMENTS; n++)
		locked[n].value = SpiGetDatum(0, n + 1, &locked[n].isnull);
	SpiRun(&move_delivereds, SpiArgs(locked[ARGUMENT_ACCOUNTS], locked[ARGUMENT_CONVERSATIONS],
									 locked[ARGUMENT_READS], locked[ARGUMENT_DELIVEREDS]));
	SpiRun(&move_reads, SpiArgs(locked[ARGUMENT_ACCOUNTS], locked[ARGUMENT_CONVERSATIONS],
								locked[ARGUMENT_READS]));
	SpiRunInto(&show_positions,
			   SpiArgs(accounts, conversations, reads, delivereds, not_found, busy), store);
	SpiEnd();
	return (Datum) 0;
}
