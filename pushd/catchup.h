/*
 * catchup.h
 *	  Brings a client from its cursors to now, and joins the live feed without a seam
 *	  (invariants I4, I7).
 *
 * A sync is a list of conversations, each with a cursor (seq, ver) or none.  Each goes its own
 * way, and all other conversations of the client stay live meanwhile:
 *
 *	 WAITING ──ring covers the cursor───────────────────> FLUSHING ──> done
 *	    └─────────> ASKED ──a snapshot of the tables──────>   └──────> TAIL ──> done
 *
 * WAITING   events are thrown away: the snapshot is yet to be taken.  They raise its floor, the
 *			 least cursor that the snapshot must reach; one that does not, for a commit is in the
 *			 WAL before it is visible, is taken again.
 * ASKED	 events are kept; behind the snapshot's frames come those that are not in it.
 * FLUSHING  frames go out as the client takes them, and events queue behind.
 * TAIL	     the client has it all, but the feed is not yet where the snapshot was: events that
 *			 were in it are thrown away until it is.
 *
 * What is kept for a client is bounded.  What does not fit is thrown away, and the conversation
 * waits again, from where its frames have come to: so however long a client takes, it gets
 * every message once, in order.
 */
#ifndef PARLEY_CATCHUP_H
#define PARLEY_CATCHUP_H

#include "hub.h"
#include "loop.h"
#include "pgpool.h"
#include "ring.h"
#include "session.h"
#include "timerwheel.h"

typedef struct Catchup Catchup;

typedef struct CatchupOptions
{
	Loop *loop;
	TimerWheel *wheel;
	PgPool *pool;
	Hub *hub;
	Ring *ring;
	size_t max_kept_bytes; /* of events that one client waits for */

	/* How far in the WAL the feed has come; 0: it does not read the WAL. */
	uint64_t (*feed_lsn)(void *arg);
	void *arg;
} CatchupOptions;

typedef struct CatchupCursor
{
	int64_t conversation_id;
	RingCursor cursor;
} CatchupCursor;

/* What a client asks; `id` may be NULL. */
typedef struct CatchupSync
{
	const char *id;
	const char *timeline; /* of the cursors: see session_timeline(); NULL: of this one */
	const CatchupCursor *cursors;
	size_t count;
	bool only; /* nothing of conversations that are not among the cursors */
} CatchupSync;

Catchup *catchup_create(const CatchupOptions *options) MUST_CHECK;

/* All sessions must have gone.  After the pool was closed. */
void catchup_free(Catchup *catchup);

/*
 * Starts when the session is live: a sync that comes before the welcome goes ahead of all
 * events.  Ends with a `synced` or an `error`.  Syncs of one client are done one by one.
 */
void catchup_sync(Catchup *catchup, Session *session, const CatchupSync *sync);

#endif /* PARLEY_CATCHUP_H */
