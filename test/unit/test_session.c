/*
 * test_session.c
 *	  Sessions over a transport that only remembers: outbox, joining, overflow,
 *	  deadlines, the way to the close frame.
 */
#include "sessions.h"

#include <stdlib.h>

#include "tap.h"

#define OUTBOX_BYTES 100

typedef struct Socket
{
	bool choked;
	bool chokes; /* by each frame */
	bool broken;
	bool reading;
	int writes;
	int wishes; /* to be writable */
	int aborts;
	char last[1024];
} Socket;

static const Credential token = {CREDENTIAL_TOKEN, "token"};
static Loop *loop;
static TimerWheel *wheel;
static PgPool *pool;
static Hub *hub;
static Sessions *sessions;
static int64_t now_ms;

static bool
transport_write(void *socket, Event *frame)
{
	Socket *to = socket;

	to->writes++;
	snprintf(to->last, sizeof(to->last), "%.*s", (int) frame->length,
			 (const char *) event_payload(frame));
	to->choked = to->choked || to->chokes;
	return !to->broken;
}

static bool
transport_is_choked(void *socket)
{
	return ((Socket *) socket)->choked;
}

static void
transport_want_writable(void *socket)
{
	((Socket *) socket)->wishes++;
}

static bool
transport_ping(void *socket)
{
	return !((Socket *) socket)->broken;
}

static void
transport_set_reading(void *socket, bool on)
{
	((Socket *) socket)->reading = on;
}

static void
transport_abort(void *socket)
{
	((Socket *) socket)->aborts++;
}

static const SessionTransport transport = {transport_write,			transport_is_choked,
										   transport_want_writable, transport_ping,
										   transport_set_reading,	transport_abort};

static void
ignore(void *arg, int64_t account_id)
{
	(void) arg;
	(void) account_id;
}

static void
say(Session *session, const char *text)
{
	Buffer payload = BUFFER_EMPTY;

	buffer_append_string(&payload, text);
	session_reply(session, &payload);
	buffer_free(&payload);
}

static void
pass_time(int64_t ms)
{
	now_ms += ms;
	timerwheel_advance(wheel, now_ms);
}

static void
test_outbox(void)
{
	Socket socket = {.reading = true};
	Session *session = sessions_open(sessions, &transport, &socket, 0);

	say(session, "{1}");
	ok(socket.writes == 1 && strcmp(socket.last, "{1}") == 0, "a free socket is written directly");
	socket.choked = true;
	say(session, "{2}");
	say(session, "{3}");
	ok(socket.writes == 1 && socket.wishes == 2, "a choked one is not, but asked for");
	session_writable(session);
	is_number(socket.writes, 1, "nor while it stays choked");
	socket.choked = false;
	say(session, "{4}");
	is_number(socket.writes, 1, "what came first goes first");
	session_writable(session);
	ok(socket.writes == 2 && strcmp(socket.last, "{2}\n{3}\n{4}") == 0, "all that waits is joined");
	say(session, "{5}");
	is_number(socket.writes, 3, "then it is direct again");
	session_closed(session);
	is_number((int64_t) sessions_count(sessions), 0, "it is gone");
}

static void
test_cork(void)
{
	Socket one = {.reading = true};
	Socket two = {.reading = true};
	Session *first = sessions_open(sessions, &transport, &one, 0);
	Session *second = sessions_open(sessions, &transport, &two, 0);

	sessions_cork(sessions);
	say(first, "{1}");
	say(second, "{2}");
	say(first, "{3}");
	ok(one.writes == 0 && two.writes == 0, "a corked session writes nothing");
	session_closed(second);
	sessions_uncork(sessions);
	ok(one.writes == 1 && strcmp(one.last, "{1}\n{3}") == 0, "then all of it in one frame");
	is_number(two.writes, 0, "and nothing to a socket that has gone");
	say(first, "{4}");
	is_text(one.last, "{4}", "then it is direct again");

	one.choked = true;
	sessions_cork(sessions);
	say(first, "{5}");
	sessions_uncork(sessions);
	ok(one.writes == 2 && one.wishes > 0, "a choked one is asked for");
	one.choked = false;
	session_writable(first);
	is_text(one.last, "{5}", "and written when it is free");
	session_closed(first);
}

static void
test_overflow(void)
{
	Socket socket = {.choked = true};
	Session *session = sessions_open(sessions, &transport, &socket, 0);
	SessionClose why;
	char text[OUTBOX_BYTES];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	say(session, text);
	is_number(session_state(session), SESSION_OPEN, "as much as fits may wait");
	say(session, "{2}");
	ok(session_wants_close(session, &why) && why == SESSION_CLOSE_SLOW_CONSUMER,
	   "an answer that does not fit closes the session");
	is_number(session_close_code(why), 4003, "with its code");
	session_closed(session);
}

static void
test_close(void)
{
	Socket socket = {.choked = true};
	Session *session = sessions_open(sessions, &transport, &socket, 0);
	SessionClose why;

	say(session, "{1}");
	session_close(session, SESSION_CLOSE_SERVER_SHUTDOWN);
	session_close(session, SESSION_CLOSE_UNAVAILABLE);
	ok(!session_wants_close(session, &why), "what waits goes out before the close frame");
	say(session, "{2}");
	socket.choked = false;
	session_writable(session);
	is_text(socket.last, "{1}", "and nothing that came later");
	ok(session_wants_close(session, &why) && why == SESSION_CLOSE_SERVER_SHUTDOWN,
	   "the first reason counts");
	pass_time(6000);
	is_number(socket.aborts, 1, "a client that does not close is dropped");
	session_closed(session);
}

static void
test_deadlines(void)
{
	Socket socket = {.reading = true};
	Session *session = sessions_open(sessions, &transport, &socket, 0);
	SessionClose why;

	pass_time(900);
	is_number(session_state(session), SESSION_OPEN, "there is time to authenticate");
	pass_time(200);
	ok(session_wants_close(session, &why) && why == SESSION_CLOSE_AUTH_TIMEOUT, "but not for ever");
	session_closed(session);

	session = sessions_open(sessions, &transport, &socket, 0);
	session_authenticate(session, &token, NULL);
	is_number(session_state(session), SESSION_WAITING, "without a feed a login waits");
	session_authenticate(session, &token, "again");
	is_like(socket.last, "\"id\":\"again\",\"code\":\"invalid_frame\"", "one at a time");
	pass_time(1100);
	ok(session_wants_close(session, &why) && why == SESSION_CLOSE_FEED_RESET,
	   "not for ever either");
	session_closed(session);

	sessions_set_feed(sessions, true);
	session = sessions_open(sessions, &transport, &socket, 0);
	pass_time(900);
	session_authenticate(session, &token, NULL);
	is_number(session_state(session), SESSION_ASKING, "with a feed the database is asked");
	pass_time(900);
	is_number(session_state(session), SESSION_ASKING, "whose time begins with the token");
	pass_time(200);
	ok(session_wants_close(session, &why) && why == SESSION_CLOSE_UNAVAILABLE,
	   "which has to answer in time");
	session_closed(session);
	sessions_set_feed(sessions, false);
}

static void
test_requests(void)
{
	Socket socket = {.reading = true};
	Session *session = sessions_open(sessions, &transport, &socket, 0);
	int count = 0;

	while (socket.reading && count < 10000)
	{
		session_request_begin(session);
		count++;
	}
	is_number(count, 256, "a client with many requests under way is not read");
	while (!socket.reading && count > 0)
	{
		session_request_end(session);
		count--;
	}
	is_number(count, 128, "until half of them are answered");
	session_closed(session);
	is_number(session_state(session), SESSION_CLOSED, "the rest outlive the socket");
	while (count-- > 0)
		session_request_end(session);
}

static void
answer_call(Session *session, char letter)
{
	Buffer payload = BUFFER_EMPTY;

	for (int i = 0; i < 100000; i++)
		buffer_append_char(&payload, letter);
	session_call_answer(session, &payload);
	buffer_free(&payload);
}

/* Each is larger than all that may wait for a client. */
static void
test_calls(void)
{
	Socket socket = {.reading = true};
	Session *session = sessions_open(sessions, &transport, &socket, 0);
	int count = 0;

	while (socket.reading && count < 1000)
	{
		session_call_begin(session);
		count++;
	}
	is_number(count, 8, "few calls are under way at once");
	socket.choked = true;
	for (int i = 0; i < 3; i++)
		answer_call(session, (char) ('a' + i));
	is_number(socket.writes, 0, "large answers wait for a client that takes nothing");
	is_number(session_state(session), SESSION_OPEN, "who is not slow for that");
	ok(!socket.reading, "and may ask no more");
	socket.chokes = true;
	for (int i = 0; i < 3; i++)
	{
		socket.choked = false;
		session_writable(session);
		is_number(socket.writes, i + 1, "one goes when nothing else is on its way");
		is_number(socket.last[0], 'a' + i, "in their order");
	}
	for (int i = 3; i < 8; i++)
		session_call_end(session);
	ok(socket.reading, "then it is read again");

	session_call_begin(session);
	socket.choked = true;
	answer_call(session, 'x');
	session_closed(session);
	is_number(socket.writes, 3, "what waits goes with the socket");
}

static void
take_never(const void *arg, Session *session, const char *text, size_t length)
{
	(void) arg;
	(void) session;
	(void) text;
	(void) length;
	ok(false, "nothing is taken without a login");
}

/* How many frames of that length may wait for a login, until the client is not read. */
static int
fill_with_early(Session *session, const Socket *socket, size_t length, bool is_call)
{
	char *text = xcalloc(1, length);
	int count = 0;

	while (socket->reading && count < 10000)
	{
		session_defer(session, text, length, is_call, take_never, NULL);
		count++;
	}
	free(text);
	return count;
}

/* A login that fails drops them; what they counted as is given back. */
static void
test_early(void)
{
	static const struct
	{
		size_t length;
		bool is_call;
		int count;
		const char *name;
	} rows[] = {
		{10, false, 256, "as many frames as requests may be under way wait for a login"},
		{10, true, 8, "as many calls as may be"},
		{640, false, 24, "fewer of them where they are long"},
		{65536, false, 1, "and one that is as long as can be"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		Socket socket = {.reading = true};
		Session *session = sessions_open(sessions, &transport, &socket, 0);

		session_authenticate(session, &token, NULL);
		is_number(fill_with_early(session, &socket, rows[i].length, rows[i].is_call), rows[i].count,
				  rows[i].name);
		if (i % 2 == 0)
			session_close(session, SESSION_CLOSE_UNAUTHENTICATED);
		if (i % 2 == 0)
			ok(socket.reading, "the client is read again when the login has failed");
		else
			ok(!socket.reading, "the client is not read until the login is decided");
		session_defer(session, "{}", 2, false, take_never, NULL);
		session_closed(session);
	}
	is_number((int64_t) sessions_count(sessions), 0, "nothing holds them");
}

static void
test_broken(void)
{
	Socket socket = {.broken = true};
	Session *session = sessions_open(sessions, &transport, &socket, 0);

	say(session, "{1}");
	is_number(socket.aborts, 1, "a socket that cannot be written is dropped");
	session_closed(session);
}

int
main(void)
{
	PgPoolOptions options = {.conninfo = "host=/nonexistent",
							 .size = 1,
							 .queue = 10,
							 .wait_ms = 60000};

	loop = loop_create();
	wheel = timerwheel_create(loop, TIMERWHEEL_TICK_MS);
	now_ms = clock_ms();
	pool = pgpool_create(loop, wheel, &options);
	hub = hub_create(&(HubHandlers){.on_online = ignore, .on_offline = ignore}, NULL);
	sessions = sessions_create(&(SessionsOptions){.loop = loop,
												  .wheel = wheel,
												  .pool = pool,
												  .hub = hub,
												  .limits = {.auth_timeout_ms = 1000,
															 .heartbeat_ms = 30000,
															 .max_outbox_bytes = OUTBOX_BYTES}});
	test_outbox();
	test_cork();
	test_overflow();
	test_close();
	test_deadlines();
	test_requests();
	test_calls();
	test_early();
	test_broken();
	sessions_free(sessions);
	hub_free(hub);
	pgpool_close(pool);
	timerwheel_free(wheel);
	ok(loop_free(loop), "nothing is left open");
	return done_testing();
}
