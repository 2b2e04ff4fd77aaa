/*
 * feed_cursor.h
 *	  What a reader of the tables has seen: the transactions that were visible to it,
 *	  for rows that carry neither a number nor a version.
 *
 * A row is new to the reader if the transaction that wrote it was not visible then.
 * pg_current_snapshot() would not do: it leaves out subtransactions, and rows carry
 * their ids.  So a cursor holds the ids of both.  Ids start again with another server,
 * and some may come a second time after a crash, therefore a cursor is good for one
 * life of the server only.
 */
#ifndef PARLEY_FEED_CURSOR_H
#define PARLEY_FEED_CURSOR_H

#include "postgres.h"

#include "utils/timestamp.h"

typedef struct FeedCursor
{
	TimestampTz life;	/* when the server started */
	TimestampTz oldest; /* no transaction that was running when this was made began before */
	TimestampTz floor;	/* none that was not visible began before */
	TransactionId xmin; /* all before were visible */
	TransactionId xmax; /* all from here on were not */
	bool overflowed;	/* of those in between, some that were not visible are missing */
	int count;
	TransactionId *xids; /* those in between that were not visible */
} FeedCursor;

/* Of the active snapshot; `since` is the reader's cursor before, or NULL.  Inside SpiBegin(). */
extern FeedCursor FeedCursorNow(const FeedCursor *since);

extern char *FeedCursorWrite(const FeedCursor *cursor);

/* False if it is of another life of the server.  Raises INVALID_ARGUMENT when it is no cursor. */
extern bool FeedCursorRead(const char *text, FeedCursor *cursor);

/* Whether the reader has seen what this transaction wrote. */
extern bool FeedCursorSaw(const FeedCursor *cursor, TransactionId xid);

#endif /* PARLEY_FEED_CURSOR_H */
