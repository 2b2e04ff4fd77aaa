/*
 * jobs.h
 *	  Work that the database leaves for later, done in small steps while the daemon
 *	  runs: one table of functions to call now and then.
 */
#ifndef PARLEY_JOBS_H
#define PARLEY_JOBS_H

#include "pgpool.h"
#include "timerwheel.h"
#include "util.h"

typedef struct Jobs Jobs;

/* The first calls come after each job's own pause. */
Jobs *jobs_create(TimerWheel *wheel, PgPool *pool) MUST_CHECK;

/* Nothing is called any more; before pgpool_close(). */
void jobs_stop(Jobs *jobs);

void jobs_free(Jobs *jobs);

#endif /* PARLEY_JOBS_H */
