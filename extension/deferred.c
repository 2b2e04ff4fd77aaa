/*
 * deferred.c
 *	  Sending at commit: a long transaction that sends early would hold its
 *	  conversations locked until it ends.
 *
 * chat.send_deferred() only writes the message down, in chat.deferred_send.  A deferred
 * constraint trigger on that table puts it into the conversation when the
 * transaction commits; a rollback, also to a savepoint, takes back row and trigger
 * alike.  Rows of that table are never seen by another transaction, because they are
 * gone before the commit: all that the trigger finds are its own transaction's.
 * So the first one to fire takes them all, and they lock their conversations in the
 * order of ids like any batch; the others find nothing left.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "argument.h"
#include "attachment.h"
#include "content.h"
#include "conversation.h"
#include "identity.h"
#include "post.h"
#include "ratelimit.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_send_deferred);
PG_FUNCTION_INFO_V1(chat_post_deferred);

static SpiQuery insert_deferred = {
	.sql = "INSERT INTO chat.deferred_send "
		   "(conversation_id, sender_id, content, client_id, reply_to, attachments) "
		   "VALUES ($1, $2, $3, $4, $5, $6)",
	.argtypes = {INT8OID, INT8OID, TEXTOID, UUIDOID, INT8OID, INT8ARRAYOID},
};

static SpiQuery take_deferred = {
	.sql = "WITH taken AS (DELETE FROM chat.deferred_send RETURNING *) "
		   "SELECT conversation_id, sender_id, content, client_id, reply_to, attachments "
		   "FROM taken ORDER BY id",
};

/* What can be known now is refused now; membership and attachments are looked at at commit. */
Datum
chat_send_deferred(PG_FUNCTION_ARGS)
{
	Send send = {
		.sender_id = IdentityRequire(),
		.conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id"),
		.content = ArgumentContent(fcinfo, 1),
		.attachments = AttachmentList(fcinfo, 4),
	};

	if (send.content == NULL && send.attachments)
		send.content = "";
	send.refusal = ContentCheck(send.content, send.attachments != NULL);
	PostRaiseRefusal(&send);
	RateLimitRequire(RATE_SEND, send.sender_id);
	ConversationRequireMember(send.conversation_id, send.sender_id);

	SpiBegin();
	SpiRun(&insert_deferred,
		   SpiArgs(SpiInt64(send.conversation_id), SpiInt64(send.sender_id), SpiText(send.content),
				   SpiFunctionArg(fcinfo, 2), SpiFunctionArg(fcinfo, 3),
				   SpiDatum(PointerGetDatum(send.attachments), send.attachments == NULL)));
	SpiEnd();
	PG_RETURN_VOID();
}

/* NULL for NULL. */
static ArrayType *
KeepArray(int i, int column)
{
	bool isnull;
	Datum value = SpiGetDatum(i, column, &isnull);
	ArrayType *array;

	if (isnull)
		return NULL;
	array = DatumGetArrayTypeP(value);
	return memcpy(SpiKeepAlloc(VARSIZE(array)), array, VARSIZE(array));
}

/* Of the row `i` that was found, in the caller's memory. */
static Send
KeepSend(int i)
{
	Send send = {
		.conversation_id = SpiGetInt64(i, 1),
		.sender_id = SpiGetInt64(i, 2),
		.content = SpiKeepText(i, 3),
		.attachments = KeepArray(i, 6),
		.refusal = SEND_OK,
	};

	send.client_id.value = SpiKeepDatum(i, 4, &send.client_id.isnull);
	send.reply_to.value = SpiKeepDatum(i, 5, &send.reply_to.isnull);
	return send;
}

/* In the caller's memory; NULL if there are none. */
static Send *
TakeDeferred(int *count)
{
	Send *sends = NULL;

	SpiBegin();
	*count = (int) SpiRun(&take_deferred, SpiNoArgs);
	if (*count > 0)
		sends = SpiKeepAlloc(*count * sizeof(Send));
	for (int i = 0; i < *count; i++)
		sends[i] = KeepSend(i);
	SpiEnd();
	return sends;
}

/* The trigger.  A refusal now is an error, and the transaction is rolled back. */
Datum
chat_post_deferred(PG_FUNCTION_ARGS)
{
	Send *sends;
	int count;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("chat.post_deferred() is a trigger")));
	sends = TakeDeferred(&count);
	if (count > 0)
		PostAll(sends, count);
	for (int i = 0; i < count; i++)
		PostRaiseRefusal(&sends[i]);
	return PointerGetDatum(NULL);
}
