/*
 * archive_store.c
 *	  Packs rows into blocks and unpacks them.
 *
 * A block that is not full takes what comes behind it, so a conversation that is
 * archived a little every day does not end up with a block a day.  A row among the
 * messages of a block, unpacked once to be changed, goes back into it.
 *
 * To the feed none of this happens: a deleted row is no event, and an unpacked one says so
 * (changed = 'a').
 */
#include "compat.h"

#include "archive_store.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "archive_key.h"
#include "crypto.h"
#include "spi.h"

#define BLOCK_BYTES (256 * 1024) /* of texts: whoever reads one message unpacks a block */

/* ---- writing blocks ----------------------------------------------------- */

static SpiQuery insert_block = {
	.sql =
		"INSERT INTO chat.archive (conversation_id, first_seq, last_seq, count, min_ver, max_ver, "
		"min_created_at, max_created_at, format, checksum, senders, threads, deleted, data) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID, INT8OID, INT8OID, TIMESTAMPTZOID,
				 TIMESTAMPTZOID, INT2OID, BYTEAOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
				 BYTEAOID},
};

static SpiQuery delete_block = {
	.sql = "DELETE FROM chat.archive WHERE conversation_id = $1 AND first_seq = $2",
	.argtypes = {INT8OID, INT8OID},
};

/* Distinct ids, a handful; NULL for none. */
typedef struct IdList
{
	int count;
	Datum ids[PACK_MAX_MESSAGES];
} IdList;

static void
AddId(IdList *list, int64 id)
{
	for (int i = 0; i < list->count; i++)
	{
		if (DatumGetInt64(list->ids[i]) == id)
			return;
	}
	list->ids[list->count++] = Int64GetDatum(id);
}

static NullableDatum
ListDatum(IdList *list)
{
	return list->count > 0 ? SpiArray(list->ids, list->count, INT8OID) : SpiDatum(0, true);
}

/* What a block is known by without reading it. */
typedef struct Summary
{
	int64 min_ver; /* 0: nothing in it has changed */
	int64 max_ver;
	TimestampTz min_created_at;
	TimestampTz max_created_at;
	IdList senders;
	IdList threads;
	IdList deleted; /* their numbers */
} Summary;

static Summary *
Summarize(const PackMessage *messages, int count)
{
	Summary *summary = palloc0(sizeof(Summary));

	summary->min_created_at = messages[0].created_at;
	for (int i = 0; i < count; i++)
	{
		const PackMessage *m = &messages[i];

		AddId(&summary->senders, m->sender_id);
		if (m->present & PACK_THREAD)
			AddId(&summary->threads, m->thread);
		if (m->present & PACK_DELETED)
			AddId(&summary->deleted, m->seq);
		summary->min_created_at = Min(summary->min_created_at, m->created_at);
		summary->max_created_at = Max(summary->max_created_at, m->created_at);
		if (!(m->present & PACK_VER))
			continue;
		summary->max_ver = Max(summary->max_ver, m->ver);
		summary->min_ver = summary->min_ver == 0 ? m->ver : Min(summary->min_ver, m->ver);
	}
	return summary;
}

static bytea *
Pack(const PackMessage *messages, int count, PackEffort effort)
{
	size_t raw_bound = PackRawBound(messages, count);
	size_t bound = PackBound(raw_bound, count);
	uint8 *raw = palloc_extended(raw_bound, MCXT_ALLOC_HUGE);
	bytea *block = palloc_extended(VARHDRSZ + bound, MCXT_ALLOC_HUGE);
	size_t size = PackWrite(messages, count, effort, raw, (uint8 *) VARDATA(block), bound);

	pfree(raw);
	if (size == 0)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("messages are too large to be archived")));
	SET_VARSIZE(block, VARHDRSZ + size);
	return block;
}

static void
InsertBlock(int64 conversation_id, const PackMessage *messages, int count, PackEffort effort)
{
	Summary *summary = Summarize(messages, count);
	bytea *block = Pack(messages, count, effort);
	bytea *checksum = palloc(VARHDRSZ + CRYPTO_SHA256_SIZE);
	bool unchanged = summary->max_ver == 0;

	SET_VARSIZE(checksum, VARHDRSZ + CRYPTO_SHA256_SIZE);
	CryptoSha256(CryptoBytesOf(VARDATA(block), VARSIZE(block) - VARHDRSZ),
				 (uint8 *) VARDATA(checksum));
	SpiRun(&insert_block,
		   SpiArgs(SpiInt64(conversation_id), SpiInt64(messages[0].seq),
				   SpiInt64(messages[count - 1].seq), SpiInt32(count),
				   SpiDatum(Int64GetDatum(summary->min_ver), unchanged),
				   SpiDatum(Int64GetDatum(summary->max_ver), unchanged),
				   SpiDatum(TimestampTzGetDatum(summary->min_created_at), false),
				   SpiDatum(TimestampTzGetDatum(summary->max_created_at), false),
				   SpiDatum(Int16GetDatum(PACK_FORMAT), false),
				   SpiDatum(PointerGetDatum(checksum), false), ListDatum(&summary->senders),
				   ListDatum(&summary->threads), ListDatum(&summary->deleted),
				   SpiDatum(PointerGetDatum(block), false)));
	pfree(block);
	pfree(summary);
}

/* How many of the messages the next block takes: one at least. */
static int
FitBlock(const PackMessage *messages, int count)
{
	int64 bytes = 0;
	int fit = 0;

	while (fit < Min(count, PACK_MAX_MESSAGES))
	{
		const PackMessage *m = &messages[fit];

		bytes += (int64) m->content.length + m->reactions.length + m->attachments.length;
		if (fit > 0 && bytes > BLOCK_BYTES)
			break;
		fit++;
	}
	return fit;
}

/* Blocks of these messages, in place of the one that begins at old_seq (0: of none). */
static void
WriteBlocks(int64 conversation_id, int64 old_seq, const PackMessage *messages, int count,
			PackEffort effort)
{
	if (old_seq > 0)
		SpiRun(&delete_block, SpiArgs(SpiInt64(conversation_id), SpiInt64(old_seq)));
	for (int begin = 0; begin < count;)
	{
		int fit = FitBlock(&messages[begin], count - begin);

		InsertBlock(conversation_id, &messages[begin], fit, effort);
		begin += fit;
	}
}

void
ArchiveCut(int64 conversation_id, const ArchiveBlock *block, int from)
{
	WriteBlocks(conversation_id, block->first_seq, &block->messages[from], block->count - from,
				PACK_WELL);
}

/* ---- unpacking ---------------------------------------------------------- */

static SpiQuery insert_message = {
	.sql =
		"INSERT INTO chat.message (conversation_id, seq, sender_id, reply_to, thread, created_at, "
		"edited_at, deleted_at, ver, client_id, sender_name, content, reactions, attachments, "
		"changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'a')",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
				 TIMESTAMPTZOID, INT8OID, UUIDOID, TEXTOID, TEXTOID, JSONOID, JSONOID},
};

static NullableDatum
NumberOf(const PackMessage *m, uint32 field, int64 value)
{
	return SpiDatum(Int64GetDatum(value), !(m->present & field));
}

static NullableDatum
TextOf(PackText text, bool isnull)
{
	return SpiDatum(isnull
						? 0
						: PointerGetDatum(cstring_to_text_with_len(text.bytes, (int) text.length)),
					isnull);
}

static void
InsertMessage(int64 conversation_id, const PackMessage *m)
{
	pg_uuid_t client_id;

	memcpy(client_id.data, m->client_id, UUID_LEN);
	SpiRun(&insert_message,
		   SpiArgs(SpiInt64(conversation_id), SpiInt64(m->seq), SpiInt64(m->sender_id),
				   NumberOf(m, PACK_REPLY_TO, m->reply_to), NumberOf(m, PACK_THREAD, m->thread),
				   SpiInt64(m->created_at), NumberOf(m, PACK_EDITED, m->edited_at),
				   NumberOf(m, PACK_DELETED, m->deleted_at), NumberOf(m, PACK_VER, m->ver),
				   SpiDatum(UUIDPGetDatum(&client_id), !(m->present & PACK_CLIENT_ID)),
				   TextOf(m->sender_name, false), TextOf(m->content, false),
				   TextOf(m->reactions, !(m->present & PACK_REACTIONS)),
				   TextOf(m->attachments, !(m->present & PACK_ATTACHMENTS))));
}

bool
ArchiveUnpack(int64 conversation_id, int64 seq)
{
	ArchiveBlock block;
	int place = 0;

	if (!ArchiveFindBefore(conversation_id, seq, &block) || block.last_seq < seq)
		return false;
	ArchiveRead(conversation_id, &block);
	while (place < block.count && block.messages[place].seq < seq)
		place++;
	if (place == block.count || block.messages[place].seq != seq)
		return false;
	InsertMessage(conversation_id, &block.messages[place]);
	memmove(&block.messages[place], &block.messages[place + 1],
			(block.count - place - 1) * sizeof(PackMessage));
	WriteBlocks(conversation_id, block.first_seq, block.messages, block.count - 1, PACK_QUICKLY);
	return true;
}

static bool
IsName(const PackMessage *m, const char *name)
{
	return m->sender_name.length == strlen(name) &&
		   memcmp(m->sender_name.bytes, name, m->sender_name.length) == 0;
}

static bool
NeedsErasure(const ArchiveErasure *erasure, const PackMessage *m)
{
	bool done = IsName(m, erasure->name) && (erasure->keeps_content || (m->present & PACK_DELETED));

	return m->sender_id == erasure->sender_id && m->seq > erasure->after && !done;
}

/* Of a block that is read, at most `max`; how many. */
static int
UnpackBlock(int64 conversation_id, ArchiveBlock *block, const ArchiveErasure *erasure, int max)
{
	int count = block->count;
	int kept = 0;

	for (int i = 0; i < count; i++)
	{
		const PackMessage *m = &block->messages[i];

		if (i - kept < max && NeedsErasure(erasure, m))
			InsertMessage(conversation_id, m);
		else
			block->messages[kept++] = *m;
	}
	if (kept < count)
		WriteBlocks(conversation_id, block->first_seq, block->messages, kept, PACK_QUICKLY);
	return count - kept;
}

void
ArchiveUnpackSender(int64 conversation_id, const ArchiveErasure *erasure, int max)
{
	int64 at = erasure->after + 1;

	while (max > 0)
	{
		ArchiveBlock block;
		bool found;

		CHECK_FOR_INTERRUPTS();
		SpiBegin();
		found = ArchiveFindSender(conversation_id, at, erasure->sender_id, &block);
		if (found)
		{
			ArchiveRead(conversation_id, &block);
			max -= UnpackBlock(conversation_id, &block, erasure, max);
		}
		SpiEnd();
		if (!found)
			break;
		at = block.last_seq + 1;
	}
}

/* ---- packing ------------------------------------------------------------ */

/* The oldest row that may go: pinned ones stay, and the last message of all. */
static SpiQuery find_oldest = {
	.sql = "SELECT m.seq FROM (SELECT seq, created_at FROM chat.message WHERE conversation_id = $1 "
		   "AND pinned_at IS NULL ORDER BY seq LIMIT 1) m, chat.conversation_counter k "
		   "WHERE k.conversation_id = $1 AND m.created_at < $2 AND m.seq < k.last_seq",
	.argtypes = {INT8OID, TIMESTAMPTZOID},
};

/* Where the next block begins: what goes in before it must not reach it. */
static SpiQuery find_next_block = {
	.sql = "SELECT coalesce((SELECT first_seq FROM chat.archive "
		   "WHERE conversation_id = $1 AND first_seq > $2 ORDER BY first_seq LIMIT 1), last_seq) "
		   "FROM chat.conversation_counter WHERE conversation_id = $1",
	.argtypes = {INT8OID, INT8OID},
};

/*
 * Of the next rows those that are old enough, and of large ones no more than a step should hold:
 * a first one, and more until they have 4 MB of text.  The first that is too new ends it: where
 * the clock was set back, older ones that come after it stay behind it, so that what is archived
 * remains a beginning of the conversation.
 */
static SpiQuery take_rows = {
	.sql =
		"WITH page AS (SELECT seq, created_at, octet_length(content) AS bytes FROM chat.message "
		"WHERE conversation_id = $1 AND seq < $2 AND pinned_at IS NULL ORDER BY seq LIMIT $4), "
		"sized AS (SELECT seq, created_at, bytes, sum(bytes) OVER (ORDER BY seq) AS total FROM "
		"page), "
		"next AS (SELECT seq, created_at FROM sized WHERE total - bytes < 4194304), "
		"taken AS (DELETE FROM chat.message m USING next n WHERE m.conversation_id = $1 "
		"AND m.seq = n.seq AND n.seq < coalesce((SELECT min(seq) FROM next "
		"WHERE created_at >= $3), $2) RETURNING m.*) "
		"SELECT seq, sender_id, reply_to, thread, created_at, edited_at, deleted_at, ver, changed, "
		"client_id, sender_name, content, reactions::text, attachments::text "
		"FROM taken ORDER BY seq",
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID},
};

/* The columns of take_rows. */
enum
{
	SEQ = 1,
	SENDER_ID,
	REPLY_TO,
	THREAD,
	CREATED_AT,
	EDITED_AT,
	DELETED_AT,
	VER,
	CHANGED,
	CLIENT_ID,
	SENDER_NAME,
	CONTENT,
	REACTIONS,
	ATTACHMENTS
};

static bool
GetField(uint64 row, int column, PackMessage *m, uint32 field, Datum *value)
{
	bool isnull;

	*value = SpiGetDatum(row, column, &isnull);
	if (isnull)
		return false;
	m->present |= field;
	return true;
}

static void
GetNumber(uint64 row, int column, PackMessage *m, uint32 field, int64 *number)
{
	Datum value;

	if (GetField(row, column, m, field, &value))
		*number = DatumGetInt64(value);
}

/* The text stays where SPI has put the row. */
static void
GetText(uint64 row, int column, PackMessage *m, uint32 field, PackText *to)
{
	Datum value;
	text *bytes;

	if (!GetField(row, column, m, field, &value))
		return;
	bytes = DatumGetTextPP(value);
	*to = (PackText){.bytes = VARDATA_ANY(bytes), .length = VARSIZE_ANY_EXHDR(bytes)};
}

static void
GetMessage(uint64 row, PackMessage *m)
{
	Datum value;

	memset(m, 0, sizeof(*m));
	m->seq = SpiGetInt64(row, SEQ);
	m->sender_id = SpiGetInt64(row, SENDER_ID);
	m->created_at = SpiGetInt64(row, CREATED_AT);
	GetNumber(row, REPLY_TO, m, PACK_REPLY_TO, &m->reply_to);
	GetNumber(row, THREAD, m, PACK_THREAD, &m->thread);
	GetNumber(row, EDITED_AT, m, PACK_EDITED, &m->edited_at);
	GetNumber(row, DELETED_AT, m, PACK_DELETED, &m->deleted_at);
	GetNumber(row, VER, m, PACK_VER, &m->ver);
	if (GetField(row, CHANGED, m, PACK_CHANGED, &value))
		m->changed = DatumGetChar(value);
	if (GetField(row, CLIENT_ID, m, PACK_CLIENT_ID, &value))
		memcpy(m->client_id, DatumGetUUIDP(value)->data, UUID_LEN);
	GetText(row, SENDER_NAME, m, 0, &m->sender_name);
	GetText(row, CONTENT, m, 0, &m->content);
	GetText(row, REACTIONS, m, PACK_REACTIONS, &m->reactions);
	GetText(row, ATTACHMENTS, m, PACK_ATTACHMENTS, &m->attachments);
}

#define SENDERS_BEHIND \
	"(SELECT sender_id, max(seq) AS seq FROM unnest($2, $3) AS u (sender_id, seq) " \
	"GROUP BY sender_id) s WHERE m.conversation_id = $1 AND m.account_id = s.sender_id " \
	"AND m.read_seq < s.seq"

/* In the order of CounterLockMembers(). */
static SpiQuery lock_senders = {
	.sql = "SELECT FROM chat.member m, " SENDERS_BEHIND
		   " ORDER BY m.account_id FOR NO KEY UPDATE OF m",
	.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID},
};

/*
 * One's own last message counts as read (conversation.h), which is found among the rows: for
 * those that go the position is written.  It says nothing new, so it is no event.
 */
static SpiQuery keep_positions = {
	.sql = "UPDATE chat.member m SET read_seq = s.seq, changed = 'b' FROM " SENDERS_BEHIND,
	.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID},
};

static void
KeepPositions(int64 conversation_id, const PackMessage *messages, int count)
{
	int64 *senders = palloc(count * sizeof(int64));
	int64 *seqs = palloc(count * sizeof(int64));
	const NullableDatum *args;

	for (int i = 0; i < count; i++)
	{
		senders[i] = messages[i].sender_id;
		seqs[i] = messages[i].seq;
	}
	args = SpiArgs(SpiInt64(conversation_id), SpiInt64Array(senders, count),
				   SpiInt64Array(seqs, count));
	SpiRun(&lock_senders, args);
	SpiRun(&keep_positions, args);
}

static int
CompareMessages(const void *a, const void *b)
{
	int64 left = ((const PackMessage *) a)->seq;
	int64 right = ((const PackMessage *) b)->seq;

	return left < right ? -1 : left > right;
}

/* The block that messages from seq on join: the one that holds seq, or one before with room. */
static void
FindHost(int64 conversation_id, int64 seq, ArchiveBlock *host)
{
	if (!ArchiveFindBefore(conversation_id, seq, host))
		return;
	ArchiveRead(conversation_id, host);
	if (host->last_seq < seq && host->count == PACK_MAX_MESSAGES)
		host->count = 0;
}

/* The keys of what a call packs, to be written together. */
typedef struct KeyList
{
	MemoryContext memory; /* outlives the steps */
	int count;
	int64 *keys;
} KeyList;

static void
AddKeys(KeyList *list, const PackMessage *messages, int count)
{
	Size size = (list->count + count + 1) * sizeof(int64);

	list->keys = list->keys ? repalloc(list->keys, size) : MemoryContextAlloc(list->memory, size);
	for (int i = 0; i < count; i++)
	{
		const PackMessage *m = &messages[i];

		if (m->present & PACK_CLIENT_ID)
			list->keys[list->count++] = ArchiveKeyOf(m->sender_id, m->client_id) | m->seq;
	}
}

/* Rows from seq on, up to the next block, at most `max`; how many. */
static int
PackFrom(int64 conversation_id, int64 seq, TimestampTz before, int max, KeyList *keys)
{
	ArchiveBlock host = {0};
	int64 end;
	int taken;
	PackMessage *messages;

	FindHost(conversation_id, seq, &host);
	SpiRun(&find_next_block, SpiArgs(SpiInt64(conversation_id), SpiInt64(seq)));
	end = SpiGetInt64(0, 1);
	taken = (int) SpiRun(&take_rows, SpiArgs(SpiInt64(conversation_id), SpiInt64(end),
											 SpiDatum(TimestampTzGetDatum(before), false),
											 SpiInt32(Min(max, PACK_MAX_MESSAGES))));
	messages = palloc((host.count + taken) * sizeof(PackMessage));
	for (int i = 0; i < taken; i++)
		GetMessage(i, &messages[i]);
	AddKeys(keys, messages, taken);
	KeepPositions(conversation_id, messages, taken);
	if (host.count > 0)
		memcpy(&messages[taken], host.messages, host.count * sizeof(PackMessage));
	qsort(messages, host.count + taken, sizeof(PackMessage), CompareMessages);
	WriteBlocks(conversation_id, host.count > 0 ? host.first_seq : 0, messages, host.count + taken,
				PACK_WELL);
	return taken;
}

/* The oldest rows that may go, at most `max`; how many. */
static int
PackOldest(int64 conversation_id, TimestampTz before, int max, KeyList *keys)
{
	int taken = 0;

	SpiBegin();
	if (SpiRun(&find_oldest, SpiArgs(SpiInt64(conversation_id),
									 SpiDatum(TimestampTzGetDatum(before), false))) > 0)
		taken = PackFrom(conversation_id, SpiGetInt64(0, 1), before, max, keys);
	SpiEnd();
	return taken;
}

int
ArchivePack(int64 conversation_id, TimestampTz before, int max)
{
	int packed = 0;
	int taken = 1;
	KeyList keys = {.memory = CurrentMemoryContext};

	while (packed < max && taken > 0)
	{
		CHECK_FOR_INTERRUPTS();
		taken = PackOldest(conversation_id, before, max - packed, &keys);
		packed += taken;
	}
	ArchiveKeyAdd(conversation_id, keys.keys, keys.count);
	return packed;
}
