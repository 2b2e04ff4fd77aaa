/*
 * decoder.c
 *	  The output plugin: committed changes become events of the feed (wire.h).
 *
 * Each table of the feed is a row of the table `feed_tables` (feed_event.h): the columns
 * that the event needs, and the function that writes it.  All other tables cost one look
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
#include "feed_event.h"
#include "visible.h"
#include "wire.h"

#define FEED_SCHEMA "chat"
#define MAX_DIGITS 20			/* of an int64 with its sign */
#define CHUNK_SIZE (256 * 1024) /* a chunk is sent off when it has grown past this */

typedef struct DecoderState
{
	MemoryContext scratch;
	StringInfoData chunk; /* room for the chunk header, then events */
	uint32 events;		  /* in the chunk */
	bool begun;			  /* a chunk of this transaction is out */
	PendingReaction reaction;
} DecoderState;

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

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

	if (!state->begun)
		AwaitVisible(txn->xid);
	parley_put_chunk((uint8 *) state->chunk.data, &header);
	OutputPluginPrepareWrite(ctx, last);
	appendBinaryStringInfo(ctx->out, state->chunk.data, state->chunk.len);
	OutputPluginWrite(ctx, last);
	ResetChunk(state);
	state->begun = !last;
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
	{
		FeedAddEvent(&state->chunk, &event, &json);
		state->events++;
	}
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

/*
 * A number that a daemon wrote to see whether it comes back.  Anybody may write such a
 * message, so it says nothing but that.
 */
static void
DecodeMessage(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn,
			  bool transactional, const char *prefix, Size size, const char *message)
{
	DecoderState *state = ctx->output_plugin_private;
	ParleyEvent event = {.kind = PARLEY_EVENT_CANARY};
	char nothing[] = "";
	StringInfoData json = {.data = nothing};
	char digits[MAX_DIGITS + 1];
	char *end;

	if (!transactional || strcmp(prefix, PARLEY_CANARY_PREFIX) != 0 || size > MAX_DIGITS)
		return;
	memcpy(digits, message, size);
	digits[size] = '\0';
	event.number = strtoll(digits, &end, 10);
	if (end == digits || *end != '\0')
		return;
	FeedAddEvent(&state->chunk, &event, &json);
	state->events++;
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
	callbacks->message_cb = DecodeMessage;
	callbacks->commit_cb = CommitTransaction;
}
