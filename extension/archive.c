/*
 * archive.c
 *	  Reading cold storage.
 *
 * Memory: chat.archived() keeps the block that it read last for as long as the statement
 * runs that calls it (fn_extra), because a search looks up one message after the other:
 * within one statement there is one snapshot, so the block can't change.  All else lives
 * in the memory of SpiBegin().
 */
#include "compat.h"

#include "archive.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "crypto.h"
#include "result.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_archived);
PG_FUNCTION_INFO_V1(chat_archived_changes);

/* ---- blocks ------------------------------------------------------------- */

static void
pg_attribute_noreturn() RaiseDamaged(int64 conversation_id, const ArchiveBlock *block)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("the archived messages %lld to %lld of conversation %lld are damaged",
						   (long long) block->first_seq, (long long) block->last_seq,
						   (long long) conversation_id),
					errhint("Restore this row of chat.archive from a backup.")));
}

static bool
IsIntact(const bytea *data, const bytea *checksum)
{
	uint8 digest[CRYPTO_SHA256_SIZE];

	CryptoSha256(CryptoBytesOf(VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data)), digest);
	return VARSIZE_ANY_EXHDR(checksum) == sizeof(digest) &&
		   memcmp(digest, VARDATA_ANY(checksum), sizeof(digest)) == 0;
}

/* False: damaged. */
static bool
ReadMessages(ArchiveBlock *block, const uint8 *data, size_t size)
{
	size_t raw_size = PackRawSize(data, size);
	PackReader *reader = palloc(sizeof(PackReader));
	PackResult result = PACK_DAMAGED;

	block->count = 0;
	if (raw_size == 0 || !PackOpen(reader, data, size, palloc(raw_size)))
		return false;
	block->messages = palloc(reader->count * sizeof(PackMessage));
	while (block->count < reader->count &&
		   (result = PackNext(reader, &block->messages[block->count])) == PACK_MESSAGE)
		block->count++;
	if (result == PACK_MESSAGE)
		result = PackNext(reader, &reader->last);
	pfree(reader);
	return result == PACK_END && block->messages[0].seq == block->first_seq &&
		   block->messages[block->count - 1].seq == block->last_seq;
}

void
ArchiveDecode(int64 conversation_id, ArchiveBlock *block, Datum data, Datum checksum)
{
	const bytea *bytes = DatumGetByteaPP(data);

	if (!IsIntact(bytes, DatumGetByteaPP(checksum)) ||
		!ReadMessages(block, (const uint8 *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)))
		RaiseDamaged(conversation_id, block);
}

#define BLOCK_COLUMNS "first_seq, last_seq, data, checksum, senders, threads"

/* The columns of BLOCK_COLUMNS. */
enum
{
	FIRST_SEQ = 1,
	LAST_SEQ,
	DATA,
	CHECKSUM,
	SENDERS,
	THREADS
};

#define FIND_BEFORE \
	"SELECT " BLOCK_COLUMNS " FROM chat.archive WHERE conversation_id = $1 AND first_seq <= $2 " \
	"ORDER BY first_seq DESC LIMIT 1"
#define FIND_AFTER \
	"SELECT " BLOCK_COLUMNS " FROM chat.archive WHERE conversation_id = $1 AND last_seq >= $2 " \
	"ORDER BY last_seq LIMIT 1"

static SpiQuery find_before = {.sql = FIND_BEFORE, .argtypes = {INT8OID, INT8OID}};
static SpiQuery find_after = {.sql = FIND_AFTER, .argtypes = {INT8OID, INT8OID}};

static SpiQuery find_sender = {
	.sql = "SELECT first_seq, last_seq FROM chat.archive WHERE conversation_id = $1 "
		   "AND last_seq >= $2 AND $3 = ANY (senders) ORDER BY last_seq LIMIT 1",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static bool
Find(SpiQuery *query, const NullableDatum *args, ArchiveBlock *block)
{
	if (SpiRun(query, args) == 0)
		return false;
	*block = (ArchiveBlock){.first_seq = SpiGetInt64(0, FIRST_SEQ),
							.last_seq = SpiGetInt64(0, LAST_SEQ)};
	return true;
}

bool
ArchiveFindBefore(int64 conversation_id, int64 seq, ArchiveBlock *block)
{
	return Find(&find_before, SpiArgs(SpiInt64(conversation_id), SpiInt64(seq)), block);
}

bool
ArchiveFindAfter(int64 conversation_id, int64 seq, ArchiveBlock *block)
{
	return Find(&find_after, SpiArgs(SpiInt64(conversation_id), SpiInt64(seq)), block);
}

bool
ArchiveFindSender(int64 conversation_id, int64 seq, int64 sender_id, ArchiveBlock *block)
{
	return Find(&find_sender,
				SpiArgs(SpiInt64(conversation_id), SpiInt64(seq), SpiInt64(sender_id)), block);
}

void
ArchiveRead(int64 conversation_id, ArchiveBlock *block)
{
	bool isnull;

	if (!ArchiveFindBefore(conversation_id, block->first_seq, block))
		RaiseDamaged(conversation_id, block);
	ArchiveDecode(conversation_id, block, SpiGetDatum(0, DATA, &isnull),
				  SpiGetDatum(0, CHECKSUM, &isnull));
}

const PackMessage *
ArchiveFindIn(const ArchiveBlock *block, int64 seq)
{
	for (int i = 0; i < block->count; i++)
	{
		if (block->messages[i].seq == seq)
			return block->messages + i;
	}
	return NULL;
}

/* ---- rows of chat.message ----------------------------------------------- */

#define MESSAGE_COLUMNS 17

static Datum
TextOf(PackText text)
{
	return PointerGetDatum(cstring_to_text_with_len(text.bytes, (int) text.length));
}

/* In the order of the table's columns.  What is archived is not pinned. */
static void
PutMessage(Tuplestorestate *store, TupleDesc description, int64 conversation_id,
		   const PackMessage *m)
{
	uint32 has = m->present;
	pg_uuid_t client_id;
	Datum values[MESSAGE_COLUMNS] = {
		Int64GetDatum(conversation_id),
		Int64GetDatum(m->seq),
		Int64GetDatum(m->sender_id),
		Int64GetDatum(m->reply_to),
		Int64GetDatum(m->thread),
		TimestampTzGetDatum(m->created_at),
		TimestampTzGetDatum(m->edited_at),
		TimestampTzGetDatum(m->deleted_at),
		0,
		0,
		Int64GetDatum(m->ver),
		CharGetDatum(m->changed),
		UUIDPGetDatum(&client_id),
		TextOf(m->sender_name),
		TextOf(m->content),
		has & PACK_REACTIONS ? TextOf(m->reactions) : 0,
		has & PACK_ATTACHMENTS ? TextOf(m->attachments) : 0,
	};
	bool nulls[MESSAGE_COLUMNS] = {
		false,
		false,
		false,
		!(has & PACK_REPLY_TO),
		!(has & PACK_THREAD),
		false,
		!(has & PACK_EDITED),
		!(has & PACK_DELETED),
		true,
		true,
		!(has & PACK_VER),
		!(has & PACK_CHANGED),
		!(has & PACK_CLIENT_ID),
		false,
		false,
		!(has & PACK_REACTIONS),
		!(has & PACK_ATTACHMENTS),
	};

	memcpy(client_id.data, m->client_id, UUID_LEN);
	tuplestore_putvalues(store, description, values, nulls);
}

/* The result of both functions; the columns are those that PutMessage() knows. */
static Tuplestorestate *
OpenStore(FunctionCallInfo fcinfo, TupleDesc *description)
{
	Tuplestorestate *store = ResultStore(fcinfo, description);

	if ((*description)->natts != MESSAGE_COLUMNS)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("table chat.message does not have the columns of this library"),
						errhint("ALTER EXTENSION pg_parley UPDATE;")));
	return store;
}

/* ---- chat.archived() ---------------------------------------------------- */

static SpiQuery walk_down = {.sql = FIND_BEFORE, .argtypes = {INT8OID, INT8OID}, .read_only = true};
static SpiQuery walk_up = {.sql = FIND_AFTER, .argtypes = {INT8OID, INT8OID}, .read_only = true};

/* The arguments; bounds are exclusive, 0 for sender and thread: any. */
typedef struct Wanted
{
	int64 conversation_id;
	int64 above;
	int64 below;
	int64 max;
	bool newest_first;
	int64 sender_id;
	int64 thread;
} Wanted;

/* The block that was read last; lives with the calling statement. */
typedef struct Cache
{
	MemoryContext memory;
	int64 conversation_id;
	ArchiveBlock block; /* no messages: nothing is cached */
} Cache;

static Cache *
GetCache(FunctionCallInfo fcinfo)
{
	Cache *cache = fcinfo->flinfo->fn_extra;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Cache));
		cache->memory = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "pg_parley archived block",
											  ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	return cache;
}

/* Reads the row that SPI has found into the cache. */
static void
FillCache(Cache *cache, int64 conversation_id)
{
	ArchiveBlock block = {.first_seq = SpiGetInt64(0, FIRST_SEQ),
						  .last_seq = SpiGetInt64(0, LAST_SEQ)};
	MemoryContext caller;
	bool isnull;

	if (cache->block.messages && cache->conversation_id == conversation_id &&
		cache->block.first_seq == block.first_seq)
		return;
	cache->block.messages = NULL;
	MemoryContextReset(cache->memory);
	caller = MemoryContextSwitchTo(cache->memory);
	ArchiveDecode(conversation_id, &block, SpiGetDatum(0, DATA, &isnull),
				  SpiGetDatum(0, CHECKSUM, &isnull));
	MemoryContextSwitchTo(caller);
	cache->conversation_id = conversation_id;
	cache->block = block;
}

/* A list that the block is known by: of its senders, of the threads that replies in it are of. */
static bool
ListHolds(int column, int64 wanted)
{
	bool isnull;
	Datum list = SpiGetDatum(0, column, &isnull);
	Datum *elements;
	int count;

	if (wanted == 0)
		return true;
	if (isnull)
		return false;
	deconstruct_array(DatumGetArrayTypeP(list), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		if (DatumGetInt64(elements[i]) == wanted)
			return true;
	}
	return false;
}

static bool
IsWanted(const Wanted *wanted, const PackMessage *m)
{
	return m->seq > wanted->above && m->seq < wanted->below &&
		   (wanted->sender_id == 0 || m->sender_id == wanted->sender_id) &&
		   (wanted->thread == 0 || m->thread == wanted->thread);
}

static void
PutBlock(Wanted *wanted, const ArchiveBlock *block, Tuplestorestate *store, TupleDesc description)
{
	for (int i = 0; i < block->count && wanted->max > 0; i++)
	{
		const PackMessage *m = &block->messages[wanted->newest_first ? block->count - 1 - i : i];

		if (!IsWanted(wanted, m))
			continue;
		PutMessage(store, description, wanted->conversation_id, m);
		wanted->max--;
	}
}

/* Whether the cached block is all that the call can be about. */
static bool
CacheCovers(const Cache *cache, const Wanted *wanted)
{
	return cache->block.messages && cache->conversation_id == wanted->conversation_id &&
		   wanted->above >= cache->block.first_seq - 1 &&
		   wanted->below <= cache->block.last_seq + 1;
}

/* One block after the other, each by index, until the bounds or `max` end it. */
static void
Walk(Wanted *wanted, Cache *cache, Tuplestorestate *store, TupleDesc description)
{
	int64 at = wanted->newest_first ? wanted->below - 1 : wanted->above + 1;
	SpiQuery *walk = wanted->newest_first ? &walk_down : &walk_up;

	while (wanted->max > 0 &&
		   SpiRun(walk, SpiArgs(SpiInt64(wanted->conversation_id), SpiInt64(at))) > 0)
	{
		int64 first_seq = SpiGetInt64(0, FIRST_SEQ);
		int64 last_seq = SpiGetInt64(0, LAST_SEQ);

		if (first_seq >= wanted->below || last_seq <= wanted->above)
			break;
		CHECK_FOR_INTERRUPTS();
		if (ListHolds(SENDERS, wanted->sender_id) && ListHolds(THREADS, wanted->thread))
		{
			FillCache(cache, wanted->conversation_id);
			PutBlock(wanted, &cache->block, store, description);
		}
		at = wanted->newest_first ? first_seq - 1 : last_seq + 1;
	}
}

static int64
ArgumentOr(FunctionCallInfo fcinfo, int n, int64 otherwise)
{
	return PG_ARGISNULL(n) ? otherwise : PG_GETARG_INT64(n);
}

Datum
chat_archived(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Tuplestorestate *store = OpenStore(fcinfo, &description);
	Cache *cache = GetCache(fcinfo);
	Wanted wanted = {
		.conversation_id = ArgumentOr(fcinfo, 0, 0),
		.above = Max(ArgumentOr(fcinfo, 1, 0), 0),
		.below = ArgumentOr(fcinfo, 2, PG_INT64_MAX),
		.max = ArgumentOr(fcinfo, 3, PG_INT64_MAX),
		.newest_first = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4),
		.sender_id = ArgumentOr(fcinfo, 5, 0),
		.thread = ArgumentOr(fcinfo, 6, 0),
	};

	if (wanted.below <= wanted.above)
		return (Datum) 0;
	if (CacheCovers(cache, &wanted))
	{
		PutBlock(&wanted, &cache->block, store, description);
		return (Datum) 0;
	}
	SpiBegin();
	Walk(&wanted, cache, store, description);
	SpiEnd();
	return (Datum) 0;
}

/* ---- chat.archived_changes() -------------------------------------------- */

static SpiQuery list_changed = {
	.sql = "SELECT first_seq, min_ver FROM chat.archive WHERE conversation_id = $1 "
		   "AND max_ver > $2 AND first_seq <= $3 ORDER BY min_ver",
	.argtypes = {INT8OID, INT8OID, INT8OID},
	.read_only = true,
};

/* The wanted changes so far, copies of the first `max` of them by version. */
typedef struct Changes
{
	MemoryContext memory; /* of the copies, which outlive their blocks */
	int64 above_ver;
	int64 up_to_seq;
	int max;
	int count;
	int room;
	PackMessage **found;
} Changes;

static const char *
CopyText(char **to, PackText text)
{
	char *copy = *to;

	if (text.length > 0)
		memcpy(copy, text.bytes, text.length);
	*to += text.length;
	return copy;
}

/* In one piece of the current memory context, its texts included. */
static PackMessage *
CopyMessage(const PackMessage *m)
{
	PackMessage *copy = palloc(sizeof(PackMessage) + m->sender_name.length + m->content.length +
							   m->reactions.length + m->attachments.length);
	char *texts = (char *) (copy + 1);

	*copy = *m;
	copy->sender_name.bytes = CopyText(&texts, m->sender_name);
	copy->content.bytes = CopyText(&texts, m->content);
	copy->reactions.bytes = CopyText(&texts, m->reactions);
	copy->attachments.bytes = CopyText(&texts, m->attachments);
	return copy;
}

static int
CompareVersions(const void *a, const void *b)
{
	int64 left = (*(const PackMessage *const *) a)->ver;
	int64 right = (*(const PackMessage *const *) b)->ver;

	return left < right ? -1 : left > right;
}

/* With room for all of a block; what goes beyond `max` is freed. */
static void
AddChanges(Changes *changes, const ArchiveBlock *block)
{
	MemoryContext caller = MemoryContextSwitchTo(changes->memory);

	if (changes->count + block->count > changes->room)
	{
		changes->room = (changes->count + block->count) * 2;
		changes->found = changes->found
							 ? repalloc(changes->found, changes->room * sizeof(PackMessage *))
							 : palloc(changes->room * sizeof(PackMessage *));
	}
	for (int i = 0; i < block->count; i++)
	{
		const PackMessage *m = &block->messages[i];

		if (m->ver > changes->above_ver && m->seq <= changes->up_to_seq)
			changes->found[changes->count++] = CopyMessage(m);
	}
	MemoryContextSwitchTo(caller);
	qsort(changes->found, changes->count, sizeof(PackMessage *), CompareVersions);
	while (changes->count > changes->max)
		pfree(changes->found[--changes->count]);
}

/* Those of the block that begins at first_seq, if it is still there. */
static void
AddChangesOf(int64 conversation_id, int64 first_seq, Changes *changes)
{
	ArchiveBlock block;
	bool isnull;

	if (SpiRun(&walk_down, SpiArgs(SpiInt64(conversation_id), SpiInt64(first_seq))) == 0)
		return;
	block = (ArchiveBlock){.first_seq = SpiGetInt64(0, FIRST_SEQ),
						   .last_seq = SpiGetInt64(0, LAST_SEQ)};
	ArchiveDecode(conversation_id, &block, SpiGetDatum(0, DATA, &isnull),
				  SpiGetDatum(0, CHECKSUM, &isnull));
	AddChanges(changes, &block);
}

/* Blocks in the order of their first versions: when the rest begins later, all is found. */
static void
FindChanges(int64 conversation_id, Changes *changes)
{
	uint64 count =
		SpiRun(&list_changed, SpiArgs(SpiInt64(conversation_id), SpiInt64(changes->above_ver),
									  SpiInt64(changes->up_to_seq)));
	int64 *blocks = palloc((count + 1) * 2 * sizeof(int64));

	for (uint64 i = 0; i < count; i++)
	{
		blocks[2 * i] = SpiGetInt64(i, 1);
		blocks[2 * i + 1] = SpiGetInt64(i, 2);
	}
	for (uint64 i = 0; i < count; i++)
	{
		if (changes->count == changes->max &&
			changes->found[changes->count - 1]->ver < blocks[2 * i + 1])
			break;
		CHECK_FOR_INTERRUPTS();
		SpiBegin();
		AddChangesOf(conversation_id, blocks[2 * i], changes);
		SpiEnd();
	}
}

Datum
chat_archived_changes(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Tuplestorestate *store = OpenStore(fcinfo, &description);
	int64 conversation_id = PG_GETARG_INT64(0);
	Changes changes = {
		.above_ver = PG_GETARG_INT64(1),
		.up_to_seq = PG_GETARG_INT64(2),
		.max = PG_GETARG_INT32(3),
	};

	if (changes.max < 1)
		return (Datum) 0;
	SpiBegin();
	changes.memory = CurrentMemoryContext;
	FindChanges(conversation_id, &changes);
	for (int i = 0; i < changes.count; i++)
		PutMessage(store, description, conversation_id, changes.found[i]);
	SpiEnd();
	return (Datum) 0;
}
