/*
 * gateway_feed.c
 *	  The table feed: what the output plugin would have said, read from the tables.
 *
 * A gateway that cannot have a replication slot asks this function again and again.
 * It tells its position in each conversation, the last number and the last version
 * that it has, and gets what has moved since, as one chunk of events (wire.h).  One
 * statement, so one snapshot.
 *
 * Numbers and versions are given out under the conversation's lock and have no gaps:
 * when the counter shows n, all up to n can be seen.  What has neither (the end of a
 * session, a new membership where the gateway has nobody yet, how far somebody has
 * read, a profile) is new if the cursor has not seen it.
 *
 * Order inside a conversation.  Messages come by number; everything else comes by
 * version.  What of the two was first is told by the memberships: joined_seq and
 * left_seq are the last number then.  So one who joins is announced behind message
 * joined_seq, and one who goes behind message left_seq: nothing that is said later
 * reaches them (invariant I5).  A row shows its last state only, so a message may have
 * been edited since, and the edit may be younger than somebody's going.  Then the
 * going is told in front of that message: who has gone misses it, but learns nothing.
 * Of several goings within one poll the last counts, for who came back in between
 * could read what was said meanwhile.
 *
 * Ends of sessions and accounts stand in front of everything, and then who has joined without
 * that the position tells.  A change of reactions
 * or several changes of one message are one message_updated, for only the present
 * state is known.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "errors.h"
#include "feed_cursor.h"
#include "feed_event.h"
#include "result.h"
#include "spi.h"
#include "wake.h"

#define CHUNK_MAX (1024 * 1024) /* what is more comes with the next call */
#define MESSAGES_MAX 500		/* of one conversation in one call */

PG_FUNCTION_INFO_V1(chat_gateway_feed);

enum
{
	ARG_WIRE,
	ARG_CURSOR,
	ARG_SLOW_CURSOR,
	ARG_CONVERSATION_IDS,
	ARG_SEQS,
	ARG_VERS,
	ARG_ACCOUNT_IDS
};

enum
{
	FEED_CURSOR,
	FEED_SNAPSHOT_XMIN,
	FEED_NEXT_XID,
	FEED_WAKES,
	FEED_MORE,
	FEED_CONVERSATION_IDS,
	FEED_SEQS,
	FEED_VERS,
	FEED_EVENTS,
	FEED_COLUMNS
};

/* How far the gateway is in a conversation, and how far the conversation is. */
typedef struct Position
{
	int64 conversation_id;
	int64 seq;
	int64 ver;
	int64 last_seq;
	int64 last_ver;
} Position;

typedef struct Poll
{
	FunctionCallInfo fcinfo;
	FeedCursor since;
	FeedCursor now;
	StringInfoData chunk; /* room for the chunk header, then events */
	uint32 events;
	int64 commit_time; /* of the first message */
	bool more;
	Position *moved;
	int count;
	int capacity;
} Poll;

/* A message or a change that is to be told. */
typedef struct FeedItem
{
	int64 seq; /* of a message; of a membership: the messages up to here go first; else 0 */
	int64 ver;
	bool leaves; /* a membership that has ended */
	uint32 events;
	StringInfoData event;
} FeedItem;

typedef struct FeedItems
{
	FeedItem *items;
	int count;
	int capacity;
	bool cut; /* there are more */
} FeedItems;

/* ---- events ------------------------------------------------------------- */

/* The row of the last SpiRun() as a change; further columns are not of the event. */
static Change
GetChange(const FeedTable *table, uint64 row)
{
	Change change = {.is_update = true};

	for (int i = 0; i < FEED_MAX_COLUMNS && table->columns[i].name; i++)
		change.columns[i].value = SpiGetDatum(row, i + 1, &change.columns[i].isnull);
	return change;
}

/* False if it is no event. */
static bool
WriteEvent(const FeedTable *table, const Change *change, StringInfo event)
{
	ParleyEvent header = {0};
	StringInfoData json;
	bool written;

	initStringInfo(&json);
	written = table->write(change, &header, &json);
	if (header.kind == PARLEY_EVENT_MESSAGE)
		header.ver = 0;
	if (written)
		FeedAddEvent(event, &header, &json);
	pfree(json.data);
	return written;
}

static void
AddEvent(FeedItem *item, const FeedTable *table, const Change *change)
{
	if (WriteEvent(table, change, &item->event))
		item->events++;
}

static void
Tell(Poll *poll, const FeedItem *item)
{
	appendBinaryStringInfo(&poll->chunk, item->event.data, item->event.len);
	poll->events += item->events;
}

static void
TellChange(Poll *poll, const FeedTable *table, const Change *change)
{
	if (WriteEvent(table, change, &poll->chunk))
		poll->events++;
}

static bool
IsFull(const Poll *poll)
{
	return poll->chunk.len > CHUNK_MAX;
}

static FeedItem *
NewFeedItem(FeedItems *list)
{
	FeedItem *item;

	if (list->count == list->capacity)
	{
		list->capacity = Max(list->capacity * 2, 16);
		list->items = list->items ? repalloc(list->items, list->capacity * sizeof(FeedItem))
								  : palloc(list->capacity * sizeof(FeedItem));
	}
	item = &list->items[list->count++];
	*item = (FeedItem){0};
	initStringInfo(&item->event);
	return item;
}

/* ---- what moved --------------------------------------------------------- */

static void
AddMoved(Poll *poll, const Position *position)
{
	if (poll->count == poll->capacity)
	{
		poll->capacity = Max(poll->capacity * 2, 64);
		poll->moved = poll->moved ? repalloc(poll->moved, poll->capacity * sizeof(Position))
								  : palloc(poll->capacity * sizeof(Position));
	}
	poll->moved[poll->count++] = *position;
}

static Position
GetPosition(uint64 row)
{
	return (Position){.conversation_id = SpiGetInt64(row, 1),
					  .seq = SpiGetInt64(row, 2),
					  .ver = SpiGetInt64(row, 3),
					  .last_seq = SpiGetInt64(row, 4),
					  .last_ver = SpiGetInt64(row, 5)};
}

/* A gateway that knows no position of a conversation has it from when its first account joined. */
static SpiQuery find_moved = {
	.sql = "SELECT p.conversation_id, coalesce(p.seq, j.seq, k.last_seq), "
		   "coalesce(p.ver, j.ver, k.last_ver), k.last_seq, k.last_ver "
		   "FROM unnest($1, $2, $3) AS p (conversation_id, seq, ver) "
		   "JOIN chat.conversation_counter k ON k.conversation_id = p.conversation_id "
		   "LEFT JOIN LATERAL (SELECT min(m.joined_seq) AS seq, min(m.ver) - 1 AS ver "
		   "FROM chat.member m WHERE p.seq IS NULL AND m.conversation_id = p.conversation_id "
		   "AND m.account_id = ANY ($4) AND m.state = 'joined') j ON true "
		   "WHERE (k.last_seq, k.last_ver) IS DISTINCT FROM (p.seq, p.ver) ORDER BY 1",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID},
	.read_only = true,
};

/* False if the gateway is ahead: it has what this server has never had, or has lost. */
static bool
FindMoved(Poll *poll)
{
	NullableDatum *args = poll->fcinfo->args;
	uint64 rows = SpiRun(&find_moved, SpiArgs(args[ARG_CONVERSATION_IDS], args[ARG_SEQS],
											  args[ARG_VERS], args[ARG_ACCOUNT_IDS]));

	for (uint64 row = 0; row < rows; row++)
	{
		Position position = GetPosition(row);

		if (position.seq > position.last_seq || position.ver > position.last_ver)
			return false;
		AddMoved(poll, &position);
	}
	return true;
}

static SpiQuery find_joined = {
	.sql = "SELECT m.conversation_id, m.joined_seq, m.ver - 1, k.last_seq, k.last_ver, m.xmin "
		   "FROM chat.member m "
		   "JOIN chat.conversation_counter k ON k.conversation_id = m.conversation_id "
		   "WHERE m.joined_at >= $1 AND m.conversation_id <> ALL ($2) ORDER BY 1",
	.argtypes = {TIMESTAMPTZOID, INT8ARRAYOID},
	.read_only = true,
};

/* Conversations new to the gateway, because somebody has joined them. */
static void
FindJoined(Poll *poll)
{
	uint64 rows =
		SpiRun(&find_joined, SpiArgs(SpiDatum(TimestampTzGetDatum(poll->since.floor), false),
									 poll->fcinfo->args[ARG_CONVERSATION_IDS]));

	for (uint64 row = 0; row < rows; row++)
	{
		Position position = GetPosition(row);
		Position *last = poll->count > 0 ? &poll->moved[poll->count - 1] : NULL;
		bool isnull;

		if (FeedCursorSaw(&poll->since, DatumGetTransactionId(SpiGetDatum(row, 6, &isnull))))
			continue;
		if (last == NULL || last->conversation_id != position.conversation_id)
			AddMoved(poll, &position);
		else
		{
			last->seq = Min(last->seq, position.seq);
			last->ver = Min(last->ver, position.ver);
		}
	}
}

/* ---- one conversation --------------------------------------------------- */

#define MESSAGE_ROW \
	"SELECT conversation_id, seq, sender_id, sender_name, content, client_id, reply_to, " \
	"created_at, edited_at, thread, pinned_at, reactions, attachments, ver, changed, deleted_at " \
	"FROM chat.message "

static SpiQuery find_said = {
	.sql = MESSAGE_ROW "WHERE conversation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
	.argtypes = {INT8OID, INT8OID, INT4OID},
	.read_only = true,
};

static SpiQuery find_changed = {
	.sql = MESSAGE_ROW "WHERE conversation_id = $1 AND ver > $2 AND seq <= $4 "
					   "ORDER BY ver LIMIT $3",
	.argtypes = {INT8OID, INT8OID, INT4OID, INT8OID},
	.read_only = true,
};

static SpiQuery find_members = {
	.sql = "SELECT conversation_id, account_id, role, state, read_seq, delivered_seq, muted_until, "
		   "ver, 'm'::\"char\", CASE WHEN state = 'joined' THEN joined_seq "
		   "ELSE coalesce(left_seq, 0) END FROM chat.member "
		   "WHERE conversation_id = $1 AND ver > $2",
	.argtypes = {INT8OID, INT8OID},
	.read_only = true,
};

static SpiQuery find_settings = {
	.sql = "SELECT id, is_group, name, is_public, ver FROM chat.conversation "
		   "WHERE id = $1 AND ver > $2",
	.argtypes = {INT8OID, INT8OID},
	.read_only = true,
};

/* The columns behind those of the event. */
#define MESSAGE_DELETED_AT (MESSAGE_CHANGED + 2)
#define MEMBER_PLACE (MEMBER_CHANGED + 2)

static bool
IsDeleted(uint64 row)
{
	bool isnull;

	(void) SpiGetDatum(row, MESSAGE_DELETED_AT, &isnull);
	return !isnull;
}

/* As what column `changed` says for the output plugin. */
static void
AddChange(FeedItem *item, Change *change, char changed)
{
	change->is_update = true;
	change->columns[MESSAGE_CHANGED] = (EventValue){.value = CharGetDatum(changed)};
	AddEvent(item, &feed_tables[FEED_MESSAGE], change);
}

/*
 * One that has changed since it was said is told as both: who knows the message from a
 * snapshot that is older than the change leaves the first out, but not the second.
 */
static void
FindSaid(Poll *poll, const Position *position, FeedItems *said)
{
	const FeedTable *table = &feed_tables[FEED_MESSAGE];
	uint64 rows = SpiRun(&find_said, SpiArgs(SpiInt64(position->conversation_id),
											 SpiInt64(position->seq), SpiInt32(MESSAGES_MAX)));

	for (uint64 row = 0; row < rows; row++)
	{
		Change change = GetChange(table, row);
		FeedItem *item = NewFeedItem(said);

		change.is_update = false;
		if (poll->commit_time == 0)
			poll->commit_time = DatumGetTimestampTz(change.columns[MESSAGE_CREATED_AT].value);
		item->seq = SpiGetInt64(row, MESSAGE_SEQ + 1);
		item->ver = SpiGetInt64(row, MESSAGE_VER + 1);
		AddEvent(item, table, &change);
		if (item->ver > 0)
			AddChange(item, &change, IsDeleted(row) ? CHANGED_DELETED : CHANGED_CONTENT);
	}
	said->cut = rows == MESSAGES_MAX;
}

static void
FindChanged(const Position *position, FeedItems *changes)
{
	uint64 rows =
		SpiRun(&find_changed, SpiArgs(SpiInt64(position->conversation_id), SpiInt64(position->ver),
									  SpiInt32(MESSAGES_MAX), SpiInt64(position->seq)));

	for (uint64 row = 0; row < rows; row++)
	{
		Change change = GetChange(&feed_tables[FEED_MESSAGE], row);
		FeedItem *item = NewFeedItem(changes);

		item->ver = SpiGetInt64(row, MESSAGE_VER + 1);
		AddChange(item, &change, IsDeleted(row) ? CHANGED_DELETED : CHANGED_CONTENT);
	}
	changes->cut = rows == MESSAGES_MAX;
}

static void
FindMembers(const Position *position, FeedItems *changes)
{
	const FeedTable *table = &feed_tables[FEED_MEMBER];
	uint64 rows = SpiRun(&find_members,
						 SpiArgs(SpiInt64(position->conversation_id), SpiInt64(position->ver)));

	for (uint64 row = 0; row < rows; row++)
	{
		Change change = GetChange(table, row);
		FeedItem *item = NewFeedItem(changes);

		item->seq = SpiGetInt64(row, MEMBER_PLACE);
		item->ver = SpiGetInt64(row, MEMBER_VER + 1);
		item->leaves = strcmp(SpiGetText(row, MEMBER_STATE + 1), "joined") != 0;
		AddEvent(item, table, &change);
	}
}

static void
FindSettings(const Position *position, FeedItems *changes)
{
	const FeedTable *table = &feed_tables[FEED_CONVERSATION];

	if (SpiRun(&find_settings,
			   SpiArgs(SpiInt64(position->conversation_id), SpiInt64(position->ver))) > 0)
	{
		Change change = GetChange(table, 0);
		FeedItem *item = NewFeedItem(changes);

		item->ver = SpiGetInt64(0, CONVERSATION_VER + 1);
		AddEvent(item, table, &change);
	}
}

static int
CompareVers(const void *a, const void *b)
{
	const FeedItem *left = a;
	const FeedItem *right = b;

	return left->ver < right->ver ? -1 : left->ver > right->ver;
}

/* Where a cut left changes of messages out, later ones of other kinds have to wait as well. */
static void
FindChanges(const Position *position, FeedItems *changes)
{
	int64 limit = PG_INT64_MAX;

	if (position->last_ver == position->ver)
		return;
	FindChanged(position, changes);
	if (changes->cut)
		limit = changes->items[changes->count - 1].ver;
	FindMembers(position, changes);
	FindSettings(position, changes);
	qsort(changes->items, changes->count, sizeof(FeedItem), CompareVers);
	while (changes->count > 0 && changes->items[changes->count - 1].ver > limit)
		changes->count--;
}

/* Moves goings to the front as far as younger states of messages need; see above. */
static void
SetPlaces(FeedItems *changes, const FeedItems *said)
{
	int64 limit = PG_INT64_MAX;

	for (int i = changes->count - 1; i >= 0; i--)
	{
		FeedItem *change = &changes->items[i];

		for (int n = 0; change->leaves && n < said->count; n++)
		{
			if (said->items[n].ver > change->ver)
			{
				limit = Min(limit, said->items[n].seq - 1);
				break;
			}
		}
		if (change->leaves)
			limit = Min(limit, change->seq);
		change->seq = Min(change->seq, limit);
	}
}

/* Tells messages up to number `last`; false if there is no room, or they are not all here. */
static bool
TellSaid(Poll *poll, Position *position, const FeedItems *said, int *next, int64 last)
{
	while (*next < said->count && said->items[*next].seq <= last)
	{
		if (IsFull(poll))
			return false;
		position->seq = said->items[*next].seq;
		Tell(poll, &said->items[(*next)++]);
	}
	return *next < said->count || !said->cut || last <= position->seq;
}

/* Those of one version stay together, for a position can't tell them apart. */
static bool
TellChanges(Poll *poll, Position *position, const FeedItems *changes, const FeedItems *said,
			int *next)
{
	for (int i = 0; i < changes->count; i++)
	{
		const FeedItem *change = &changes->items[i];

		if (change->ver > position->ver &&
			(IsFull(poll) || !TellSaid(poll, position, said, next, change->seq)))
			return false;
		position->ver = change->ver;
		Tell(poll, change);
	}
	return !changes->cut;
}

/* Moves the position as far as it told. */
static void
TellConversation(Poll *poll, Position *position)
{
	FeedItems said = {0};
	FeedItems changes = {0};
	int next = 0;

	if (IsFull(poll))
	{
		poll->more = true;
		return;
	}
	FindSaid(poll, position, &said);
	FindChanges(position, &changes);
	SetPlaces(&changes, &said);
	if (TellChanges(poll, position, &changes, &said, &next) &&
		TellSaid(poll, position, &said, &next, PG_INT64_MAX))
	{
		position->seq = position->last_seq;
		position->ver = position->last_ver;
	}
	else
		poll->more = true;
}

/* ---- what has no number ------------------------------------------------- */

static SpiQuery find_ended = {
	.sql = "SELECT id, account_id, ended_at, xmin FROM chat.session WHERE ended_at >= $1",
	.argtypes = {TIMESTAMPTZOID},
	.read_only = true,
};

#define ACCOUNT_ROW \
	"SELECT id, username, display_name, avatar_url, bio, closed_at, xmin FROM chat.account "

static SpiQuery find_closed = {
	.sql = ACCOUNT_ROW "WHERE closed_at >= $1",
	.argtypes = {TIMESTAMPTZOID},
	.read_only = true,
};

static SpiQuery find_profiles = {
	.sql = ACCOUNT_ROW "WHERE profile_changed_at >= $1 AND closed_at IS NULL",
	.argtypes = {TIMESTAMPTZOID},
	.read_only = true,
};

static SpiQuery find_newcomers = {
	.sql =
		"SELECT m.conversation_id, m.account_id, m.role, m.state, m.read_seq, m.delivered_seq, "
		"m.muted_until, m.ver, 'm'::\"char\", m.xmin "
		"FROM unnest($1, $2) AS p (conversation_id, ver) "
		"JOIN chat.member m ON m.conversation_id = p.conversation_id AND m.ver <= p.ver "
		"WHERE m.joined_at >= $3 AND m.account_id = ANY ($4) AND m.state = 'joined' ORDER BY 1, 8",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, INT8ARRAYOID},
	.read_only = true,
};

/* Who has joined has read nothing yet, whatever was read before. */
static SpiQuery find_positions = {
	.sql = "SELECT conversation_id, account_id, role, state, read_seq, delivered_seq, muted_until, "
		   "ver, 'r'::\"char\", xmin, read_seq > joined_seq, delivered_seq > read_seq "
		   "FROM chat.member "
		   "WHERE conversation_id = ANY ($1) AND state = 'joined' AND age(xmin) <= $2",
	.argtypes = {INT8ARRAYOID, INT4OID},
	.read_only = true,
};

/* The rows of the last SpiRun() that the cursor has not seen; xmin is their last column. */
static void
TellUnseen(Poll *poll, const FeedTable *table, const FeedCursor *since, uint64 rows, int xmin)
{
	for (uint64 row = 0; row < rows; row++)
	{
		Change change = GetChange(table, row);
		bool isnull;

		if (!FeedCursorSaw(since, DatumGetTransactionId(SpiGetDatum(row, xmin, &isnull))))
			TellChange(poll, table, &change);
	}
}

/* The account first: sockets are told of what comes first. */
static void
TellEnds(Poll *poll)
{
	const NullableDatum *floor = SpiArgs(SpiDatum(TimestampTzGetDatum(poll->since.floor), false));

	TellUnseen(poll, &feed_tables[FEED_ACCOUNT], &poll->since, SpiRun(&find_closed, floor),
			   ACCOUNT_CLOSED_AT + 2);
	TellUnseen(poll, &feed_tables[FEED_SESSION], &poll->since, SpiRun(&find_ended, floor),
			   SESSION_ENDED_AT + 2);
}

/*
 * A gateway that had nobody in a conversation takes its position from the next login, which
 * may show that others, who are connected to it already, have joined since the cursor.
 */
static void
TellNewcomers(Poll *poll)
{
	NullableDatum *args = poll->fcinfo->args;
	uint64 rows =
		SpiRun(&find_newcomers, SpiArgs(args[ARG_CONVERSATION_IDS], args[ARG_VERS],
										SpiDatum(TimestampTzGetDatum(poll->since.floor), false),
										args[ARG_ACCOUNT_IDS]));

	TellUnseen(poll, &feed_tables[FEED_MEMBER], &poll->since, rows, MEMBER_CHANGED + 2);
}

/* How old, in transactions, a row may be that the cursor has not seen. */
static NullableDatum
AgeOf(const FeedCursor *cursor)
{
	return SpiInt32((int32) (XidFromFullTransactionId(ReadNextFullTransactionId()) - cursor->xmin));
}

static void
TellReading(Poll *poll, const FeedCursor *since)
{
	const FeedTable *table = &feed_tables[FEED_MEMBER];
	const int xmin = MEMBER_CHANGED + 2;
	uint64 rows =
		SpiRun(&find_positions, SpiArgs(poll->fcinfo->args[ARG_CONVERSATION_IDS], AgeOf(since)));

	for (uint64 row = 0; row < rows; row++)
	{
		Change change = GetChange(table, row);
		bool isnull;

		if (FeedCursorSaw(since, DatumGetTransactionId(SpiGetDatum(row, xmin, &isnull))))
			continue;
		if (SpiGetBool(row, xmin + 1))
			TellChange(poll, table, &change);
		change.columns[MEMBER_CHANGED].value = CharGetDatum(CHANGED_DELIVERY);
		if (SpiGetBool(row, xmin + 2))
			TellChange(poll, table, &change);
	}
}

static void
TellProfiles(Poll *poll, const FeedCursor *since)
{
	uint64 rows =
		SpiRun(&find_profiles, SpiArgs(SpiDatum(TimestampTzGetDatum(since->floor), false)));

	TellUnseen(poll, &feed_tables[FEED_ACCOUNT], since, rows, ACCOUNT_CLOSED_AT + 2);
}

/* ---- chat.gateway_feed() ------------------------------------------------ */

static void
RequireOurWire(FunctionCallInfo fcinfo)
{
	int wire = PG_ARGISNULL(ARG_WIRE) ? 0 : PG_GETARG_INT32(ARG_WIRE);

	if (wire != PARLEY_WIRE_VERSION)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_WIRE_MISMATCH),
						errmsg("this pg_parley speaks wire version %d, the client asks for %d",
							   PARLEY_WIRE_VERSION, wire),
						errhint("Install parley-pushd and the extension's library from the same "
								"release, then restart parley-pushd.")));
}

static void
BeginChunk(Poll *poll)
{
	initStringInfo(&poll->chunk);
	enlargeStringInfo(&poll->chunk, VARHDRSZ + PARLEY_CHUNK_HEADER_SIZE);
	poll->chunk.len = VARHDRSZ + PARLEY_CHUNK_HEADER_SIZE;
}

/* As a bytea.  All that it tells was done by transactions before xmax. */
static Datum
EndChunk(Poll *poll)
{
	int64 time = poll->commit_time ? poll->commit_time : GetCurrentTimestamp();
	ParleyChunk header = {
		.flags = PARLEY_CHUNK_FLAG_LAST,
		.xid = poll->now.xmax - 1,
		.commit_time = time + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY,
		.events = poll->events,
		.bytes = poll->chunk.len - VARHDRSZ - PARLEY_CHUNK_HEADER_SIZE,
	};

	parley_put_chunk((uint8 *) poll->chunk.data + VARHDRSZ, &header);
	SET_VARSIZE(poll->chunk.data, poll->chunk.len);
	return PointerGetDatum(poll->chunk.data);
}

/* One number of each position as bigint[]. */
static Datum
Column(const Poll *poll, size_t offset)
{
	Datum *values = palloc((poll->count + 1) * sizeof(Datum));

	for (int i = 0; i < poll->count; i++)
		values[i] = Int64GetDatum(*(const int64 *) ((const char *) &poll->moved[i] + offset));
	return PointerGetDatum(
		construct_array(values, poll->count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Without a cursor: nothing is told, the answer's cursor is where the reader begins. */
static bool
Collect(Poll *poll)
{
	FunctionCallInfo fcinfo = poll->fcinfo;
	FeedCursor slow;

	if (PG_ARGISNULL(ARG_CURSOR))
		return true;
	if (!FeedCursorRead(text_to_cstring(PG_GETARG_TEXT_PP(ARG_CURSOR)), &poll->since) ||
		!FindMoved(poll))
		return false;
	FindJoined(poll);
	TellEnds(poll);
	TellNewcomers(poll);
	for (int i = 0; i < poll->count; i++)
		TellConversation(poll, &poll->moved[i]);
	if (PG_ARGISNULL(ARG_SLOW_CURSOR) || poll->more)
		return true;
	if (!FeedCursorRead(text_to_cstring(PG_GETARG_TEXT_PP(ARG_SLOW_CURSOR)), &slow))
		return false;
	TellReading(poll, &slow);
	TellProfiles(poll, &slow);
	return true;
}

static Datum
Fill(Poll *poll, Datum *values)
{
	FullTransactionId next = ReadNextFullTransactionId();

	values[FEED_SNAPSHOT_XMIN] = Int64GetDatum(U64FromFullTransactionId(next) -
											   (XidFromFullTransactionId(next) - poll->now.xmin));
	values[FEED_NEXT_XID] = Int64GetDatum(U64FromFullTransactionId(next));
	values[FEED_WAKES] = BoolGetDatum(WakeIsOn());
	values[FEED_MORE] = BoolGetDatum(poll->more);
	values[FEED_CURSOR] = CStringGetTextDatum(FeedCursorWrite(&poll->now));
	values[FEED_CONVERSATION_IDS] = Column(poll, offsetof(Position, conversation_id));
	values[FEED_SEQS] = Column(poll, offsetof(Position, seq));
	values[FEED_VERS] = Column(poll, offsetof(Position, ver));
	values[FEED_EVENTS] = EndChunk(poll);
	return ResultRow(poll->fcinfo, values, (bool[FEED_COLUMNS]){false});
}

Datum
chat_gateway_feed(PG_FUNCTION_ARGS)
{
	Poll poll = {.fcinfo = fcinfo};
	Datum values[FEED_COLUMNS];
	bool nulls[FEED_COLUMNS];
	Datum result;

	RequireOurWire(fcinfo);
	memset(nulls, true, sizeof(nulls));
	SpiBegin();
	BeginChunk(&poll);
	if (Collect(&poll))
	{
		poll.now = FeedCursorNow(PG_ARGISNULL(ARG_CURSOR) ? NULL : &poll.since);
		result = Fill(&poll, values);
	}
	else
		result = ResultRow(fcinfo, values, nulls);
	result = SpiKeepRow(result);
	SpiEnd();
	PG_RETURN_DATUM(result);
}
