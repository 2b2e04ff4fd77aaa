/*
 * change.c
 *	  The beginning of every change of a message.
 */
#include "compat.h"

#include "change.h"

#include "catalog/pg_type_d.h"

#include "archive_store.h"
#include "conversation.h"
#include "counter.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"

static SpiQuery find_message = {
	.sql = "SELECT m.sender_id, m.content, m.deleted_at IS NOT NULL, m.pinned_at IS NOT NULL, "
		   "m.attachments IS NOT NULL FROM chat.member b "
		   "LEFT JOIN chat.message m ON m.conversation_id = b.conversation_id AND m.seq = $2 "
		   "WHERE b.conversation_id = $1 AND b.account_id = $3 AND b.state = 'joined'",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery find_archived = {
	.sql = "SELECT m.sender_id, m.content, m.deleted_at IS NOT NULL, false, "
		   "m.attachments IS NOT NULL FROM " THE_MESSAGE,
	.argtypes = {INT8OID, INT8OID},
};

/* Raises CONVERSATION_NOT_FOUND or MESSAGE_NOT_FOUND. */
static void
FindMessage(MessageChange *change)
{
	const NullableDatum *args =
		SpiArgs(SpiInt64(change->conversation_id), SpiInt64(change->seq), SpiInt64(change->caller));

	if (SpiRun(&find_message, args) == 0)
		ConversationRaiseNotFound(change->conversation_id);
	if (SpiGetInt64(0, 1) != 0)
		return;
	change->is_archived = SpiRun(&find_archived, args) > 0;
	if (!change->is_archived)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_MESSAGE_NOT_FOUND),
						errmsg("the conversation has no message %lld", (long long) change->seq)));
}

MessageChange
ChangeBegin(FunctionCallInfo fcinfo)
{
	MessageChange change = {
		.conversation_id = PG_GETARG_INT64(0),
		.seq = PG_GETARG_INT64(1),
		.caller = IdentityRequire(),
	};

	change.ver = CounterNextVer(change.conversation_id);
	if (change.ver == 0)
		ConversationRaiseNotFound(change.conversation_id);
	FindMessage(&change);
	change.sender_id = SpiGetInt64(0, 1);
	change.content = SpiGetText(0, 2);
	change.is_deleted = SpiGetBool(0, 3);
	change.is_pinned = SpiGetBool(0, 4);
	change.has_attachments = SpiGetBool(0, 5);
	return change;
}

void
ChangeUnpack(MessageChange *change)
{
	if (change->is_archived)
		ArchiveUnpack(change->conversation_id, change->seq);
	change->is_archived = false;
}

void
ChangeRequireMessage(const MessageChange *change)
{
	if (change->is_deleted)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_MESSAGE_DELETED),
						errmsg("message %lld was deleted", (long long) change->seq)));
}

void
ChangeRequireVoice(const MessageChange *change)
{
	ParleyError silence = ConversationFindSilence(change->conversation_id, change->caller);

	if (silence != PARLEY_NO_ERROR)
		ConversationRaiseSilence(silence, change->conversation_id);
}
