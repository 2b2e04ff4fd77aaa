/*
 * message.c
 *	  Sending, singly and in batches; one message, and how far one has read.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "archive.h"
#include "argument.h"
#include "attachment.h"
#include "conversation.h"
#include "errors.h"
#include "identity.h"
#include "post.h"
#include "result.h"
#include "spi.h"
#include "wake.h"

#define BATCH_MAX 10000

PG_FUNCTION_INFO_V1(chat_send);
PG_FUNCTION_INFO_V1(chat_send_batch);
PG_FUNCTION_INFO_V1(chat_message);
PG_FUNCTION_INFO_V1(chat_mark_read);
PG_FUNCTION_INFO_V1(chat_mark_delivered);

/* ---- chat.send() -------------------------------------------------------- */

Datum
chat_send(PG_FUNCTION_ARGS)
{
	Send send = {
		.sender_id = IdentityRequire(),
		.conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id"),
		.content = ArgumentContent(fcinfo, 1),
		.client_id = SpiFunctionArg(fcinfo, 2),
		.reply_to = SpiFunctionArg(fcinfo, 3),
		.attachments = AttachmentList(fcinfo, 4),
		.refusal = SEND_OK,
	};
	Datum values[3];
	bool nulls[3] = {false};

	if (send.content == NULL && send.attachments)
		send.content = "";
	PostThrottle(&send, 1, true);
	PostAll(&send, 1);
	PostRaiseRefusal(&send);

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
		sends[i].refusal = SEND_OK;
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

	if (!PG_GETARG_BOOL(5))
		PostRefuseBusy(sends, count);
	PostThrottle(sends, count, PG_GETARG_BOOL(5));
	PostAll(sends, count);
	for (int i = 0; i < count; i++)
		PutResult(store, description, i + 1, &sends[i]);
	return (Datum) 0;
}

/* ---- one message -------------------------------------------------------- */

static SpiQuery show_message = {
	.sql = "SELECT " MESSAGE_INFO("m") " FROM " THE_MESSAGE,
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

/* ---- positions ---------------------------------------------------------- */

static SpiQuery move_read = {
	.sql = "UPDATE chat.member m SET read_seq = least($3, k.last_seq), changed = 'r' "
		   "FROM chat.conversation_counter k "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined' "
		   "AND k.conversation_id = m.conversation_id AND m.read_seq < least($3, k.last_seq)",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

/* One's own messages count as read, as chat.conversation() shows it. */
static SpiQuery find_read = {
	.sql = "SELECT " READ_SEQ " FROM chat.member m "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined'",
	.argtypes = {INT8OID, INT8OID},
};

/* What is read is delivered, and need not be told. */
static SpiQuery move_delivered = {
	.sql = "UPDATE chat.member m SET delivered_seq = least($3, k.last_seq), changed = 'd' "
		   "FROM chat.conversation_counter k "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined' "
		   "AND k.conversation_id = m.conversation_id "
		   "AND greatest(m.delivered_seq, m.read_seq) < least($3, k.last_seq)",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery find_delivered = {
	.sql = "SELECT greatest(m.delivered_seq, " READ_SEQ ") FROM chat.member m "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined'",
	.argtypes = {INT8OID, INT8OID},
};

/* Moves a position of the caller, if that is forward, and returns where it is. */
static Datum
MarkPosition(FunctionCallInfo fcinfo, SpiQuery *move, SpiQuery *find)
{
	int64 conversation_id = PG_GETARG_INT64(0);
	int64 caller = IdentityRequire();
	int64 position;

	SpiBegin();
	if (SpiRun(move,
			   SpiArgs(SpiInt64(conversation_id), SpiInt64(caller), SpiFunctionArg(fcinfo, 1))) > 0)
		WakeGateways();
	if (SpiRun(find, SpiArgs(SpiInt64(conversation_id), SpiInt64(caller))) == 0)
		ConversationRaiseNotFound(conversation_id);
	position = SpiGetInt64(0, 1);
	SpiEnd();
	PG_RETURN_INT64(position);
}

Datum
chat_mark_read(PG_FUNCTION_ARGS)
{
	return MarkPosition(fcinfo, &move_read, &find_read);
}

Datum
chat_mark_delivered(PG_FUNCTION_ARGS)
{
	return MarkPosition(fcinfo, &move_delivered, &find_delivered);
}
