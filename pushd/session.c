/*
 * session.c
 *	  One WebSocket client: its state, its deadlines, its life.
 *
 * A Session owns its outbox and its login; both go when the socket does.  The struct
 * itself stays until the last reference is dropped.
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "eventlist.h"
#include "log.h"
#include "metrics.h"
#include "notice.h"

#define CLOSE_TIMEOUT_MS 5000  /* for the outbox and the close frame to go out */
#define REQUESTS_MAX 256	   /* of one client under way: stop reading */
#define REQUESTS_RESUME 128	   /* and go on */
#define CALL_REQUESTS 32	   /* a call, whose answer may be large, counts as so many */
#define EARLY_REQUEST_BYTES 64 /* of a frame that waits for the login count as a request */

/* A frame that waits for the login. */
typedef struct Early
{
	ListNode node;
	SessionTake take;
	const void *arg;
	int requests; /* that it counts as */
	size_t length;
	char text[];
} Early;

struct Session
{
	HubConnection connection;
	ListNode node;
	SessionHost *host;
	uint64_t id;
	int64_t scope;
	int references;
	SessionState state;
	SessionClose close;
	bool closed_by_us;
	int64_t leave_ms;  /* clock_ms() when session_leave_when_due() closes it */
	int64_t heard_ms;  /* clock_ms() of its last word */
	int64_t pinged_ms; /* of our last ping */
	bool reading;
	bool noticed; /* that its token ends soon */
	int64_t expires_at_ms;
	int requests;
	ListNode early; /* Early.node, in the order in which they came */

	TimerEntry deadline;  /* of the state: auth, token, close */
	TimerEntry heartbeat; /* while LIVE */

	Login login;
	Outlet outlet;
	EventList answers;	 /* large ones of calls, until nothing else is on its way out */
	SessionGuard *guard; /* or NULL */
};

/* ---- requests ----------------------------------------------------------- */

static void
requests_add(Session *session, int count)
{
	session_ref(session);
	session->requests += count;
	if (session->requests < REQUESTS_MAX || !session->reading || !session->outlet.socket)
		return;
	session->reading = false;
	session->outlet.transport->set_reading(session->outlet.socket, false);
}

static void
requests_remove(Session *session, int count)
{
	session->requests -= count;
	if (session->requests <= REQUESTS_RESUME && !session->reading && session->outlet.socket)
	{
		session->reading = true;
		session->outlet.transport->set_reading(session->outlet.socket, true);
	}
	session_unref(session);
}

void
session_request_begin(Session *session)
{
	requests_add(session, 1);
}

void
session_request_end(Session *session)
{
	requests_remove(session, 1);
}

void
session_call_begin(Session *session)
{
	requests_add(session, CALL_REQUESTS);
}

void
session_call_end(Session *session)
{
	requests_remove(session, CALL_REQUESTS);
}

/* ---- frames ahead of the welcome ---------------------------------------- */

void
session_defer(Session *session, const char *text, size_t length, bool is_call, SessionTake take,
			  const void *arg)
{
	Early *early;

	if (session->state >= SESSION_CLOSING)
		return;
	early = xcalloc(1, sizeof(Early) + length + 1);
	early->take = take;
	early->arg = arg;
	early->requests = (is_call ? CALL_REQUESTS : 1) + (int) (length / EARLY_REQUEST_BYTES);
	early->length = length;
	memcpy(early->text, text, length);
	list_init(&early->node);
	list_push_back(&session->early, &early->node);
	requests_add(session, early->requests);
}

static void
early_free(Session *session, Early *early)
{
	int requests = early->requests;

	list_remove(&early->node);
	free(early);
	requests_remove(session, requests);
}

/* Each counts until its own request has begun. */
static void
take_early(Session *session)
{
	ListNode *node;

	session_ref(session);
	while (session->state == SESSION_LIVE && (node = list_first(&session->early)))
	{
		Early *early = list_entry(node, Early, node);

		list_remove(&early->node);
		early->take(early->arg, session, early->text, early->length);
		early_free(session, early);
	}
	session_unref(session);
}

/* ---- states ------------------------------------------------------------- */

static void
dismiss_guard(Session *session)
{
	SessionGuard *guard = session->guard;

	session->guard = NULL;
	if (guard)
		guard->ended(guard);
}

static void
forget_answers(Session *session)
{
	size_t count = eventlist_count(&session->answers);

	eventlist_clear(&session->answers);
	while (count-- > 0)
		session_call_end(session);
}

static void
forget_early(Session *session)
{
	ListNode *node;

	while ((node = list_first(&session->early)))
		early_free(session, list_entry(node, Early, node));
}

static void
enter_closing(Session *session)
{
	dismiss_guard(session);
	forget_answers(session);
	forget_early(session);
	timer_cancel(&session->heartbeat);
	login_forget(&session->login);
	timer_arm(session->host->options.wheel, &session->deadline, CLOSE_TIMEOUT_MS);
	session->outlet.transport->want_writable(session->outlet.socket);
}

static void
enter_closed(Session *session)
{
	dismiss_guard(session);
	forget_answers(session);
	forget_early(session);
	timer_cancel(&session->heartbeat);
	timer_cancel(&session->deadline);
	login_forget(&session->login);
	hub_disconnect(session->host->options.hub, &session->connection);
	outlet_close(&session->outlet);
	list_remove(&session->node);
	session->host->count--;
	metric_add(METRIC_CONNECTIONS, -1);
	session_close_observe(session->closed_by_us ? session->close : SESSION_CLOSE_NONE);
}

static void
start_heartbeat(Session *session)
{
	int64_t period = session->host->options.limits.heartbeat_ms;

	/* The first ping comes at a random time, so that a crowd that reconnects
	 * together is not pinged together. */
	session->pinged_ms = 0;
	session->heard_ms = clock_ms() - period;
	timer_arm(session->host->options.wheel, &session->heartbeat,
			  period / 2 + (int64_t) (random_u64() % (uint64_t) (period / 2 + 1)));
}

/* The one place where a session changes its state. */
static void
session_move(Session *session, SessionState to)
{
	SessionState from = session->state;

	if (from == to || from == SESSION_CLOSED)
		return;
	session->state = to;
	switch (to)
	{
		case SESSION_OPEN:
		case SESSION_WAITING:
			break;
		case SESSION_ASKING:
			login_ask(&session->login);
			break;
		case SESSION_LIVE:
			start_heartbeat(session);
			break;
		case SESSION_CLOSING:
			enter_closing(session);
			break;
		case SESSION_CLOSED:
			enter_closed(session);
			break;
	}
}

void
session_close(Session *session, SessionClose why)
{
	if (session->state >= SESSION_CLOSING)
		return;
	log_debug_id(session->id, "closing: %s", session_close_reason(why));
	session->close = why;
	session->closed_by_us = true;
	session_move(session, SESSION_CLOSING);
}

/* A client that does not take what cannot be left out. */
static void
close_as_slow(Session *session)
{
	outbox_clear(&session->outlet.outbox);
	session_close(session, SESSION_CLOSE_SLOW_CONSUMER);
}

/* ---- out ---------------------------------------------------------------- */

static void
session_send(Session *session, Event *event)
{
	if (session->state < SESSION_CLOSING &&
		!outlet_send(&session->outlet, event, session->host->options.limits.max_outbox_bytes))
		close_as_slow(session);
}

void
session_reply(Session *session, const Buffer *payload)
{
	Event *event = event_reply(payload);

	session_send(session, event);
	event_unref(event);
}

static void
say(Session *session, Buffer *text)
{
	session_reply(session, text);
	buffer_free(text);
}

void
session_problem(Session *session, ProblemId id, const char *request_id, const char *message)
{
	Buffer text = BUFFER_EMPTY;

	metric_add(METRIC_FRAMES_REFUSED, 1);
	problem_write_frame(&text, id, request_id, message);
	say(session, &text);
}

void
session_queue(Session *session, Event *event)
{
	if (session->state < SESSION_CLOSING &&
		!outlet_queue(&session->outlet, event, session->host->options.limits.max_outbox_bytes))
		close_as_slow(session);
}

bool
session_has_room(const Session *session)
{
	const Outbox *outbox = &session->outlet.outbox;

	return !outbox_has_overflowed(outbox) &&
		   outbox->bytes < session->host->options.limits.max_outbox_bytes / 4;
}

void
session_set_guard(Session *session, SessionGuard *guard)
{
	session->guard = guard;
}

SessionGuard *
session_guard(const Session *session)
{
	return session->guard;
}

/* A place in the outbox is only for what may be left out or is small. */
void
session_call_answer(Session *session, const Buffer *payload)
{
	Event *event = event_reply(payload);

	if (event->length > OUTBOX_JOINT_BYTES && session->state < SESSION_CLOSING &&
		!outlet_is_clear(&session->outlet))
		eventlist_add(&session->answers, event);
	else
	{
		session_send(session, event);
		session_call_end(session);
	}
	event_unref(event);
}

static void
send_answers(Session *session)
{
	while (eventlist_count(&session->answers) > 0 && outlet_is_clear(&session->outlet))
	{
		Event *event = eventlist_pop(&session->answers);

		session_send(session, event);
		event_unref(event);
		session_call_end(session);
	}
}

/* A client that takes what had to wait is alive. */
void
session_writable(Session *session)
{
	if (outlet_drain(&session->outlet))
		session_heard(session);
	send_answers(session);
	if (session->guard && outlet_is_clear(&session->outlet))
		session->guard->drained(session->guard);
}

bool
session_wants_close(const Session *session, SessionClose *why)
{
	*why = session->close;
	return session->state == SESSION_CLOSING && session->outlet.outbox.count == 0;
}

/* ---- timers ------------------------------------------------------------- */

/* Twice in the life of a token: ahead of its end, and at it. */
static void
on_expiry(Session *session)
{
	int64_t left_ms = session->expires_at_ms - clock_ms();
	Buffer text = BUFFER_EMPTY;

	if (session->noticed || left_ms <= 0)
	{
		session_close(session, SESSION_CLOSE_TOKEN_EXPIRED);
		return;
	}
	session->noticed = true;
	timer_arm(session->host->options.wheel, &session->deadline, left_ms);
	notice_expiring(&text, (left_ms + 500) / 1000);
	say(session, &text);
}

static void
on_deadline(TimerEntry *entry)
{
	static const SessionClose close_of_late[] = {
		[SESSION_OPEN] = SESSION_CLOSE_AUTH_TIMEOUT,
		[SESSION_WAITING] = SESSION_CLOSE_FEED_RESET,
		[SESSION_ASKING] = SESSION_CLOSE_UNAVAILABLE,
	};
	Session *session = container_of(entry, Session, deadline);

	if (session->state == SESSION_LIVE)
		on_expiry(session);
	else if (session->state < SESSION_LIVE)
		session_close(session, close_of_late[session->state]);
	else if (session->state == SESSION_CLOSING)
		outlet_abort(&session->outlet);
}

/* A silent client is pinged; if it stays silent it is gone.  One that still has not
 * taken what overflowed is too slow. */
static void
on_heartbeat(TimerEntry *entry)
{
	Session *session = container_of(entry, Session, heartbeat);
	int64_t period_ms = session->host->options.limits.heartbeat_ms;
	int64_t now_ms = clock_ms();
	int64_t left_ms = session->heard_ms + period_ms - now_ms;

	if (outbox_has_overflowed(&session->outlet.outbox))
	{
		close_as_slow(session);
		return;
	}
	if (session->pinged_ms > session->heard_ms)
	{
		log_debug_id(session->id, "no answer to a ping");
		outlet_abort(&session->outlet);
		return;
	}
	timer_arm(session->host->options.wheel, entry, left_ms > 0 ? left_ms : period_ms);
	if (left_ms > 0)
		return;
	session->pinged_ms = now_ms;
	outlet_ping(&session->outlet);
}

void
session_heard(Session *session)
{
	session->heard_ms = clock_ms();
}

/* ---- login -------------------------------------------------------------- */

/* A live client keeps what it has: until then its older token is good. */
static void
on_refused(Login *login, ProblemId id, const char *message)
{
	Session *session = container_of(login, Session, login);

	session_problem(session, id, login_request_id(login), message);
	if (session->state == SESSION_LIVE && id != PROBLEM_SESSION_REVOKED)
		login_forget(login);
	else
		session_close(session, session_close_of_problem(id));
}

/* The next deadline of a live session: the notice, if it is not yet due, or the end. */
static void
expect_expiry(Session *session)
{
	const SessionsOptions *options = &session->host->options;
	int64_t left_ms = session->expires_at_ms - clock_ms();
	int64_t wait_ms = left_ms - options->limits.expiry_notice_ms;

	session->noticed = options->limits.expiry_notice_ms == 0;
	timer_arm(options->wheel, &session->deadline, wait_ms > 0 ? wait_ms : 0);
}

void
session_follow_limits(Session *session)
{
	if (session->state != SESSION_LIVE)
		return;
	start_heartbeat(session);
	expect_expiry(session);
}

static bool
account_is_full(const Session *session)
{
	size_t limit = session->host->options.limits.max_per_account;

	return limit > 0 && hub_connections_of_account(&session->connection) > limit;
}

static void
on_granted(Login *login, const LoginGrant *grant)
{
	Session *session = container_of(login, Session, login);
	bool is_first = session->state != SESSION_LIVE;
	Buffer text = BUFFER_EMPTY;

	if (is_first && account_is_full(session))
	{
		metric_add(METRIC_REFUSED_ACCOUNT, 1);
		session_close(session, SESSION_CLOSE_TOO_MANY_CONNECTIONS);
		return;
	}
	session_move(session, SESSION_LIVE);
	session->expires_at_ms = clock_ms() + grant->expires_in_s * 1000;
	string_copy(session->host->timeline, sizeof(session->host->timeline), grant->timeline);
	notice_welcome(&text, session->scope, login_request_id(login), grant,
				   session->host->options.limits.heartbeat_ms / 1000);
	say(session, &text);
	expect_expiry(session);
	login_forget(login);
	if (is_first && session->guard)
		session->guard->welcomed(session->guard);
	if (is_first)
		take_early(session);
}

/* Asks as soon as the feed streams. */
static void
session_wait(Session *session)
{
	session_move(session, SESSION_WAITING);
	if (session->host->streaming)
		session_move(session, SESSION_ASKING);
}

static void
on_stale(Login *login)
{
	Session *session = container_of(login, Session, login);

	if (login->kind == CREDENTIAL_TICKET)
		session_close(session, SESSION_CLOSE_FEED_RESET);
	else
		session_wait(session);
}

const LoginHandlers session_login_handlers = {on_granted, on_refused, on_stale};

static void
allow_time_to_authenticate(Session *session)
{
	const SessionsOptions *options = &session->host->options;

	timer_arm(options->wheel, &session->deadline, options->limits.auth_timeout_ms);
}

/* The client has had its time to bring a token; from here on it is ours. */
void
session_authenticate(Session *session, const Credential *credential, const char *request_id)
{
	if (session->state >= SESSION_CLOSING)
		return;
	if (login_is_under_way(&session->login))
	{
		session_problem(session, PROBLEM_INVALID_FRAME, request_id, "Another login is under way");
		return;
	}
	login_begin(&session->login, credential, request_id);
	if (session->state == SESSION_LIVE)
		login_ask(&session->login);
	else
	{
		allow_time_to_authenticate(session);
		session_wait(session);
	}
}

void
session_go_on(Session *session)
{
	if (session->state == SESSION_WAITING)
		session_move(session, SESSION_ASKING);
}

/* ---- hub ---------------------------------------------------------------- */

static void
on_deliver(HubConnection *connection, Event *event)
{
	Session *session = container_of(connection, Session, connection);

	if (!session->guard || !session->guard->take(session->guard, event))
		session_send(session, event);
}

static void
on_end(HubConnection *connection, HubEnd why)
{
	session_close(container_of(connection, Session, connection), session_close_of_end(why));
}

/* ---- leaving ------------------------------------------------------------ */

void
session_leave_in(Session *session, int64_t after_ms)
{
	Buffer text = BUFFER_EMPTY;

	session->leave_ms = clock_ms() + after_ms;
	notice_reconnect(&text, after_ms);
	say(session, &text);
}

void
session_leave_when_due(Session *session, int64_t now_ms)
{
	if (session->leave_ms <= now_ms)
		session_close(session, SESSION_CLOSE_SERVER_SHUTDOWN);
}

/* ---- life --------------------------------------------------------------- */

Session *
session_open(SessionHost *host, const SessionTransport *transport, void *socket, int64_t scope)
{
	Session *session = xcalloc(1, sizeof(Session));

	session->connection.deliver = on_deliver;
	session->connection.end = on_end;
	session->host = host;
	outlet_init(&session->outlet, &host->outlets, transport, socket);
	session->scope = scope;
	session->id = ++host->last_id;
	session->references = 1;
	session->reading = true;
	login_init(&session->login, &host->login, &session->connection, scope, session->id);
	timer_init(&session->deadline, on_deadline);
	timer_init(&session->heartbeat, on_heartbeat);
	list_init(&session->early);
	list_init(&session->node);
	list_push_back(&host->sessions, &session->node);
	host->count++;
	metric_add(METRIC_CONNECTIONS, 1);
	metric_add(METRIC_CONNECTIONS_ACCEPTED, 1);
	allow_time_to_authenticate(session);
	return session;
}

void
session_set_client(Session *session, const Address *client)
{
	session->login.client = *client;
}

void
session_closed(Session *session)
{
	session_move(session, SESSION_CLOSED);
	session_unref(session);
}

Session *
session_ref(Session *session)
{
	session->references++;
	return session;
}

void
session_unref(Session *session)
{
	if (--session->references == 0)
		free(session);
}

SessionState
session_state(const Session *session)
{
	return session->state;
}

int64_t
session_account_id(const Session *session)
{
	return hub_account_id(&session->connection);
}

int64_t
session_login_id(const Session *session)
{
	return session->connection.session_id;
}

int64_t
session_scope(const Session *session)
{
	return session->scope;
}

const char *
session_timeline(const Session *session)
{
	return session->host->timeline;
}

const Address *
session_client(const Session *session)
{
	return &session->login.client;
}

uint64_t
session_id(const Session *session)
{
	return session->id;
}

void
session_each(const SessionHost *host, void (*visit)(Session *session, void *arg), void *arg)
{
	LIST_FOREACH(&host->sessions, node)
	{
		visit(list_entry(node, Session, node), arg);
	}
}
