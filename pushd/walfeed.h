/*
 * walfeed.h
 *	  Committed events from the write-ahead log, through a temporary logical slot
 *	  of the output plugin.
 *
 * A temporary slot knows nothing of the time before it: every start of streaming is
 * a new beginning, and what was committed since the last one has to be fetched from
 * the tables (invariants I4 and I7).  Protocol: PostgreSQL documentation, "Streaming
 * Replication Protocol"; payload: extension/wire.h.
 */
#ifndef PARLEY_WALFEED_H
#define PARLEY_WALFEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "timerwheel.h"
#include "util.h"
#include "wire.h"

typedef struct WalFeed WalFeed;

typedef enum WalFeedState
{
	WALFEED_DOWN,		   /* no connection; an attempt will follow */
	WALFEED_CONNECTING,	   /* logged in, looking at the server */
	WALFEED_CREATING_SLOT, /* the server waits for every older write transaction */
	WALFEED_STREAMING	   /* everything committed from now on arrives */
} WalFeedState;

typedef struct WalFeedHandlers
{
	/*
	 * One chunk of one transaction, in commit order; `events` are its `length` bytes
	 * behind the chunk header, valid only during the call.  When the call returns,
	 * the server may be told that they are taken.
	 */
	void (*on_chunk)(void *arg, const ParleyChunk *chunk, const uint8_t *events, size_t length);

	/* `why` is one line for people, "" when there is nothing to say.  A state may come again
	 * with another reason, DOWN after each attempt that failed. */
	void (*on_state)(void *arg, WalFeedState state, const char *why);
} WalFeedHandlers;

typedef struct WalPosition
{
	uint64_t received_lsn;	/* up to here the log has been handed to on_chunk */
	uint64_t server_lsn;	/* the furthest that the server has told */
	int64_t commit_time_us; /* wall clock of the last chunk's commit, 0: none yet */
	int64_t heard_us;		/* clock_us() when the server last said anything */
} WalPosition;

/* `conninfo` is copied; `handlers` must outlive the feed.  Connects from the first
 * turn of the loop on, and for ever. */
WalFeed *walfeed_create(Loop *loop, TimerWheel *wheel, const char *conninfo,
						const WalFeedHandlers *handlers, void *arg) MUST_CHECK;

/* Gives the connection up and makes another: what streamed on it is lost. */
void walfeed_restart(WalFeed *feed, const char *why);

/* Ends replication and closes; no callback any more; also from within one.  The memory goes in a
 * turn of the loop. */
void walfeed_close(WalFeed *feed);

WalFeedState walfeed_state(const WalFeed *feed);
const char *walfeed_state_name(WalFeedState state);
void walfeed_position(const WalFeed *feed, WalPosition *position);

/* Of the walsender; 0 when there is none.  For asking the pool what it waits for. */
int walfeed_backend_pid(const WalFeed *feed);

/* Name of the slot of this connection; "" when there is none. */
const char *walfeed_slot_name(const WalFeed *feed);

#endif /* PARLEY_WALFEED_H */
