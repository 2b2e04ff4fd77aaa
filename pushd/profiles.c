/*
 * profiles.c
 *	  Tells a change of profile to those who share a conversation with somebody that is
 *	  not connected to this process.
 *
 * `waiting` and `asked` hold a reference to the newest event of each account; one question
 * is under way at a time, and what comes meanwhile goes with the next.
 */
#include "profiles.h"

#include <stdlib.h>

#include "log.h"
#include "pgarray.h"

#define WAITING_MAX 10000 /* accounts; an UPDATE of all of them is not told to everybody */
#define BATCH_ACCOUNTS 1000

static const PgStatement find_neighbours = {
	"gateway_neighbours", "SELECT account_id, conversation_ids FROM chat.gateway_neighbours($1)",
	1};

struct Profiles
{
	Loop *loop;
	PgPool *pool;
	Hub *hub;
	LoopTask task;
	Map waiting; /* account id → Event */
	Map asked;
	PgRequest *request;
	size_t dropped; /* since the last question */
};

static void
forget(Map *events)
{
	size_t cursor = 0;
	Event *event;

	while ((event = map_next(events, &cursor, NULL)))
		event_unref(event);
	map_free(events);
	*events = (Map){0};
}

static void
tell(Profiles *profiles, const PgReply *reply, int row)
{
	Event *event = map_get(&profiles->asked, pgreply_int64(reply, row, 0, 0));
	Buffer ids = BUFFER_EMPTY;

	if (event && pgarray_parse_int64(pgreply_value(reply, row, 1), &ids))
		hub_publish_profile(profiles->hub, (const int64_t *) (void *) ids.data,
							ids.length / sizeof(int64_t), event);
	buffer_free(&ids);
}

static void
on_neighbours(void *arg, const PgReply *reply)
{
	Profiles *profiles = arg;

	profiles->request = NULL;
	if (!pgreply_ok(reply))
		log_warn("profiles: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
	for (int row = 0; row < pgreply_rows(reply); row++)
		tell(profiles, reply, row);
	forget(&profiles->asked);
	if (profiles->waiting.count > 0)
		loop_task_post(profiles->loop, &profiles->task);
}

/* Moves up to a batch from `waiting` to `asked`, and its ids to the array. */
static void
collect(Profiles *profiles, Buffer *ids)
{
	Map rest = {0};
	size_t cursor = 0;
	int64_t account_id;
	Event *event;

	pgarray_begin(ids);
	while ((event = map_next(&profiles->waiting, &cursor, &account_id)))
	{
		if (profiles->asked.count < BATCH_ACCOUNTS)
		{
			map_put(&profiles->asked, account_id, event);
			pgarray_append_int64(ids, account_id);
		}
		else
			map_put(&rest, account_id, event);
	}
	pgarray_end(ids);
	map_free(&profiles->waiting);
	profiles->waiting = rest;
}

static void
on_task(LoopTask *task)
{
	Profiles *profiles = container_of(task, Profiles, task);
	Buffer ids = BUFFER_EMPTY;
	PgParam param;

	if (profiles->request || profiles->waiting.count == 0)
		return;
	if (profiles->dropped > 0)
		log_warn("profiles: too many changed at once, %zu are not told", profiles->dropped);
	profiles->dropped = 0;
	collect(profiles, &ids);
	param = pgparam_buffer(&ids);
	profiles->request = pgpool_request(profiles->pool, &(PgCall){&find_neighbours, &param}, 1,
									   on_neighbours, profiles);
	buffer_free(&ids);
}

void
profiles_changed(Profiles *profiles, int64_t account_id, Event *event)
{
	Event *before = map_get(&profiles->waiting, account_id);

	if (!before && profiles->waiting.count >= WAITING_MAX)
	{
		profiles->dropped++;
		return;
	}
	map_put(&profiles->waiting, account_id, event_ref(event));
	if (before)
		event_unref(before);
	if (!profiles->request)
		loop_task_post(profiles->loop, &profiles->task);
}

Profiles *
profiles_create(Loop *loop, PgPool *pool, Hub *hub)
{
	Profiles *profiles = xcalloc(1, sizeof(Profiles));

	profiles->loop = loop;
	profiles->pool = pool;
	profiles->hub = hub;
	loop_task_init(&profiles->task, on_task);
	return profiles;
}

void
profiles_free(Profiles *profiles)
{
	loop_task_cancel(&profiles->task);
	if (profiles->request)
		pgpool_cancel(profiles->request);
	forget(&profiles->waiting);
	forget(&profiles->asked);
	free(profiles);
}
