/*
 * session.c
 *	  One WebSocket client: its state, its outbox, its deadlines.
 *
 * A Session owns its queue of event references, its gaps and, while the database is
 * asked, its token; all of that goes when the socket does.  The struct itself stays
 * until the last reference is dropped.
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "pgarray.h"

#define CLOSE_TIMEOUT_MS 5000	/* for the outbox and the close frame to go out */
#define JOINT_BYTES (16 * 1024) /* events are joined in frames up to this size */
#define REQUESTS_MAX 256		/* of one client under way: stop reading */
#define REQUESTS_RESUME 128		/* and go on */
#define GAPS_MAX 256			/* conversations with a gap */
#define REQUEST_ID_MAX 64

struct Sessions
{
	SessionsOptions options;
	bool streaming;
	ListNode sessions;
	size_t count;
	uint64_t last_id;
	Event *joint; /* scratch */
};

struct Session
{
	HubConnection connection;
	ListNode node;
	Sessions *owner;
	const SessionTransport *transport;
	void *socket;
	uint64_t id;
	int64_t scope;
	int references;
	SessionState state;
	SessionClose close;
	bool heard;
	bool pinged;
	bool reading;
	bool overflowed;
	int requests;

	TimerEntry deadline;  /* of the state: auth, token, close */
	TimerEntry heartbeat; /* while LIVE */

	char *token; /* for the question to the database */
	char request_id[REQUEST_ID_MAX + 1];
	bool has_request_id;
	PgRequest *question;
	HubSnapshot snapshot;

	Event **queue; /* ring; NULL while empty */
	size_t queue_first;
	size_t queue_count;
	size_t queue_capacity;
	size_t queue_bytes;
	Map gaps; /* conversation id → first missing seq + 1, as a pointer */
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

static const PgStatement gateway_connect = {
	"gateway_connect",
	"SELECT account_id, session_id, expires_at_s, to_json(\"user\"), conversation_ids, vers,"
	" snapshot_xmin FROM chat.gateway_connect($1)",
	1};

static void session_ask(Session *session);

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

/* ---- outbox ------------------------------------------------------------- */

static void
queue_push(Session *session, Event *event)
{
	if (session->queue_count == session->queue_capacity)
	{
		size_t capacity = session->queue_capacity ? session->queue_capacity * 2 : 8;
		Event **queue = xreallocarray(NULL, capacity, sizeof(Event *));

		for (size_t i = 0; i < session->queue_count; i++)
			queue[i] = session->queue[(session->queue_first + i) % session->queue_capacity];
		free(session->queue);
		session->queue = queue;
		session->queue_first = 0;
		session->queue_capacity = capacity;
	}
	session->queue[(session->queue_first + session->queue_count++) % session->queue_capacity] =
		event_ref(event);
	session->queue_bytes += event->length;
	metric_add(METRIC_OUTBOX_BYTES, event->length);
}

static Event *
queue_peek(const Session *session)
{
	return session->queue_count > 0 ? session->queue[session->queue_first] : NULL;
}

static void
queue_pop(Session *session)
{
	Event *event = queue_peek(session);

	session->queue_first = (session->queue_first + 1) % session->queue_capacity;
	session->queue_count--;
	session->queue_bytes -= event->length;
	metric_add(METRIC_OUTBOX_BYTES, -(int64_t) event->length);
	event_unref(event);
}

/* An idle connection keeps no queue. */
static void
queue_release(Session *session)
{
	while (session->queue_count > 0)
		queue_pop(session);
	free(session->queue);
	session->queue = NULL;
	session->queue_first = session->queue_capacity = 0;
}

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

/* The next frame: the first event alone, or it and those behind it joined. */
static bool
write_next(Session *session)
{
	Event *event = queue_peek(session);
	Event *joint = session->owner->joint;
	bool written;

	if (session->queue_count == 1 || event->length > JOINT_BYTES)
	{
		written = write_frame(session, event);
		queue_pop(session);
		return written;
	}
	joint->length = 0;
	while ((event = queue_peek(session)) && event_append(joint, JOINT_BYTES, event))
		queue_pop(session);
	return write_frame(session, joint);
}

/* ---- gaps: what did not fit --------------------------------------------- */

/*
 * Remembers that events of the conversation were left out: from which seq on, or
 * 0 when no message was among them.
 */
static bool
gap_note(Session *session, const Event *event)
{
	intptr_t from = event->kind == PARLEY_EVENT_MESSAGE ? (intptr_t) event->number : 0;
	intptr_t known = (intptr_t) map_get(&session->gaps, event->conversation_id);

	if (event->conversation_id == 0 || session->gaps.count >= GAPS_MAX)
		return false;
	if (known == 0 || (known == 1 && from > 0))
		map_put(&session->gaps, event->conversation_id, (void *) (from + 1));
	return true;
}

static void
gaps_send(Session *session)
{
	size_t cursor = 0;
	int64_t conversation_id;
	void *from;
	Buffer text = BUFFER_EMPTY;

	while ((from = map_next(&session->gaps, &cursor, &conversation_id)))
	{
		Event *event;

		buffer_reset(&text);
		buffer_printf(&text, "{\"type\":\"gap\",\"conversation_id\":%lld,\"from\":%lld}",
					  (long long) conversation_id, (long long) (intptr_t) from - 1);
		event = event_reply(&text);
		queue_push(session, event);
		event_unref(event);
	}
	buffer_free(&text);
	map_free(&session->gaps);
	session->gaps = (Map){0};
	session->overflowed = false;
}

/* ---- states ------------------------------------------------------------- */

static void
login_forget(Session *session)
{
	if (session->token)
	{
		secure_zero(session->token, strlen(session->token));
		free(session->token);
		session->token = NULL;
	}
	if (session->question)
	{
		pgpool_cancel(session->question);
		session->question = NULL;
	}
	hub_snapshot_end(session->owner->options.hub, &session->snapshot);
}

static void
enter_closing(Session *session)
{
	timer_cancel(&session->heartbeat);
	login_forget(session);
	timer_arm(session->owner->options.wheel, &session->deadline, CLOSE_TIMEOUT_MS);
	session->transport->want_writable(session->socket);
}

static void
enter_closed(Session *session)
{
	timer_cancel(&session->heartbeat);
	timer_cancel(&session->deadline);
	login_forget(session);
	hub_disconnect(session->owner->options.hub, &session->connection);
	queue_release(session);
	map_free(&session->gaps);
	session->socket = NULL;
	list_remove(&session->node);
	session->owner->count--;
	metric_add(METRIC_CONNECTIONS, -1);
}

static void
enter_live(Session *session)
{
	int64_t period = session->owner->options.heartbeat_ms;

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
			session_ask(session);
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
	session_move(session, SESSION_CLOSING);
}

static void
overflow(Session *session, const Event *event)
{
	metric_add(METRIC_FRAMES_DROPPED, 1);
	if (event->kind == EVENT_KIND_REPLY || (event->conversation_id && !gap_note(session, event)))
	{
		queue_release(session);
		session_close(session, SESSION_CLOSE_SLOW_CONSUMER);
	}
	else
		session->overflowed = true;
}

static void
session_send(Session *session, Event *event)
{
	const SessionTransport *transport = session->transport;

	if (session->state >= SESSION_CLOSING)
		return;
	if (session->queue_count == 0 && !session->overflowed && !transport->is_choked(session->socket))
		write_frame(session, event);
	else if (session->overflowed ||
			 session->queue_bytes + event->length > session->owner->options.max_outbox_bytes)
		overflow(session, event);
	else
	{
		queue_push(session, event);
		transport->want_writable(session->socket);
	}
}

void
session_writable(Session *session)
{
	while (session->queue_count > 0 || session->gaps.count > 0)
	{
		if (session->transport->is_choked(session->socket))
		{
			session->transport->want_writable(session->socket);
			return;
		}
		if (session->queue_count == 0)
			gaps_send(session);
		if (!write_next(session))
			return;
		session->heard = true; /* it takes what it gets */
	}
	queue_release(session);
	session->overflowed = false;
}

bool
session_wants_close(const Session *session, SessionClose *why)
{
	*why = session->close;
	return session->state == SESSION_CLOSING && session->queue_count == 0;
}

/* ---- timers ------------------------------------------------------------- */

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
			session_close(session, SESSION_CLOSE_TOKEN_EXPIRED);
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

	if (session->overflowed)
	{
		queue_release(session);
		session_close(session, SESSION_CLOSE_SLOW_CONSUMER);
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
	timer_arm(session->owner->options.wheel, entry, session->owner->options.heartbeat_ms);
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
send_welcome(Session *session, const char *user, int64_t session_number, int64_t expires_in_s)
{
	Buffer text = BUFFER_EMPTY;

	buffer_append_string(&text, "{\"type\":\"welcome\"");
	if (session->has_request_id)
	{
		buffer_append_string(&text, ",\"id\":");
		buffer_append_json(&text, session->request_id, strlen(session->request_id));
	}
	buffer_printf(&text,
				  ",\"user\":%s,\"session_id\":%lld,\"heartbeat_s\":%lld,\"expires_in_s\":%lld}",
				  user, (long long) session_number,
				  (long long) session->owner->options.heartbeat_ms / 1000,
				  (long long) expires_in_s);
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
	};

	for (size_t i = 0; i < lengthof(rules); i++)
		if (rules[i].id == id)
			return rules[i].close;
	return problem_get(id)->status >= 500 ? SESSION_CLOSE_UNAVAILABLE
										  : SESSION_CLOSE_UNAUTHENTICATED;
}

/* A live client keeps what it has: until then its older token is good. */
static void
login_refused(Session *session, ProblemId id, const char *message)
{
	session_problem(session, id, session->has_request_id ? session->request_id : NULL, message);
	if (session->state == SESSION_LIVE && id != PROBLEM_SESSION_REVOKED)
		login_forget(session);
	else
		session_close(session, close_of_problem(id));
}

/* The two arrays of chat.gateway_connect; false when they are not what they should be. */
static bool
read_memberships(const PgReply *reply, Buffer *members)
{
	Buffer ids = BUFFER_EMPTY;
	Buffer vers = BUFFER_EMPTY;
	bool good = pgarray_parse_int64(pgreply_value(reply, 0, 4), &ids) &&
				pgarray_parse_int64(pgreply_value(reply, 0, 5), &vers) && ids.length == vers.length;

	for (size_t at = 0; good && at < ids.length; at += sizeof(int64_t))
	{
		HubMembership row;

		memcpy(&row.conversation_id, ids.data + at, sizeof(int64_t));
		memcpy(&row.ver, vers.data + at, sizeof(int64_t));
		buffer_append(members, &row, sizeof(row));
	}
	buffer_free(&ids);
	buffer_free(&vers);
	return good;
}

static HubResult
login_connect(Session *session, const PgReply *reply, const Buffer *members)
{
	HubLogin login = {.account_id = pgreply_int64(reply, 0, 0, 0),
					  .session_id = pgreply_int64(reply, 0, 1, 0),
					  .scope = session->scope,
					  .snapshot_xmin = pgreply_int64(reply, 0, 6, 0),
					  .members = (const HubMembership *) (void *) members->data,
					  .count = members->length / sizeof(HubMembership)};

	return hub_connect(session->owner->options.hub, &session->connection, &session->snapshot,
					   &login);
}

static void
login_done(Session *session, const PgReply *reply)
{
	int64_t expires_in_s = pgreply_int64(reply, 0, 2, 0) - wall_us() / 1000000;

	if (expires_in_s <= 0)
	{
		login_refused(session, PROBLEM_TOKEN_EXPIRED, "The token has expired");
		return;
	}
	session_move(session, SESSION_LIVE);
	timer_arm(session->owner->options.wheel, &session->deadline, expires_in_s * 1000);
	send_welcome(session, pgreply_value(reply, 0, 3), pgreply_int64(reply, 0, 1, 0), expires_in_s);
	login_forget(session);
}

static void
login_use(Session *session, const PgReply *reply, const Buffer *members)
{
	int64_t account_id = session_account_id(session);

	if (account_id != 0 && account_id != pgreply_int64(reply, 0, 0, 0))
	{
		login_refused(session, PROBLEM_FORBIDDEN, "The token is of another account");
		return;
	}
	switch (login_connect(session, reply, members))
	{
		case HUB_CONNECTED:
			login_done(session, reply);
			break;
		case HUB_STALE:
			session_move(session, SESSION_WAITING);
			if (session->owner->streaming)
				session_move(session, SESSION_ASKING);
			break;
		case HUB_SESSION_REVOKED:
			login_refused(session, PROBLEM_SESSION_REVOKED, "The session has ended");
			break;
		case HUB_ACCOUNT_CLOSED:
			session_close(session, SESSION_CLOSE_ACCOUNT_CLOSED);
			break;
	}
}

static void
login_failed(Session *session, const PgReply *reply)
{
	ProblemId id = problem_of_sqlstate(pgreply_sqlstate(reply));

	if (pgreply_ok(reply))
		id = PROBLEM_INTERNAL;
	if (id == PROBLEM_INTERNAL)
		log_error_id(session->id, "gateway_connect: %s %s", pgreply_sqlstate(reply),
					 pgreply_message(reply));
	login_refused(session, id, problem_detail(id, pgreply_sqlstate(reply), pgreply_message(reply)));
}

static void
on_login(void *arg, const PgReply *reply)
{
	Session *session = arg;
	Buffer members = BUFFER_EMPTY;

	session->question = NULL;
	if (pgreply_rows(reply) == 1 && read_memberships(reply, &members))
		login_use(session, reply, &members);
	else
		login_failed(session, reply);
	buffer_free(&members);
}

static void
session_ask(Session *session)
{
	PgParam param = {session->token, strlen(session->token)};
	PgCall call = {&gateway_connect, &param};

	hub_snapshot_begin(session->owner->options.hub, &session->snapshot);
	session->question = pgpool_request(session->owner->options.pool, &call, 1, on_login, session);
}

void
session_authenticate(Session *session, const char *token, const char *request_id)
{
	if (session->state >= SESSION_CLOSING)
		return;
	if (session->token)
	{
		session_problem(session, PROBLEM_INVALID_FRAME, request_id, "Another login is under way");
		return;
	}
	session->token = xstrdup(token);
	session->has_request_id = request_id != NULL;
	string_copy(session->request_id, sizeof(session->request_id), request_id ? request_id : "");
	if (session->state == SESSION_LIVE)
		session_ask(session);
	else
	{
		session_move(session, SESSION_WAITING);
		if (session->owner->streaming)
			session_move(session, SESSION_ASKING);
	}
}

/* ---- hub ---------------------------------------------------------------- */

static void
on_deliver(HubConnection *connection, Event *event)
{
	session_send(container_of(connection, Session, connection), event);
}

static void
on_end(HubConnection *connection, HubEnd why)
{
	static const SessionClose close_of[] = {
		[HUB_END_SESSION_REVOKED] = SESSION_CLOSE_SESSION_REVOKED,
		[HUB_END_ACCOUNT_CLOSED] = SESSION_CLOSE_ACCOUNT_CLOSED,
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
	list_init(&session->snapshot.node);
	timer_init(&session->deadline, on_deadline);
	timer_init(&session->heartbeat, on_heartbeat);
	list_init(&session->node);
	list_push_back(&sessions->sessions, &session->node);
	sessions->count++;
	metric_add(METRIC_CONNECTIONS, 1);
	metric_add(METRIC_CONNECTIONS_ACCEPTED, 1);
	timer_arm(sessions->options.wheel, &session->deadline, sessions->options.auth_timeout_ms);
	return session;
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
	sessions->joint = event_joint(JOINT_BYTES);
	list_init(&sessions->sessions);
	return sessions;
}

void
sessions_free(Sessions *sessions)
{
	event_unref(sessions->joint);
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
