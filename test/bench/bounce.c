/*
 * bounce.c
 *	  A crowd comes back to a server that was killed: how long until everybody has what
 *	  they missed.
 *
 * Each client logs in and asks for what came after the numbers of its plan, which was
 * written before the server was killed.
 */
#define _GNU_SOURCE
#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fleet.h"
#include "json.h"
#include "util.h"

#define LIMIT_S 60

typedef struct Bounce
{
	const Options *options;
	Plan plan;
	Fleet fleet;
	uint64_t start;
	size_t synced;
	uint64_t faults;
	Histogram times; /* from the start to a client's last frame */
} Bounce;

static void
ask(void *context, Client *client)
{
	Bounce *bounce = context;
	char text[256];
	int length = snprintf(text, sizeof text,
						  "{\"type\":\"sync\",\"only\":true,\"cursors\":{\"%" PRId64
						  "\":{\"seq\":%" PRId64 ",\"ver\":%" PRId64 "}}}",
						  client->member->conversation_id, client->member->next_seq - 1,
						  bounce->options->ver);

	fleet_send(&bounce->fleet, client, text, (size_t) length);
}

static void
on_synced(Bounce *bounce, const Client *client, const char *text, size_t length, uint64_t now)
{
	const Room *room = &bounce->plan.rooms[client->member->room];
	static const char complete[] = "\"status\":\"complete\"";

	bounce->synced++;
	histogram_record(&bounce->times, now - bounce->start);
	if (client->member->next_seq != room->first_seq + bounce->options->missed ||
		memmem(text, length, complete, sizeof complete - 1) == NULL)
		bounce->faults++;
}

static void
on_object(void *context, Client *client, const char *text, size_t length, uint64_t now)
{
	Bounce *bounce = context;
	int64_t seq;

	if (json_type_is(text, length, "synced"))
		on_synced(bounce, client, text, length, now);
	else if (json_type_is(text, length, "message") && json_integer(text, length, "seq", &seq) &&
			 seq != client->member->next_seq++)
		bounce->faults++;
}

int
bounce_run(const Options *options)
{
	Bounce bounce = {.options = options};
	uint64_t limit;

	plan_read(&bounce.plan, options->plan, (size_t) options->connections);
	fleet_init(&bounce.fleet, options->host, (int) options->port, &bounce.plan);
	bounce.fleet.on_object = on_object;
	bounce.fleet.on_auth = ask;
	bounce.fleet.context = &bounce;
	bounce.start = now_ns();
	limit = bounce.start + LIMIT_S * NS_PER_S;
	fleet_connect(&bounce.fleet, bounce.plan.n_members);
	while (bounce.synced < bounce.plan.n_members && now_ns() < limit)
		fleet_turn(&bounce.fleet, limit);
	printf("clients %zu\nsynced %zu\nfaults %" PRIu64 "\n", bounce.plan.n_members, bounce.synced,
		   bounce.faults);
	report_histogram("back", &bounce.times);
	bounce.faults += bounce.plan.n_members - bounce.synced;
	fleet_close(&bounce.fleet);
	plan_free(&bounce.plan);
	return bounce.faults > 0;
}
