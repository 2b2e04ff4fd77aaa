/*
 * timerwheel.c
 *	  A hierarchical timer wheel on one uv_timer.
 *
 * Level 0 has a slot per tick, each further level a slot per turn of the one below.
 * An entry lies on the lowest level that reaches its tick and moves down when its
 * slot's time comes.  A bit per slot says that it may hold something (a cancelled
 * entry leaves its bit), so that the next interesting tick is found without a walk.
 * The wheel owns itself and its uv_timer; entries belong to those who embed them.
 */
#include <stdlib.h>

#include "timerwheel.h"

#define LEVEL_BITS 6
#define SLOTS (1 << LEVEL_BITS)
#define LEVELS 4
#define MAX_DISTANCE ((INT64_C(1) << (LEVEL_BITS * LEVELS)) - 1)
#define NEVER INT64_MAX

struct TimerWheel
{
	uv_timer_t handle;
	int64_t tick_ms;
	int64_t time_ms; /* latest time seen by timerwheel_advance() */
	int64_t now;	 /* tick: all that was due up to here has fired */
	int64_t wake;	 /* tick that the uv_timer waits for, or NEVER */
	size_t pending;
	ListNode firing; /* due in the tick that is being worked on */
	uint64_t occupied[LEVELS];
	ListNode slots[LEVELS][SLOTS];
};

/* Index of a tick's slot on a level. */
static unsigned
slot_of(int64_t tick, int level)
{
	return (unsigned) (tick >> (LEVEL_BITS * level)) & (SLOTS - 1);
}

static bool
turns_level(int64_t tick, int level)
{
	return (tick & ((INT64_C(1) << (LEVEL_BITS * level)) - 1)) == 0;
}

/* Puts an entry where its tick belongs; returns when its slot needs attention. */
static int64_t
place(TimerWheel *wheel, TimerEntry *entry)
{
	int64_t distance = entry->due - wheel->now;
	int level = 0;
	unsigned slot;

	while (level < LEVELS - 1 && distance >> (LEVEL_BITS * (level + 1)) > 0)
		level++;
	slot = slot_of(entry->due, level);
	list_push_back(&wheel->slots[level][slot], &entry->node);
	wheel->occupied[level] |= UINT64_C(1) << slot;
	return entry->due >> (LEVEL_BITS * level) << (LEVEL_BITS * level);
}

/* The next tick at which a slot of this level may hold something. */
static int64_t
next_on_level(const TimerWheel *wheel, int level)
{
	unsigned after = (slot_of(wheel->now, level) + 1) & (SLOTS - 1);
	uint64_t bits = wheel->occupied[level];
	int64_t distance;

	if (bits == 0)
		return NEVER;
	bits = bits >> after | bits << ((SLOTS - after) & (SLOTS - 1));
	distance = __builtin_ctzll(bits) + 1;
	return ((wheel->now >> (LEVEL_BITS * level)) + distance) << (LEVEL_BITS * level);
}

static int64_t
next_tick(const TimerWheel *wheel)
{
	int64_t next = NEVER;

	for (int level = 0; level < LEVELS; level++)
	{
		int64_t candidate = next_on_level(wheel, level);

		if (candidate < next)
			next = candidate;
	}
	return next;
}

/* ---- the uv_timer ------------------------------------------------------- */

static void
handle_timer(uv_timer_t *handle)
{
	TimerWheel *wheel = handle->data;

	wheel->wake = NEVER;
	timerwheel_advance(wheel, clock_ms());
}

static void
sleep_until(TimerWheel *wheel, int64_t tick)
{
	int64_t now_ms = (int64_t) uv_now(wheel->handle.loop);
	int64_t due_ms = tick * wheel->tick_ms;

	wheel->wake = tick;
	uv_timer_start(&wheel->handle, handle_timer, due_ms > now_ms ? (uint64_t) (due_ms - now_ms) : 0,
				   0);
}

static void
stop_timer(TimerWheel *wheel)
{
	wheel->wake = NEVER;
	uv_timer_stop(&wheel->handle);
}

/* ---- time passes -------------------------------------------------------- */

/* The slot of this level whose time has come: its entries move down. */
static void
cascade(TimerWheel *wheel, int level)
{
	unsigned slot = slot_of(wheel->now, level);
	ListNode *node;
	ListNode moving;

	list_init(&moving);
	list_splice_back(&moving, &wheel->slots[level][slot]);
	wheel->occupied[level] &= ~(UINT64_C(1) << slot);
	while ((node = list_pop_front(&moving)))
		place(wheel, list_entry(node, TimerEntry, node));
}

static void
fire_slot(TimerWheel *wheel)
{
	unsigned slot = slot_of(wheel->now, 0);
	ListNode *node;

	list_splice_back(&wheel->firing, &wheel->slots[0][slot]);
	wheel->occupied[0] &= ~(UINT64_C(1) << slot);
	while ((node = list_pop_front(&wheel->firing)))
	{
		TimerEntry *entry = list_entry(node, TimerEntry, node);

		entry->wheel = NULL;
		wheel->pending--;
		entry->fire(entry);
	}
}

void
timerwheel_advance(TimerWheel *wheel, int64_t now_ms)
{
	int64_t target;
	int64_t next;

	if (now_ms > wheel->time_ms)
		wheel->time_ms = now_ms;
	target = wheel->time_ms / wheel->tick_ms;
	while (wheel->pending > 0 && (next = next_tick(wheel)) <= target)
	{
		wheel->now = next;
		for (int level = LEVELS - 1; level > 0; level--)
		{
			if (turns_level(next, level))
				cascade(wheel, level);
		}
		fire_slot(wheel);
	}
	if (wheel->now < target)
		wheel->now = target;
	if (wheel->pending > 0)
		sleep_until(wheel, next_tick(wheel));
}

/* ---- interface ---------------------------------------------------------- */

TimerWheel *
timerwheel_create(Loop *loop, int64_t tick_ms)
{
	TimerWheel *wheel = xcalloc(1, sizeof(*wheel));

	wheel->tick_ms = tick_ms;
	wheel->wake = NEVER;
	list_init(&wheel->firing);
	for (int level = 0; level < LEVELS; level++)
	{
		for (int slot = 0; slot < SLOTS; slot++)
			list_init(&wheel->slots[level][slot]);
	}
	uv_timer_init(loop_uv(loop), &wheel->handle);
	wheel->handle.data = wheel;
	return wheel;
}

static void
cancel_all(ListNode *head)
{
	ListNode *node;

	while ((node = list_pop_front(head)))
		list_entry(node, TimerEntry, node)->wheel = NULL;
}

static void
free_wheel(uv_handle_t *handle)
{
	free(handle->data);
}

void
timerwheel_free(TimerWheel *wheel)
{
	cancel_all(&wheel->firing);
	for (int level = 0; level < LEVELS; level++)
	{
		for (int slot = 0; slot < SLOTS; slot++)
			cancel_all(&wheel->slots[level][slot]);
	}
	wheel->pending = 0;
	uv_close((uv_handle_t *) &wheel->handle, free_wheel);
}

size_t
timerwheel_pending(const TimerWheel *wheel)
{
	return wheel->pending;
}

void
timer_init(TimerEntry *entry, void (*fire)(TimerEntry *entry))
{
	list_init(&entry->node);
	entry->wheel = NULL;
	entry->due = 0;
	entry->fire = fire;
}

/* The wheel's time for arming: an idle wheel has slept and lags behind. */
static int64_t
current_ms(TimerWheel *wheel)
{
	int64_t now_ms = clock_ms();

	if (now_ms < wheel->time_ms)
		now_ms = wheel->time_ms;
	if (wheel->pending == 0 && list_is_empty(&wheel->firing) &&
		wheel->now < now_ms / wheel->tick_ms)
		wheel->now = now_ms / wheel->tick_ms;
	return now_ms;
}

void
timer_arm(TimerWheel *wheel, TimerEntry *entry, int64_t delay_ms)
{
	int64_t now_ms;
	int64_t attention;
	int64_t longest_ms = (MAX_DISTANCE - 1) * wheel->tick_ms;

	timer_cancel(entry);
	now_ms = current_ms(wheel);
	if (delay_ms > longest_ms)
		delay_ms = longest_ms;
	/* The tick after: never early. */
	entry->due = (now_ms + (delay_ms > 0 ? delay_ms : 0)) / wheel->tick_ms + 1;
	if (entry->due - wheel->now > MAX_DISTANCE)
		entry->due = wheel->now + MAX_DISTANCE;
	entry->wheel = wheel;
	wheel->pending++;
	attention = place(wheel, entry);
	if (attention < wheel->wake)
		sleep_until(wheel, attention);
}

void
timer_cancel(TimerEntry *entry)
{
	TimerWheel *wheel = entry->wheel;

	if (!wheel)
		return;
	list_remove(&entry->node);
	entry->wheel = NULL;
	if (--wheel->pending == 0)
		stop_timer(wheel);
}

bool
timer_is_armed(const TimerEntry *entry)
{
	return entry->wheel != NULL;
}
