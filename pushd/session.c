/*
 * session.c
 *	  One WebSocket client: its state, its deadlines, its life.
 *
 * A Session owns its outbox and its login; both go when the socket does.  The struct
 * itself stays until the last reference is dropped.
 */
#include "session.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "login.h"
#include "metrics.h"
#include "outbox.h"

#define CLOSE_TIMEOUT_MS 5000 /* for the outbox and the close frame to go out */
#define REQUESTS_MAX 256	  /* of one client under way: stop reading */
#define REQUESTS_RESUME 128	  /* and go on */

struct Sessions
{
	SessionsOptions options;
	LoginOptions login;
	bool streaming;
	ListNode sessions;
	bool corked;
	ListNode corked_sessions; /* Session.corked */
	size_t count;
	uint64_t last_id;
	Event *joint; /* scratch */
	TimerEntry drain;
	int64_t drain_ms;
};

struct Session
{
	HubConnection connection;
	ListNode node;
	ListNode corked; /* has something that waits for sessions_uncork() */
	Sessions *owner;
	const SessionTransport *transport;
	void *socket;
	uint64_t id;
	int64_t scope;
	int references;
	SessionState state;
	SessionClose close;
	bool closed_by_us;
	int64_t leave_ms; /* clock_ms() when a drain closes it */
	bool heard;
	bool pinged;
	bool reading;
	bool noticed; /* that its token ends soon */
	int64_t expires_at_ms;
	int requests;

	TimerEntry deadline;  /* of the state: auth, token, close */
	TimerEntry heartbeat; /* while LIVE */

	Login login;
	Outbox outbox;
	SessionGuard *guard; /* or NULL */
};

static const struct
{
	int code;
	const char *reason;
} closes[SESSION_CLOSE_COUNT] = {
#define SESSION_CLOSE_ROW(symbol, code, reason) {code, reason},
	SESSION_CLOSES(SESSION_CLOSE_ROW)
#undef SESSION_CLOSE_ROW
};

int
session_close_code(SessionClose close)
{
	return closes[close].code;
}

const char *
session_close_reason(SessionClose close)
{
	return closes[close].reason;
}

/* ---- states ------------------------------------------------------------- */

/* One that was not asked to go has gone by itself. */
static void
count_close(const Session *session)
{
	char labels[64];

	snprintf(labels, sizeof(labels), "reason=\"%s\"",
			 session->closed_by_us ? closes[session->close].reason : "client");
	metric_count(METRIC_FAMILY_CLOSES, labels);
}

static void
dismiss_guard(Session *session)
{
	SessionGuard *guard = session->guard;

	session->guard = NULL;
	if (guard)
		guard->ended(guard);
}

static void
enter_closing(Session *session)
{
	dismiss_guard(session);
	timer_cancel(&session->heartbeat);
	login_forget(&session->login);
	timer_arm(session->owner->options.wheel, &session->deadline, CLOSE_TIMEOUT_MS);
	session->transport->want_writable(session->socket);
}

static void
enter_closed(Session *session)
{
	dismiss_guard(session);
	timer_cancel(&session->heartbeat);
	timer_cancel(&session->deadline);
	login_forget(&session->login);
	hub_disconnect(session->owner->options.hub, &session->connection);
	outbox_clear(&session->outbox);
	session->socket = NULL;
	list_remove(&session->node);
	list_remove(&session->corked);
	session->owner->count--;
	metric_add(METRIC_CONNECTIONS, -1);
	count_close(session);
}

static void
enter_live(Session *session)
{
	int64_t period = session->owner->options.limits.heartbeat_ms;

	/* The first ping comes at a random time, so that a crowd that reconnects
	 * together is not pinged together. */
	timer_arm(session->owner->options.wheel, &session->heartbeat,
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
			enter_live(session);
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
	log_debug_id(session->id, "closing: %s", closes[why].reason);
	session->close = why;
	session->closed_by_us = true;
	session_move(session, SESSION_CLOSING);
}

/* A client that does not take what cannot be left out. */
static void
close_as_slow(Session *session)
{
	outbox_clear(&session->outbox);
	session_close(session, SESSION_CLOSE_SLOW_CONSUMER);
}

/* ---- out ---------------------------------------------------------------- */

static bool
write_frame(Session *session, Event *event)
{
	metric_add(METRIC_FRAMES_SENT, 1);
	metric_add(METRIC_BYTES_SENT, event->length);
	if (session->transport->write(session->socket, event))
		return true;
	session->transport->abort(session->socket);
	return false;
}

/* Writes what waits, as far as the socket takes it; whether that was anything. */
static bool
drain_outbox(Session *session)
{
	bool any = false;

	while (!session->transport->is_choked(session->socket))
	{
		Event *frame = outbox_next(&session->outbox, session->owner->joint);
		bool written;

		if (!frame)
			return any;
		written = write_frame(session, frame);
		event_unref(frame);
		if (!written)
			return any;
		any = true;
	}
	session->transport->want_writable(session->socket);
	return any;
}

/* More than a frame of it goes out at once: what a client takes must not overflow. */
static void
send_later(Session *session, const Event *event)
{
	if (session->outbox.bytes + event->length > OUTBOX_JOINT_BYTES)
		(void) drain_outbox(session);
	list_remove(&session->corked);
	list_push_back(&session->owner->corked_sessions, &session->corked);
}

static void
session_send(Session *session, Event *event)
{
	const SessionTransport *transport = session->transport;

	if (session->state >= SESSION_CLOSING)
		return;
	if (session->owner->corked)
		send_later(session, event);
	else if (outbox_is_empty(&session->outbox) && !transport->is_choked(session->socket))
	{
		write_frame(session, event);
		return;
	}
	switch (outbox_put(&session->outbox, event, session->owner->options.limits.max_outbox_bytes))
	{
		case OUTBOX_QUEUED:
			if (!session->owner->corked)
				transport->want_writable(session->socket);
			break;
		case OUTBOX_LEFT_OUT:
		case OUTBOX_DROPPED:
			break;
		case OUTBOX_FULL:
			close_as_slow(session);
			break;
	}
}

/* What may wait at most; whatever is alone may be larger. */
static size_t
outbox_limit(const Session *session)
{
	return outbox_is_empty(&session->outbox) ? SIZE_MAX
											 : session->owner->options.limits.max_outbox_bytes;
}

void
session_queue(Session *session, Event *event)
{
	if (session->state >= SESSION_CLOSING)
		return;
	if (outbox_put(&session->outbox, event, outbox_limit(session)) == OUTBOX_FULL)
		close_as_slow(session);
	else
		session->transport->want_writable(session->socket);
}

bool
session_has_room(const Session *session)
{
	return !outbox_has_overflowed(&session->outbox) &&
		   session->outbox.bytes < session->owner->options.limits.max_outbox_bytes / 4;
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

/* A client that takes what had to wait is alive. */
void
session_writable(Session *session)
{
	session->heard |= drain_outbox(session);
	if (session->guard && session->outbox.count == 0 &&
		!session->transport->is_choked(session->socket))
		session->guard->drained(session->guard);
}

void
sessions_cork(Sessions *sessions)
{
	sessions->corked = true;
}

void
sessions_uncork(Sessions *sessions)
{
	ListNode *node;

	sessions->corked = false;
	while ((node = list_pop_front(&sessions->corked_sessions)))
		(void) drain_outbox(list_entry(node, Session, corked));
}

bool
session_wants_close(const Session *session, SessionClose *why)
{
	*why = session->close;
	return session->state == SESSION_CLOSING && session->outbox.count == 0;
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
	timer_arm(session->owner->options.wheel, &session->deadline, left_ms);
	buffer_printf(&text, "{\"type\":\"expiring\",\"in_s\":%lld}",
				  (long long) (left_ms + 500) / 1000);
	session_reply(session, &text);
	buffer_free(&text);
}

static void
on_deadline(TimerEntry *entry)
{
	Session *session = container_of(entry, Session, deadline);

	switch (session->state)
	{
		case SESSION_OPEN:
			session_close(session, SESSION_CLOSE_AUTH_TIMEOUT);
			break;
		case SESSION_WAITING:
			session_close(session, SESSION_CLOSE_FEED_RESET);
			break;
		case SESSION_ASKING:
			session_close(session, SESSION_CLOSE_UNAVAILABLE);
			break;
		case SESSION_LIVE:
			on_expiry(session);
			break;
		case SESSION_CLOSING:
			session->transport->abort(session->socket);
			break;
		case SESSION_CLOSED:
			break;
	}
}

/* A silent client is pinged; if it stays silent it is gone.  One that still has not
 * taken what overflowed is too slow. */
static void
on_heartbeat(TimerEntry *entry)
{
	Session *session = container_of(entry, Session, heartbeat);

	if (outbox_has_overflowed(&session->outbox))
	{
		close_as_slow(session);
		return;
	}
	if (session->pinged && !session->heard)
	{
		log_debug_id(session->id, "no answer to a ping");
		session->transport->abort(session->socket);
		return;
	}
	session->pinged = !session->heard;
	session->heard = false;
	timer_arm(session->owner->options.wheel, entry, session->owner->options.limits.heartbeat_ms);
	if (session->pinged && !session->transport->is_choked(session->socket) &&
		!session->transport->ping(session->socket))
		session->transport->abort(session->socket);
}

void
session_heard(Session *session)
{
	session->heard = true;
}

/* ---- login -------------------------------------------------------------- */

static void
send_welcome(Session *session, const LoginGrant *grant)
{
	const char *request_id = login_request_id(&session->login);
	Buffer text = BUFFER_EMPTY;

	buffer_append_string(&text, "{\"type\":\"welcome\"");
	if (session->scope != 0)
		buffer_printf(&text, ",\"conversation_id\":%lld", (long long) session->scope);
	if (request_id)
	{
		buffer_append_string(&text, ",\"id\":");
		buffer_append_json(&text, request_id, strlen(request_id));
	}
	buffer_printf(&text,
				  ",\"user\":%s,\"session_id\":%lld,\"heartbeat_s\":%lld,\"expires_in_s\":%lld}",
				  grant->user, (long long) grant->session_id,
				  (long long) session->owner->options.limits.heartbeat_ms / 1000,
				  (long long) grant->expires_in_s);
	session_reply(session, &text);
	buffer_free(&text);
}

static SessionClose
close_of_problem(ProblemId id)
{
	static const struct
	{
		ProblemId id;
		SessionClose close;
	} rules[] = {
		{PROBLEM_TOKEN_EXPIRED, SESSION_CLOSE_TOKEN_EXPIRED},
		{PROBLEM_SESSION_REVOKED, SESSION_CLOSE_SESSION_REVOKED},
		{PROBLEM_CONVERSATION_NOT_FOUND, SESSION_CLOSE_NOT_A_MEMBER},
	};

	for (size_t i = 0; i < lengthof(rules); i++)
		if (rules[i].id == id)
			return rules[i].close;
	return problem_get(id)->status >= 500 ? SESSION_CLOSE_UNAVAILABLE
										  : SESSION_CLOSE_UNAUTHENTICATED;
}

/* A live client keeps what it has: until then its older token is good. */
static void
on_refused(Login *login, ProblemId id, const char *message)
{
	Session *session = container_of(login, Session, login);

	session_problem(session, id, login_request_id(login), message);
	if (session->state == SESSION_LIVE && id != PROBLEM_SESSION_REVOKED)
		login_forget(login);
	else
		session_close(session, close_of_problem(id));
}

/* The next deadline of a live session: the notice, if it is not yet due, or the end. */
static void
expect_expiry(Session *session)
{
	const SessionsOptions *options = &session->owner->options;
	int64_t left_ms = session->expires_at_ms - clock_ms();
	int64_t wait_ms = left_ms - options->limits.expiry_notice_ms;

	session->noticed = options->limits.expiry_notice_ms == 0;
	timer_arm(options->wheel, &session->deadline, wait_ms > 0 ? wait_ms : 0);
}

static bool
account_is_full(const Session *session)
{
	size_t limit = session->owner->options.limits.max_per_account;

	return limit > 0 && hub_connections_of_account(&session->connection) > limit;
}

static void
on_granted(Login *login, const LoginGrant *grant)
{
	Session *session = container_of(login, Session, login);
	bool is_first = session->state != SESSION_LIVE;

	if (session->state != SESSION_LIVE && account_is_full(session))
	{
		metric_add(METRIC_REFUSED_ACCOUNT, 1);
		session_close(session, SESSION_CLOSE_TOO_MANY_CONNECTIONS);
		return;
	}
	session_move(session, SESSION_LIVE);
	session->expires_at_ms = clock_ms() + grant->expires_in_s * 1000;
	send_welcome(session, grant);
	expect_expiry(session);
	login_forget(login);
	if (is_first && session->guard)
		session->guard->welcomed(session->guard);
}

/* Asks as soon as the feed streams. */
static void
session_wait(Session *session)
{
	session_move(session, SESSION_WAITING);
	if (session->owner->streaming)
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

static const LoginHandlers login_handlers = {on_granted, on_refused, on_stale};

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
		session_wait(session);
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
	static const SessionClose close_of[] = {
		[HUB_END_SESSION_REVOKED] = SESSION_CLOSE_SESSION_REVOKED,
		[HUB_END_ACCOUNT_CLOSED] = SESSION_CLOSE_ACCOUNT_CLOSED,
		[HUB_END_NOT_A_MEMBER] = SESSION_CLOSE_NOT_A_MEMBER,
		[HUB_END_FEED_LOST] = SESSION_CLOSE_FEED_RESET,
	};

	session_close(container_of(connection, Session, connection), close_of[why]);
}

/* ---- requests ----------------------------------------------------------- */

void
session_reply(Session *session, const Buffer *payload)
{
	Event *event = event_reply(payload);

	session_send(session, event);
	event_unref(event);
}

void
session_problem(Session *session, ProblemId id, const char *request_id, const char *message)
{
	Buffer text = BUFFER_EMPTY;

	metric_add(METRIC_FRAMES_REFUSED, 1);
	problem_write_frame(&text, id, request_id, message);
	session_reply(session, &text);
	buffer_free(&text);
}

void
session_request_begin(Session *session)
{
	session_ref(session);
	if (++session->requests < REQUESTS_MAX || !session->reading || !session->socket)
		return;
	session->reading = false;
	session->transport->set_reading(session->socket, false);
}

void
session_request_end(Session *session)
{
	if (--session->requests <= REQUESTS_RESUME && !session->reading && session->socket)
	{
		session->reading = true;
		session->transport->set_reading(session->socket, true);
	}
	session_unref(session);
}

/* ---- drain -------------------------------------------------------------- */

/* Says when to come back: at a time of its own, so that not all do at once. */
static void
begin_leaving(Session *session)
{
	int64_t after_ms = (int64_t) (random_u64() % (uint64_t) (session->owner->drain_ms + 1));
	Buffer text = BUFFER_EMPTY;

	session->leave_ms = clock_ms() + after_ms;
	buffer_printf(&text, "{\"type\":\"reconnect\",\"after_ms\":%lld}", (long long) after_ms);
	session_reply(session, &text);
	buffer_free(&text);
}

static void
on_drain(TimerEntry *entry)
{
	Sessions *sessions = container_of(entry, Sessions, drain);
	int64_t now_ms = clock_ms();

	LIST_FOREACH(&sessions->sessions, node)
	{
		Session *session = list_entry(node, Session, node);

		if (session->leave_ms <= now_ms)
			session_close(session, SESSION_CLOSE_SERVER_SHUTDOWN);
	}
	timer_arm(sessions->options.wheel, entry, TIMERWHEEL_TICK_MS);
}

void
sessions_drain(Sessions *sessions, int64_t over_ms)
{
	sessions->drain_ms = over_ms;
	LIST_FOREACH(&sessions->sessions, node)
	{
		begin_leaving(list_entry(node, Session, node));
	}
	timer_arm(sessions->options.wheel, &sessions->drain, TIMERWHEEL_TICK_MS);
}

/* ---- life --------------------------------------------------------------- */

Session *
sessions_open(Sessions *sessions, const SessionTransport *transport, void *socket, int64_t scope)
{
	Session *session = xcalloc(1, sizeof(Session));

	session->connection.deliver = on_deliver;
	session->connection.end = on_end;
	session->owner = sessions;
	session->transport = transport;
	session->socket = socket;
	session->scope = scope;
	session->id = ++sessions->last_id;
	session->references = 1;
	session->reading = true;
	login_init(&session->login, &sessions->login, &session->connection, scope, session->id);
	timer_init(&session->deadline, on_deadline);
	timer_init(&session->heartbeat, on_heartbeat);
	list_init(&session->node);
	list_init(&session->corked);
	list_push_back(&sessions->sessions, &session->node);
	sessions->count++;
	metric_add(METRIC_CONNECTIONS, 1);
	metric_add(METRIC_CONNECTIONS_ACCEPTED, 1);
	timer_arm(sessions->options.wheel, &session->deadline,
			  sessions->options.limits.auth_timeout_ms);
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
session_scope(const Session *session)
{
	return session->scope;
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

Sessions *
sessions_create(const SessionsOptions *options)
{
	Sessions *sessions = xcalloc(1, sizeof(Sessions));

	sessions->options = *options;
	timer_init(&sessions->drain, on_drain);
	sessions->login = (LoginOptions){.pool = options->pool,
									 .tokens = login_tokens_create(options->loop, options->pool),
									 .hub = options->hub,
									 .handlers = &login_handlers};
	sessions->joint = event_joint(OUTBOX_JOINT_BYTES);
	list_init(&sessions->sessions);
	list_init(&sessions->corked_sessions);
	return sessions;
}

void
sessions_free(Sessions *sessions)
{
	timer_cancel(&sessions->drain);
	event_unref(sessions->joint);
	tokens_free(sessions->login.tokens);
	free(sessions);
}

void
sessions_set_feed(Sessions *sessions, bool streaming)
{
	sessions->streaming = streaming;
	if (!streaming)
		return;
	LIST_FOREACH(&sessions->sessions, node)
	{
		Session *session = list_entry(node, Session, node);

		if (session->state == SESSION_WAITING)
			session_move(session, SESSION_ASKING);
	}
}

void
sessions_set_limits(Sessions *sessions, const SessionLimits *limits)
{
	sessions->options.limits = *limits;
}

void
sessions_close_all(Sessions *sessions, SessionClose why)
{
	LIST_FOREACH(&sessions->sessions, node)
	{
		session_close(list_entry(node, Session, node), why);
	}
}

size_t
sessions_count(const Sessions *sessions)
{
	return sessions->count;
}
