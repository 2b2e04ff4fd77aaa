/*
 * canary.h
 *	  Proves the way of a message end to end: writes a number into the write-ahead log
 *	  and waits for the feed to bring it back.
 *
 * The number goes as a transactional logical message: it takes a commit, the output
 * plugin and the feed's connection, but no table, and no client sees it.  At most one is
 * under way, and at most one is sent a second.
 */
#ifndef PARLEY_CANARY_H
#define PARLEY_CANARY_H

#include "pgpool.h"
#include "timerwheel.h"
#include "util.h"

typedef struct Canary Canary;

typedef enum CanaryState
{
	CANARY_RESTING,	 /* the feed does not stream: it has nothing to prove */
	CANARY_UNTRIED,	 /* none has come back yet, none is late */
	CANARY_WELL,	 /* the last one came back in time */
	CANARY_LATE,	 /* written, and not back for too long */
	CANARY_NOT_SENT, /* the database did not take it */
	CANARY_STATES
} CanaryState;

typedef struct CanaryReport
{
	CanaryState state;
	int64_t age_ms;		/* since the last one came back; -1: none has */
	int64_t latency_us; /* of the last one that came back */
} CanaryReport;

/* `period_ms` 0: only when asked. */
Canary *canary_create(TimerWheel *wheel, PgPool *pool, int64_t period_ms) MUST_CHECK;

/* Before pgpool_close(). */
void canary_stop(Canary *canary);
void canary_free(Canary *canary);

void canary_set_period(Canary *canary, int64_t period_ms);

/* Whether what is written comes back at all. */
void canary_set_streaming(Canary *canary, bool streaming);

/* The feed brought this number. */
void canary_heard(Canary *canary, int64_t number);

/* What is known; if that is more than a second old, also sends the next one. */
void canary_report(Canary *canary, CanaryReport *report);

/* "well", "late", … */
const char *canary_state_name(CanaryState state);

#endif /* PARLEY_CANARY_H */
