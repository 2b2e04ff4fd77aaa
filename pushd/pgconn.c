/*
 * pgconn.c
 *	  A libpq connection as a state machine on the loop.
 *
 * A PgConn owns its PGconn, its strings and a Watch.  A Watch is the uv_poll of one
 * socket; it outlives the PgConn until libuv has closed it.  pgconn_close() may be called
 * from a callback of the connection itself, so the PgConn is freed by a task.
 */
#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "pgconn.h"

#define CONNECT_TIMEOUT_MS 10000
#define CONNECT_TIMEOUT_MAX_S 3600
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000

/* A connection that lasted this long has done its work. */
#define SETTLED_AFTER_MS 10000

/* Named after what the connection waits for. */
typedef enum PgConnState
{
	PGCONN_STOPPED,		 /* for pgconn_start() */
	PGCONN_WAIT_RETRY,	 /* for the time of the next attempt */
	PGCONN_WAIT_CONNECT, /* for the server, until PQconnectPoll is content */
	PGCONN_WAIT_INPUT,	 /* up: for the server to say something */
	PGCONN_WAIT_FLUSH,	 /* up: for room to send the rest, or for input */
	PGCONN_CLOSING		 /* for libuv to close the handles */
} PgConnState;

typedef struct Watch
{
	uv_poll_t handle;
	PgConn *conn; /* NULL once released */
	int socket;
	int events; /* as given to uv_poll_start(), or NOT_WATCHING */
} Watch;

#define NOT_WATCHING (-1)

/* Lists of a connection string with a place for each server. */
static const char *const server_lists[] = {"host", "hostaddr", "port"};
#define SERVER_LISTS lengthof(server_lists)

struct PgConn
{
	Loop *loop;
	TimerWheel *wheel;
	const PgConnHandlers *handlers;
	void *arg;
	char *name;
	char *conninfo;
	char *settings; /* `options` of libpq: ours, the user's, the fixed ones */
	char *servers[SERVER_LISTS];
	int64_t timeout_ms;
	bool conninfo_valid;
	bool replication;

	PgConnState state;
	PGconn *pq;
	Watch *watch;
	bool reading;
	bool send_failed;
	int failures; /* in a row; decides the next pause */
	int64_t up_since_ms;
	char *last_why;	  /* already in the log */
	TimerEntry timer; /* the next attempt, or the end of patience with this one */
	LoopTask pump;	  /* starts an attempt, or looks at the connection */
	LoopTask release; /* frees the PgConn */
};

/* clang-format off */
static const char *const state_names[] = {
	[PGCONN_STOPPED] = "stopped",
	[PGCONN_WAIT_RETRY] = "waiting to retry",
	[PGCONN_WAIT_CONNECT] = "connecting",
	[PGCONN_WAIT_INPUT] = "up",
	[PGCONN_WAIT_FLUSH] = "up, sending",
	[PGCONN_CLOSING] = "closing",
};
/* clang-format on */

static void service(PgConn *conn);
static void continue_connecting(PgConn *conn);
static void lose(PgConn *conn, const char *why);

/* ---- watching the socket ------------------------------------------------ */

static void
handle_socket(uv_poll_t *handle, int status, int events)
{
	Watch *watch = handle->data;

	(void) events;
	if (!watch->conn)
		return;
	/* libuv has stopped watching then; libpq finds out by itself what is wrong. */
	if (status < 0)
		watch->events = NOT_WATCHING;
	if (watch->conn->state == PGCONN_WAIT_CONNECT)
		continue_connecting(watch->conn);
	else
		service(watch->conn);
}

static void
free_watch(uv_handle_t *handle)
{
	free(handle->data);
}

/* Must precede the closing of the socket. */
static void
drop_watch(PgConn *conn)
{
	if (!conn->watch)
		return;
	conn->watch->conn = NULL;
	uv_close((uv_handle_t *) &conn->watch->handle, free_watch);
	conn->watch = NULL;
}

static int
make_watch(PgConn *conn, int socket)
{
	Watch *watch = xcalloc(1, sizeof(*watch));
	int result = uv_poll_init(loop_uv(conn->loop), &watch->handle, socket);

	if (result != 0)
	{
		free(watch);
		return result;
	}
	watch->handle.data = watch;
	watch->conn = conn;
	watch->socket = socket;
	watch->events = NOT_WATCHING;
	conn->watch = watch;
	return 0;
}

/*
 * False, with the connection lost, when the socket cannot be watched.  Each
 * uv_poll_start() costs two system calls, so only changes get there.
 */
static bool
watch_socket(PgConn *conn, int events)
{
	int socket = PQsocket(conn->pq);
	int result = 0;

	if (conn->watch && conn->watch->socket != socket)
		drop_watch(conn);
	if (!conn->watch)
		result = make_watch(conn, socket);
	if (result == 0 && conn->watch->events != events)
		result = uv_poll_start(&conn->watch->handle, events, handle_socket);
	if (result == 0)
	{
		conn->watch->events = events;
		return true;
	}
	lose(conn, uv_strerror(result));
	return false;
}

/* ---- moving between states ---------------------------------------------- */

/* The one place where the state changes. */
static void
enter(PgConn *conn, PgConnState state)
{
	if (state == conn->state)
		return;
	if (state < PGCONN_WAIT_INPUT || conn->state < PGCONN_WAIT_INPUT)
		log_debug("%s: %s", conn->name, state_names[state]);
	conn->state = state;
}

/* Forgets the PGconn, whatever it was doing. */
static void
disconnect(PgConn *conn)
{
	timer_cancel(&conn->timer);
	loop_task_cancel(&conn->pump);
	drop_watch(conn);
	if (conn->pq)
		PQfinish(conn->pq);
	conn->pq = NULL;
	conn->reading = true;
	conn->send_failed = false;
}

/* Half of it by chance, so that many daemons do not knock in step. */
static int64_t
next_pause_ms(PgConn *conn)
{
	int64_t pause = BACKOFF_MAX_MS;

	if (conn->failures < 6)
		pause = BACKOFF_MIN_MS << conn->failures;
	if (pause > BACKOFF_MAX_MS)
		pause = BACKOFF_MAX_MS;
	conn->failures++;
	return pause / 2 + (int64_t) (random_u64() % (uint64_t) (pause / 2 + 1));
}

/* libpq's texts have several lines, some of them indented, and die with the PGconn. */
static char *
copy_as_line(const char *text)
{
	Buffer line = BUFFER_EMPTY;
	size_t unused;

	while (*text)
	{
		size_t length = strcspn(text, "\n");

		buffer_append(&line, text, length);
		text += length;
		text += strspn(text, "\n\t ");
		if (*text)
			buffer_append_char(&line, ' ');
	}
	buffer_cstring(&line);
	return (char *) buffer_take(&line, &unused);
}

/* What stays wrong is said once, not at every attempt. */
static void
log_loss(PgConn *conn, char *why)
{
	bool is_news = !conn->last_why || strcmp(conn->last_why, why) != 0;

	log_at(is_news ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, 0, "%s: %s", conn->name, why);
	free(conn->last_why);
	conn->last_why = why;
}

static void
lose(PgConn *conn, const char *why)
{
	bool was_up = pgconn_is_up(conn);
	char *line = copy_as_line(why);

	if (was_up && clock_ms() - conn->up_since_ms >= SETTLED_AFTER_MS)
		pgconn_settled(conn);
	disconnect(conn);
	enter(conn, PGCONN_WAIT_RETRY);
	timer_arm(conn->wheel, &conn->timer, next_pause_ms(conn));
	log_loss(conn, line);
	conn->handlers->on_down(conn->arg, was_up, line);
}

/* ---- connecting --------------------------------------------------------- */

#define CONNECT_SETTINGS 14

/* "a,b,c" becomes "b,c,a". */
static void
put_first_last(char *list)
{
	size_t first = strcspn(list, ",");
	size_t rest = strlen(list + first);
	char *copy;

	if (rest == 0)
		return;
	copy = xstrdup(list);
	memcpy(list, copy + first + 1, rest - 1);
	list[rest - 1] = ',';
	memcpy(list + rest, copy, first);
	free(copy);
}

/* libpq goes on to the next server when one refuses, but one that says nothing uses up the time
 * of the attempt: the next begins with another. */
static void
try_next_server_first(PgConn *conn)
{
	for (size_t i = 0; i < SERVER_LISTS; i++)
	{
		if (conn->servers[i])
			put_first_last(conn->servers[i]);
	}
}

/* Later rows win, and conninfo (as `dbname`) over what stands before it; NULL counts for nothing. */
static PGconn *
start_attempt(const PgConn *conn)
{
	const char *names[CONNECT_SETTINGS] = {
		"gssencmode",		"tcp_user_timeout", "keepalives_idle",	"keepalives_interval",
		"keepalives_count", "dbname",			server_lists[0],	server_lists[1],
		server_lists[2],	"options",			"application_name", "client_encoding",
		"replication",
	};
	const char *values[CONNECT_SETTINGS] = {
		"disable",
		"15000",
		"15",
		"5",
		"3",
		conn->conninfo,
		conn->servers[0],
		conn->servers[1],
		conn->servers[2],
		conn->settings,
		"parley-pushd",
		"UTF8",
		conn->replication ? "database" : NULL,
	};

	return PQconnectStartParams(names, values, 1);
}

/* Without this libpq writes them to stderr.  Their texts may quote data. */
static void
receive_notice(void *arg, const PGresult *notice)
{
	const PgConn *conn = arg;
	const char *sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

	log_debug("%s: the server sent a notice (%s)", conn->name, sqlstate ? sqlstate : "no code");
}

static void
begin_attempt(PgConn *conn)
{
	timer_cancel(&conn->timer);
	enter(conn, PGCONN_WAIT_CONNECT);
	if (!conn->conninfo_valid)
	{
		/* libpq's own text would quote parts of it. */
		lose(conn, "the connection string is not valid");
		return;
	}
	conn->pq = start_attempt(conn);
	if (!conn->pq || PQstatus(conn->pq) == CONNECTION_BAD)
	{
		lose(conn, conn->pq ? PQerrorMessage(conn->pq) : "out of memory");
		return;
	}
	PQsetNoticeReceiver(conn->pq, receive_notice, conn);
	timer_arm(conn->wheel, &conn->timer, conn->timeout_ms);
	watch_socket(conn, UV_WRITABLE);
}

/*
 * A pooler such as PgBouncer refuses `options`, or drops what it carries; then TimeZone, which servers
 * report, is not what was asked for.
 */
#define POOLER "a connection pooler answers, and parley-pushd needs the server itself"

static const char *
why_refused(const PgConn *conn)
{
	const char *text = PQerrorMessage(conn->pq);

	return strstr(text, "unsupported startup parameter") ? POOLER : text;
}

static bool
has_settings(const PgConn *conn)
{
	const char *zone = PQparameterStatus(conn->pq, "TimeZone");

	return zone && strcmp(zone, "UTC") == 0;
}

static void
finish_connecting(PgConn *conn)
{
	timer_cancel(&conn->timer);
	if (!has_settings(conn))
	{
		lose(conn, POOLER);
		return;
	}
	if (PQsetnonblocking(conn->pq, 1) != 0)
	{
		lose(conn, PQerrorMessage(conn->pq));
		return;
	}
	if (!watch_socket(conn, UV_READABLE))
		return;
	conn->up_since_ms = clock_ms();
	enter(conn, PGCONN_WAIT_INPUT);
	conn->handlers->on_up(conn->arg, conn->pq);
}

static void
continue_connecting(PgConn *conn)
{
	/* PQconnectPoll may close the socket and open another one of the same number. */
	uv_poll_stop(&conn->watch->handle);
	conn->watch->events = NOT_WATCHING;
	switch (PQconnectPoll(conn->pq))
	{
		case PGRES_POLLING_READING:
			watch_socket(conn, UV_READABLE);
			break;
		case PGRES_POLLING_WRITING:
			watch_socket(conn, UV_WRITABLE);
			break;
		case PGRES_POLLING_OK:
			finish_connecting(conn);
			break;
		default:
			lose(conn, why_refused(conn));
			break;
	}
}

static void
handle_timeout(TimerEntry *timer)
{
	PgConn *conn = container_of(timer, PgConn, timer);

	if (conn->state != PGCONN_WAIT_CONNECT)
	{
		begin_attempt(conn);
		return;
	}
	try_next_server_first(conn);
	lose(conn, "the server did not answer in time");
}

/* ---- up ----------------------------------------------------------------- */

static void
watch_as_needed(PgConn *conn)
{
	int events = conn->reading ? UV_READABLE : 0;

	if (conn->state == PGCONN_WAIT_FLUSH)
		events |= UV_READABLE | UV_WRITABLE;
	watch_socket(conn, events);
}

/* False when sending failed. */
static bool
flush_now(PgConn *conn)
{
	int left = PQflush(conn->pq);

	if (left < 0)
		return false;
	enter(conn, left > 0 ? PGCONN_WAIT_FLUSH : PGCONN_WAIT_INPUT);
	return true;
}

/* OpenSSL may hold decrypted bytes that the socket no longer shows. */
static bool
has_hidden_input(const PgConn *conn)
{
	SSL *ssl = PQsslInUse(conn->pq) ? PQsslStruct(conn->pq, "OpenSSL") : NULL;

	return ssl && SSL_pending(ssl) > 0;
}

static void
service(PgConn *conn)
{
	do
	{
		if (conn->send_failed || !PQconsumeInput(conn->pq) || !flush_now(conn))
		{
			lose(conn, PQerrorMessage(conn->pq));
			return;
		}
		conn->handlers->on_input(conn->arg, conn->pq);
		/* The callback may have closed or dropped the connection. */
		if (!pgconn_is_up(conn))
			return;
	} while (conn->reading && has_hidden_input(conn));
	watch_as_needed(conn);
}

static void
run_pump(LoopTask *task)
{
	PgConn *conn = container_of(task, PgConn, pump);

	if (conn->state == PGCONN_WAIT_RETRY)
		begin_attempt(conn);
	else if (pgconn_is_up(conn))
		service(conn);
}

void
pgconn_flush(PgConn *conn)
{
	if (!pgconn_is_up(conn))
		return;
	if (flush_now(conn))
	{
		watch_as_needed(conn);
		return;
	}
	conn->send_failed = true;
	loop_task_post(conn->loop, &conn->pump);
}

void
pgconn_set_reading(PgConn *conn, bool on)
{
	if (!pgconn_is_up(conn) || conn->reading == on)
		return;
	conn->reading = on;
	if (on)
		loop_task_post(conn->loop, &conn->pump);
	watch_as_needed(conn);
}

void
pgconn_fail(PgConn *conn, const char *why)
{
	if (pgconn_is_up(conn))
		lose(conn, why);
}

void
pgconn_settled(PgConn *conn)
{
	conn->failures = 0;
	free(conn->last_why);
	conn->last_why = NULL;
}

/* ---- connection strings ------------------------------------------------- */

/* libpq takes anything else for the name of a database. */
static bool
is_connection_string(const char *conninfo)
{
	return strchr(conninfo, '=') || string_starts_with(conninfo, "postgresql://") ||
		   string_starts_with(conninfo, "postgres://");
}

bool
pgconn_check_conninfo(const char *conninfo)
{
	PQconninfoOption *options;
	char *error = NULL;

	if (!is_connection_string(conninfo))
		return true;
	options = PQconninfoParse(conninfo, &error);
	PQconninfoFree(options);
	PQfreemem(error);
	return options != NULL;
}

/* What the user gave for a keyword, or NULL.  Free it. */
static char *
user_value(const char *conninfo, const char *keyword)
{
	PQconninfoOption *options = NULL;
	char *copy = NULL;

	if (is_connection_string(conninfo))
		options = PQconninfoParse(conninfo, NULL);
	for (PQconninfoOption *option = options; option && option->keyword; option++)
	{
		if (strcmp(option->keyword, keyword) == 0 && option->val)
			copy = xstrdup(option->val);
	}
	PQconninfoFree(options);
	return copy;
}

/*
 * What an administrator may set for the database or the role, and what values and statements here rely on:
 * the forms in which values are read and written, the meaning of statements, and connections that stay.
 * Any role may set each of these, on every version of the server.
 */
static const char *const pinned_settings[] = {
	"TimeZone=UTC",
	"DateStyle=ISO",
	"IntervalStyle=postgres",
	"bytea_output=hex",
	"extra_float_digits=1",
	"array_nulls=on",
	"standard_conforming_strings=on",
	"quote_all_identifiers=off",
	"transform_null_equals=off",
	"row_security=on",
	"gin_fuzzy_search_limit=0",
	"default_transaction_isolation=read\\ committed",
	"default_transaction_deferrable=off",
	"idle_in_transaction_session_timeout=0",
	"idle_session_timeout=0",
};

/* Of two settings of one name the last one counts. */
static char *
make_settings(const PgConnOptions *options)
{
	char *given = user_value(options->conninfo, "options");
	const char *user = given ? given : getenv("PGOPTIONS");
	Buffer all = BUFFER_EMPTY;
	char *text;

	buffer_printf(&all, "%s %s", options->settings ? options->settings : "", user ? user : "");
	for (size_t i = 0; i < lengthof(pinned_settings); i++)
		buffer_printf(&all, " -c %s", pinned_settings[i]);
	text = xstrdup(buffer_cstring(&all));
	buffer_free(&all);
	free(given);
	return text;
}

/* libpq itself heeds it only where it waits by itself. */
static int64_t
user_timeout_ms(const char *conninfo)
{
	char *text = user_value(conninfo, "connect_timeout");
	int64_t seconds;
	bool good = text && parse_int64(text, strlen(text), &seconds) && seconds > 0 &&
				seconds <= CONNECT_TIMEOUT_MAX_S;

	free(text);
	return good ? seconds * 1000 : CONNECT_TIMEOUT_MS;
}

/* ---- interface ---------------------------------------------------------- */

static void
run_release(LoopTask *task)
{
	PgConn *conn = container_of(task, PgConn, release);

	secure_zero(conn->conninfo, strlen(conn->conninfo));
	free(conn->conninfo);
	for (size_t i = 0; i < SERVER_LISTS; i++)
		free(conn->servers[i]);
	free(conn->settings);
	free(conn->name);
	free(conn->last_why);
	free(conn);
}

PgConn *
pgconn_create(Loop *loop, TimerWheel *wheel, const PgConnOptions *options,
			  const PgConnHandlers *handlers, void *arg)
{
	PgConn *conn = xcalloc(1, sizeof(*conn));

	conn->loop = loop;
	conn->wheel = wheel;
	conn->handlers = handlers;
	conn->arg = arg;
	conn->name = xstrdup(options->name);
	conn->conninfo = xstrdup(options->conninfo);
	conn->conninfo_valid = pgconn_check_conninfo(options->conninfo);
	conn->settings = make_settings(options);
	for (size_t i = 0; i < SERVER_LISTS; i++)
		conn->servers[i] = user_value(options->conninfo, server_lists[i]);
	conn->timeout_ms = user_timeout_ms(options->conninfo);
	conn->replication = options->replication;
	conn->reading = true;
	timer_init(&conn->timer, handle_timeout);
	loop_task_init(&conn->pump, run_pump);
	loop_task_init(&conn->release, run_release);
	return conn;
}

void
pgconn_start(PgConn *conn)
{
	if (conn->state != PGCONN_STOPPED)
		return;
	enter(conn, PGCONN_WAIT_RETRY);
	loop_task_post(conn->loop, &conn->pump);
}

void
pgconn_close(PgConn *conn)
{
	if (conn->state == PGCONN_CLOSING)
		return;
	disconnect(conn);
	enter(conn, PGCONN_CLOSING);
	loop_task_post(conn->loop, &conn->release);
}

bool
pgconn_is_up(const PgConn *conn)
{
	return conn->state == PGCONN_WAIT_INPUT || conn->state == PGCONN_WAIT_FLUSH;
}

PGconn *
pgconn_pq(PgConn *conn)
{
	return pgconn_is_up(conn) ? conn->pq : NULL;
}
