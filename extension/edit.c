/*
 * edit.c
 *	  Editing a message, what it was before, and taking it back.
 *
 * Both take the conversation's next version first (change.h), so that an edit and a
 * deletion of one message are one after the other: an edit never brings back what
 * was deleted.
 */
#include "compat.h"

#include "edit.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "archive.h"
#include "attachment.h"
#include "audit.h"
#include "change.h"
#include "content.h"
#include "conversation.h"
#include "errors.h"
#include "hold.h"
#include "identity.h"
#include "mention.h"
#include "permission.h"
#include "spi.h"
#include "ratelimit.h"

PG_FUNCTION_INFO_V1(chat_edit);
PG_FUNCTION_INFO_V1(chat_revisions);
PG_FUNCTION_INFO_V1(chat_delete);

/* ---- chat.edit() -------------------------------------------------------- */

/* What the message says now becomes its last revision; the first is what was sent. */
static SpiQuery keep_revision = {
	.sql = "INSERT INTO chat.message_revision "
		   "(conversation_id, seq, revision, content, written_at) "
		   "SELECT $1, $2, (SELECT coalesce(max(revision), 0) + 1 FROM chat.message_revision r "
		   "WHERE r.conversation_id = $1 AND r.seq = $2), "
		   "m.content, coalesce(m.edited_at, m.created_at) "
		   "FROM chat.message m WHERE m.conversation_id = $1 AND m.seq = $2",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery write_content = {
	.sql = "UPDATE chat.message SET content = $3, edited_at = clock_timestamp(), ver = $4, "
		   "changed = 'e' WHERE conversation_id = $1 AND seq = $2",
	.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID},
};

static SpiQuery show_message = {
	.sql = "SELECT " MESSAGE_INFO("m") " FROM " THE_MESSAGE,
	.argtypes = {INT8OID, INT8OID},
};

/* Who may not speak may not do it in an old message either. */
static void
CheckEdit(const MessageChange *change, const char *content)
{
	ParleyError refusal;

	ChangeRequireMessage(change);
	if (change->sender_id != change->caller)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_FORBIDDEN),
						errmsg("only its sender can edit a message")));
	ChangeRequireVoice(change);
	refusal = ContentCheck(content, change->has_attachments);
	if (refusal != CONTENT_OK)
		ContentRaise(refusal, content);
}

static void
Rewrite(MessageChange *change, const char *content)
{
	ChangeUnpack(change);
	SpiRun(&keep_revision, SpiArgs(SpiInt64(change->conversation_id), SpiInt64(change->seq)));
	SpiRun(&write_content, SpiArgs(SpiInt64(change->conversation_id), SpiInt64(change->seq),
								   SpiText(content), SpiInt64(change->ver)));
	if (strchr(change->content, '@'))
		MentionForget(change->conversation_id, change->seq);
	if (strchr(content, '@'))
		MentionStore(change->conversation_id, change->seq, change->sender_id, content);
}

Datum
chat_edit(PG_FUNCTION_ARGS)
{
	char *content = text_to_cstring(PG_GETARG_TEXT_PP(2));
	MessageChange change;

	RateLimitRequire(RATE_EDIT, IdentityRequire());
	SpiBegin();
	change = ChangeBegin(fcinfo);
	CheckEdit(&change, content);
	if (strcmp(content, change.content) != 0)
		Rewrite(&change, content);
	SpiEnd();
	return SpiReturnValue(fcinfo, &show_message,
						  SpiArgs(SpiFunctionArg(fcinfo, 0), SpiFunctionArg(fcinfo, 1)));
}

/* What it says now is the last revision, and the only one of a message never edited. */
static SpiQuery list_revisions = {
	.sql =
		"SELECT revision, content, written_at FROM chat.message_revision "
		"WHERE conversation_id = $1 AND seq = $2 "
		"UNION ALL SELECT (SELECT count(*)::int + 1 FROM chat.message_revision r "
		"WHERE r.conversation_id = $1 AND r.seq = $2), content, "
		"coalesce(edited_at, created_at) FROM " THE_MESSAGE "WHERE deleted_at IS NULL ORDER BY 1",
	.argtypes = {INT8OID, INT8OID},
	.read_only = true,
};

Datum
chat_revisions(PG_FUNCTION_ARGS)
{
	ConversationRequireMember(PG_GETARG_INT64(0), IdentityRequire());
	return SpiReturnRows(fcinfo, &list_revisions,
						 SpiArgs(SpiFunctionArg(fcinfo, 0), SpiFunctionArg(fcinfo, 1)));
}

/* ---- chat.delete() ------------------------------------------------------ */

/* The row stays: the numbering has no gap, and replies refer to it. */
static SpiQuery bury = {
	.sql = "UPDATE chat.message SET content = '', reactions = NULL, attachments = NULL, "
		   "pinned_at = NULL, pinned_by = NULL, deleted_at = clock_timestamp(), ver = $3, "
		   "changed = 'd' WHERE conversation_id = $1 AND seq = $2",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery delete_revisions = {
	.sql = "DELETE FROM chat.message_revision WHERE conversation_id = $1 AND seq = $2",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery delete_reactions = {
	.sql = "DELETE FROM chat.reaction WHERE conversation_id = $1 AND seq = $2",
	.argtypes = {INT8OID, INT8OID},
};

void
EditBury(int64 conversation_id, int64 seq, int64 ver)
{
	const NullableDatum *message = SpiArgs(SpiInt64(conversation_id), SpiInt64(seq));

	SpiRun(&delete_revisions, message);
	SpiRun(&delete_reactions, message);
	MentionForget(conversation_id, seq);
	AttachmentForget(conversation_id, seq);
	SpiRun(&bury, SpiArgs(SpiInt64(conversation_id), SpiInt64(seq), SpiInt64(ver)));
}

Datum
chat_delete(PG_FUNCTION_ARGS)
{
	MessageChange change;

	RateLimitRequire(RATE_EDIT, IdentityRequire());
	SpiBegin();
	change = ChangeBegin(fcinfo);
	if (change.sender_id != change.caller)
		PermissionRequire(change.conversation_id, change.caller, PERMISSION_DELETE_MESSAGE);
	if (!change.is_deleted)
	{
		HoldRequireNone(change.conversation_id);
		ChangeUnpack(&change);
		EditBury(change.conversation_id, change.seq, change.ver);
		if (change.sender_id != change.caller)
			AuditWrite(.kind = AUDIT_MESSAGE_REMOVED, .account_id = change.sender_id,
					   .conversation_id = change.conversation_id,
					   .detail = psprintf(INT64_FORMAT, change.seq));
	}
	SpiEnd();
	PG_RETURN_VOID();
}
