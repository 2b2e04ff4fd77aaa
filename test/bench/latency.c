/*
 * latency.c
 *	  From chat.send in SQL to the WebSocket frame, on a machine with nothing else to do.
 *
 * The sender is a libpq connection that calls chat.send in a transaction of its own,
 * the receiver a WebSocket client; both are watched by this one thread, so one clock
 * serves.  Three times are taken: `called`, before the query is sent; `committed`,
 * when its result has come; `received`, when the frame has.  The commit happens
 * somewhere between the first two, so
 *
 *	 call to frame	 = received - called	  is an upper bound of commit to frame,
 *	 return to frame = received - committed	  a lower one; the frame may overtake the
 *											  result, which counts as 0 and is counted.
 *
 * Pauses are random about their mean, lest they fall in step with a timer.
 */
#define _GNU_SOURCE
#include "scenario.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "fleet.h"
#include "json.h"
#include "util.h"

#define SAMPLE_LIMIT_S 5
#define WARMUP_SAMPLES 20
#define SEND_STATEMENT "SELECT chat.send($1, $2) FROM chat.act_as($3)"

typedef struct Latency
{
	const Options *options;
	Plan plan;
	Fleet fleet;
	PGconn *database;
	uint64_t called;
	uint64_t committed; /* 0: not yet */
	uint64_t received;	/* 0: not yet */
	uint64_t overtakes;
	uint64_t faults;
	Histogram from_call;
	Histogram from_return;
	Histogram send; /* call to return */
} Latency;

static void
on_object(void *context, Client *client, const char *text, size_t length, uint64_t now)
{
	Latency *latency = context;
	Member *member = client->member;
	int64_t conversation_id;
	int64_t seq;

	if (!json_type_is(text, length, "message"))
		return;
	if (!json_integer(text, length, "conversation_id", &conversation_id) ||
		!json_integer(text, length, "seq", &seq) || conversation_id != member->conversation_id ||
		seq != member->next_seq)
		latency->faults++;
	member->next_seq++;
	latency->received = now;
}

static void
check_result(const Latency *latency, const PGresult *result, ExecStatusType wanted)
{
	if (PQresultStatus(result) != wanted)
		die("%s", PQerrorMessage(latency->database));
}

/* The result of chat.send, or a part of it, has come. */
static void
on_database(void *context)
{
	Latency *latency = context;
	PGresult *result;

	if (PQconsumeInput(latency->database) != 1)
		die("%s", PQerrorMessage(latency->database));
	while (!PQisBusy(latency->database))
	{
		result = PQgetResult(latency->database);
		if (result == NULL)
		{
			latency->committed = now_ns();
			return;
		}
		check_result(latency, result, PGRES_TUPLES_OK);
		PQclear(result);
	}
}

static void
connect_database(Latency *latency)
{
	PGresult *result;

	latency->database = PQconnectdb(latency->options->database);
	if (PQstatus(latency->database) != CONNECTION_OK)
		die("%s", PQerrorMessage(latency->database));
	result = PQprepare(latency->database, "send", SEND_STATEMENT, 3, NULL);
	check_result(latency, result, PGRES_COMMAND_OK);
	PQclear(result);
	if (PQsetnonblocking(latency->database, 1) != 0)
		die("%s", PQerrorMessage(latency->database));
	fleet_watch(&latency->fleet, PQsocket(latency->database));
}

static void
call_send(Latency *latency)
{
	const Member *sender = &latency->plan.members[0];
	char conversation[32];
	char account[32];
	const char *values[] = {conversation, "A message of ordinary length.", account};

	snprintf(conversation, sizeof conversation, "%" PRId64, sender->conversation_id);
	snprintf(account, sizeof account, "%" PRId64, sender->account_id);
	latency->committed = latency->received = 0;
	latency->called = now_ns();
	if (PQsendQueryPrepared(latency->database, "send", 3, values, NULL, NULL, 0) != 1 ||
		PQflush(latency->database) != 0)
		die("%s", PQerrorMessage(latency->database));
}

/* One message, sent and received; false when its frame does not come. */
static bool
take_sample(Latency *latency)
{
	uint64_t limit;

	call_send(latency);
	limit = latency->called + SAMPLE_LIMIT_S * NS_PER_S;
	while ((latency->committed == 0 || latency->received == 0) && now_ns() < limit)
		fleet_turn(&latency->fleet, limit);
	return latency->committed != 0 && latency->received != 0;
}

static void
record_sample(Latency *latency)
{
	bool overtook = latency->received < latency->committed;

	histogram_record(&latency->from_call, latency->received - latency->called);
	histogram_record(&latency->from_return, overtook ? 0 : latency->received - latency->committed);
	histogram_record(&latency->send, latency->committed - latency->called);
	latency->overtakes += overtook;
}

/* Between half and one and a half times the mean. */
static void
pause_at_random(Latency *latency)
{
	uint64_t mean = (uint64_t) latency->options->interval_ms * NS_PER_MS;
	uint64_t end = now_ns() + mean / 2 + (uint64_t) (drand48() * (double) mean);

	while (now_ns() < end)
		fleet_turn(&latency->fleet, end);
}

static void
report(const Latency *latency)
{
	report_histogram("call_to_frame", &latency->from_call);
	report_histogram("return_to_frame", &latency->from_return);
	report_histogram("send_call", &latency->send);
	printf("samples %" PRIu64 "\novertakes %" PRIu64 "\nfaults %" PRIu64 "\n",
		   latency->from_call.count, latency->overtakes, latency->faults);
}

int
latency_run(const Options *options)
{
	Latency *latency = xcalloc(1, sizeof *latency);
	bool faultless;

	latency->options = options;
	prctl(PR_SET_TIMERSLACK, 1UL);
	plan_read(&latency->plan, options->plan, 1);
	fleet_init(&latency->fleet, options->host, (int) options->port, &latency->plan);
	latency->fleet.on_object = on_object;
	latency->fleet.on_foreign = on_database;
	latency->fleet.context = latency;
	connect_database(latency);
	fleet_connect(&latency->fleet, 1);
	for (int64_t i = 0; i < WARMUP_SAMPLES + options->samples; i++)
	{
		pause_at_random(latency);
		if (!take_sample(latency))
			latency->faults++;
		else if (i >= WARMUP_SAMPLES)
			record_sample(latency);
	}
	report(latency);
	faultless = latency->faults == 0;
	PQfinish(latency->database);
	fleet_close(&latency->fleet);
	plan_free(&latency->plan);
	free(latency);
	return faultless ? 0 : 1;
}
