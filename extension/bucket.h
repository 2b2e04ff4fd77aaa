/*
 * bucket.h
 *	  Small counts that calls leave behind, each under a key: in shared memory where
 *	  the library is in shared_preload_libraries, else in the unlogged table
 *	  chat.rate_bucket.
 *
 *	  In shared memory a count stays whatever becomes of the transaction.  There is
 *	  room for 160,000 of them; where it runs out, one that is forgotten soon goes.  In the table a count belongs to the transaction: an error takes it back,
 *	  and a transaction that counts under the same key waits for its end, or does not
 *	  count at all (BucketTry).  Where nothing can be
 *	  written (a standby, a read-only transaction) nothing is counted there.
 */
#ifndef PARLEY_BUCKET_H
#define PARLEY_BUCKET_H

#include "postgres.h"

#include "utils/timestamp.h"

/* All zero where nothing is known. */
typedef struct Bucket
{
	TimestampTz forget_at; /* from then on it is as if nothing were known */
	int64 count;
} Bucket;

/*
 * Looks at a bucket, may change it, and says something; nobody else has the bucket
 * meanwhile.  Runs under a spinlock: a few instructions that can't fail.
 */
typedef int64 (*BucketStep)(Bucket *bucket, const void *rule, TimestampTz now);

/* Asks for shared memory; called once, from _PG_init. */
extern void BucketInit(void);

/*
 * Lets the step at the bucket of that key, any bytes, and returns what it says.
 * Keys are of the current database.
 */
extern int64 BucketApply(const void *key, Size size, BucketStep step, const void *rule);

/* The same, but waits for nobody: BUCKET_BUSY where another transaction has the bucket. */
extern int64 BucketTry(const void *key, Size size, BucketStep step, const void *rule);

#define BUCKET_BUSY (-1) /* no step says that */

#endif /* PARLEY_BUCKET_H */
