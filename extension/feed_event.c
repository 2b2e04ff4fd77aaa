/*
 * feed_event.c
 *	  How a row becomes an event.
 */
#include "compat.h"

#include "feed_event.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"

/*
 * The WAL outlives constraints: a NULL must not bring the server down.  So values are read by
 * these functions and those of event_json.h alone.
 */
static int64
Number(EventValue value)
{
	return value.isnull ? 0 : DatumGetInt64(value.value);
}

static char
Char(EventValue value)
{
	return value.isnull ? '\0' : DatumGetChar(value.value);
}

/* NULL where it is NULL or was not written. */
static const char *
Text(EventValue value)
{
	return value.isnull || value.absent ? NULL : TextDatumGetCString(value.value);
}

static void
WriteContent(const EventValue *columns, StringInfo json)
{
	EventJsonInt(json, "conversation_id", columns[MESSAGE_CONVERSATION_ID]);
	EventJsonInt(json, "seq", columns[MESSAGE_SEQ]);
	EventJsonInt(json, "sender_id", columns[MESSAGE_SENDER_ID]);
	EventJsonText(json, "sender", columns[MESSAGE_SENDER_NAME]);
	EventJsonText(json, "content", columns[MESSAGE_CONTENT]);
	EventJsonUuid(json, "client_id", columns[MESSAGE_CLIENT_ID]);
	EventJsonInt(json, "reply_to", columns[MESSAGE_REPLY_TO]);
	EventJsonTime(json, "created_at", columns[MESSAGE_CREATED_AT]);
	EventJsonTime(json, "edited_at", columns[MESSAGE_EDITED_AT]);
	EventJsonRaw(json, "deleted", "false");
	EventJsonList(json, "reactions", columns[MESSAGE_REACTIONS]);
	EventJsonInt(json, "thread", columns[MESSAGE_THREAD]);
	EventJsonRaw(json, "pinned", columns[MESSAGE_PINNED_AT].isnull ? "false" : "true");
	EventJsonList(json, "attachments", columns[MESSAGE_ATTACHMENTS]);
}

static void
WriteNewMessage(const EventValue *columns, ParleyEvent *event, StringInfo json)
{
	event->kind = PARLEY_EVENT_MESSAGE;
	EventJsonBegin(json, "message");
	WriteContent(columns, json);
	EventJsonEnd(json);
}

/* Edited or pinned.  What the WAL leaves out has not changed. */
static void
WriteUpdate(const EventValue *columns, ParleyEvent *event, StringInfo json)
{
	event->kind = PARLEY_EVENT_MESSAGE_UPDATED;
	EventJsonBegin(json, "message_updated");
	WriteContent(columns, json);
	EventJsonInt(json, "ver", columns[MESSAGE_VER]);
	EventJsonEnd(json);
}

static void
WriteDeletion(const EventValue *columns, ParleyEvent *event, StringInfo json)
{
	event->kind = PARLEY_EVENT_MESSAGE_DELETED;
	EventJsonBegin(json, "message_deleted");
	EventJsonInt(json, "conversation_id", columns[MESSAGE_CONVERSATION_ID]);
	EventJsonInt(json, "seq", columns[MESSAGE_SEQ]);
	EventJsonInt(json, "ver", columns[MESSAGE_VER]);
	EventJsonEnd(json);
}

static bool
IsReactionTo(const PendingReaction *reaction, const ParleyEvent *event)
{
	return reaction->emoji[0] != '\0' && reaction->conversation_id == event->conversation_id &&
		   reaction->seq == event->number;
}

static void
WriteReaction(const EventValue *columns, PendingReaction *reaction, ParleyEvent *event,
			  StringInfo json)
{
	EventValue user = {.value = Int64GetDatum(reaction->account_id)};

	event->kind = PARLEY_EVENT_REACTION;
	event->account_id = reaction->account_id;
	EventJsonBegin(json, "reaction");
	EventJsonInt(json, "conversation_id", columns[MESSAGE_CONVERSATION_ID]);
	EventJsonInt(json, "seq", columns[MESSAGE_SEQ]);
	EventJsonInt(json, "user_id", user);
	EventJsonString(json, "emoji", reaction->emoji);
	EventJsonRaw(json, "added", reaction->added ? "true" : "false");
	EventJsonInt(json, "ver", columns[MESSAGE_VER]);
	EventJsonEnd(json);
	reaction->emoji[0] = '\0';
}

/* False if no reaction to this message is pending: then only its summary was written. */
static bool
WritePendingReaction(const Change *change, ParleyEvent *event, StringInfo json)
{
	PendingReaction *reaction = change->reaction;

	if (IsReactionTo(reaction, event))
		WriteReaction(change->columns, reaction, event, json);
	else if (reaction->is_unnamed)
	{
		WriteUpdate(change->columns, event, json);
		reaction->is_unnamed = false;
	}
	else
		return false;
	return true;
}

static bool
WriteMessage(const Change *change, ParleyEvent *event, StringInfo json)
{
	const EventValue *columns = change->columns;
	char changed = Char(columns[MESSAGE_CHANGED]);

	event->conversation_id = Number(columns[MESSAGE_CONVERSATION_ID]);
	event->account_id = Number(columns[MESSAGE_SENDER_ID]);
	event->number = Number(columns[MESSAGE_SEQ]);
	if (!change->is_update)
	{
		if (changed == CHANGED_UNPACKED)
			return false;
		WriteNewMessage(columns, event, json);
		return true;
	}
	event->ver = Number(columns[MESSAGE_VER]);
	switch (changed)
	{
		case CHANGED_CONTENT:
		case CHANGED_PIN:
			WriteUpdate(columns, event, json);
			return true;
		case CHANGED_DELETED:
			WriteDeletion(columns, event, json);
			return true;
		case CHANGED_REACTIONS:
			return WritePendingReaction(change, event, json);
		default:
			return false;
	}
}

/*
 * No event yet: the message's row follows.  Of a row that was taken away the WAL has only the
 * table's replica identity, which an owner may have changed.
 */
static bool
NoteReaction(const Change *change, ParleyEvent *event, StringInfo json)
{
	const EventValue *columns = change->columns;
	PendingReaction *reaction = change->reaction;
	const char *emoji = Text(columns[REACTION_EMOJI]);

	if (emoji == NULL || columns[REACTION_CONVERSATION_ID].isnull || columns[REACTION_SEQ].isnull ||
		columns[REACTION_ACCOUNT_ID].isnull)
	{
		reaction->is_unnamed = true;
		return false;
	}
	reaction->conversation_id = Number(columns[REACTION_CONVERSATION_ID]);
	reaction->seq = Number(columns[REACTION_SEQ]);
	reaction->account_id = Number(columns[REACTION_ACCOUNT_ID]);
	reaction->added = !change->is_delete;
	strlcpy(reaction->emoji, emoji, sizeof(reaction->emoji));
	return false;
}

static void
WritePosition(const EventValue *columns, int position, const char *type, StringInfo json)
{
	EventJsonBegin(json, type);
	EventJsonInt(json, "conversation_id", columns[MEMBER_CONVERSATION_ID]);
	EventJsonInt(json, "user_id", columns[MEMBER_ACCOUNT_ID]);
	EventJsonInt(json, "seq", columns[position]);
	EventJsonEnd(json);
}

static void
WriteReading(const EventValue *columns, ParleyEvent *event, StringInfo json)
{
	event->kind = PARLEY_EVENT_READ;
	event->number = Number(columns[MEMBER_READ_SEQ]);
	WritePosition(columns, MEMBER_READ_SEQ, "read", json);
}

static void
WriteDelivery(const EventValue *columns, ParleyEvent *event, StringInfo json)
{
	event->kind = PARLEY_EVENT_DELIVERED;
	event->number = Number(columns[MEMBER_DELIVERED_SEQ]);
	WritePosition(columns, MEMBER_DELIVERED_SEQ, "delivered", json);
}

static void
WriteMembership(const EventValue *columns, ParleyEvent *event, StringInfo json)
{
	const char *state = Text(columns[MEMBER_STATE]);

	event->kind = PARLEY_EVENT_MEMBER;
	event->number = event->ver = Number(columns[MEMBER_VER]);
	if (state && strcmp(state, "joined") == 0)
		event->flags |= PARLEY_EVENT_FLAG_ACTIVE;
	EventJsonBegin(json, "member");
	EventJsonInt(json, "conversation_id", columns[MEMBER_CONVERSATION_ID]);
	EventJsonInt(json, "user_id", columns[MEMBER_ACCOUNT_ID]);
	EventJsonText(json, "role", columns[MEMBER_ROLE]);
	EventJsonText(json, "state", columns[MEMBER_STATE]);
	EventJsonTime(json, "muted_until", columns[MEMBER_MUTED_UNTIL]);
	EventJsonInt(json, "ver", columns[MEMBER_VER]);
	EventJsonEnd(json);
}

/* The row itself says what it was written for; a block is nothing to tell. */
static bool
WriteMember(const Change *change, ParleyEvent *event, StringInfo json)
{
	const EventValue *columns = change->columns;

	event->conversation_id = Number(columns[MEMBER_CONVERSATION_ID]);
	event->account_id = Number(columns[MEMBER_ACCOUNT_ID]);
	switch (Char(columns[MEMBER_CHANGED]))
	{
		case CHANGED_READING:
			WriteReading(columns, event, json);
			break;
		case CHANGED_DELIVERY:
			WriteDelivery(columns, event, json);
			break;
		case CHANGED_QUIETLY:
			return false;
		default:
			WriteMembership(columns, event, json);
	}
	return true;
}

static bool
WriteConversation(const Change *change, ParleyEvent *event, StringInfo json)
{
	const EventValue *columns = change->columns;

	if (!change->is_update)
		return false; /* its members are told by their joining */
	event->kind = PARLEY_EVENT_CONVERSATION;
	event->conversation_id = Number(columns[CONVERSATION_ID]);
	event->number = event->ver = Number(columns[CONVERSATION_VER]);
	EventJsonBegin(json, "conversation");
	EventJsonInt(json, "id", columns[CONVERSATION_ID]);
	EventJsonBool(json, "is_group", columns[CONVERSATION_IS_GROUP]);
	EventJsonText(json, "name", columns[CONVERSATION_NAME]);
	EventJsonBool(json, "is_public", columns[CONVERSATION_IS_PUBLIC]);
	EventJsonInt(json, "ver", columns[CONVERSATION_VER]);
	EventJsonEnd(json);
	return true;
}

/* Only an end is of interest: a session that is refreshed goes on as before. */
static bool
WriteSession(const Change *change, ParleyEvent *event, StringInfo json)
{
	const EventValue *columns = change->columns;

	if (columns[SESSION_ENDED_AT].isnull)
		return false;
	event->kind = PARLEY_EVENT_SESSION;
	event->account_id = Number(columns[SESSION_ACCOUNT_ID]);
	event->number = Number(columns[SESSION_ID]);
	return true;
}

static bool
WriteAccount(const Change *change, ParleyEvent *event, StringInfo json)
{
	const EventValue *columns = change->columns;
	StringInfoData user;

	if (!change->is_update)
		return false;
	event->kind = PARLEY_EVENT_ACCOUNT;
	event->account_id = Number(columns[ACCOUNT_ID]);
	if (!columns[ACCOUNT_CLOSED_AT].isnull)
		event->flags |= PARLEY_EVENT_FLAG_GONE;

	initStringInfo(&user);
	EventJsonInt(&user, "id", columns[ACCOUNT_ID]);
	EventJsonText(&user, "username", columns[ACCOUNT_USERNAME]);
	EventJsonText(&user, "display_name", columns[ACCOUNT_DISPLAY_NAME]);
	EventJsonText(&user, "avatar_url", columns[ACCOUNT_AVATAR_URL]);
	EventJsonText(&user, "bio", columns[ACCOUNT_BIO]);
	user.data[0] = '{'; /* in place of the first comma */
	EventJsonEnd(&user);

	EventJsonBegin(json, "user_updated");
	EventJsonRaw(json, "user", user.data);
	EventJsonEnd(json);
	return true;
}

const FeedTable feed_tables[FEED_TABLE_COUNT] = {
	[FEED_MESSAGE] = {"message",
					  WriteMessage,
					  false,
					  {[MESSAGE_CONVERSATION_ID] = {"conversation_id", INT8OID},
					   [MESSAGE_SEQ] = {"seq", INT8OID},
					   [MESSAGE_SENDER_ID] = {"sender_id", INT8OID},
					   [MESSAGE_SENDER_NAME] = {"sender_name", TEXTOID},
					   [MESSAGE_CONTENT] = {"content", TEXTOID},
					   [MESSAGE_CLIENT_ID] = {"client_id", UUIDOID},
					   [MESSAGE_REPLY_TO] = {"reply_to", INT8OID},
					   [MESSAGE_CREATED_AT] = {"created_at", TIMESTAMPTZOID},
					   [MESSAGE_EDITED_AT] = {"edited_at", TIMESTAMPTZOID},
					   [MESSAGE_THREAD] = {"thread", INT8OID},
					   [MESSAGE_PINNED_AT] = {"pinned_at", TIMESTAMPTZOID},
					   [MESSAGE_REACTIONS] = {"reactions", JSONOID},
					   [MESSAGE_ATTACHMENTS] = {"attachments", JSONOID},
					   [MESSAGE_VER] = {"ver", INT8OID},
					   [MESSAGE_CHANGED] = {"changed", CHAROID}}},
	[FEED_REACTION] = {"reaction",
					   NoteReaction,
					   true,
					   {[REACTION_CONVERSATION_ID] = {"conversation_id", INT8OID},
						[REACTION_SEQ] = {"seq", INT8OID},
						[REACTION_ACCOUNT_ID] = {"account_id", INT8OID},
						[REACTION_EMOJI] = {"emoji", TEXTOID}}},
	[FEED_MEMBER] = {"member",
					 WriteMember,
					 false,
					 {[MEMBER_CONVERSATION_ID] = {"conversation_id", INT8OID},
					  [MEMBER_ACCOUNT_ID] = {"account_id", INT8OID},
					  [MEMBER_ROLE] = {"role", TEXTOID},
					  [MEMBER_STATE] = {"state", TEXTOID},
					  [MEMBER_READ_SEQ] = {"read_seq", INT8OID},
					  [MEMBER_DELIVERED_SEQ] = {"delivered_seq", INT8OID},
					  [MEMBER_MUTED_UNTIL] = {"muted_until", TIMESTAMPTZOID},
					  [MEMBER_VER] = {"ver", INT8OID},
					  [MEMBER_CHANGED] = {"changed", CHAROID}}},
	[FEED_CONVERSATION] = {"conversation",
						   WriteConversation,
						   false,
						   {[CONVERSATION_ID] = {"id", INT8OID},
							[CONVERSATION_IS_GROUP] = {"is_group", BOOLOID},
							[CONVERSATION_NAME] = {"name", TEXTOID},
							[CONVERSATION_IS_PUBLIC] = {"is_public", BOOLOID},
							[CONVERSATION_VER] = {"ver", INT8OID}}},
	[FEED_SESSION] = {"session",
					  WriteSession,
					  false,
					  {[SESSION_ID] = {"id", INT8OID},
					   [SESSION_ACCOUNT_ID] = {"account_id", INT8OID},
					   [SESSION_ENDED_AT] = {"ended_at", TIMESTAMPTZOID}}},
	[FEED_ACCOUNT] = {"account",
					  WriteAccount,
					  false,
					  {[ACCOUNT_ID] = {"id", INT8OID},
					   [ACCOUNT_USERNAME] = {"username", TEXTOID},
					   [ACCOUNT_DISPLAY_NAME] = {"display_name", TEXTOID},
					   [ACCOUNT_AVATAR_URL] = {"avatar_url", TEXTOID},
					   [ACCOUNT_BIO] = {"bio", TEXTOID},
					   [ACCOUNT_CLOSED_AT] = {"closed_at", TIMESTAMPTZOID}}},
};

void
FeedAddEvent(StringInfo to, ParleyEvent *event, StringInfo json)
{
	uint8_t header[PARLEY_EVENT_HEADER_SIZE];

	event->length = json->len;
	parley_put_event(header, event);
	appendBinaryStringInfo(to, (char *) header, sizeof(header));
	appendBinaryStringInfo(to, json->data, json->len);
}
