/*
 * presence.c
 *	  Tells the database which accounts are connected to this process.
 *
 * `changes` holds what has changed since the last call: account id → one of two
 * marks.  One call is under way at a time; what changes meanwhile goes with the next,
 * so that a crowd that reconnects makes few calls.
 */
#include "presence.h"

#include <stdlib.h>

#include "log.h"
#include "pgarray.h"

#define ROUND_MS 30000
#define ROUND_ACCOUNTS 5000 /* per call */

static const PgStatement gateway_presence = {"gateway_presence",
											 "SELECT chat.gateway_presence($1, $2)", 2};

struct Presence
{
	Loop *loop;
	TimerWheel *wheel;
	PgPool *pool;
	const Hub *hub;
	Map changes;
	PgRequest *request;
	TimerEntry round;
	LoopTask task;
};

static char online_mark;
static char offline_mark;

static void
on_done(void *arg, const PgReply *reply)
{
	Presence *presence = arg;

	presence->request = NULL;
	if (!pgreply_ok(reply))
		log_warn("presence: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
	if (presence->changes.count > 0)
		loop_task_post(presence->loop, &presence->task);
}

static PgRequest *
tell(Presence *presence, Buffer *online, Buffer *offline, PgDone done)
{
	PgParam params[2];
	PgCall call = {&gateway_presence, params};

	pgarray_end(online);
	pgarray_end(offline);
	params[0] = (PgParam){(const char *) online->data, online->length};
	params[1] = (PgParam){(const char *) offline->data, offline->length};
	return pgpool_request(presence->pool, &call, 1, done, presence);
}

static void
tell_changes(Presence *presence)
{
	Buffer lists[2] = {BUFFER_EMPTY, BUFFER_EMPTY};
	size_t cursor = 0;
	int64_t id;
	const void *mark;

	pgarray_begin(&lists[0]);
	pgarray_begin(&lists[1]);
	while ((mark = map_next(&presence->changes, &cursor, &id)))
		pgarray_append_int64(&lists[mark == &offline_mark], id);
	map_free(&presence->changes);
	presence->changes = (Map){0};
	presence->request = tell(presence, &lists[0], &lists[1], on_done);
	buffer_free(&lists[0]);
	buffer_free(&lists[1]);
}

static void
on_task(LoopTask *task)
{
	Presence *presence = container_of(task, Presence, task);

	if (!presence->request && presence->changes.count > 0)
		tell_changes(presence);
}

static void
note(Presence *presence, int64_t account_id, char *mark)
{
	map_put(&presence->changes, account_id, mark);
	loop_task_post(presence->loop, &presence->task);
}

void
presence_online(Presence *presence, int64_t account_id)
{
	note(presence, account_id, &online_mark);
}

void
presence_offline(Presence *presence, int64_t account_id)
{
	note(presence, account_id, &offline_mark);
}

static void
on_round_done(void *arg, const PgReply *reply)
{
	(void) arg;
	if (!pgreply_ok(reply))
		log_warn("presence: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
}

static void
tell_some(Presence *presence, const int64_t *ids, size_t count)
{
	Buffer online = BUFFER_EMPTY;
	Buffer offline = BUFFER_EMPTY;

	pgarray_begin(&online);
	pgarray_begin(&offline);
	for (size_t i = 0; i < count; i++)
		pgarray_append_int64(&online, ids[i]);
	(void) tell(presence, &online, &offline, on_round_done);
	buffer_free(&online);
	buffer_free(&offline);
}

static void
on_round(TimerEntry *entry)
{
	Presence *presence = container_of(entry, Presence, round);
	Buffer ids = BUFFER_EMPTY;
	size_t count;

	hub_online_accounts(presence->hub, &ids);
	count = ids.length / sizeof(int64_t);
	for (size_t at = 0; at < count; at += ROUND_ACCOUNTS)
		tell_some(presence, (const int64_t *) (void *) ids.data + at,
				  count - at < ROUND_ACCOUNTS ? count - at : ROUND_ACCOUNTS);
	buffer_free(&ids);
	timer_arm(presence->wheel, entry, ROUND_MS);
}

Presence *
presence_create(Loop *loop, TimerWheel *wheel, PgPool *pool)
{
	Presence *presence = xcalloc(1, sizeof(Presence));

	presence->loop = loop;
	presence->wheel = wheel;
	presence->pool = pool;
	timer_init(&presence->round, on_round);
	loop_task_init(&presence->task, on_task);
	return presence;
}

void
presence_start(Presence *presence, const Hub *hub)
{
	presence->hub = hub;
	timer_arm(presence->wheel, &presence->round, ROUND_MS);
}

void
presence_stop(Presence *presence)
{
	timer_cancel(&presence->round);
	loop_task_cancel(&presence->task);
	if (presence->request)
		pgpool_cancel(presence->request);
	presence->request = NULL;
}

void
presence_free(Presence *presence)
{
	map_free(&presence->changes);
	free(presence);
}
