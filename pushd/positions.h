/*
 * positions.h
 *	  Read and delivered positions on their way to the database: the furthest of what is
 *	  reported about a member counts, and one batch is under way at a time.
 *
 * A client may report every message it shows; what is written is where it has come to.
 */
#ifndef PARLEY_POSITIONS_H
#define PARLEY_POSITIONS_H

#include "loop.h"
#include "pgpool.h"
#include "session.h"
#include "timerwheel.h"

typedef struct Positions Positions;

typedef enum PositionKind
{
	POSITION_READ,
	POSITION_DELIVERED,
	POSITION_KINDS
} PositionKind;

Positions *positions_create(Loop *loop, TimerWheel *wheel, PgPool *pool) MUST_CHECK;

/*
 * Reports for the session's account.  With a `request_id` it gets an `ack` with the
 * position as it is then; an `error` in any case.
 */
void positions_report(Positions *positions, Session *session, PositionKind kind,
					  int64_t conversation_id, int64_t seq, const char *request_id);

/* Answers all that waits with `unavailable`.  After the pool was closed. */
void positions_free(Positions *positions);

#endif /* PARLEY_POSITIONS_H */
