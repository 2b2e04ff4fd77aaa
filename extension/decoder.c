/*
 * decoder.c
 *	  The output plugin: committed changes become events of the feed (wire.h).
 *
 * Each table of the feed is a row of the table `feed_tables`: the columns that the
 * event needs, and the function that writes it.  All other tables cost one look
 * into a hash of relations.  The plugin reads nothing but the WAL and the
 * catalogs: no SPI, no look-up of rows.
 *
 * Memory: the DecoderState and its chunk buffer live in ctx->context, as long as
 * the decoding; the JSON of one event is made in `scratch`, reset after each
 * change.  The relation hash lives for the process, because the invalidation
 * callback that guards it can't be taken back.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "errors.h"
#include "event_json.h"
#include "wire.h"

#define FEED_SCHEMA "chat"
#define FEED_MAX_COLUMNS 16
#define EMOJI_MAX 64			/* bytes; chat.reaction has the same limit */
#define CHUNK_SIZE (256 * 1024) /* a chunk is sent off when it has grown past this */

/*
 * A row of chat.reaction that came or went.  It does not know the version; the row
 * of the message does, which is written next and makes the event of both.  A change
 * of any other kind makes none: a deleted message takes its reactions along.
 */
typedef struct PendingReaction
{
	int64 conversation_id;
	int64 seq;
	int64 account_id;
	bool added;
	char emoji[EMOJI_MAX + 1]; /* empty: none is pending */
} PendingReaction;

typedef struct DecoderState
{
	MemoryContext scratch;
	StringInfoData chunk; /* room for the chunk header, then events */
	uint32 events;		  /* in the chunk */
	bool begun;			  /* a chunk of this transaction is out */
	PendingReaction reaction;
} DecoderState;

/* One changed row: its feed columns in the order that the feed table states. */
typedef struct Change
{
	bool is_update;
	bool is_delete; /* then all but the primary key is NULL */
	EventValue columns[FEED_MAX_COLUMNS];
	PendingReaction *reaction;
} Change;

/* Fills header and JSON; false if the change is no event. */
typedef bool (*EventWriter)(const Change *change, ParleyEvent *event, StringInfo json);

typedef struct FeedColumn
{
	const char *name;
	Oid type;
} FeedColumn;

typedef struct FeedTable
{
	const char *name;
	EventWriter write;
	bool deletes;						  /* are of interest too */
	FeedColumn columns[FEED_MAX_COLUMNS]; /* ends at the first without a name */
} FeedTable;

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

/* ---- events ------------------------------------------------------------- */

static int64
Number(EventValue value)
{
	return value.isnull ? 0 : DatumGetInt64(value.value);
}

enum
{
	MESSAGE_CONVERSATION_ID,
	MESSAGE_SEQ,
	MESSAGE_SENDER_ID,
	MESSAGE_SENDER_NAME,
	MESSAGE_CONTENT,
	MESSAGE_CLIENT_ID,
	MESSAGE_REPLY_TO,
	MESSAGE_CREATED_AT,
	MESSAGE_EDITED_AT,
	MESSAGE_THREAD,
	MESSAGE_PINNED_AT,
	MESSAGE_REACTIONS,
	MESSAGE_ATTACHMENTS,
	MESSAGE_VER,
	MESSAGE_CHANGED
};

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

/* False if no reaction of this message is pending: then only its summary was written. */
static bool
WritePendingReaction(const Change *change, ParleyEvent *event, StringInfo json)
{
	PendingReaction *reaction = change->reaction;
	EventValue user = {.value = Int64GetDatum(reaction->account_id)};

	if (reaction->emoji[0] == '\0' || reaction->conversation_id != event->conversation_id ||
		reaction->seq != event->number)
		return false;
	event->kind = PARLEY_EVENT_REACTION;
	event->account_id = reaction->account_id;
	EventJsonBegin(json, "reaction");
	EventJsonInt(json, "conversation_id", change->columns[MESSAGE_CONVERSATION_ID]);
	EventJsonInt(json, "seq", change->columns[MESSAGE_SEQ]);
	EventJsonInt(json, "user_id", user);
	EventJsonString(json, "emoji", reaction->emoji);
	EventJsonRaw(json, "added", reaction->added ? "true" : "false");
	EventJsonInt(json, "ver", change->columns[MESSAGE_VER]);
	EventJsonEnd(json);
	reaction->emoji[0] = '\0';
	return true;
}

static bool
WriteMessage(const Change *change, ParleyEvent *event, StringInfo json)
{
	const EventValue *columns = change->columns;

	event->conversation_id = Number(columns[MESSAGE_CONVERSATION_ID]);
	event->account_id = Number(columns[MESSAGE_SENDER_ID]);
	event->number = Number(columns[MESSAGE_SEQ]);
	if (!change->is_update)
	{
		WriteNewMessage(columns, event, json);
		return true;
	}
	event->ver = Number(columns[MESSAGE_VER]);
	switch (columns[MESSAGE_CHANGED].isnull ? '\0' : DatumGetChar(columns[MESSAGE_CHANGED].value))
	{
		case 'e':
		case 'p':
			WriteUpdate(columns, event, json);
			return true;
		case 'd':
			WriteDeletion(columns, event, json);
			return true;
		case 'r':
			return WritePendingReaction(change, event, json);
		default:
			return false;
	}
}

enum
{
	REACTION_CONVERSATION_ID,
	REACTION_SEQ,
	REACTION_ACCOUNT_ID,
	REACTION_EMOJI
};

/* No event yet: the message's row follows. */
static bool
NoteReaction(const Change *change, ParleyEvent *event, StringInfo json)
{
	const EventValue *columns = change->columns;
	PendingReaction *reaction = change->reaction;

	reaction->conversation_id = Number(columns[REACTION_CONVERSATION_ID]);
	reaction->seq = Number(columns[REACTION_SEQ]);
	reaction->account_id = Number(columns[REACTION_ACCOUNT_ID]);
	reaction->added = !change->is_delete;
	strlcpy(reaction->emoji, TextDatumGetCString(columns[REACTION_EMOJI].value),
			sizeof(reaction->emoji));
	return false;
}

enum
{
	MEMBER_CONVERSATION_ID,
	MEMBER_ACCOUNT_ID,
	MEMBER_ROLE,
	MEMBER_STATE,
	MEMBER_READ_SEQ,
	MEMBER_DELIVERED_SEQ,
	MEMBER_MUTED_UNTIL,
	MEMBER_VER,
	MEMBER_CHANGED
};

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
	EventValue state = columns[MEMBER_STATE];

	event->kind = PARLEY_EVENT_MEMBER;
	event->number = event->ver = Number(columns[MEMBER_VER]);
	/* The WAL outlives constraints: a NULL must not bring the server down. */
	if (!state.isnull && strcmp(TextDatumGetCString(state.value), "joined") == 0)
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
	switch (DatumGetChar(columns[MEMBER_CHANGED].value))
	{
		case 'r':
			WriteReading(columns, event, json);
			break;
		case 'd':
			WriteDelivery(columns, event, json);
			break;
		case 'b':
			return false;
		default:
			WriteMembership(columns, event, json);
	}
	return true;
}

enum
{
	CONVERSATION_ID,
	CONVERSATION_IS_GROUP,
	CONVERSATION_NAME,
	CONVERSATION_IS_PUBLIC,
	CONVERSATION_VER
};

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

enum
{
	SESSION_ID,
	SESSION_ACCOUNT_ID,
	SESSION_ENDED_AT
};

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

enum
{
	ACCOUNT_ID,
	ACCOUNT_USERNAME,
	ACCOUNT_DISPLAY_NAME,
	ACCOUNT_AVATAR_URL,
	ACCOUNT_BIO,
	ACCOUNT_CLOSED_AT
};

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

static const FeedTable feed_tables[] = {
	{"message",
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
	{"reaction",
	 NoteReaction,
	 true,
	 {[REACTION_CONVERSATION_ID] = {"conversation_id", INT8OID},
	  [REACTION_SEQ] = {"seq", INT8OID},
	  [REACTION_ACCOUNT_ID] = {"account_id", INT8OID},
	  [REACTION_EMOJI] = {"emoji", TEXTOID}}},
	{"member",
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
	{"conversation",
	 WriteConversation,
	 false,
	 {[CONVERSATION_ID] = {"id", INT8OID},
	  [CONVERSATION_IS_GROUP] = {"is_group", BOOLOID},
	  [CONVERSATION_NAME] = {"name", TEXTOID},
	  [CONVERSATION_IS_PUBLIC] = {"is_public", BOOLOID},
	  [CONVERSATION_VER] = {"ver", INT8OID}}},
	{"session",
	 WriteSession,
	 false,
	 {[SESSION_ID] = {"id", INT8OID},
	  [SESSION_ACCOUNT_ID] = {"account_id", INT8OID},
	  [SESSION_ENDED_AT] = {"ended_at", TIMESTAMPTZOID}}},
	{"account",
	 WriteAccount,
	 false,
	 {[ACCOUNT_ID] = {"id", INT8OID},
	  [ACCOUNT_USERNAME] = {"username", TEXTOID},
	  [ACCOUNT_DISPLAY_NAME] = {"display_name", TEXTOID},
	  [ACCOUNT_AVATAR_URL] = {"avatar_url", TEXTOID},
	  [ACCOUNT_BIO] = {"bio", TEXTOID},
	  [ACCOUNT_CLOSED_AT] = {"closed_at", TIMESTAMPTZOID}}},
};

/* ---- which relation is which table -------------------------------------- */

typedef struct RelationEntry
{
	Oid relid;				/* hash key */
	uint64 generation;		/* of the catalogs, when this was looked up */
	const FeedTable *table; /* NULL: not of the feed */
	AttrNumber attnums[FEED_MAX_COLUMNS];
} RelationEntry;

static HTAB *relations = NULL;
static uint64 catalog_generation = 1;

static void
NoteCatalogChange(Datum arg, Oid relid)
{
	catalog_generation++;
}

static void
InitRelations(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(RelationEntry)};

	if (relations)
		return;
	control.hcxt = CacheMemoryContext;
	relations =
		hash_create("pg_parley relations", 128, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(NoteCatalogChange, (Datum) 0);
}

/* Finds the columns of a table by name and type; false if the relation lacks one. */
static bool
ResolveColumns(const FeedTable *table, TupleDesc description, AttrNumber *attnums)
{
	for (int i = 0; i < FEED_MAX_COLUMNS && table->columns[i].name; i++)
	{
		attnums[i] = InvalidAttrNumber;
		for (int j = 0; j < description->natts; j++)
		{
			Form_pg_attribute attribute = TupleDescAttr(description, j);

			if (!attribute->attisdropped && attribute->atttypid == table->columns[i].type &&
				strcmp(NameStr(attribute->attname), table->columns[i].name) == 0)
				attnums[i] = attribute->attnum;
		}
		if (attnums[i] == InvalidAttrNumber)
			return false;
	}
	return true;
}

/* "message", or "message_102010" as a distributed shard of it is called. */
static bool
IsNameOf(const char *relation_name, const char *table_name)
{
	size_t length = strlen(table_name);
	const char *rest = relation_name + length;

	if (strncmp(relation_name, table_name, length) != 0)
		return false;
	if (*rest == '\0')
		return true;
	return rest[0] == '_' && rest[1] != '\0' && rest[1 + strspn(rest + 1, "0123456789")] == '\0';
}

static const FeedTable *
FindTable(Relation relation, AttrNumber *attnums)
{
	const char *schema = get_namespace_name(RelationGetNamespace(relation));

	if (schema == NULL || strcmp(schema, FEED_SCHEMA) != 0)
		return NULL;
	for (int i = 0; i < (int) lengthof(feed_tables); i++)
	{
		if (IsNameOf(RelationGetRelationName(relation), feed_tables[i].name) &&
			ResolveColumns(&feed_tables[i], RelationGetDescr(relation), attnums))
			return &feed_tables[i];
	}
	return NULL;
}

static const RelationEntry *
GetRelationEntry(Relation relation)
{
	Oid relid = RelationGetRelid(relation);
	bool found;
	RelationEntry *entry = hash_search(relations, &relid, HASH_ENTER, &found);

	if (!found || entry->generation != catalog_generation)
	{
		uint64 generation = catalog_generation;

		entry->generation = 0; /* an error below must not leave it looking valid */
		entry->table = FindTable(relation, entry->attnums);
		entry->generation = generation;
	}
	return entry;
}

/* ---- chunks ------------------------------------------------------------- */

static void
ResetChunk(DecoderState *state)
{
	resetStringInfo(&state->chunk);
	enlargeStringInfo(&state->chunk, PARLEY_CHUNK_HEADER_SIZE);
	state->chunk.len = PARLEY_CHUNK_HEADER_SIZE;
	state->events = 0;
}

static int64
UnixMicroseconds(TimestampTz time)
{
	return time + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

static void
SendChunk(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, bool last)
{
	DecoderState *state = ctx->output_plugin_private;
	ParleyChunk header = {
		.flags = last ? PARLEY_CHUNK_FLAG_LAST : 0,
		.xid = txn->xid,
		.commit_time = UnixMicroseconds(ParleyCommitTime(txn)),
		.events = state->events,
		.bytes = state->chunk.len - PARLEY_CHUNK_HEADER_SIZE,
	};

	parley_put_chunk((uint8 *) state->chunk.data, &header);
	OutputPluginPrepareWrite(ctx, last);
	appendBinaryStringInfo(ctx->out, state->chunk.data, state->chunk.len);
	OutputPluginWrite(ctx, last);
	ResetChunk(state);
	state->begun = !last;
}

static void
AddEvent(DecoderState *state, ParleyEvent *event, StringInfo json)
{
	uint8 header[PARLEY_EVENT_HEADER_SIZE];

	event->length = json->len;
	parley_put_event(header, event);
	appendBinaryStringInfo(&state->chunk, (char *) header, sizeof(header));
	appendBinaryStringInfo(&state->chunk, json->data, json->len);
	state->events++;
}

/* ---- callbacks ---------------------------------------------------------- */

static void
RequireOurWire(const char *wanted)
{
	if (wanted == NULL || strcmp(wanted, CppAsString2(PARLEY_WIRE_VERSION)) != 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_WIRE_MISMATCH),
						errmsg("this pg_parley speaks wire version %d, the client asks for %s",
							   PARLEY_WIRE_VERSION, wanted ? wanted : "none"),
						errhint("Install parley-pushd and the extension's library from the same "
								"release, then restart parley-pushd.")));
}

static void
Startup(LogicalDecodingContext *ctx, OutputPluginOptions *options, bool is_init)
{
	DecoderState *state = palloc0(sizeof(DecoderState));
	const char *wire = NULL;
	ListCell *cell;

	options->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
	foreach(cell, ctx->output_plugin_options)
	{
		DefElem *option = lfirst(cell);

		if (strcmp(option->defname, PARLEY_WIRE_OPTION) != 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("unknown option \"%s\"", option->defname)));
		wire = defGetString(option);
	}
	if (!is_init)
		RequireOurWire(wire);

	InitRelations();
	state->scratch =
		AllocSetContextCreate(ctx->context, "pg_parley change", ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&state->chunk);
	ResetChunk(state);
	ctx->output_plugin_private = state;
}

static void
BeginTransaction(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	DecoderState *state = ctx->output_plugin_private;

	ResetChunk(state);
	state->begun = false;
	state->reaction.emoji[0] = '\0';
}

static void
GetChange(Change *change, const RelationEntry *entry, Relation relation, HeapTuple tuple)
{
	TupleDesc description = RelationGetDescr(relation);
	Datum *values = palloc(description->natts * sizeof(Datum));
	bool *nulls = palloc(description->natts * sizeof(bool));

	heap_deform_tuple(tuple, description, values, nulls);
	for (int i = 0; i < FEED_MAX_COLUMNS && entry->table->columns[i].name; i++)
	{
		int n = entry->attnums[i] - 1;
		bool varlena = TupleDescAttr(description, n)->attlen == -1;

		change->columns[i] = (EventValue){
			.value = values[n],
			.isnull = nulls[n],
			.absent = varlena && !nulls[n] && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(values[n])),
		};
	}
}

static void
WriteChange(DecoderState *state, const RelationEntry *entry, Relation relation,
			const ReorderBufferChange *reordered, HeapTuple tuple)
{
	Change change = {
		.is_update = reordered->action == REORDER_BUFFER_CHANGE_UPDATE,
		.is_delete = reordered->action == REORDER_BUFFER_CHANGE_DELETE,
		.reaction = &state->reaction,
	};
	ParleyEvent event = {0};
	StringInfoData json;

	initStringInfo(&json);
	GetChange(&change, entry, relation, tuple);
	if (entry->table->write(&change, &event, &json))
		AddEvent(state, &event, &json);
}

/* The row that the change leaves, or the key of the one it takes away; NULL: not of interest. */
static HeapTuple
GetTuple(const FeedTable *table, const ReorderBufferChange *reordered)
{
	switch (reordered->action)
	{
		case REORDER_BUFFER_CHANGE_INSERT:
		case REORDER_BUFFER_CHANGE_UPDATE:
			return ParleyNewTuple(reordered);
		case REORDER_BUFFER_CHANGE_DELETE:
			return table->deletes ? ParleyOldTuple(reordered) : NULL;
		default:
			return NULL;
	}
}

static void
DecodeChange(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation,
			 ReorderBufferChange *reordered)
{
	DecoderState *state = ctx->output_plugin_private;
	const RelationEntry *entry = GetRelationEntry(relation);
	HeapTuple tuple;
	MemoryContext old;

	if (entry->table == NULL)
		return;
	tuple = GetTuple(entry->table, reordered);
	if (tuple == NULL)
		return;

	old = MemoryContextSwitchTo(state->scratch);
	WriteChange(state, entry, relation, reordered, tuple);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->scratch);

	if (state->chunk.len > CHUNK_SIZE)
		SendChunk(ctx, txn, false);
}

static void
CommitTransaction(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	DecoderState *state = ctx->output_plugin_private;

	if (state->events > 0 || state->begun)
		SendChunk(ctx, txn, true);
	else
		ParleyUpdateProgress(ctx);
}

void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	callbacks->startup_cb = Startup;
	callbacks->begin_cb = BeginTransaction;
	callbacks->change_cb = DecodeChange;
	callbacks->commit_cb = CommitTransaction;
}
