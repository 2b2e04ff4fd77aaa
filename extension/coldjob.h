/*
 * coldjob.h
 *	  What the jobs on old messages have in common: they walk the conversations in the order
 *	  of their ids, do a bounded amount, and say where to go on.
 */
#ifndef PARLEY_COLDJOB_H
#define PARLEY_COLDJOB_H

#include "postgres.h"

#include "spi.h"
#include "utils/timestamp.h"

#define COLDJOB_MAX 100000 /* messages of one call */

typedef struct ColdJob
{
	int64 after; /* conversations up to here are done; moves on */
	int64 left;	 /* messages that may still be done */
	int64 done;	 /* messages that were */
	bool finished;
} ColdJob;

/*
 * Does a locked conversation's messages of before a time, at most `max`, and says how many it
 * did: fewer than `max` if none is left.
 */
typedef int (*ColdWork)(int64 conversation_id, TimestampTz before, int max);

/*
 * Inside SpiBegin().  `candidates` has the arguments $1 conversations behind which, $2 how many,
 * $3 before (may be NULL), and gives of each conversation its id and before what there is
 * something to do, or NULL.  Conversations that a transaction has locked are left out.
 */
extern void ColdJobRun(ColdJob *job, SpiQuery *candidates, NullableDatum before, ColdWork work);

/*
 * The arguments max_messages (1) and after_conversation_id (2) of a function, and its answer:
 * how many messages, and where to go on, NULL if all is done.
 */
extern ColdJob ColdJobBegin(FunctionCallInfo fcinfo);
extern Datum ColdJobResult(FunctionCallInfo fcinfo, const ColdJob *job);

#endif /* PARLEY_COLDJOB_H */
