/*
 * counter.h
 *	  The counter row of a conversation, chat.conversation_counter: message numbers
 *	  and versions, 1, 2, 3 … without a gap.
 *
 *	  Whoever takes one holds the row's lock until the transaction ends, and so is
 *	  alone in the conversation: later statements of the transaction see all that
 *	  was committed before, and nobody else gets a number in between.
 *	  Call inside SpiBegin().
 */
#ifndef PARLEY_COUNTER_H
#define PARLEY_COUNTER_H

#include "postgres.h"

/*
 * Moves the conversation's last number by `by` and returns it; 0 if there is no
 * such conversation.  A negative `by` gives back numbers that this transaction
 * took and did not use.
 */
extern int64 CounterMoveSeq(int64 conversation_id, int64 by);

/* The conversation's next version; 0 if there is no such conversation. */
extern int64 CounterNextVer(int64 conversation_id);

/* Takes `count` versions at once and returns the last of them. */
extern int64 CounterTakeVers(int64 conversation_id, int64 count);

/* The lock alone. */
extern void CounterLock(int64 conversation_id);

/*
 * Besides, the rows of all members, in the order of their accounts: before several of them are
 * written.  Positions move without the conversation's lock, and in that order (position.c).
 */
extern void CounterLockMembers(int64 conversation_id);

/*
 * False if another transaction has the conversation locked, else it is locked now.
 * True as well if there is none: who then moves the counter finds out.
 */
extern bool CounterTryLock(int64 conversation_id);

#endif /* PARLEY_COUNTER_H */
