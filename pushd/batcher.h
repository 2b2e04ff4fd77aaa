/*
 * batcher.h
 *	  Group commit: sends that arrive while one batch is under way form the next, so
 *	  that one commit (one fsync) serves many messages and an idle system does not wait.
 */
#ifndef PARLEY_BATCHER_H
#define PARLEY_BATCHER_H

#include "loop.h"
#include "pgpool.h"
#include "session.h"
#include "timerwheel.h"

typedef struct Batcher Batcher;

typedef struct BatcherSend
{
	int64_t conversation_id;
	const char *content; /* valid UTF-8 */
	size_t content_length;
	const char *id;	  /* a UUID, or NULL: no retry protection and null in the ack */
	int64_t reply_to; /* 0: to none */
} BatcherSend;

Batcher *batcher_create(Loop *loop, TimerWheel *wheel, PgPool *pool) MUST_CHECK;

/*
 * Sends for the session's account.  The session gets an `ack`, or an `error` with
 * the same id; after `unavailable` the client repeats it with that id (I3).  A send
 * into a conversation that an open transaction holds waits up to 10 s, alone.
 */
void batcher_send(Batcher *batcher, Session *session, const BatcherSend *send);

/* Answers all that waits with `unavailable`.  After the pool was closed. */
void batcher_free(Batcher *batcher);

#endif /* PARLEY_BATCHER_H */
