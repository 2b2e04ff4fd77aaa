/*
 * visible.h
 *	  Waits until a transaction that was decoded can be seen.
 *
 * A commit is in the WAL, and so can be decoded, a moment before others can see what it did
 * (RecordTransactionCommit() against ProcArrayEndTransaction() in xact.c).  A client that is
 * notified and queries immediately would still see the old state: a message that it was sent
 * would not be found.  Only the output plugin can close that window, for it alone is between
 * the WAL and the client.
 *
 * parley-pushd guards itself against the same window (pushd/journal.h, pushd/catchup.h), and
 * needs to, since this wait is bounded, has an option to turn it off and does not happen where
 * commits wait for a synchronous standby: a query that parley-pushd makes for a client must not
 * undo what the feed said, however old its snapshot is.  That guard is about queries of
 * parley-pushd; this wait is for those of everybody else, by REST or SQL.
 */
#ifndef PARLEY_VISIBLE_H
#define PARLEY_VISIBLE_H

#include "postgres.h"

/*
 * Returns when new snapshots see the transaction, mostly at once.  Waits a second at
 * most: a commit that waits for a synchronous standby is not seen before that has
 * answered, and then the others do not wait again.
 */
extern void AwaitVisible(TransactionId xid);

#endif /* PARLEY_VISIBLE_H */
