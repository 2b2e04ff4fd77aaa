/*
 * tablefeed.h
 *	  Committed events read from the tables: chat.gateway_feed(), asked again and again.
 *
 * It tells where the hub is in each conversation that has members here, and gets what has
 * moved since, as the same chunks that the WAL feed brings.  Each poll is of one snapshot
 * and begins where the one before ended, so nothing is lost while polls fail.
 */
#ifndef PARLEY_TABLEFEED_H
#define PARLEY_TABLEFEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub.h"
#include "listenfeed.h"
#include "loop.h"
#include "pgpool.h"
#include "timerwheel.h"
#include "util.h"
#include "wire.h"

typedef struct TableFeed TableFeed;

/* A poll that was answered. */
typedef struct TablePoll
{
	uint64_t number;
	int64_t snapshot_xmin; /* transactions before it had ended when it was asked */
	int64_t next_xid;	   /* those from here on had not begun */
	bool complete;		   /* nothing was left for the next one */
} TablePoll;

typedef struct TableFeedHandlers
{
	/* What a poll brought; valid only during the call. */
	void (*on_chunk)(void *arg, const ParleyChunk *chunk, const uint8_t *events, size_t length);

	/* Behind its chunk; the hub's positions are the new ones.  The first poll brings none,
	 * but all that is committed later will come. */
	void (*on_poll)(void *arg, const TablePoll *poll);

	/* The server is another, or was restarted: the next poll is a first one. */
	void (*on_lost)(void *arg);
} TableFeedHandlers;

typedef struct TableFeedOptions
{
	Loop *loop;
	TimerWheel *wheel;
	PgPool *pool;
	ListenFeed *listen;
	Hub *hub;
	const TableFeedHandlers *handlers;
	void *arg;
} TableFeedOptions;

/* `options` is copied; it does not poll yet. */
TableFeed *tablefeed_create(const TableFeedOptions *options) MUST_CHECK;

/* Begins with a first poll.  Safe to repeat. */
void tablefeed_start(TableFeed *feed);

/* No callback any more, until it is started again; also from within one. */
void tablefeed_stop(TableFeed *feed);

/* Polls as soon as may be; returns the number of the first poll that begins after this. */
uint64_t tablefeed_hurry(TableFeed *feed);

/* After tablefeed_stop() and pgpool_close(). */
void tablefeed_free(TableFeed *feed);

#endif /* PARLEY_TABLEFEED_H */
