/*
 * outbox.h
 *	  What waits for one slow client: events in order, joined into larger frames, and
 *	  the gaps of what did not fit.
 *
 * An Outbox is embedded in its owner, all zero while nothing waits: an idle
 * connection has no queue.  It keeps references to events and writes nothing itself.
 */
#ifndef PARLEY_OUTBOX_H
#define PARLEY_OUTBOX_H

#include "event.h"
#include "util.h"

#define OUTBOX_JOINT_BYTES (16 * 1024) /* events are joined in frames up to this size */

typedef struct Outbox
{
	Event **queue; /* ring; NULL while empty */
	size_t first;
	size_t count;
	size_t capacity;
	size_t bytes;
	Map gaps; /* the ids of conversations of which events were left out */
	bool overflowed;
} Outbox;

typedef enum OutboxResult
{
	OUTBOX_QUEUED,
	OUTBOX_LEFT_OUT, /* an ephemeral event, which nobody misses */
	OUTBOX_DROPPED,	 /* the client gets a `gap` when it has taken what waits */
	OUTBOX_FULL		 /* and nothing may be left out silently: the client is too slow */
} OutboxResult;

/* Queues an event behind what waits, as long as that is not more than `max_bytes`. */
OutboxResult outbox_put(Outbox *outbox, Event *event, size_t max_bytes) MUST_CHECK;

/*
 * Takes out the next frame: the first event, or it and those behind it joined in
 * `joint` (of OUTBOX_JOINT_BYTES); gaps come last.  The caller owns one reference.
 * NULL: nothing waits any more.
 */
Event *outbox_next(Outbox *outbox, Event *joint) MUST_CHECK;

/* Throws away what waits, gaps included. */
void outbox_clear(Outbox *outbox);

/* Whether a frame may be written without overtaking another. */
static inline bool
outbox_is_empty(const Outbox *outbox)
{
	return outbox->count == 0 && !outbox->overflowed;
}

/* Whether events were left out since it was last empty. */
static inline bool
outbox_has_overflowed(const Outbox *outbox)
{
	return outbox->overflowed;
}

#endif /* PARLEY_OUTBOX_H */
