/*
 * message.c
 *	  Sending, and what else one does with a single message.
 *
 * One path serves chat.send() and chat.send_batch().  The messages are taken
 * conversation by conversation, in the order of ids, so that two batches never
 * wait for each other in a circle.  For each conversation as many numbers are
 * reserved as there are messages, which locks it (counter.h).  Numbers that a
 * refused or repeated message did not use are given back under the same lock:
 * nobody has seen them, and the numbering has no gap.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "conversation.h"
#include "counter.h"
#include "errors.h"
#include "guc.h"
#include "identity.h"
#include "message.h"
#include "result.h"
#include "spi.h"

#define BATCH_MAX 10000

static int max_content_kb = 16;

static const IntSetting settings[] = {
	{"pg_parley.max_content_size", "The longest content a message may have.", &max_content_kb, 1,
	 1024, GUC_UNIT_KB},
};

PG_FUNCTION_INFO_V1(chat_send);
PG_FUNCTION_INFO_V1(chat_send_batch);
PG_FUNCTION_INFO_V1(chat_message);
PG_FUNCTION_INFO_V1(chat_mark_read);

typedef struct Send
{
	int64 conversation_id;
	int64 sender_id;
	char *content;			 /* NULL: SQL NULL */
	NullableDatum client_id; /* uuid */
	NullableDatum reply_to;	 /* bigint */

	ParleyError refusal; /* PARLEY_ERROR_COUNT: it was sent */
	int64 seq;
	TimestampTz created_at;
	bool repeated; /* an earlier send with this client_id */
} Send;

#define SEND_OK PARLEY_ERROR_COUNT

void
MessageInit(void)
{
	DefineSettings(settings, lengthof(settings));
}

static SpiQuery find_repeated = {
	.sql = "SELECT seq, created_at FROM chat.message "
		   "WHERE conversation_id = $1 AND sender_id = $2 AND client_id = $3",
	.argtypes = {INT8OID, INT8OID, UUIDOID},
};

/* The time is taken under the lock: created_at does not run against seq. */
static SpiQuery insert_message = {
	.sql = "INSERT INTO chat.message (conversation_id, seq, sender_id, sender_name, content, "
		   "client_id, reply_to, created_at) "
		   "SELECT $1, $3, $2, a.username, $4, $5, $6, clock_timestamp() "
		   "FROM chat.member m JOIN chat.account a ON a.id = m.account_id "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 "
		   "AND m.state = 'joined' AND a.closed_at IS NULL "
		   "AND ($6 IS NULL OR EXISTS "
		   "(SELECT FROM chat.message r WHERE r.conversation_id = $1 AND r.seq = $6)) "
		   "RETURNING created_at",
	.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, UUIDOID, INT8OID},
};

static SpiQuery can_send = {
	.sql = "SELECT FROM chat.member m JOIN chat.account a ON a.id = m.account_id "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined' "
		   "AND a.closed_at IS NULL",
	.argtypes = {INT8OID, INT8OID},
};

/* ---- one conversation's part of a batch; inside SpiBegin() --------------- */

static ParleyError
CheckContent(const char *content)
{
	if (content == NULL || IsBlank(content))
		return PARLEY_ERROR_INVALID_CONTENT;
	if (strlen(content) > (size_t) max_content_kb * 1024)
		return PARLEY_ERROR_CONTENT_TOO_LONG;
	return SEND_OK;
}

static TimestampTz
GetTimestamp(int column)
{
	bool isnull;

	return DatumGetTimestampTz(SpiGetDatum(0, column, &isnull));
}

static bool
FindRepeated(Send *send)
{
	if (send->client_id.isnull ||
		SpiRun(&find_repeated, SpiArgs(SpiInt64(send->conversation_id), SpiInt64(send->sender_id),
									   send->client_id)) == 0)
		return false;
	send->seq = SpiGetInt64(0, 1);
	send->created_at = GetTimestamp(2);
	send->repeated = true;
	return true;
}

static ParleyError
ExplainRefusal(const Send *send)
{
	if (SpiRun(&can_send, SpiArgs(SpiInt64(send->conversation_id), SpiInt64(send->sender_id))) == 0)
		return PARLEY_ERROR_CONVERSATION_NOT_FOUND;
	return PARLEY_ERROR_MESSAGE_NOT_FOUND;
}

/* Says it under the number seq.  False: the number was not used. */
static bool
PostMessage(Send *send, int64 seq)
{
	send->refusal = CheckContent(send->content);
	if (send->refusal != SEND_OK || FindRepeated(send))
		return false;

	if (SpiRun(&insert_message,
			   SpiArgs(SpiInt64(send->conversation_id), SpiInt64(send->sender_id), SpiInt64(seq),
					   SpiText(send->content), send->client_id, send->reply_to)) == 0)
	{
		send->refusal = ExplainRefusal(send);
		return false;
	}
	send->seq = seq;
	send->created_at = GetTimestamp(1);
	return true;
}

static void
PostConversation(Send **sends, int count)
{
	int64 conversation_id = sends[0]->conversation_id;
	int64 last = CounterMoveSeq(conversation_id, count);
	int64 next = last - count + 1;

	for (int i = 0; i < count; i++)
	{
		if (last == 0)
			sends[i]->refusal = PARLEY_ERROR_CONVERSATION_NOT_FOUND;
		else if (PostMessage(sends[i], next))
			next++;
	}
	if (last != 0 && next <= last)
		CounterMoveSeq(conversation_id, next - last - 1);
}

static int
CompareSends(const void *a, const void *b)
{
	const Send *left = *(Send *const *) a;
	const Send *right = *(Send *const *) b;

	if (left->conversation_id != right->conversation_id)
		return left->conversation_id < right->conversation_id ? -1 : 1;
	return left < right ? -1 : left > right; /* in the order they came */
}

static void
PostAll(Send *sends, int count)
{
	Send **sorted = palloc(count * sizeof(Send *));

	for (int i = 0; i < count; i++)
		sorted[i] = &sends[i];
	qsort(sorted, count, sizeof(Send *), CompareSends);

	SpiBegin();
	for (int begin = 0, end; begin < count; begin = end)
	{
		end = begin + 1;
		while (end < count && sorted[end]->conversation_id == sorted[begin]->conversation_id)
			end++;
		PostConversation(&sorted[begin], end - begin);
	}
	SpiEnd();
}

/* ---- chat.send() -------------------------------------------------------- */

static void
RaiseRefusal(const Send *send)
{
	switch (send->refusal)
	{
		case SEND_OK:
			return;
		case PARLEY_ERROR_INVALID_CONTENT:
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_CONTENT),
							errmsg("the content of a message must not be empty")));
		case PARLEY_ERROR_CONTENT_TOO_LONG:
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_CONTENT_TOO_LONG),
							errmsg("the content is longer than %d kB", max_content_kb)));
		case PARLEY_ERROR_MESSAGE_NOT_FOUND:
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_MESSAGE_NOT_FOUND),
							errmsg("there is no message %lld to reply to",
								   (long long) DatumGetInt64(send->reply_to.value))));
		default:
			ConversationRaiseNotFound(send->conversation_id);
	}
}

Datum
chat_send(PG_FUNCTION_ARGS)
{
	Send send = {
		.sender_id = IdentityRequire(),
		.conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id"),
		.content = ArgumentText(fcinfo, 1),
		.client_id = SpiFunctionArg(fcinfo, 2),
		.reply_to = SpiFunctionArg(fcinfo, 3),
	};
	Datum values[3];
	bool nulls[3] = {false};

	PostAll(&send, 1);
	RaiseRefusal(&send);

	values[0] = Int64GetDatum(send.seq);
	values[1] = TimestampTzGetDatum(send.created_at);
	values[2] = BoolGetDatum(send.repeated);
	return ResultRow(fcinfo, values, nulls);
}

/* ---- chat.send_batch() -------------------------------------------------- */

typedef struct Column
{
	Datum *values;
	bool *nulls;
} Column;

/* Argument n, an array of `type`, which must have as many elements as the others. */
static Column
GetColumn(FunctionCallInfo fcinfo, int n, Oid type, int *count)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(n);
	Column column;
	int elements;
	int16 typlen;
	bool typbyval;
	char typalign;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &column.values, &column.nulls,
					  &elements);
	if (n == 0)
		*count = elements;
	if (elements != *count || elements > BATCH_MAX)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("the arrays must have the same length, at most %d", BATCH_MAX)));
	return column;
}

static NullableDatum
GetElement(Column column, int i)
{
	return SpiDatum(column.values[i], column.nulls[i]);
}

/* An id that is NULL matches nothing. */
static int64
GetId(Column column, int i)
{
	return column.nulls[i] ? 0 : DatumGetInt64(column.values[i]);
}

static Send *
GetSends(FunctionCallInfo fcinfo, int *count)
{
	Column senders = GetColumn(fcinfo, 0, INT8OID, count);
	Column conversations = GetColumn(fcinfo, 1, INT8OID, count);
	Column contents = GetColumn(fcinfo, 2, TEXTOID, count);
	Column client_ids = GetColumn(fcinfo, 3, UUIDOID, count);
	Column replies = GetColumn(fcinfo, 4, INT8OID, count);
	Send *sends = palloc0(*count * sizeof(Send));

	for (int i = 0; i < *count; i++)
	{
		sends[i].sender_id = GetId(senders, i);
		sends[i].conversation_id = GetId(conversations, i);
		if (!contents.nulls[i])
			sends[i].content = TextDatumGetCString(contents.values[i]);
		sends[i].client_id = GetElement(client_ids, i);
		sends[i].reply_to = GetElement(replies, i);
	}
	return sends;
}

static void
PutResult(Tuplestorestate *store, TupleDesc description, int item, const Send *send)
{
	bool sent = send->refusal == SEND_OK;
	Datum values[5] = {
		Int32GetDatum(item),
		Int64GetDatum(send->seq),
		TimestampTzGetDatum(send->created_at),
		BoolGetDatum(send->repeated),
	};
	bool nulls[5] = {false, !sent, !sent, !sent, sent};

	if (!sent)
		values[4] = CStringGetTextDatum(ParleyErrorName(send->refusal));
	tuplestore_putvalues(store, description, values, nulls);
}

Datum
chat_send_batch(PG_FUNCTION_ARGS)
{
	int count;
	Send *sends = GetSends(fcinfo, &count);
	TupleDesc description;
	Tuplestorestate *store = ResultStore(fcinfo, &description);

	PostAll(sends, count);
	for (int i = 0; i < count; i++)
		PutResult(store, description, i + 1, &sends[i]);
	return (Datum) 0;
}

/* ---- one message -------------------------------------------------------- */

static SpiQuery show_message = {
	.sql = "SELECT i FROM chat.message_info i WHERE conversation_id = $1 AND seq = $2",
	.argtypes = {INT8OID, INT8OID},
};

Datum
chat_message(PG_FUNCTION_ARGS)
{
	Datum message;

	ConversationRequireMember(PG_GETARG_INT64(0), IdentityRequire());
	message = SpiReturnValue(fcinfo, &show_message,
							 SpiArgs(SpiFunctionArg(fcinfo, 0), SpiFunctionArg(fcinfo, 1)));
	if (fcinfo->isnull)
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_MESSAGE_NOT_FOUND),
				 errmsg("the conversation has no message %lld", (long long) PG_GETARG_INT64(1))));
	return message;
}

static SpiQuery move_read_position = {
	.sql = "UPDATE chat.member m SET read_seq = least($3, k.last_seq), changed = 'r' "
		   "FROM chat.conversation_counter k "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined' "
		   "AND k.conversation_id = m.conversation_id AND m.read_seq < least($3, k.last_seq)",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

/* One's own messages count as read, as chat.conversation() shows it. */
static SpiQuery find_read_position = {
	.sql = "SELECT greatest(m.read_seq, (SELECT max(o.seq) FROM chat.message o "
		   "WHERE o.conversation_id = m.conversation_id AND o.sender_id = m.account_id)) "
		   "FROM chat.member m "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined'",
	.argtypes = {INT8OID, INT8OID},
};

Datum
chat_mark_read(PG_FUNCTION_ARGS)
{
	int64 conversation_id = PG_GETARG_INT64(0);
	int64 caller = IdentityRequire();
	int64 read_seq;

	SpiBegin();
	SpiRun(&move_read_position,
		   SpiArgs(SpiInt64(conversation_id), SpiInt64(caller), SpiInt64(PG_GETARG_INT64(1))));
	if (SpiRun(&find_read_position, SpiArgs(SpiInt64(conversation_id), SpiInt64(caller))) == 0)
		ConversationRaiseNotFound(conversation_id);
	read_seq = SpiGetInt64(0, 1);
	SpiEnd();
	PG_RETURN_INT64(read_seq);
}
