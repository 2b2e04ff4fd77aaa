/*
 * loop.c
 *	  The libuv loop, signals as callbacks, tasks that run before the next wait.
 *
 * A Loop owns its uv handles; tasks belong to those who embed them.
 */
#include <signal.h>
#include <stdlib.h>

#include "log.h"
#include "loop.h"

#define MAX_SIGNALS 4

typedef struct SignalSlot
{
	uv_signal_t handle;
	int signum; /* 0: free */
	LoopSignalHandler handler;
	void *arg;
} SignalSlot;

struct Loop
{
	uv_loop_t uv;
	uv_prepare_t prepare; /* runs the tasks; active while there are any */
	uv_idle_t idle;		  /* keeps poll from waiting while there are any */
	ListNode tasks;
	SignalSlot signals[MAX_SIGNALS];
};

static void
check_uv(int result, const char *what)
{
	if (result == 0)
		return;
	log_error("%s: %s", what, uv_strerror(result));
	abort();
}

/* ---- tasks -------------------------------------------------------------- */

static void
stop_if_no_task(Loop *loop)
{
	if (!list_is_empty(&loop->tasks))
		return;
	uv_prepare_stop(&loop->prepare);
	uv_idle_stop(&loop->idle);
}

/* Runs what is there now; what gets posted meanwhile is for the next turn. */
static void
run_tasks(uv_prepare_t *prepare)
{
	Loop *loop = prepare->data;
	ListNode batch;
	ListNode *node;

	list_init(&batch);
	list_splice_back(&batch, &loop->tasks);
	while ((node = list_pop_front(&batch)))
	{
		LoopTask *task = list_entry(node, LoopTask, node);

		task->run(task);
	}
	stop_if_no_task(loop);
}

static void
do_nothing(uv_idle_t *idle)
{
	(void) idle;
}

void
loop_task_init(LoopTask *task, void (*run)(LoopTask *task))
{
	list_init(&task->node);
	task->run = run;
}

void
loop_task_post(Loop *loop, LoopTask *task)
{
	if (!list_is_empty(&task->node))
		return;
	list_push_back(&loop->tasks, &task->node);
	uv_prepare_start(&loop->prepare, run_tasks);
	uv_idle_start(&loop->idle, do_nothing);
}

void
loop_task_cancel(LoopTask *task)
{
	list_remove(&task->node);
}

/* ---- signals ------------------------------------------------------------ */

static void
handle_signal(uv_signal_t *handle, int signum)
{
	SignalSlot *slot = handle->data;

	slot->handler(slot->arg, signum);
}

static SignalSlot *
find_signal(Loop *loop, int signum)
{
	for (size_t i = 0; i < MAX_SIGNALS; i++)
	{
		if (loop->signals[i].signum == signum)
			return &loop->signals[i];
	}
	return NULL;
}

void
loop_on_signal(Loop *loop, int signum, LoopSignalHandler handler, void *arg)
{
	SignalSlot *slot = find_signal(loop, signum);

	if (!slot)
	{
		slot = find_signal(loop, 0);
		check_uv(slot ? 0 : UV_ENOSPC, "too many signals");
		check_uv(uv_signal_init(&loop->uv, &slot->handle), "uv_signal_init");
		slot->handle.data = slot;
		slot->signum = signum;
		check_uv(uv_signal_start(&slot->handle, handle_signal, signum), "uv_signal_start");
		uv_unref((uv_handle_t *) &slot->handle);
	}
	slot->handler = handler;
	slot->arg = arg;
}

/* ---- the loop ----------------------------------------------------------- */

Loop *
loop_create(void)
{
	Loop *loop = xcalloc(1, sizeof(*loop));

	check_uv(uv_loop_init(&loop->uv), "uv_loop_init");
	check_uv(uv_prepare_init(&loop->uv, &loop->prepare), "uv_prepare_init");
	check_uv(uv_idle_init(&loop->uv, &loop->idle), "uv_idle_init");
	loop->uv.data = loop;
	loop->prepare.data = loop;
	list_init(&loop->tasks);
	return loop;
}

uv_loop_t *
loop_uv(Loop *loop)
{
	return &loop->uv;
}

void
loop_run(Loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void
loop_stop(Loop *loop)
{
	uv_stop(&loop->uv);
}

static void
report_open_handle(uv_handle_t *handle, void *arg)
{
	(void) arg;
	log_warn("a %s handle was left open", uv_handle_type_name(uv_handle_get_type(handle)));
}

static void
close_own_handles(Loop *loop)
{
	if (uv_is_closing((uv_handle_t *) &loop->prepare))
		return;
	uv_close((uv_handle_t *) &loop->prepare, NULL);
	uv_close((uv_handle_t *) &loop->idle, NULL);
	for (size_t i = 0; i < MAX_SIGNALS; i++)
	{
		if (loop->signals[i].signum)
			uv_close((uv_handle_t *) &loop->signals[i].handle, NULL);
	}
}

/* Lets tasks and close callbacks that are due run; they may make new ones. */
static void
run_leftovers(Loop *loop)
{
	for (int turn = 0; turn < 4; turn++)
		uv_run(&loop->uv, UV_RUN_NOWAIT);
}

bool
loop_free(Loop *loop)
{
	run_leftovers(loop);
	close_own_handles(loop);
	run_leftovers(loop);
	if (uv_loop_close(&loop->uv) != 0)
	{
		uv_walk(&loop->uv, report_open_handle, NULL);
		return false;
	}
	free(loop);
	return true;
}
