/*
 * timerwheel.h
 *	  Many coarse timers on one uv_timer: arming, re-arming and cancelling are
 *	  O(1) and allocate nothing.
 *
 * A hierarchical wheel (Varghese and Lauck, SOSP 1987): four levels of 64 slots.
 * The uv_timer is armed only while a timer is pending, and then for the next slot
 * that holds something, so that an idle process sleeps.
 */
#ifndef PARLEY_TIMERWHEEL_H
#define PARLEY_TIMERWHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"
#include "util.h"

typedef struct TimerWheel TimerWheel;

/*
 * Embedded in what it times; find the owner with container_of().  All fields are
 * private.  An armed entry must not be moved or freed: cancel it first.
 */
typedef struct TimerEntry
{
	ListNode node;
	TimerWheel *wheel; /* NULL: not armed */
	int64_t due;	   /* in ticks */
	void (*fire)(struct TimerEntry *entry);
} TimerEntry;

/* Resolution of the process's wheel: a timer fires up to this much late, never early. */
#define TIMERWHEEL_TICK_MS 50

TimerWheel *timerwheel_create(Loop *loop, int64_t tick_ms) MUST_CHECK;

/* Cancels what is pending (nothing fires any more) and closes the uv_timer; the
 * memory goes when libuv has closed it. */
void timerwheel_free(TimerWheel *wheel);

/* How many timers are armed. */
size_t timerwheel_pending(const TimerWheel *wheel);

/*
 * Fires all that is due at the monotonic time `now_ms`.  The uv_timer calls this;
 * tests call it with a time of their own (the wheel's time never goes back).
 */
void timerwheel_advance(TimerWheel *wheel, int64_t now_ms);

void timer_init(TimerEntry *entry, void (*fire)(TimerEntry *entry));

/*
 * Fires once, `delay_ms` (capped at about ten days for a 50 ms tick) from now; an entry that is armed
 * already is moved.  From within a callback: also the entry that fires may be armed
 * again, and any entry may be cancelled, even one that is due in the same tick.
 */
void timer_arm(TimerWheel *wheel, TimerEntry *entry, int64_t delay_ms);

/* Safe at any time after timer_init(). */
void timer_cancel(TimerEntry *entry);

bool timer_is_armed(const TimerEntry *entry);

#endif /* PARLEY_TIMERWHEEL_H */
