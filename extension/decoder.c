/*
 * decoder.c
 *	  The output plugin: committed changes become events of the feed (wire.h).
 *
 * Each table of the feed is a row of the table `feed_tables` (feed_event.h): the columns
 * that the event needs, and the function that writes it.  All other tables cost one look
 * into a hash of relations (feed_relation.h).  The plugin reads nothing but the WAL and the
 * catalogs: no SPI, no look-up of rows.
 *
 * The WAL outlives constraints, and tables can be altered: any column may be NULL, and the
 * row of a DELETE may have any columns or be missing, as the table's replica identity has it.
 *
 * Replication origins.  What a logical subscription writes into our tables is new to the people
 * of this server, so it is sent to them like all else, as the table feed does, which cannot
 * tell the difference.  Left out is what is marked to be replicated no further
 * (DoNotReplicateId), and what comes into a shard with an origin: Citus moves shards so, and
 * those messages were sent when they were new.
 *
 * Memory: the DecoderState and its chunk buffer live in ctx->context, as long as
 * the decoding; the JSON of one event is made in `scratch`, reset after each
 * change.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "feed_event.h"
#include "feed_relation.h"
#include "visible.h"
#include "wire.h"

#define MAX_DIGITS 20			/* of an int64 with its sign */
#define CHUNK_SIZE (256 * 1024) /* a chunk is sent off when it has grown past this */
#define PROGRESS_CHANGES 100	/* between two looks at the connection, as pgoutput has it */

typedef struct DecoderState
{
	MemoryContext scratch;
	StringInfoData chunk; /* room for the chunk header, then events */
	uint32 events;		  /* in the chunk */
	bool begun;			  /* a chunk of this transaction is out */
	bool awaits;		  /* the option "await" */
	int quiet_changes;	  /* since the last look at the connection */
	PendingReaction reaction;
} DecoderState;

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

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

	if (!state->begun && state->awaits)
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

/* Options: "wire", which is required to decode, and "await", a boolean (visible.h). */
static void
ReadOptions(DecoderState *state, List *options, bool is_init)
{
	const char *wire = NULL;
	ListCell *cell;

	state->awaits = true;
	foreach(cell, options)
	{
		DefElem *option = lfirst(cell);

		if (strcmp(option->defname, PARLEY_WIRE_OPTION) == 0)
			wire = defGetString(option);
		else if (strcmp(option->defname, PARLEY_AWAIT_OPTION) == 0)
			state->awaits = defGetBoolean(option);
		else
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("unknown option \"%s\"", option->defname)));
	}
	if (!is_init)
		RequireOurWire(wire);
}

static void
Startup(LogicalDecodingContext *ctx, OutputPluginOptions *options, bool is_init)
{
	DecoderState *state = palloc0(sizeof(DecoderState));

	options->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
	ReadOptions(state, ctx->output_plugin_options, is_init);
	FeedRelationsInit();
	state->scratch =
		AllocSetContextCreate(ctx->context, "pg_parley change", ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&state->chunk);
	ResetChunk(state);
	ctx->output_plugin_private = state;
}

static bool
FilterByOrigin(LogicalDecodingContext *ctx, RepOriginId origin)
{
	return origin == DoNotReplicateId;
}

static void
BeginTransaction(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	DecoderState *state = ctx->output_plugin_private;

	ResetChunk(state);
	state->begun = false;
	state->reaction = (PendingReaction){0};
}

/* Without a tuple every column is NULL. */
static void
GetChange(Change *change, const FeedRelation *entry, Relation relation, HeapTuple tuple)
{
	TupleDesc description = RelationGetDescr(relation);
	Datum *values = palloc0(description->natts * sizeof(Datum));
	bool *nulls = palloc(description->natts * sizeof(bool));

	memset(nulls, true, description->natts * sizeof(bool));
	if (tuple)
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
WriteChange(DecoderState *state, const FeedRelation *entry, Relation relation,
			const ReorderBufferChange *reordered)
{
	Change change = {
		.is_update = reordered->action == REORDER_BUFFER_CHANGE_UPDATE,
		.is_delete = reordered->action == REORDER_BUFFER_CHANGE_DELETE,
		.reaction = &state->reaction,
	};
	ParleyEvent event = {0};
	StringInfoData json;

	initStringInfo(&json);
	GetChange(&change, entry, relation,
			  change.is_delete ? ParleyOldTuple(reordered) : ParleyNewTuple(reordered));
	if (entry->table->write(&change, &event, &json))
	{
		FeedAddEvent(&state->chunk, &event, &json);
		state->events++;
	}
}

static bool
IsOfInterest(const FeedRelation *entry, const ReorderBufferChange *reordered)
{
	if (entry->table == NULL || (entry->is_shard && reordered->origin_id != InvalidRepOriginId))
		return false;
	switch (reordered->action)
	{
		case REORDER_BUFFER_CHANGE_INSERT:
		case REORDER_BUFFER_CHANGE_UPDATE:
			return ParleyNewTuple(reordered) != NULL;
		case REORDER_BUFFER_CHANGE_DELETE:
			return entry->table->deletes;
		default:
			return false;
	}
}

/*
 * A large transaction of other tables gives nothing to send, so nothing that would answer a
 * client or ask it whether it is there: each would take the other for dead.
 */
static void
TellProgress(LogicalDecodingContext *ctx, DecoderState *state)
{
	if (++state->quiet_changes < PROGRESS_CHANGES)
		return;
	state->quiet_changes = 0;
	ParleyTellProgress(ctx);
}

static void
DecodeChange(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation,
			 ReorderBufferChange *reordered)
{
	DecoderState *state = ctx->output_plugin_private;
	const FeedRelation *entry = FeedRelationOf(relation);
	MemoryContext old;

	TellProgress(ctx, state);
	if (!IsOfInterest(entry, reordered))
		return;

	old = MemoryContextSwitchTo(state->scratch);
	WriteChange(state, entry, relation, reordered);
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
	callbacks->filter_by_origin_cb = FilterByOrigin;
	callbacks->change_cb = DecodeChange;
	callbacks->message_cb = DecodeMessage;
	callbacks->commit_cb = CommitTransaction;
}
