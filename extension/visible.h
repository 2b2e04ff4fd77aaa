/*
 * visible.h
 *	  Waits until a transaction that was decoded can be seen.
 *
 * A commit is in the WAL, and so can be decoded, a moment before others can see what it
 * did (RecordTransactionCommit() against ProcArrayEndTransaction() in xact.c).  Who is
 * told of it and asks at once would be shown what was before.
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
