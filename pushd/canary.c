/*
 * canary.c
 *	  Proves the way of a message end to end.
 */
#include "canary.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "wire.h"

#define REST_MS 1000  /* between two */
#define LIMIT_MS 5000 /* until one is late */

struct Canary
{
	TimerWheel *wheel;
	PgPool *pool;
	int64_t period_ms;
	bool streaming;
	bool failed;		/* the last one was not written */
	bool missed;		/* one was given up, and none came back since */
	int64_t number;		/* under way; 0: none */
	int64_t sent_us;	/* clock_us() of it, or of the last one */
	int64_t heard_us;	/* of the last one; 0: none */
	int64_t latency_us; /* of the last one */
	PgRequest *request;
	TimerEntry next;
};

static const PgStatement emit = {"canary",
								 "SELECT pg_logical_emit_message(true, '" PARLEY_CANARY_PREFIX
								 "', $1)",
								 1};

static const char *const names[CANARY_STATES] = {
	[CANARY_RESTING] = "resting", [CANARY_UNTRIED] = "untried",	  [CANARY_WELL] = "well",
	[CANARY_LATE] = "late",		  [CANARY_NOT_SENT] = "not_sent",
};

const char *
canary_state_name(CanaryState state)
{
	return names[state];
}

static void
on_written(void *arg, const PgReply *reply)
{
	Canary *canary = arg;

	canary->request = NULL;
	canary->failed = !pgreply_ok(reply);
	if (!canary->failed)
		return;
	canary->number = 0;
	metric_add(METRIC_CANARY_FAILED, 1);
	log_warn("canary: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
}

static void
send_one(Canary *canary)
{
	char number[PGPARAM_DIGITS];
	PgParam param;
	PgCall call = {&emit, &param};

	canary->number = (int64_t) (random_u64() >> 1) | 1;
	canary->sent_us = clock_us();
	param = pgparam_int64(number, canary->number);
	canary->request = pgpool_request(canary->pool, &call, 1, on_written, canary);
	metric_add(METRIC_CANARY_SENT, 1);
}

static bool
is_late(const Canary *canary)
{
	return canary->number != 0 && clock_us() - canary->sent_us > LIMIT_MS * INT64_C(1000);
}

/* One that is late is given up for the next. */
static void
try_feed(Canary *canary)
{
	bool rested = clock_us() - canary->sent_us > REST_MS * INT64_C(1000);

	if (is_late(canary) && !canary->request)
	{
		metric_add(METRIC_CANARY_LATE, 1);
		log_warn("canary: what was committed %lld ms ago has not come back through the feed",
				 (long long) (clock_us() - canary->sent_us) / 1000);
		canary->missed = true;
		canary->number = 0;
	}
	if (canary->streaming && rested && !canary->request && canary->number == 0)
		send_one(canary);
}

static void
on_time(TimerEntry *entry)
{
	Canary *canary = container_of(entry, Canary, next);

	try_feed(canary);
	if (canary->period_ms > 0)
		timer_arm(canary->wheel, &canary->next, canary->period_ms);
}

void
canary_heard(Canary *canary, int64_t number)
{
	if (number != canary->number)
		return; /* of another process, or given up */
	canary->number = 0;
	canary->missed = false;
	canary->heard_us = clock_us();
	canary->latency_us = canary->heard_us - canary->sent_us;
	metric_observe_us(METRIC_CANARY_SECONDS, canary->latency_us);
}

void
canary_set_streaming(Canary *canary, bool streaming)
{
	if (canary->streaming == streaming)
		return;
	canary->streaming = streaming;
	canary->number = 0;
	canary->heard_us = 0;
	canary->sent_us = 0;
	canary->failed = canary->missed = false;
	if (streaming)
		try_feed(canary);
}

static CanaryState
state_of(const Canary *canary)
{
	if (!canary->streaming)
		return CANARY_RESTING;
	if (canary->failed)
		return CANARY_NOT_SENT;
	if (canary->missed || is_late(canary))
		return CANARY_LATE;
	return canary->heard_us != 0 ? CANARY_WELL : CANARY_UNTRIED;
}

void
canary_report(Canary *canary, CanaryReport *report)
{
	int64_t age_us = canary->heard_us ? clock_us() - canary->heard_us : -1;

	*report = (CanaryReport){state_of(canary), age_us < 0 ? -1 : age_us / 1000, canary->latency_us};
	if (age_us < 0 || age_us > REST_MS * INT64_C(1000))
		try_feed(canary);
}

void
canary_set_period(Canary *canary, int64_t period_ms)
{
	canary->period_ms = period_ms;
	timer_cancel(&canary->next);
	if (period_ms > 0)
		timer_arm(canary->wheel, &canary->next, period_ms);
}

Canary *
canary_create(TimerWheel *wheel, PgPool *pool, int64_t period_ms)
{
	Canary *canary = xcalloc(1, sizeof(*canary));

	canary->wheel = wheel;
	canary->pool = pool;
	timer_init(&canary->next, on_time);
	canary_set_period(canary, period_ms);
	return canary;
}

void
canary_stop(Canary *canary)
{
	timer_cancel(&canary->next);
	if (canary->request)
		pgpool_cancel(canary->request);
	canary->request = NULL;
	canary->streaming = false;
}

void
canary_free(Canary *canary)
{
	free(canary);
}
