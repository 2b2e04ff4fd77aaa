/*
 * syncquery.h
 *	  What clients missed, asked of the tables: all questions that wait make one query
 *	  (chat.gateway_sync), and clients with the same cursor share its frames.
 *
 * One query is under way at a time, so a crowd that comes back makes few.  What an answer
 * says of a conversation goes into the ring, as soon as the feed has come as far as the
 * answer's snapshot.
 */
#ifndef PARLEY_SYNCQUERY_H
#define PARLEY_SYNCQUERY_H

#include "eventlist.h"
#include "loop.h"
#include "pgpool.h"
#include "problem.h"
#include "ring.h"
#include "util.h"

typedef struct SyncQuery SyncQuery;
typedef struct SyncQuestion SyncQuestion;

typedef struct SyncQueryOptions
{
	Loop *loop;
	PgPool *pool;
	Ring *ring;

	/* How far in the WAL the feed has come; 0: it does not read the WAL. */
	uint64_t (*feed_lsn)(void *arg);
	void *arg;
} SyncQueryOptions;

typedef enum SyncStatus
{
	SYNC_COMPLETE,
	SYNC_MORE,	/* ask again from the new cursor */
	SYNC_RESET, /* no or no good cursor: these are the newest messages */
	SYNC_GONE,	/* the account is no member */
	SYNC_FAILED /* see `problem` */
} SyncStatus;

/* Valid only within SyncQuestion.answered. */
typedef struct SyncAnswer
{
	SyncStatus status;
	ProblemId problem;
	RingCursor cursor;		 /* the new one */
	const EventList *frames; /* all of them, in order */
	Event *own;				 /* one more for this account alone, or NULL */
	int64_t membership_ver;	 /* SYNC_GONE: 0 when there never was one */
	uint64_t lsn;			 /* what the snapshot shows was in the WAL before it */
} SyncAnswer;

/* Embedded in whoever asks; all zero but for these when it is asked. */
struct SyncQuestion
{
	int64_t account_id;
	int64_t conversation_id;
	bool has_cursor;
	RingCursor cursor;

	/* Called once, from the loop, unless it is cancelled; may ask again and cancel others. */
	void (*answered)(SyncQuestion *question, const SyncAnswer *answer);

	/* Private. */
	ListNode node;
	SyncQuestion **pair;
	size_t ask;
	Event *own;
	bool is_gone;
	int64_t membership_ver;
};

SyncQuery *syncquery_create(const SyncQueryOptions *options) MUST_CHECK;

/* Nothing may wait any more.  After the pool was closed. */
void syncquery_free(SyncQuery *query);

void syncquery_ask(SyncQuery *query, SyncQuestion *question);

/* Safe when it was never asked or has been answered. */
void syncquery_cancel(SyncQuestion *question);

/* Tells the ring what answers said, as far as the feed has come. */
void syncquery_settle(SyncQuery *query);

/* Whether the feed has come past what a snapshot showed. */
bool syncquery_feed_passed(const SyncQuery *query, uint64_t lsn);

#endif /* PARLEY_SYNCQUERY_H */
