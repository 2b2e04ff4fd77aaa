/*
 * ring.h
 *	  The recent past of active conversations, in memory: so that a crowd that comes
 *	  back a moment later does not reach the database.
 *
 * The ring is filled by the feed, from the moment that this streams.  Of each conversation
 * it keeps the last events in the feed's order, and knows its `base`: the cursor (seq, ver)
 * from which on nothing is missing.  A client with that cursor or a later one gets the rest
 * from here; any other one is the database's business.
 *
 * Messages and changes are found by seq and ver.  Positions (read, delivered) have neither:
 * what followed the last message or change that a client knows is sent again, the newest of
 * each member.  The base of an entry that the feed began is not known at first, for a message
 * does not tell the ver and nothing tells the positions; ring_learn() completes it with what
 * a snapshot of the tables says.
 *
 * What a message said that was deleted since is not kept.  What was purged is not told by the
 * feed: so what was said is told from here for a while only (max_age_us).
 *
 * Memory is bounded in all and per conversation; what is touched longest ago goes first.
 */
#ifndef PARLEY_RING_H
#define PARLEY_RING_H

#include "event.h"
#include "util.h"

typedef struct Ring Ring;

typedef struct RingOptions
{
	size_t max_bytes;			   /* in all; 0: nothing is kept */
	size_t max_conversation_bytes; /* of one conversation */
	int64_t max_age_us;			   /* of what was said; 0: no limit */
} RingOptions;

/* Up to here a client, a snapshot or the feed knows a conversation. */
typedef struct RingCursor
{
	int64_t seq;
	int64_t ver;
} RingCursor;

typedef enum RingResult
{
	RING_KEPT,
	RING_HOLE /* seqs are missing, or went back: what was known of the conversation is void */
} RingResult;

Ring *ring_create(const RingOptions *options) MUST_CHECK;
void ring_free(Ring *ring);

/* Of a conversation that keeps too much then, with its next event. */
void ring_set_options(Ring *ring, const RingOptions *options);

/* One event of the feed, of a conversation, in the feed's order. */
RingResult ring_add(Ring *ring, uint32_t xid, Event *event);

/* The feed was lost: forgets all. */
void ring_reset(Ring *ring);

/* Nothing more of this conversation will be told, or something was not. */
void ring_forget(Ring *ring, int64_t conversation_id);

/* Changes with each reset: what was asked before tells nothing about the ring of now. */
uint64_t ring_epoch(const Ring *ring);

/*
 * What a snapshot says that was asked for in this epoch, and that the feed has caught up
 * with: the conversation is at `cursor`.  With `knows_positions`, `positions` is an event
 * that tells all of them, or NULL when there is none.  All transactions before xmin had ended.
 */
typedef struct RingLesson
{
	int64_t conversation_id;
	RingCursor cursor;
	bool knows_positions;
	Event *positions;
	uint32_t xmin;
} RingLesson;

void ring_learn(Ring *ring, const RingLesson *lesson);

/*
 * Hands over what a client with this cursor lacks, in order, to `take`, which must not call
 * the ring.  False, and nothing handed over, when the ring cannot know.
 */
bool ring_since(Ring *ring, int64_t conversation_id, RingCursor cursor,
				void (*take)(void *arg, Event *event), void *arg) MUST_CHECK;

/* How far the feed has come with this conversation; zero where it said nothing. */
RingCursor ring_last(const Ring *ring, int64_t conversation_id);

size_t ring_bytes(const Ring *ring);
size_t ring_conversations(const Ring *ring);

#endif /* PARLEY_RING_H */
