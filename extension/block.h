/*
 * block.h
 *	  Blocks between two people.  A pair between whom there is a block, whoever set
 *	  it, does not speak in its direct conversation, does not open one, and neither
 *	  brings the other into a group.  Nothing tells which of the two set it.
 *	  Call inside SpiBegin().
 */
#ifndef PARLEY_BLOCK_H
#define PARLEY_BLOCK_H

#include "postgres.h"

/* Raises BLOCKED if there is a block between the account and one of the others. */
extern void BlockRequireNone(int64 account_id, const int64 *others, int count);

/*
 * Makes whoever opens a direct conversation of the pair, or sets or lifts a block in
 * it, wait for the end of this transaction.
 */
extern void BlockLockPair(int64 account_id, int64 other);

#endif /* PARLEY_BLOCK_H */
