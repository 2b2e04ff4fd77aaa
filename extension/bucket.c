/*
 * bucket.c
 *	  Counts under keys, in shared memory or in a table.
 *
 * In shared memory a key's hash names a set, and any place of the set may hold its
 * bucket, so that nothing is ever allocated and a look takes one spinlock and two
 * cache lines.  The 64 bits of the hash stand for the key: its seed is random
 * there, and nobody can look for two keys that meet.
 */
#include "compat.h"

#include "bucket.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "crypto.h"
#include "spi.h"

#define SETS 32768		/* 4 MB */
#define PLACES 5		/* of a set: with the lock, two cache lines */
#define SWEEP_EVERY 500 /* new rows of the table */
#define BUCKET_KIND 5	/* of lock; block.c has 4 */

typedef struct Place
{
	uint64 key;
	Bucket bucket;
} Place;

typedef struct Set
{
	slock_t lock;
	Place places[PLACES];
} Set;

typedef struct Shared
{
	uint64 seed;
	Set sets[SETS];
} Shared;

static Shared *shared = NULL;
static ParleyShmemRequestHook previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

/* ---- shared memory ------------------------------------------------------ */

static void
AskForMemory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(sizeof(Shared));
}

static void
SetUpMemory(void)
{
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("pg_parley buckets", sizeof(Shared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(Shared));
		CryptoRandom((uint8 *) &shared->seed, sizeof(shared->seed));
		for (int i = 0; i < SETS; i++)
			SpinLockInit(&shared->sets[i].lock);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
BucketInit(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	ParleyHookShmemRequest(AskForMemory, previous_request);
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = SetUpMemory;
}

/* That of the key, else that which is forgotten first. */
static Place *
FindPlace(Set *set, uint64 key)
{
	Place *found = &set->places[0];

	for (int i = 0; i < PLACES; i++)
	{
		Place *place = &set->places[i];

		if (place->key == key)
			return place;
		if (place->bucket.forget_at < found->bucket.forget_at)
			found = place;
	}
	return found;
}

static int64
ApplyInMemory(uint64 key, BucketStep step, const void *rule, TimestampTz now)
{
	Set *set = &shared->sets[key % SETS];
	Bucket bucket = {0};
	Place *place;
	int64 answer;

	SpinLockAcquire(&set->lock);
	place = FindPlace(set, key);
	if (place->key == key && place->bucket.forget_at > now)
		bucket = place->bucket;
	answer = step(&bucket, rule, now);
	if (bucket.forget_at > now || place->key == key)
		*place = (Place){.key = key, .bucket = bucket};
	SpinLockRelease(&set->lock);
	return answer;
}

/* ---- the table ---------------------------------------------------------- */

/*
 * A transaction that counts has the key locked until it ends: with an advisory lock, of a kind that
 * SQL cannot take (hashslot.c), for a row that was inserted and not committed can't be tried.
 * A row that is locked all the same is being swept, by a transaction that may stay open.
 */
static SpiQuery find_bucket = {
	.sql = "SELECT forget_at, count FROM chat.rate_bucket WHERE key = $1 FOR UPDATE SKIP LOCKED",
	.argtypes = {INT8OID},
};

static SpiQuery find_swept = {
	.sql = "SELECT FROM chat.rate_bucket WHERE key = $1",
	.argtypes = {INT8OID},
};

static SpiQuery insert_bucket = {
	.sql = "INSERT INTO chat.rate_bucket (key, forget_at, count) VALUES ($1, '-infinity', 0) "
		   "ON CONFLICT (key) DO NOTHING",
	.argtypes = {INT8OID},
};

static SpiQuery update_bucket = {
	.sql = "UPDATE chat.rate_bucket SET forget_at = $2, count = $3 WHERE key = $1",
	.argtypes = {INT8OID, TIMESTAMPTZOID, INT8OID},
};

/* Waits for nobody; the row that was just made stays. */
static SpiQuery sweep_buckets = {
	.sql = "DELETE FROM chat.rate_bucket WHERE key IN (SELECT key FROM chat.rate_bucket "
		   "WHERE key <> $1 AND forget_at < clock_timestamp() FOR UPDATE SKIP LOCKED)",
	.argtypes = {INT8OID},
};

static inline bool
TableIsWritable(void)
{
	return !XactReadOnly && !RecoveryInProgress() && !IsInParallelMode();
}

static bool
LockKey(uint64 key, bool wait)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, BUCKET_KIND);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/* Makes the row of a locked key; false where there is one, which is being swept. */
static bool
MakeBucket(uint64 key, TimestampTz now)
{
	if (SpiRun(&find_swept, SpiArgs(SpiInt64((int64) key))) > 0)
		return false;
	SpiRun(&insert_bucket, SpiArgs(SpiInt64((int64) key)));
	if ((key ^ (uint64) now) % SWEEP_EVERY == 0)
		SpiRun(&sweep_buckets, SpiArgs(SpiInt64((int64) key)));
	return true;
}

/* Finds the row of a locked key, or makes it; false: what the step changes can't be kept. */
static bool
FindBucket(uint64 key, TimestampTz now, Bucket *bucket)
{
	bool isnull;

	*bucket = (Bucket){0};
	if (SpiRun(&find_bucket, SpiArgs(SpiInt64((int64) key))) == 0)
		return MakeBucket(key, now);
	if (DatumGetTimestampTz(SpiGetDatum(0, 1, &isnull)) > now)
	{
		bucket->forget_at = DatumGetTimestampTz(SpiGetDatum(0, 1, &isnull));
		bucket->count = SpiGetInt64(0, 2);
	}
	return true;
}

static int64
ApplyInTable(uint64 key, BucketStep step, const void *rule, TimestampTz now)
{
	Bucket before;
	Bucket bucket;
	bool kept;
	int64 answer;

	SpiBegin();
	kept = FindBucket(key, now, &before);
	bucket = before;
	answer = step(&bucket, rule, now);
	if (kept && (bucket.forget_at != before.forget_at || bucket.count != before.count))
		SpiRun(&update_bucket, SpiArgs(SpiInt64((int64) key),
									   SpiDatum(TimestampTzGetDatum(bucket.forget_at), false),
									   SpiInt64(bucket.count)));
	SpiEnd();
	return answer;
}

/* ---- either ------------------------------------------------------------- */

static int64
Apply(const void *key, Size size, BucketStep step, const void *rule, bool wait)
{
	uint64 seed = hash_combine64(shared ? shared->seed : 0, MyDatabaseId);
	uint64 hash = hash_bytes_extended(key, (int) size, seed);
	TimestampTz now = GetCurrentTimestamp();

	if (shared)
		return ApplyInMemory(hash, step, rule, now);
	if (!TableIsWritable())
		return 0;
	return LockKey(hash, wait) ? ApplyInTable(hash, step, rule, now) : BUCKET_BUSY;
}

int64
BucketApply(const void *key, Size size, BucketStep step, const void *rule)
{
	return Apply(key, size, step, rule, true);
}

int64
BucketTry(const void *key, Size size, BucketStep step, const void *rule)
{
	return Apply(key, size, step, rule, false);
}
