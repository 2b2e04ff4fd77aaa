/*
 * walfeed.c
 *	  The replication connection: a list of questions to the server, then the stream.
 *
 * A WalFeed owns its PgConn and is freed by a task, since walfeed_close() may be called
 * from one of its callbacks.  Chunks lie in memory of libpq until on_chunk returns.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "metrics.h"
#include "pgconn.h"
#include "walfeed.h"

#define SERVER_VERSION_MIN 150000

/*
 * The server's wal_sender_timeout is asked to be ours, whatever the server's configuration says:
 * it asks whether we are there after half of it, so one that is alive never falls silent for the
 * limit, and a stall of some seconds here does not end the stream.
 */
#define SENDER_TIMEOUT "30s"
#define STATUS_INTERVAL_MS 10000
#define SILENCE_LIMIT_MS 60000

#define SLOT_NAME_SIZE 64
#define SLOT_PATIENCE_MS 500

/* A turn's share: a larger transaction goes on in the next turn. */
#define TURN_BUDGET_US 2000

/* Messages within COPY BOTH. */
#define MESSAGE_DATA 'w'
#define MESSAGE_KEEPALIVE 'k'
#define MESSAGE_STATUS 'r'
#define DATA_HEADER_SIZE 25
#define KEEPALIVE_SIZE 18
#define STATUS_SIZE 34

/* 2000-01-01, where PostgreSQL's time begins. */
#define POSTGRES_EPOCH_US INT64_C(946684800000000)

struct WalFeed
{
	Loop *loop;
	TimerWheel *wheel;
	const WalFeedHandlers *handlers;
	void *arg;
	PgConn *conn;
	WalFeedState state;
	size_t step; /* of the table below; beyond it: streaming */
	char slot[SLOT_NAME_SIZE];
	WalPosition position;
	uint64_t confirmed_lsn; /* the received_lsn that the server was last told */
	TimerEntry timer;		/* slot patience, then status updates */
	LoopTask resume;
	LoopTask release;
	bool closed;
};

static const char *const state_names[] = {
	[WALFEED_DOWN] = "down",
	[WALFEED_CONNECTING] = "connecting",
	[WALFEED_CREATING_SLOT] = "creating slot",
	[WALFEED_STREAMING] = "streaming",
};

static void
set_state(WalFeed *feed, WalFeedState state, const char *why)
{
	feed->state = state;
	metric_set(METRIC_FEED_STATE, state);
	feed->handlers->on_state(feed->arg, state, why);
}

/* ---- questions before the stream ---------------------------------------- */

/* One command to the walsender; `take` judges its answer and returns why not, or NULL. */
typedef struct Step
{
	WalFeedState state; /* while the answer is due */
	ExecStatusType expected;
	void (*ask)(WalFeed *feed, Buffer *command);
	const char *(*take)(WalFeed *feed, const PGresult *result);
} Step;

static void
ask_wal_level(WalFeed *feed, Buffer *command)
{
	(void) feed;
	buffer_append_string(command, "SHOW wal_level");
}

static const char *
take_wal_level(WalFeed *feed, const PGresult *result)
{
	(void) feed;
	if (PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "logical") == 0)
		return NULL;
	return "the server needs wal_level = logical (and a restart)";
}

static void
ask_timeout(WalFeed *feed, Buffer *command)
{
	(void) feed;
	buffer_append_string(command, "SET wal_sender_timeout = '" SENDER_TIMEOUT "'");
}

static const char *
take_timeout(WalFeed *feed, const PGresult *result)
{
	(void) feed;
	(void) result;
	return NULL;
}

static void
ask_identity(WalFeed *feed, Buffer *command)
{
	(void) feed;
	buffer_append_string(command, "IDENTIFY_SYSTEM");
}

/* "16/B374D848"; 0 when it is none. */
static uint64_t
parse_lsn(const char *text)
{
	unsigned high;
	unsigned low;

	return sscanf(text, "%8X/%8X", &high, &low) == 2 ? (uint64_t) high << 32 | low : 0;
}

static const char *
take_identity(WalFeed *feed, const PGresult *result)
{
	if (PQntuples(result) != 1 || PQnfields(result) < 4 || PQgetisnull(result, 0, 3))
		return "the replication connection has no database";
	feed->position.server_lsn = parse_lsn(PQgetvalue(result, 0, 2));
	return NULL;
}

static void
ask_slot(WalFeed *feed, Buffer *command)
{
	snprintf(feed->slot, sizeof(feed->slot), "parley_%ld_%016llx", (long) getpid(),
			 (unsigned long long) random_u64());
	buffer_printf(command, "CREATE_REPLICATION_SLOT \"%s\" TEMPORARY LOGICAL %s NOEXPORT_SNAPSHOT",
				  feed->slot, PARLEY_PLUGIN_NAME);
	timer_arm(feed->wheel, &feed->timer, SLOT_PATIENCE_MS);
}

static const char *
take_slot(WalFeed *feed, const PGresult *result)
{
	timer_cancel(&feed->timer);
	if (PQntuples(result) != 1 || PQnfields(result) < 2)
		return "the server's answer to CREATE_REPLICATION_SLOT has another form";
	feed->position.received_lsn = parse_lsn(PQgetvalue(result, 0, 1));
	return NULL;
}

static void
ask_stream(WalFeed *feed, Buffer *command)
{
	buffer_printf(command, "START_REPLICATION SLOT \"%s\" LOGICAL 0/0 (%s '%d')", feed->slot,
				  PARLEY_WIRE_OPTION, PARLEY_WIRE_VERSION);
}

static const char *
take_stream(WalFeed *feed, const PGresult *result)
{
	(void) result;
	feed->position.heard_us = clock_us();
	pgconn_settled(feed->conn);
	timer_arm(feed->wheel, &feed->timer, STATUS_INTERVAL_MS);
	metric_add(METRIC_FEED_STARTS, 1);
	log_info("feed: streaming from slot %s", feed->slot);
	return NULL;
}

static const Step steps[] = {
	{WALFEED_CONNECTING, PGRES_TUPLES_OK, ask_wal_level, take_wal_level},
	{WALFEED_CONNECTING, PGRES_COMMAND_OK, ask_timeout, take_timeout},
	{WALFEED_CONNECTING, PGRES_TUPLES_OK, ask_identity, take_identity},
	{WALFEED_CREATING_SLOT, PGRES_TUPLES_OK, ask_slot, take_slot},
	{WALFEED_CREATING_SLOT, PGRES_COPY_BOTH, ask_stream, take_stream},
};

static bool
is_streaming(const WalFeed *feed)
{
	return feed->step >= lengthof(steps);
}

/* Refusals that mean more to whoever runs the server than the server's own words. */
static const struct
{
	const char *sqlstate;
	const char *text;
} refusals[] = {
	{"58P01", "the server has no output plugin " PARLEY_PLUGIN_NAME
			  ": install the extension's library there"},
	{"53400", "no replication slot or WAL sender is free: raise max_replication_slots and "
			  "max_wal_senders"},
	{"42501", "the server must trust the output plugin: add " PARLEY_PLUGIN_NAME
			  " to output_plugin_libraries and reload"},
};

/* NULL when the server's words are best. */
static const char *
explain_refusal(const char *sqlstate)
{
	for (size_t i = 0; sqlstate && i < lengthof(refusals); i++)
	{
		if (strcmp(sqlstate, refusals[i].sqlstate) == 0)
			return refusals[i].text;
	}
	return NULL;
}

/* Gives the connection up for the reason that the result holds. */
static void
fail_with_result(WalFeed *feed, const PGresult *result)
{
	const char *explanation = explain_refusal(PQresultErrorField(result, PG_DIAG_SQLSTATE));
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	char *why;

	if (explanation || !message)
	{
		pgconn_fail(feed->conn, explanation ? explanation : "the server gave an unexpected answer");
		return;
	}
	why = xasprintf("%s%s%s", message, hint ? ": " : "", hint ? hint : "");
	pgconn_fail(feed->conn, why);
	free(why);
}

/* Sends the command of the current step. */
static void
ask(WalFeed *feed, PGconn *pq)
{
	const Step *step = &steps[feed->step];
	Buffer command = BUFFER_EMPTY;
	bool sent;

	if (step->state != feed->state)
		set_state(feed, step->state, "");
	if (feed->closed)
		return;
	step->ask(feed, &command);
	sent = PQsendQuery(pq, buffer_cstring(&command));
	buffer_free(&command);
	if (sent)
		pgconn_flush(feed->conn);
	else
		pgconn_fail(feed->conn, PQerrorMessage(pq));
}

/* The current step is done. */
static void
next_step(WalFeed *feed, PGconn *pq)
{
	feed->step++;
	if (is_streaming(feed))
		set_state(feed, WALFEED_STREAMING, "");
	else
		ask(feed, pq);
}

static void
take_answer(WalFeed *feed, PGconn *pq, const PGresult *result)
{
	const Step *step = &steps[feed->step];
	const char *why;

	if (PQresultStatus(result) != step->expected)
	{
		fail_with_result(feed, result);
		return;
	}
	why = step->take(feed, result);
	if (why)
		pgconn_fail(feed->conn, why);
	else if (step->expected == PGRES_COPY_BOTH)
		next_step(feed, pq); /* this answer has no end */
}

static void
take_answers(WalFeed *feed, PGconn *pq)
{
	while (pgconn_pq(feed->conn) == pq && !is_streaming(feed) && !PQisBusy(pq))
	{
		PGresult *result = PQgetResult(pq);

		if (result)
			take_answer(feed, pq, result);
		else
			next_step(feed, pq);
		PQclear(result);
	}
}

/* ---- the stream --------------------------------------------------------- */

static void
advance(uint64_t *position, uint64_t lsn)
{
	if (lsn > *position)
		*position = lsn;
}

/* Confirms what was handed over.  Where libpq has no room, the next one will do. */
static void
send_status(WalFeed *feed, bool wants_answer)
{
	PGconn *pq = pgconn_pq(feed->conn);
	uint8_t message[STATUS_SIZE];
	int64_t received = (int64_t) feed->position.received_lsn;

	if (!pq)
		return;
	message[0] = MESSAGE_STATUS;
	parley_put_i64(message + 1, received);	/* written */
	parley_put_i64(message + 9, received);	/* flushed */
	parley_put_i64(message + 17, received); /* applied */
	parley_put_i64(message + 25, wall_us() - POSTGRES_EPOCH_US);
	message[33] = wants_answer;
	switch (PQputCopyData(pq, (const char *) message, sizeof(message)))
	{
		case 1:
			feed->confirmed_lsn = feed->position.received_lsn;
			pgconn_flush(feed->conn);
			break;
		case -1:
			pgconn_fail(feed->conn, PQerrorMessage(pq));
			break;
	}
}

/*
 * Whenever the position has moved, as the apply worker of a subscription does: where
 * synchronous_standby_names matches us, commits wait for this message.
 *
 * That it matches us can't be ruled out.  "*" matches every WAL sender.  One that never tells a
 * flush position is no candidate (SyncRepGetCandidateStandbys() in syncrep.c), but that position
 * is also what moves the slot on (ProcessStandbyReplyMessage() in walsender.c): without it the
 * server would keep all WAL from the slot's beginning.  So a round trip is what a commit waits, and
 * chat.health() and doctor call the setting a fault.
 */
static void
confirm(WalFeed *feed)
{
	if (feed->position.received_lsn > feed->confirmed_lsn)
		send_status(feed, false);
}

static void
take_data(WalFeed *feed, const uint8_t *message, size_t length)
{
	ParleyChunk chunk;
	const uint8_t *payload = message + DATA_HEADER_SIZE;

	if (length < DATA_HEADER_SIZE || !parley_get_chunk(payload, length - DATA_HEADER_SIZE, &chunk))
	{
		pgconn_fail(feed->conn, "the output plugin sent a chunk of another layout");
		return;
	}
	metric_add(METRIC_FEED_CHUNKS, 1);
	metric_add(METRIC_FEED_EVENTS, chunk.events);
	metric_add(METRIC_FEED_BYTES, (int64_t) length);
	feed->position.commit_time_us = chunk.commit_time;
	advance(&feed->position.server_lsn, (uint64_t) parley_get_i64(message + 9));
	feed->handlers->on_chunk(feed->arg, &chunk, payload + PARLEY_CHUNK_HEADER_SIZE, chunk.bytes);
	/* An unfinished transaction is not taken yet. */
	if (chunk.flags & PARLEY_CHUNK_FLAG_LAST)
		advance(&feed->position.received_lsn, (uint64_t) parley_get_i64(message + 1));
}

/* All data before it has been handed over, so its position is confirmed too. */
static void
take_keepalive(WalFeed *feed, const uint8_t *message, size_t length)
{
	uint64_t lsn;

	if (length < KEEPALIVE_SIZE)
	{
		pgconn_fail(feed->conn, "the server sent a keepalive of another layout");
		return;
	}
	lsn = (uint64_t) parley_get_i64(message + 1);
	advance(&feed->position.server_lsn, lsn);
	advance(&feed->position.received_lsn, lsn);
	if (message[17])
		send_status(feed, false);
}

static void
take_message(WalFeed *feed, const uint8_t *message, size_t length)
{
	switch (message[0])
	{
		case MESSAGE_DATA:
			take_data(feed, message, length);
			break;
		case MESSAGE_KEEPALIVE:
			take_keepalive(feed, message, length);
			break;
		default:
			pgconn_fail(feed->conn, "the server sent a message of an unknown kind");
			break;
	}
}

/* PQgetCopyData has no message: that is all (0), the end (-1) or an error (-2). */
static void
end_of_input(WalFeed *feed, PGconn *pq, int status)
{
	PGresult *result;

	if (status == 0)
	{
		pgconn_set_reading(feed->conn, true);
		confirm(feed);
		return;
	}
	result = status == -1 && !PQisBusy(pq) ? PQgetResult(pq) : NULL;
	if (PQresultStatus(result) == PGRES_FATAL_ERROR)
		fail_with_result(feed, result);
	else
		pgconn_fail(feed->conn, status == -1 ? "the server ended the stream" : PQerrorMessage(pq));
	PQclear(result);
}

/* The rest of a long run comes in the next turn; until then the socket is left alone. */
static void
yield_turn(WalFeed *feed)
{
	confirm(feed);
	metric_add(METRIC_FEED_YIELDS, 1);
	pgconn_set_reading(feed->conn, false);
	loop_task_post(feed->loop, &feed->resume);
}

static void
drain(WalFeed *feed, PGconn *pq)
{
	int64_t start_us = clock_us();

	feed->position.heard_us = start_us;
	/* A callback may close the feed and a bad message drop the connection. */
	while (pgconn_pq(feed->conn) == pq)
	{
		char *message = NULL;
		int length = PQgetCopyData(pq, &message, 1);

		if (length <= 0)
		{
			end_of_input(feed, pq, length);
			return;
		}
		take_message(feed, (const uint8_t *) message, (size_t) length);
		PQfreemem(message);
		if (clock_us() - start_us >= TURN_BUDGET_US)
		{
			yield_turn(feed);
			return;
		}
	}
}

static void
run_resume(LoopTask *task)
{
	WalFeed *feed = container_of(task, WalFeed, resume);

	if (is_streaming(feed) && pgconn_is_up(feed->conn))
		drain(feed, pgconn_pq(feed->conn));
}

/* ---- time --------------------------------------------------------------- */

static void
complain_about_slot(WalFeed *feed)
{
	set_state(feed, WALFEED_CREATING_SLOT, "the new slot waits for older transactions");
}

/* Also asks the server to speak up: a frozen one would otherwise go unnoticed. */
static void
check_stream(WalFeed *feed)
{
	if (clock_us() - feed->position.heard_us > SILENCE_LIMIT_MS * INT64_C(1000))
	{
		pgconn_fail(feed->conn, "the server has fallen silent");
		return;
	}
	timer_arm(feed->wheel, &feed->timer, STATUS_INTERVAL_MS);
	send_status(feed, true);
}

static void
handle_timer(TimerEntry *timer)
{
	WalFeed *feed = container_of(timer, WalFeed, timer);

	if (is_streaming(feed))
		check_stream(feed);
	else
		complain_about_slot(feed);
}

/* ---- the connection ----------------------------------------------------- */

static void
start_anew(WalFeed *feed)
{
	timer_cancel(&feed->timer);
	loop_task_cancel(&feed->resume);
	feed->step = 0;
	feed->slot[0] = '\0';
	memset(&feed->position, 0, sizeof(feed->position));
	feed->confirmed_lsn = 0;
}

static void
handle_up(void *arg, PGconn *pq)
{
	WalFeed *feed = arg;
	int version = PQserverVersion(pq);
	char why[80];

	if (version >= SERVER_VERSION_MIN)
	{
		ask(feed, pq);
		return;
	}
	snprintf(why, sizeof(why), "the server is PostgreSQL %d, at least %d is needed",
			 version / 10000, SERVER_VERSION_MIN / 10000);
	pgconn_fail(feed->conn, why);
}

static void
handle_input(void *arg, PGconn *pq)
{
	WalFeed *feed = arg;

	take_answers(feed, pq);
	if (is_streaming(feed) && pgconn_pq(feed->conn) == pq)
		drain(feed, pq);
}

static void
handle_down(void *arg, bool was_up, const char *why)
{
	WalFeed *feed = arg;

	(void) was_up;
	start_anew(feed);
	metric_add(METRIC_FEED_FAILURES, 1);
	set_state(feed, WALFEED_DOWN, why);
}

static const PgConnHandlers conn_handlers = {handle_up, handle_input, handle_down};

/* ---- interface ---------------------------------------------------------- */

static void
run_release(LoopTask *task)
{
	free(container_of(task, WalFeed, release));
}

WalFeed *
walfeed_create(Loop *loop, TimerWheel *wheel, const char *conninfo, const WalFeedHandlers *handlers,
			   void *arg)
{
	WalFeed *feed = xcalloc(1, sizeof(*feed));
	PgConnOptions options = {"feed", conninfo, NULL, true};

	feed->loop = loop;
	feed->wheel = wheel;
	feed->handlers = handlers;
	feed->arg = arg;
	timer_init(&feed->timer, handle_timer);
	loop_task_init(&feed->resume, run_resume);
	loop_task_init(&feed->release, run_release);
	feed->conn = pgconn_create(loop, wheel, &options, &conn_handlers, feed);
	pgconn_start(feed->conn);
	return feed;
}

void
walfeed_restart(WalFeed *feed, const char *why)
{
	pgconn_fail(feed->conn, why);
}

void
walfeed_close(WalFeed *feed)
{
	PGconn *pq = pgconn_pq(feed->conn);

	if (feed->closed)
		return;
	feed->closed = true;
	/* Best effort: without it the server logs an unexpected end. */
	if (pq && is_streaming(feed) && PQputCopyEnd(pq, NULL) == 1)
		(void) PQflush(pq);
	start_anew(feed);
	metric_set(METRIC_FEED_STATE, WALFEED_DOWN);
	pgconn_close(feed->conn);
	loop_task_post(feed->loop, &feed->release);
}

WalFeedState
walfeed_state(const WalFeed *feed)
{
	return feed->state;
}

const char *
walfeed_state_name(WalFeedState state)
{
	return state_names[state];
}

void
walfeed_position(const WalFeed *feed, WalPosition *position)
{
	*position = feed->position;
}

int
walfeed_backend_pid(const WalFeed *feed)
{
	PGconn *pq = pgconn_pq(feed->conn);

	return pq ? PQbackendPID(pq) : 0;
}

const char *
walfeed_slot_name(const WalFeed *feed)
{
	return feed->slot;
}
