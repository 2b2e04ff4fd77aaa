/*
 * archive_key.c
 *	  The keys of archived messages: adding to the pages, and looking one up.
 */
#include "compat.h"

#include "archive_key.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"

#include "archive.h"
#include "spi.h"

#define PAGE_KEYS 256 /* a page that grows past this is cut in two */

#define HASH_OF(key) ((key) >> ARCHIVE_SEQ_BITS)

/* ---- keys --------------------------------------------------------------- */

/* FNV-1a with a final mix: the same on every server, since dumps carry it. */
int64
ArchiveKeyOf(int64 sender_id, const uint8 client_id[PACK_CLIENT_ID_SIZE])
{
	uint64 hash = UINT64CONST(0xcbf29ce484222325);

	for (int i = 0; i < 8; i++)
		hash = (hash ^ ((uint64) sender_id >> (8 * i) & 0xff)) * UINT64CONST(0x100000001b3);
	for (int i = 0; i < PACK_CLIENT_ID_SIZE; i++)
		hash = (hash ^ client_id[i]) * UINT64CONST(0x100000001b3);
	hash = (hash ^ (hash >> 33)) * UINT64CONST(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	return (int64) (hash & 0x7ffffff) << ARCHIVE_SEQ_BITS;
}

static int
CompareKeys(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

static int
ReadPage(int64 conversation_id, Datum page, int64 **keys)
{
	const bytea *bytes = DatumGetByteaPP(page);
	int count;

	/* No key takes less than a byte. */
	*keys = palloc((VARSIZE_ANY_EXHDR(bytes) + 1) * sizeof(int64));
	count = PackReadNumbers((const uint8 *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), *keys,
							VARSIZE_ANY_EXHDR(bytes));
	if (count < 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("the keys of archived messages of conversation %lld are damaged",
							   (long long) conversation_id),
						errhint("Restore these rows of chat.archive_key from a backup.")));
	return count;
}

/* ---- pages -------------------------------------------------------------- */

static SpiQuery find_page = {
	.sql = "SELECT first_key, keys FROM chat.archive_key "
		   "WHERE conversation_id = $1 AND first_key <= $2 ORDER BY first_key DESC LIMIT 1",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery find_next_page = {
	.sql = "SELECT first_key FROM chat.archive_key "
		   "WHERE conversation_id = $1 AND first_key > $2 ORDER BY first_key LIMIT 1",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery write_page = {
	.sql = "INSERT INTO chat.archive_key (conversation_id, first_key, keys) VALUES ($1, $2, $3) "
		   "ON CONFLICT (conversation_id, first_key) DO UPDATE SET keys = excluded.keys",
	.argtypes = {INT8OID, INT8OID, BYTEAOID},
};

static SpiQuery find_purged = {
	.sql = "SELECT purged_seq FROM chat.conversation_counter WHERE conversation_id = $1",
	.argtypes = {INT8OID},
};

static void
WritePage(int64 conversation_id, int64 first_key, const int64 *keys, int count)
{
	bytea *page = palloc(VARHDRSZ + PACK_NUMBERS_BOUND(count));

	SET_VARSIZE(page, VARHDRSZ + PackNumbers(keys, count, (uint8 *) VARDATA(page)));
	SpiRun(&write_page, SpiArgs(SpiInt64(conversation_id), SpiInt64(first_key),
								SpiDatum(PointerGetDatum(page), false)));
}

/* In parts of like size; keys of one hash stay together. */
static void
WritePages(int64 conversation_id, int64 first_key, const int64 *keys, int count)
{
	int parts = (count - 1) / PAGE_KEYS + 1;
	int begin = 0;

	for (int part = 1; part <= parts; part++)
	{
		int end = (int) ((int64) count * part / parts);

		while (end > begin && end < count && HASH_OF(keys[end]) == HASH_OF(keys[end - 1]))
			end++;
		if (end <= begin)
			continue;
		WritePage(conversation_id,
				  begin == 0 ? first_key : HASH_OF(keys[begin]) << ARCHIVE_SEQ_BITS, &keys[begin],
				  end - begin);
		begin = end;
	}
}

/* Both sorted; each key once, and none of a purged message. */
static int
Merge(int64 *to, const int64 *a, int a_count, const int64 *b, int b_count, int64 purged_seq)
{
	int count = 0;
	int i = 0;
	int k = 0;

	while (i < a_count || k < b_count)
	{
		int64 key = k == b_count || (i < a_count && a[i] <= b[k]) ? a[i++] : b[k++];

		if ((key & ARCHIVE_SEQ_MAX) > purged_seq && (count == 0 || to[count - 1] != key))
			to[count++] = key;
	}
	return count;
}

/* Puts the first of the keys into its page, with all that belong there; how many did. */
static int
AddToPage(int64 conversation_id, const int64 *keys, int count, int64 purged_seq)
{
	int64 first_key = 0;
	int64 *old = NULL;
	int64 *merged;
	int old_count = 0;
	int added = count;
	bool isnull;

	if (SpiRun(&find_page, SpiArgs(SpiInt64(conversation_id), SpiInt64(keys[0]))) > 0)
	{
		first_key = SpiGetInt64(0, 1);
		old_count = ReadPage(conversation_id, SpiGetDatum(0, 2, &isnull), &old);
	}
	if (SpiRun(&find_next_page, SpiArgs(SpiInt64(conversation_id), SpiInt64(first_key))) > 0)
	{
		int64 end = SpiGetInt64(0, 1);

		for (added = 1; added < count && keys[added] < end;)
			added++;
	}
	merged = palloc((old_count + added) * sizeof(int64));
	WritePages(conversation_id, first_key, merged,
			   Merge(merged, old, old_count, keys, added, purged_seq));
	return added;
}

void
ArchiveKeyAdd(int64 conversation_id, int64 *keys, int count)
{
	int64 purged_seq;

	if (count == 0)
		return;
	qsort(keys, count, sizeof(int64), CompareKeys);
	SpiRun(&find_purged, SpiArgs(SpiInt64(conversation_id)));
	purged_seq = SpiGetInt64(0, 1);
	for (int begin = 0; begin < count;)
		begin += AddToPage(conversation_id, &keys[begin], count - begin, purged_seq);
}

/* ---- looking up --------------------------------------------------------- */

/*
 * `block` is the one that was read last.  Who makes ids of one hash on purpose has most of
 * them in few blocks: each is read once.
 */
static const PackMessage *
FindIn(int64 conversation_id, int64 seq, ArchiveBlock *block)
{
	if (block->count == 0 || seq < block->first_seq || seq > block->last_seq)
	{
		if (!ArchiveFindBefore(conversation_id, seq, block) || block->last_seq < seq)
			return NULL;
		ArchiveRead(conversation_id, block);
	}
	return ArchiveFindIn(block, seq);
}

const PackMessage *
ArchiveKeyFind(int64 conversation_id, int64 sender_id, const uint8 client_id[PACK_CLIENT_ID_SIZE],
			   Datum page)
{
	int64 wanted = HASH_OF(ArchiveKeyOf(sender_id, client_id));
	int64 *keys;
	int count = ReadPage(conversation_id, page, &keys);
	ArchiveBlock block = {0};

	for (int i = 0; i < count; i++)
	{
		const PackMessage *m;

		if (HASH_OF(keys[i]) != wanted)
			continue;
		m = FindIn(conversation_id, keys[i] & ARCHIVE_SEQ_MAX, &block);
		if (m && m->sender_id == sender_id && (m->present & PACK_CLIENT_ID) &&
			memcmp(m->client_id, client_id, PACK_CLIENT_ID_SIZE) == 0)
			return m;
	}
	return NULL;
}
