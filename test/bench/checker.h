/*
 * checker.h
 *	  What a receiver must get: every number once, in order, of its own conversation.
 */
#ifndef BENCH_CHECKER_H
#define BENCH_CHECKER_H

#include <stdint.h>

#include "plan.h"

typedef struct Faults
{
	uint64_t lost;		 /* numbers that never came to a receiver */
	uint64_t duplicated; /* came again, or after a later one */
	uint64_t stray;		 /* of another conversation, or never sent */
} Faults;

/* `member` received message `seq` of `conversation_id`. */
void checker_receive(Faults *faults, Member *member, int64_t conversation_id, int64_t seq);

/*
 * All is received that will be.  Holes were counted as they showed; what is missing at
 * the end of a member's numbers shows only now.
 */
void checker_finish(Faults *faults, const Plan *plan);

#endif
