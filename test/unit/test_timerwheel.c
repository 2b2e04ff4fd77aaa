/*
 * test_timerwheel.c
 *	  The wheel against a plain list of deadlines, with a time of our own, and once
 *	  with real time on the loop.
 */
#include <stdlib.h>

#include "tap.h"
#include "timerwheel.h"

#define TICK_MS 10

/* Far ahead of the clock, so that only timerwheel_advance() moves the wheel. */
#define START_MS (INT64_C(1) << 45)

typedef struct Probe
{
	TimerEntry entry;
	int64_t due_ms; /* earliest time at which it may fire; 0: not armed */
	int64_t again_ms;
	struct Probe *victim;
} Probe;

static Loop *loop;
static TimerWheel *wheel;
static int64_t now_ms;
static int64_t step_ms; /* how far the last advance went */
static int fired;
static int wrong;

static void
fire(TimerEntry *entry)
{
	Probe *probe = container_of(entry, Probe, entry);

	fired++;
	/* Never early, and late by a tick and the step of this test at most. */
	if (probe->due_ms == 0 || now_ms < probe->due_ms || now_ms > probe->due_ms + TICK_MS + step_ms)
		wrong++;
	probe->due_ms = 0;
	if (probe->victim)
		timer_cancel(&probe->victim->entry);
	if (probe->again_ms)
	{
		probe->due_ms = now_ms + probe->again_ms;
		timer_arm(wheel, entry, probe->again_ms);
	}
}

static void
arm(Probe *probe, int64_t delay_ms)
{
	probe->due_ms = now_ms + delay_ms;
	timer_arm(wheel, &probe->entry, delay_ms);
}

static void
advance(int64_t milliseconds)
{
	step_ms = milliseconds;
	now_ms += milliseconds;
	timerwheel_advance(wheel, now_ms);
}

static void
start(void)
{
	wheel = timerwheel_create(loop, TICK_MS);
	now_ms = START_MS + 3;
	timerwheel_advance(wheel, now_ms);
	fired = wrong = 0;
}

static Probe *
make_probes(int count)
{
	Probe *probes = xcalloc((size_t) count, sizeof(Probe));

	for (int i = 0; i < count; i++)
		timer_init(&probes[i].entry, fire);
	return probes;
}

static void
test_one(void)
{
	Probe *probe = make_probes(1);

	start();
	arm(probe, 25);
	ok(timer_is_armed(&probe->entry) && timerwheel_pending(wheel) == 1, "armed");
	advance(24);
	is_number(fired, 0, "not early");
	advance(TICK_MS + 1);
	ok(fired == 1 && wrong == 0 && !timer_is_armed(&probe->entry), "fires once in time");
	arm(probe, 0);
	arm(probe, 500);
	advance(400);
	is_number(fired, 1, "arming again moves it");
	timer_cancel(&probe->entry);
	timer_cancel(&probe->entry);
	advance(1000);
	ok(fired == 1 && timerwheel_pending(wheel) == 0, "cancelled, also twice");
	arm(probe, INT64_MAX / 2);
	advance(INT64_C(24) * 3600 * 1000);
	is_number(fired, 1, "a huge delay is far away");
	timerwheel_free(wheel);
	ok(!timer_is_armed(&probe->entry), "freeing the wheel cancels");
	free(probe);
}

/* Delays around every boundary of the levels. */
static void
test_boundaries(void)
{
	enum
	{
		COUNT = 2000
	};
	Probe *probes = make_probes(COUNT);
	int64_t left = 0;

	start();
	for (int i = 0; i < COUNT; i++)
	{
		int64_t ticks = INT64_C(1) << (6 * (i % 4));
		int64_t delay = (ticks + i / 4 % 100 - 50) * TICK_MS;

		arm(&probes[i], delay > 0 ? delay : 0);
		if (i % 7 == 0)
			advance(i % 40);
	}
	for (int i = 0; i < 5000; i++)
		advance(7);
	while (left < 4 * (INT64_C(1) << 18) * TICK_MS && timerwheel_pending(wheel) > 0)
	{
		advance(997);
		left += 997;
	}
	is_number(fired, COUNT, "timers around the levels' boundaries all fire");
	is_number(wrong, 0, "in time");
	timerwheel_free(wheel);
	free(probes);
}

static void
test_random(void)
{
	enum
	{
		COUNT = 5000
	};
	Probe *probes = make_probes(COUNT);
	int armed = 0;

	start();
	srand(2);
	for (int i = 0; i < 200000; i++)
	{
		Probe *probe = &probes[rand() % COUNT];

		if (rand() % 4 == 0)
		{
			timer_cancel(&probe->entry);
			probe->due_ms = 0;
		}
		else
			arm(probe, rand() % (1 << (rand() % 22)));
		if (rand() % 16 == 0)
			advance(rand() % (1 << (rand() % 12)));
	}
	for (int i = 0; i < COUNT; i++)
		armed += probes[i].due_ms != 0;
	is_number((int64_t) timerwheel_pending(wheel), armed, "as many pending as armed");
	fired = 0;
	while (timerwheel_pending(wheel) > 0)
		advance(1000);
	is_number(fired, armed, "200,000 random operations: all that was armed fires");
	is_number(wrong, 0, "never early, never late");
	timerwheel_free(wheel);
	free(probes);
}

static void
test_callbacks(void)
{
	Probe *probes = make_probes(3);

	start();
	probes[0].victim = &probes[1];
	arm(&probes[0], 20);
	arm(&probes[1], 20);
	arm(&probes[2], 20);
	probes[2].again_ms = 20;
	advance(40);
	ok(fired == 2 && !timer_is_armed(&probes[1].entry), "a callback cancels one of the same tick");
	ok(timer_is_armed(&probes[2].entry), "a callback arms its own timer again");
	for (int i = 0; i < 20; i++)
		advance(40);
	ok(fired >= 20 && wrong == 0, "and again");
	advance(100000);
	ok(timerwheel_pending(wheel) == 1, "once only when time jumps");
	timerwheel_free(wheel);
	free(probes);
}

static void
fire_and_free(TimerEntry *entry)
{
	(void) entry;
	fired++;
	timerwheel_free(wheel);
}

static void
test_free_from_callback(void)
{
	TimerEntry entries[2];

	start();
	for (int i = 0; i < 2; i++)
	{
		timer_init(&entries[i], fire_and_free);
		timer_arm(wheel, &entries[i], 5);
	}
	advance(50);
	ok(fired == 1 && !timer_is_armed(&entries[1]), "a callback may free the wheel");
}

static void
fire_real(TimerEntry *entry)
{
	Probe *probe = container_of(entry, Probe, entry);

	fired++;
	if (clock_ms() < probe->due_ms)
		wrong++;
}

static void
test_real_time(void)
{
	Probe *probes = make_probes(3);
	int64_t begin = clock_ms();

	wheel = timerwheel_create(loop, TICK_MS);
	fired = wrong = 0;
	for (int i = 0; i < 3; i++)
	{
		probes[i].entry.fire = fire_real;
		probes[i].due_ms = begin + 20 + 60 * i;
		timer_arm(wheel, &probes[i].entry, 20 + 60 * i);
	}
	timer_cancel(&probes[2].entry);
	loop_run(loop);
	ok(fired == 2 && wrong == 0, "on the loop, with real time");
	ok(clock_ms() - begin >= 80, "the loop ends when no timer is pending");
	timerwheel_free(wheel);
	free(probes);
}

/* ---- tasks and signals of the loop -------------------------------------- */

static int runs;
static LoopTask task;

static void
run_again(LoopTask *self)
{
	if (++runs < 3)
		loop_task_post(loop, self);
}

static void
count_signal(void *arg, int signum)
{
	*(int *) arg = signum;
	loop_stop(loop);
}

static void
give_up(TimerEntry *entry)
{
	(void) entry;
	loop_stop(loop);
}

static void
test_loop(void)
{
	int seen = 0;
	TimerEntry patience;

	loop_task_init(&task, run_again);
	loop_task_post(loop, &task);
	loop_task_post(loop, &task);
	is_number(runs, 0, "a task does not run at once");
	loop_run(loop);
	is_number(runs, 3, "it runs once per post, each in a turn of its own");
	loop_task_post(loop, &task);
	loop_task_cancel(&task);
	loop_run(loop);
	is_number(runs, 3, "a cancelled task does not run");

	/* A loop needs something else to wait for. */
	wheel = timerwheel_create(loop, TICK_MS);
	timer_init(&patience, give_up);
	timer_arm(wheel, &patience, 5000);
	loop_on_signal(loop, SIGHUP, count_signal, &seen);
	raise(SIGHUP);
	loop_run(loop);
	timerwheel_free(wheel);
	is_number(seen, SIGHUP, "a signal reaches its handler");
}

int
main(void)
{
	loop = loop_create();
	test_one();
	test_boundaries();
	test_random();
	test_callbacks();
	test_free_from_callback();
	test_real_time();
	test_loop();
	ok(loop_free(loop), "the loop has nothing left");
	return done_testing();
}
