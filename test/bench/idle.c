/*
 * idle.c
 *	  Memory of the server per idle, authenticated connection.
 *
 * What the kernel holds for the sockets is not in it; that is the same for any server.
 */
#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>

#include "fleet.h"
#include "procstat.h"
#include "util.h"

#define SETTLE_MS 1000 /* after the last welcome, before memory is read */

typedef struct Memory
{
	int64_t resident;
	int64_t private;
} Memory;

static void
on_object(void *context, Client *client, const char *text, size_t length, uint64_t now)
{
	(void) context;
	(void) client;
	(void) text;
	(void) length;
	(void) now;
}

static Memory
read_memory(int64_t pid)
{
	return (Memory){.resident = procstat_resident_bytes(pid),
					.private = procstat_private_bytes(pid)};
}

static Memory
memory_with(Fleet *fleet, size_t connections, int64_t pid)
{
	uint64_t settled;

	fleet_connect(fleet, connections);
	settled = now_ns() + SETTLE_MS * NS_PER_MS;
	while (now_ns() < settled)
		fleet_turn(fleet, settled);
	return read_memory(pid);
}

static void
report_step(size_t connections, const Memory *empty, const Memory *full)
{
	printf("resident_kb_at_%zu %" PRId64 "\n", connections, full->resident / 1024);
	printf("private_kb_at_%zu %" PRId64 "\n", connections, full->private / 1024);
	if (connections == 0)
		return;
	printf("bytes_per_connection_at_%zu %" PRId64 "\n", connections,
		   (full->resident - empty->resident) / (int64_t) connections);
}

int
idle_run(const Options *options)
{
	Plan plan;
	Fleet fleet;
	Memory empty;
	Memory some;
	Memory full;
	size_t few;

	if (options->server_pid == 0)
		die("idle needs --server-pid");
	plan_read(&plan, options->plan, (size_t) options->connections);
	few = plan.n_members / 5;
	fleet_init(&fleet, options->host, (int) options->port, &plan);
	fleet.on_object = on_object;
	empty = read_memory(options->server_pid);
	some = memory_with(&fleet, few, options->server_pid);
	full = memory_with(&fleet, plan.n_members, options->server_pid);
	report_step(0, &empty, &empty);
	report_step(few, &empty, &some);
	report_step(plan.n_members, &empty, &full);
	printf("bytes_per_further_connection %" PRId64 "\n",
		   (full.resident - some.resident) / (int64_t) (plan.n_members - few));
	fleet_close(&fleet);
	plan_free(&plan);
	return 0;
}
