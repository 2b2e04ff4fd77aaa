/*
 * loop.h
 *	  The one libuv loop of the process, its signals, and work for "soon".
 */
#ifndef PARLEY_LOOP_H
#define PARLEY_LOOP_H

#include <uv.h>

#include "util.h"

typedef struct Loop Loop;

/* Aborts with a log line when the system has no loop to give. */
Loop *loop_create(void) MUST_CHECK;

/* What libwebsockets gets as info.foreign_loops[0]. */
uv_loop_t *loop_uv(Loop *loop);

/* Returns when every handle is closed or after loop_stop(). */
void loop_run(Loop *loop);
void loop_stop(Loop *loop);

/*
 * Closes what the loop itself holds (signals, tasks), runs until every closing
 * handle is closed, and frees the loop.  Whoever opened a handle closes it before;
 * false when some were left (their types are logged, nothing is freed).
 */
bool loop_free(Loop *loop);

/* ---- signals ------------------------------------------------------------ */

typedef void (*LoopSignalHandler)(void *arg, int signum);

/*
 * Calls the handler, from the loop, for each arrival of the signal.  A second call
 * for the same signal replaces the handler.  Signals keep a loop from ending only
 * together with other handles: loop_run() returns when nothing else is open.
 */
void loop_on_signal(Loop *loop, int signum, LoopSignalHandler handler, void *arg);

/* ---- tasks -------------------------------------------------------------- */

/*
 * A task is embedded in its owner (no allocation) and runs once, from the loop,
 * before it next waits for input.  A task posted by a running task runs in the next
 * turn, after a look at the sockets: that is how long work is cut into turns.
 */
typedef struct LoopTask
{
	ListNode node;
	void (*run)(struct LoopTask *task);
} LoopTask;

void loop_task_init(LoopTask *task, void (*run)(LoopTask *task));

/* Nothing happens when it is posted already. */
void loop_task_post(Loop *loop, LoopTask *task);

/* Safe at any time, also when it is not posted. */
void loop_task_cancel(LoopTask *task);

#endif /* PARLEY_LOOP_H */
