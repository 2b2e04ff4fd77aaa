/*
 * position.c
 *	  How far members have come, many of them in one call.
 *
 * The rows are locked in one order, so that two gateways with the same members cannot
 * wait for each other, and only those that will move.
 */
#include "postgres.h"

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

static SpiQuery lock_members = {
	.sql = "SELECT FROM chat.member m "
		   "JOIN (SELECT account_id, conversation_id, max(read_seq) AS read_seq, "
		   "greatest(max(read_seq), max(delivered_seq)) AS delivered_seq "
		   "FROM unnest($1, $2, $3, $4) "
		   "AS p (account_id, conversation_id, read_seq, delivered_seq) "
		   "GROUP BY account_id, conversation_id) p USING (conversation_id, account_id) "
		   "WHERE m.state = 'joined' AND (m.read_seq < p.read_seq OR "
		   "greatest(m.delivered_seq, m.read_seq) < p.delivered_seq) "
		   "ORDER BY m.conversation_id, m.account_id FOR NO KEY UPDATE OF m",
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

/* One's own messages count as read and delivered. */
static SpiQuery show_positions = {
	.sql =
		"SELECT p.item::int, greatest(m.read_seq, own.seq), "
		"greatest(m.delivered_seq, m.read_seq, own.seq), "
		"CASE WHEN m.account_id IS NULL THEN $3 END "
		"FROM unnest($1, $2) WITH ORDINALITY AS p (account_id, conversation_id, item) "
		"LEFT JOIN chat.member m ON m.conversation_id = p.conversation_id "
		"AND m.account_id = p.account_id AND m.state = 'joined' "
		"LEFT JOIN LATERAL (SELECT max(o.seq) AS seq FROM chat.message o "
		"WHERE o.conversation_id = m.conversation_id AND o.sender_id = m.account_id) own ON true "
		"ORDER BY p.item",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, TEXTOID},
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
	const char *not_found = ParleyErrorName(PARLEY_ERROR_CONVERSATION_NOT_FOUND);

	CheckLengths(fcinfo);
	SpiBegin();
	SpiRun(&lock_members, SpiArgs(accounts, conversations, reads, delivereds));
	SpiRun(&move_delivereds, SpiArgs(accounts, conversations, reads, delivereds));
	SpiRun(&move_reads, SpiArgs(accounts, conversations, reads));
	SpiRunInto(&show_positions, SpiArgs(accounts, conversations, SpiText(not_found)), store);
	SpiEnd();
	return (Datum) 0;
}
