/*
 * test_listenfeed.c
 *	  Which commands the feed gives and what it tells, over a connection and a libpq
 *	  that are played here.
 */
#include "listenfeed.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "pgconn.h"

#include "tap.h"

/* ---- the connection ------------------------------------------------------ */

static PgConnHandlers handlers;
static void *handlers_arg;
static bool is_up;
static int failures;
static char commands[512];	   /* given since the last look */
static int results;			   /* of the command under way; then comes its end */
static PGnotify *notification; /* the next one */
static char pq_memory;

#define PQ ((PGconn *) (void *) &pq_memory)

PgConn *
pgconn_create(Loop *loop, TimerWheel *wheel, const PgConnOptions *options, const PgConnHandlers *on,
			  void *arg)
{
	(void) loop;
	(void) wheel;
	(void) options;
	handlers = *on;
	handlers_arg = arg;
	return (PgConn *) (void *) &pq_memory;
}

void
pgconn_start(PgConn *conn)
{
	(void) conn;
}

void
pgconn_close(PgConn *conn)
{
	(void) conn;
	is_up = false;
}

PGconn *
pgconn_pq(PgConn *conn)
{
	(void) conn;
	return is_up ? PQ : NULL;
}

void
pgconn_flush(PgConn *conn)
{
	(void) conn;
}

void
pgconn_settled(PgConn *conn)
{
	(void) conn;
}

void
pgconn_fail(PgConn *conn, const char *why)
{
	(void) conn;
	failures++;
	is_up = false;
	handlers.on_down(handlers_arg, true, why);
}

/* ---- libpq --------------------------------------------------------------- */

static ExecStatusType status = PGRES_COMMAND_OK;

int
PQsendQuery(PGconn *pq, const char *query)
{
	(void) pq;
	string_copy(commands, sizeof(commands), query);
	results = 1;
	return 1;
}

int
PQisBusy(PGconn *pq)
{
	(void) pq;
	return results < 0;
}

PGresult *
PQgetResult(PGconn *pq)
{
	(void) pq;
	return results-- > 0 ? (PGresult *) (void *) &pq_memory : NULL;
}

ExecStatusType
PQresultStatus(const PGresult *result)
{
	(void) result;
	return status;
}

char *
PQresultErrorMessage(const PGresult *result)
{
	(void) result;
	return "refused";
}

void
PQclear(PGresult *result)
{
	(void) result;
}

PGnotify *
PQnotifies(PGconn *pq)
{
	PGnotify *next = notification;

	(void) pq;
	notification = NULL;
	return next;
}

char *
PQescapeIdentifier(PGconn *pq, const char *text, size_t length)
{
	(void) pq;
	return xasprintf("<%.*s>", (int) length, text);
}

void
PQfreemem(void *memory)
{
	free(memory);
}

int
PQbackendPID(const PGconn *pq)
{
	(void) pq;
	return 42;
}

/* ---- subscribers --------------------------------------------------------- */

typedef struct Listener
{
	ListenFeed *feed;
	char heard[64];
	int told; /* 1: listening, 0: not, -1: nothing told */
	bool leaves;
	bool closes;
} Listener;

static void
on_notify(void *arg, const char *payload, int backend_pid)
{
	Listener *listener = arg;

	(void) backend_pid;
	string_copy(listener->heard, sizeof(listener->heard), payload);
	if (listener->leaves)
		listenfeed_unsubscribe(listener->feed, "a", listener);
	if (listener->closes)
		listenfeed_close(listener->feed);
}

static void
on_state(void *arg, bool listening)
{
	((Listener *) arg)->told = listening;
}

static Loop *loop;

static void
turn(void)
{
	commands[0] = '\0';
	(void) uv_run(loop_uv(loop), UV_RUN_NOWAIT);
	(void) uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

static void
come_up(void)
{
	is_up = true;
	handlers.on_up(handlers_arg, PQ);
	turn();
}

static void
answer(void)
{
	handlers.on_input(handlers_arg, PQ);
}

static void
notify(char *channel, char *payload)
{
	notification = xcalloc(1, sizeof(PGnotify));
	*notification = (PGnotify){.relname = channel, .be_pid = 7, .extra = payload};
	handlers.on_input(handlers_arg, PQ);
}

/* ---- tests --------------------------------------------------------------- */

static void
test_life(ListenFeed *feed, Listener *a, Listener *b)
{
	listenfeed_subscribe(feed, "a", on_notify, on_state, a);
	turn();
	is_text(commands, "", "without a connection nothing is asked");
	is_number(listenfeed_backend_pid(feed), 0, "and there is no backend");
	come_up();
	is_text(commands, "LISTEN <a>;", "a connection that is up listens");
	listenfeed_subscribe(feed, "b", on_notify, on_state, b);
	turn();
	is_text(commands, "", "one command at a time");
	is_number(a->told, -1, "nothing is told before the server's answer");
	answer();
	is_number(a->told, 1, "then it is");
	is_number(b->told, -1, "to whom it concerns");
	turn();
	is_text(commands, "LISTEN <b>;", "what was subscribed meanwhile follows");
	answer();
	notify("a", "one");
	is_text(a->heard, "one", "a notification comes to its subscriber");
	is_text(b->heard, "", "and to no other");
	is_number(listenfeed_backend_pid(feed), 42, "the backend");
}

static void
test_loss(Listener *a, Listener *b)
{
	pgconn_fail(NULL, "lost");
	is_number(a->told + b->told, 0, "a loss is told to both");
	come_up();
	is_text(commands, "LISTEN <a>;LISTEN <b>;", "and all channels are listened to again");
	status = PGRES_FATAL_ERROR;
	failures = 0;
	answer();
	is_number(failures, 1, "a refusal ends the connection");
	is_number(a->told, 0, "and tells nothing new");
	status = PGRES_COMMAND_OK;
	come_up();
	answer();
	is_number(a->told + b->told, 2, "until it works");
}

static void
test_leaving(ListenFeed *feed, Listener *a)
{
	Listener second = {.feed = feed, .told = -1};

	listenfeed_subscribe(feed, "a", on_notify, on_state, &second);
	turn();
	answer();
	a->leaves = true;
	notify("a", "two");
	is_text(a->heard, "two", "who leaves in a callback has heard it");
	is_text(second.heard, "two", "and so has the next one");
	turn();
	is_text(commands, "", "the channel is still wanted");
	notify("a", "three");
	is_text(a->heard, "two", "who has left hears no more");
	listenfeed_unsubscribe(feed, "a", &second);
	turn();
	is_text(commands, "UNLISTEN <a>;", "the last one to leave ends the listening");
	answer();
}

int
main(void)
{
	Listener a = {.told = -1};
	Listener b = {.told = -1};
	TimerWheel *wheel;

	loop = loop_create();
	wheel = timerwheel_create(loop, TIMERWHEEL_TICK_MS);
	a.feed = b.feed = listenfeed_create(loop, wheel, "chat");
	test_life(a.feed, &a, &b);
	test_loss(&a, &b);
	test_leaving(a.feed, &a);
	b.closes = true;
	notify("b", "last");
	turn();
	is_text(b.heard, "last", "a callback may close the feed");
	timerwheel_free(wheel);
	ok(loop_free(loop), "nothing is left open");
	return done_testing();
}
