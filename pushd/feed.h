/*
 * feed.h
 *	  The feed of committed events, wherever it comes from: the hub and the sessions see
 *	  one stream and know only whether it flows.
 *
 * The WAL feed (walfeed.h) is the better one.  While it cannot be had, because the server
 * has no slot to give, has another wal_level, or a new slot has to wait for an older
 * transaction, the table feed (tablefeed.h) serves.
 *
 *	 NONE ──streams──> WAL ──lost: all clients come back──> NONE
 *	 NONE ──first poll──> TABLE ──streams──> SETTLING ──> WAL
 *	                        └──server restarted: all clients come back──> NONE
 *
 * From the tables to the WAL.  A new slot brings what commits after its beginning, but a
 * transaction that committed before may become visible later than that.  So while
 * SETTLING the polls go on, and what streams in is kept.  When a poll sees that all
 * transactions which had begun before the stream have ended, it has told all of them.  It is
 * the last one: what was kept follows, but for what has been told, by number and version.
 * Nothing is let through before, for a poll after it could tell it again.
 */
#ifndef PARLEY_FEED_H
#define PARLEY_FEED_H

#include <stdbool.h>

#include "hub.h"
#include "listenfeed.h"
#include "loop.h"
#include "pgpool.h"
#include "timerwheel.h"
#include "util.h"

typedef struct Feed Feed;

typedef enum FeedSource
{
	FEED_NONE,
	FEED_TABLE,
	FEED_SETTLING, /* from the tables still, but the WAL streams */
	FEED_WAL
} FeedSource;

typedef struct FeedOptions
{
	Loop *loop;
	TimerWheel *wheel;
	PgPool *pool;
	ListenFeed *listen;
	Hub *hub;
	const char *conninfo;

	/* One event, in the feed's order; `json` is valid only during the call. */
	void (*on_event)(void *arg, uint32_t xid, const ParleyEvent *header, const uint8_t *json);

	/* Several events of one transaction follow; they have been passed on. */
	void (*on_batch)(void *arg, bool begins);

	/* FEED_NONE: something may be missing from now on, and the hub has ended all connections.
	 * Else: all that is committed from now on comes. */
	void (*on_source)(void *arg, FeedSource source);
	void *arg;
} FeedOptions;

/* `options` is copied, conninfo too.  Connects from the first turn of the loop on, and for ever. */
Feed *feed_create(const FeedOptions *options) MUST_CHECK;

/* No callback any more; before pgpool_close(). */
void feed_stop(Feed *feed);

void feed_free(Feed *feed);

/* Events come, from wherever. */
bool feed_flows(const Feed *feed);

/* Appends the members of a JSON object that say which feed runs, and why it is not another. */
void feed_describe(const Feed *feed, Buffer *json);

/* How far in the WAL the events have come; 0 while they come from the tables. */
uint64_t feed_lsn(const Feed *feed);

/* How far behind the server the WAL feed is; 0 while it does not stream. */
void feed_lag(const Feed *feed, int64_t *bytes, int64_t *ms);

#endif /* PARLEY_FEED_H */
