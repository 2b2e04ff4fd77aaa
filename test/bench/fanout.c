/*
 * fanout.c
 *	  Deliveries per second from a room's sender to all its members.
 *
 * Open loop: message k is due at start + k / rate whatever the server does, and its
 * latency counts from when it was due, so a stall is charged to every message it
 * delayed.  Closed loop: each room keeps `window` messages under way, the next one
 * goes out when they have reached every member; this finds the throughput.  There the
 * generator naps between two looks at its sockets: were it asleep in epoll, every
 * send() would pay for waking it, and receivers on other machines cost no server that.
 *
 * Every member checks what it gets: numbers rise by one, nothing is missing, twice
 * or from another room.  The checks cover warm-up and drain too.
 *
 * A message carries the time it was due in the last 48 bits of its client id, in
 * nanoseconds since the run began; the ack and the event bring it back.
 */
#define _GNU_SOURCE
#include "scenario.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "checker.h"
#include "fleet.h"
#include "json.h"
#include "procstat.h"
#include "util.h"

#define DRAIN_LIMIT_S 10  /* without any delivery, before what is missing counts as lost */
#define LINGER_MS 200	  /* after the last delivery, for duplicates to show */
#define ID_TIME_DIGITS 12 /* hexadecimal, the last group of a UUID */
#define UUID_LENGTH 36

/* Counters at one moment; the figures are differences of two. */
typedef struct Mark
{
	uint64_t time;
	uint64_t delivered;
	uint64_t frames;
	uint64_t bytes;
	CpuTime server_cpu;
	CpuTime own_cpu;
} Mark;

typedef struct Fanout
{
	const Options *options;
	Plan plan;
	Fleet fleet;
	uint64_t started;
	uint64_t last_due; /* due times are distinct, so that client ids are */
	uint64_t sent;
	uint64_t acked;
	uint64_t delivered;
	uint64_t expected;
	size_t next_room;
	bool filling;		/* closed loop, and not draining yet */
	uint32_t run_id[2]; /* keeps client ids of two runs apart */
	char content[4096];
	Faults faults;
	uint64_t announced; /* `gap` frames: the server says that it dropped something */
	uint64_t refused;	/* `error` frames */
	Histogram delivery;
	Histogram ack;
} Fanout;

/* ---- sending ------------------------------------------------------------ */

static void
send_message(Fanout *fanout, Room *room, uint64_t due)
{
	char text[sizeof fanout->content + 256];
	uint64_t since;
	int length;

	if (due <= fanout->last_due)
		due = fanout->last_due + 1;
	fanout->last_due = due;
	since = due - fanout->started;
	length = snprintf(text, sizeof text,
					  "{\"type\":\"message\",\"id\":\"%08x-%04x-4%03x-8%03x-%012" PRIx64
					  "\",\"conversation_id\":%" PRId64 ",\"content\":\"%s\"}",
					  fanout->run_id[0], fanout->run_id[1] >> 16, (fanout->run_id[1] >> 4) & 0xfff,
					  fanout->run_id[1] & 0xfff, since, room->conversation_id, fanout->content);
	fleet_send(&fanout->fleet, &fanout->fleet.clients[room->first], text, (size_t) length);
	room->sent++;
	fanout->sent++;
	fanout->expected += room->size;
}

/* Sends what is due and returns when the next message will be. */
static uint64_t
send_on_schedule(Fanout *fanout)
{
	uint64_t rate = (uint64_t) fanout->options->rate;
	uint64_t due;

	while ((due = fanout->started + fanout->sent * NS_PER_S / rate) <= now_ns())
	{
		send_message(fanout, &fanout->plan.rooms[fanout->next_room], due);
		fanout->next_room = (fanout->next_room + 1) % fanout->plan.n_rooms;
	}
	return due;
}

static void
fill_window(Fanout *fanout, Room *room)
{
	uint64_t window = (uint64_t) fanout->options->window;

	while (room->sent * room->size - room->delivered <= (window - 1) * room->size)
		send_message(fanout, room, now_ns());
}

/* ---- receiving ---------------------------------------------------------- */

/* The due time in a client id; false when the field is missing or foreign. */
static bool
due_time(const Fanout *fanout, const char *text, size_t length, const char *field, uint64_t *due)
{
	size_t id_length;
	const char *id = json_string(text, length, field, &id_length);
	char digits[ID_TIME_DIGITS + 1] = {0};

	if (id == NULL || id_length != UUID_LENGTH)
		return false;
	memcpy(digits, id + UUID_LENGTH - ID_TIME_DIGITS, ID_TIME_DIGITS);
	*due = fanout->started + strtoull(digits, NULL, 16);
	return true;
}

static void
record(const Fanout *fanout, Histogram *histogram, const char *text, size_t length,
	   const char *field, uint64_t now)
{
	uint64_t due;

	if (!due_time(fanout, text, length, field, &due))
		die("no client id of ours in %.*s", (int) length, text);
	histogram_record(histogram, now > due ? now - due : 0);
}

static void
on_message(Fanout *fanout, Client *client, const char *text, size_t length, uint64_t now)
{
	Room *room = &fanout->plan.rooms[client->member->room];
	int64_t conversation_id;
	int64_t seq;

	if (!json_integer(text, length, "conversation_id", &conversation_id) ||
		!json_integer(text, length, "seq", &seq))
		die("no message: %.*s", (int) length, text);
	checker_receive(&fanout->faults, client->member, conversation_id, seq);
	record(fanout, &fanout->delivery, text, length, "client_id", now);
	fanout->delivered++;
	room->delivered++;
	if (fanout->filling)
		fill_window(fanout, room);
}

static void
on_object(void *context, Client *client, const char *text, size_t length, uint64_t now)
{
	Fanout *fanout = context;

	if (json_type_is(text, length, "message"))
		on_message(fanout, client, text, length, now);
	else if (json_type_is(text, length, "ack"))
	{
		record(fanout, &fanout->ack, text, length, "id", now);
		fanout->acked++;
	}
	else if (json_type_is(text, length, "gap"))
		fanout->announced++;
	else if (json_type_is(text, length, "error"))
	{
		if (fanout->refused++ == 0)
			fprintf(stderr, "first error frame: %.*s\n", (int) length, text);
	}
}

/* ---- phases ------------------------------------------------------------- */

static Mark
take_mark(const Fanout *fanout)
{
	int64_t server = fanout->options->server_pid;

	return (Mark){
		.time = now_ns(),
		.delivered = fanout->delivered,
		.frames = fanout->fleet.frames,
		.bytes = fanout->fleet.bytes,
		.server_cpu = server > 0 ? procstat_cpu(server) : (CpuTime){0},
		.own_cpu = procstat_cpu(getpid()),
	};
}

static void
nap(uint64_t duration)
{
	struct timespec pause = {.tv_sec = (time_t) (duration / NS_PER_S),
							 .tv_nsec = (long) (duration % NS_PER_S)};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static void
send_until(Fanout *fanout, uint64_t end)
{
	fanout->filling = fanout->options->rate == 0;
	for (size_t i = 0; fanout->filling && i < fanout->plan.n_rooms; i++)
		fill_window(fanout, &fanout->plan.rooms[i]);
	while (now_ns() < end)
	{
		uint64_t due = fanout->filling ? end : send_on_schedule(fanout);

		if (fanout->filling)
			nap((uint64_t) fanout->options->nap_us * 1000);
		fleet_turn(&fanout->fleet, due < end ? due : end);
	}
}

static void
turn_for(Fanout *fanout, uint64_t duration)
{
	uint64_t end = now_ns() + duration;

	while (now_ns() < end)
		fleet_turn(&fanout->fleet, end);
}

/* Waits for what is under way; what does not come is lost. */
static void
drain(Fanout *fanout)
{
	uint64_t delivered = fanout->delivered;
	uint64_t patience = now_ns() + DRAIN_LIMIT_S * NS_PER_S;

	fanout->filling = false;
	while ((fanout->delivered < fanout->expected || fanout->acked < fanout->sent) &&
		   now_ns() < patience)
	{
		fleet_turn(&fanout->fleet, patience);
		if (fanout->delivered > delivered)
			patience = now_ns() + DRAIN_LIMIT_S * NS_PER_S;
		delivered = fanout->delivered;
	}
	turn_for(fanout, LINGER_MS * NS_PER_MS);
}

static double
cpu_between(const CpuTime *from, const CpuTime *to)
{
	return to->user + to->system - from->user - from->system;
}

static void
report(const Fanout *fanout, const Mark *from, const Mark *to)
{
	double seconds = (double) (to->time - from->time) / (double) NS_PER_S;
	double delivered = (double) (to->delivered - from->delivered);
	double user = to->server_cpu.user - from->server_cpu.user;
	double server_cpu = cpu_between(&from->server_cpu, &to->server_cpu);

	printf("connections %zu\nrooms %zu\n", fanout->plan.n_members, fanout->plan.n_rooms);
	printf("deliveries_per_s %.0f\n", delivered / seconds);
	printf("messages_per_frame %.2f\n", delivered / (double) (to->frames - from->frames));
	printf("bytes_per_delivery %.0f\n", (double) (to->bytes - from->bytes) / delivered);
	if (server_cpu > 0)
	{
		printf("deliveries_per_cpu_s %.0f\n", delivered / server_cpu);
		printf("server_cpu %.2f\n", server_cpu / seconds);
		printf("user_ns_per_delivery %.0f\n", user * (double) NS_PER_S / delivered);
	}
	printf("client_cpu %.2f\n", cpu_between(&from->own_cpu, &to->own_cpu) / seconds);
	report_histogram("delivery", &fanout->delivery);
	report_histogram("ack", &fanout->ack);
	printf("sent %" PRIu64 "\nacked %" PRIu64 "\nexpected %" PRIu64 "\ndelivered %" PRIu64 "\n",
		   fanout->sent, fanout->acked, fanout->expected, fanout->delivered);
	printf("lost %" PRIu64 "\nduplicated %" PRIu64 "\nstray %" PRIu64 "\ngaps %" PRIu64
		   "\nrefused %" PRIu64 "\n",
		   fanout->faults.lost, fanout->faults.duplicated, fanout->faults.stray, fanout->announced,
		   fanout->refused);
}

static bool
is_faultless(const Fanout *fanout)
{
	const Faults *faults = &fanout->faults;

	return faults->lost + faults->duplicated + faults->stray == 0 &&
		   fanout->announced + fanout->refused == 0 && fanout->delivered == fanout->expected &&
		   fanout->acked == fanout->sent;
}

static void
prepare(Fanout *fanout, const Options *options)
{
	size_t length = (size_t) options->content_length;

	if (length >= sizeof fanout->content)
		die("a message can be %zu bytes here", sizeof fanout->content - 1);
	fanout->options = options;
	memset(fanout->content, 'x', length);
	if (getrandom(fanout->run_id, sizeof fanout->run_id, 0) != sizeof fanout->run_id)
		die("getrandom failed");
	/* Without this the kernel may wake us 50 us late. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	plan_read(&fanout->plan, options->plan, (size_t) options->connections);
	fleet_init(&fanout->fleet, options->host, (int) options->port, &fanout->plan);
	fanout->fleet.on_object = on_object;
	fanout->fleet.context = fanout;
}

int
fanout_run(const Options *options)
{
	Fanout *fanout = xcalloc(1, sizeof *fanout);
	Mark from;
	Mark to;
	bool faultless;

	prepare(fanout, options);
	fleet_connect(&fanout->fleet, fanout->plan.n_members);
	fanout->started = now_ns();
	send_until(fanout, now_ns() + (uint64_t) options->warmup_ms * NS_PER_MS);
	memset(&fanout->delivery, 0, sizeof fanout->delivery);
	memset(&fanout->ack, 0, sizeof fanout->ack);
	from = take_mark(fanout);
	send_until(fanout, now_ns() + (uint64_t) options->seconds * NS_PER_S);
	to = take_mark(fanout);
	drain(fanout);
	checker_finish(&fanout->faults, &fanout->plan);
	report(fanout, &from, &to);
	faultless = is_faultless(fanout);
	fleet_close(&fanout->fleet);
	plan_free(&fanout->plan);
	free(fanout);
	return faultless ? 0 : 1;
}
