/*
 * http.c
 *	  HTTP/1.1 connections: requests, answers, static files, and the handshake up to
 *	  the point where a WebSocket takes over the socket.
 *
 * A Connection owns its socket, what was read and not used yet, and one request at a
 * time with its answer.  connection_drive() takes it as far as it gets; what it then
 * waits for follows from its stage.  Its memory goes in libuv's close callback.
 */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "chunked.h"
#include "log.h"
#include "metrics.h"
#include "transfer.h"

#define READ_BYTES (16 * 1024)
#define LINGER_TIMEOUT_MS 2000 /* for the client to read the last answer */

struct Http
{
	HttpOptions options;
	ListNode connections;
	size_t count;
	uint64_t last_id;
};

typedef enum Stage
{
	STAGE_HEAD,	  /* waits for a request */
	STAGE_BODY,	  /* waits for the rest of its body */
	STAGE_ASKING, /* the database is working */
	STAGE_ANSWER, /* there is something to write */
	STAGE_LINGER, /* waits for the client to close */
	STAGE_GONE	  /* waits for libuv to close the handle */
} Stage;

typedef struct Connection
{
	ListNode node;
	Http *http;
	int fd; /* -1: a WebSocket has it now */
	uv_poll_t poll;
	int polled;		/* events that libuv watches for */
	Address peer;	/* as far as the socket tells */
	Address client; /* by the word of a trusted proxy; has the place */
	TimerEntry deadline;
	Stage stage;
	Buffer in;

	/* All is forgotten with the answer. */
	Request request;
	size_t body_length; /* not in chunks: what is not read of it yet */
	bool in_chunks;
	Chunked chunks;
} Connection;

static void connection_drive(Connection *connection);

/* ---- the end of a connection -------------------------------------------- */

static void
on_closed(uv_handle_t *handle)
{
	Connection *connection = handle->data;

	if (connection->fd >= 0)
		close(connection->fd);
	free(connection);
}

/* Lets go of everything but the struct; the socket is closed by on_closed(). */
static void
connection_end(Connection *connection)
{
	connection->stage = STAGE_GONE;
	timer_cancel(&connection->deadline);
	dispatch_forget(&connection->request);
	buffer_wipe(&connection->in);
	list_remove(&connection->node);
	connection->http->count--;
	if (connection->fd >= 0)
		admission_leave(connection->http->options.request.admission, &connection->client);
	uv_close((uv_handle_t *) &connection->poll, on_closed);
}

/* ---- stages ------------------------------------------------------------- */

/* The stage follows from what has become of the request. */
static void
follow_request(Connection *connection)
{
	static const Stage stages[] = {
		[REQUEST_NONE] = STAGE_HEAD,	   [REQUEST_BODY] = STAGE_BODY,
		[REQUEST_PIECES] = STAGE_BODY,	   [REQUEST_ASKING] = STAGE_ASKING,
		[REQUEST_ANSWERED] = STAGE_ANSWER, [REQUEST_BROKEN] = STAGE_GONE,
	};
	const HttpDeadlines *deadlines = &connection->http->options.deadlines;
	const int64_t timeouts_ms[] = {
		[STAGE_BODY] = deadlines->body_ms,
		[STAGE_ANSWER] = deadlines->answer_ms,
		[STAGE_GONE] = 0,
	};
	Stage stage = stages[connection->request.state];

	if (stage == STAGE_GONE)
	{
		connection_end(connection);
		return;
	}
	connection->stage = stage;
	timer_cancel(&connection->deadline);
	if (timeouts_ms[stage] > 0)
		timer_arm(connection->http->options.wheel, &connection->deadline, timeouts_ms[stage]);
}

static void
on_progress(Request *request)
{
	Connection *connection = container_of(request, Connection, request);

	follow_request(connection);
	connection_drive(connection);
}

/* One without a head that can be read is a request, too. */
static void
refuse(Connection *connection, ProblemId id)
{
	metric_add(METRIC_HTTP_REQUESTS, connection->request.began_us == 0);
	connection->request.options = &connection->http->options.request;
	(void) buffer_cstring(&connection->request.path);
	answer_last(&connection->request, id);
	follow_request(connection);
}

/* ---- heads -------------------------------------------------------------- */

/* The handle goes first: libuv has one for a socket only. */
static void
upgrade_connection(Connection *connection)
{
	Http *http = connection->http;
	Request *request = &connection->request;
	HttpUpgrade upgrade = {.fd = connection->fd, .client = connection->client};
	ProblemId problem = PROBLEM_NOT_FOUND;
	Buffer in;
	Buffer head;
	Buffer query;

	if (handshake_scope(buffer_cstring(&request->path), &upgrade.scope))
		problem = handshake_read(&request->head, (const char *) request->query.data,
								 &http->options.handshake, &upgrade.handshake);
	if (problem != PROBLEM_NONE)
	{
		request->close = true;
		answer_problem(request, problem, NULL, 0);
		return;
	}
	in = connection->in;
	upgrade.behind = (Span){(const char *) in.data, in.length};
	head = request->head_bytes;
	query = request->query;
	connection->in = request->head_bytes = request->query = BUFFER_EMPTY;
	connection->fd = -1;
	connection_end(connection);
	http->options.on_upgrade(http->options.arg, &upgrade);
	buffer_wipe(&in);
	buffer_wipe(&head);
	buffer_wipe(&query);
}

/* Whom a trusted proxy names; false when that client has too many connections already. */
static bool
know_client(Connection *connection, const Head *head)
{
	const HttpOptions *options = &connection->http->options;
	Address client =
		forwarded_client(options->forwarded, options->trusted, head, &connection->peer);
	Address before = connection->client;

	if (address_equal(&client, &before))
		return true;
	connection->client = client;
	return admission_move(options->request.admission, &before, &client);
}

/* From here on the head is the request's, and `in` begins with what is behind it. */
static void
begin_request(Connection *connection, const Head *head)
{
	HttpOptions *options = &connection->http->options;
	Request *request = &connection->request;
	bool known = know_client(connection, head);

	connection->body_length = head->content_length > 0 ? (size_t) head->content_length : 0;
	connection->in_chunks = head->chunked;
	dispatch_begin(request, &options->request, (const char *) connection->in.data, head,
				   ++connection->http->last_id, &connection->client);
	buffer_consume(&connection->in, head->length);
	if (!known)
		answer_last(request, PROBLEM_TOO_MANY_CONNECTIONS);
	else if (request->state != REQUEST_NONE)
		;
	else if (options->redirects)
		answer_redirect(request, options->https_port);
	else if (request->head.websocket)
		upgrade_connection(connection);
	else
		dispatch_route(request);
	if (connection->stage == STAGE_GONE)
		return;
	chunked_begin(&connection->chunks, dispatch_body_limit(request));
	follow_request(connection);
	if (connection->stage == STAGE_BODY && request->head.expects_continue)
		(void) send(connection->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
}

/* These return false when there is nothing more to do for now. */

static bool
drive_head(Connection *connection)
{
	Head head;
	ProblemId problem;

	switch (head_parse((const char *) connection->in.data, connection->in.length, &head, &problem))
	{
		case HEAD_INCOMPLETE:
			return false;
		case HEAD_REFUSED:
			refuse(connection, problem);
			break;
		case HEAD_GOOD:
			if (head.needs_host && !head.has_host)
				refuse(connection, PROBLEM_BAD_REQUEST);
			else
				begin_request(connection, &head);
			break;
	}
	return true;
}

/* ---- bodies ------------------------------------------------------------- */

/* How much of the body is at the start of `in`; CHUNKED_GOOD: all that is not used yet. */
static ChunkedResult
take_body(Connection *connection, size_t *length, ProblemId *problem)
{
	ChunkedResult result = CHUNKED_GOOD;

	if (connection->in_chunks)
	{
		result = chunked_decode(&connection->chunks, &connection->in, problem);
		*length = connection->chunks.length;
		return result;
	}
	*length = connection->body_length;
	if (connection->in.length < connection->body_length)
	{
		*length = connection->in.length;
		result = CHUNKED_INCOMPLETE;
	}
	return result;
}

/* What was used of the body may hold secrets. */
static void
drop_body(Connection *connection, size_t length)
{
	if (length > 0)
		secure_zero(connection->in.data, length);
	buffer_consume(&connection->in, length);
	if (!connection->in_chunks)
	{
		connection->body_length -= length;
		return;
	}
	connection->chunks.length -= length;
	connection->chunks.limit -= length;
}

/* Chunks that are all read are not to be decoded again: nothing more belongs to them. */
static ChunkedResult
body_state(Connection *connection, size_t *length, ProblemId *problem)
{
	if (connection->in_chunks && connection->chunks.stage == CHUNKED_COMPLETE)
	{
		*length = connection->chunks.length;
		return CHUNKED_GOOD;
	}
	return take_body(connection, length, problem);
}

static bool
drive_body(Connection *connection)
{
	Request *request = &connection->request;
	bool in_pieces = request->state == REQUEST_PIECES;
	size_t length = 0;
	ProblemId problem;
	ChunkedResult result = body_state(connection, &length, &problem);
	bool last = result == CHUNKED_GOOD;

	if (result == CHUNKED_REFUSED)
	{
		refuse(connection, problem);
		return true;
	}
	if (!last && !(in_pieces && length >= TRANSFER_PIECE_BYTES))
		return false;
	if (in_pieces && length > TRANSFER_PIECE_BYTES)
	{
		length = TRANSFER_PIECE_BYTES;
		last = false;
	}
	if (in_pieces)
		transfer_take(request, connection->in.data, length, last);
	else
		dispatch_run(request, (const char *) connection->in.data, length);
	drop_body(connection, length);
	follow_request(connection);
	return true;
}

/* ---- answers ------------------------------------------------------------ */

static void
finish_answer(Connection *connection)
{
	bool close = connection->request.close;

	if (transfer_go_on(&connection->request))
	{
		follow_request(connection);
		return;
	}
	dispatch_forget(&connection->request);
	if (close)
	{
		shutdown(connection->fd, SHUT_WR);
		buffer_wipe(&connection->in);
		connection->stage = STAGE_LINGER;
		timer_arm(connection->http->options.wheel, &connection->deadline, LINGER_TIMEOUT_MS);
		return;
	}
	connection->stage = STAGE_HEAD;
	timer_arm(connection->http->options.wheel, &connection->deadline,
			  connection->in.length > 0 ? connection->http->options.deadlines.head_ms
										: connection->http->options.deadlines.idle_ms);
	if (connection->in.length == 0)
		buffer_free(&connection->in);
}

static bool
drive_answer(Connection *connection)
{
	switch (response_send(&connection->request.response, connection->fd))
	{
		case RESPONSE_LOST:
			connection_end(connection);
			return false;
		case RESPONSE_STUCK:
			return false;
		case RESPONSE_MOVED:
			timer_arm(connection->http->options.wheel, &connection->deadline,
					  connection->http->options.deadlines.answer_ms);
			return true;
		case RESPONSE_SENT:
			finish_answer(connection);
			return true;
	}
	return false;
}

static void on_event(uv_poll_t *handle, int status, int events);

static void
poll_for(Connection *connection, int events)
{
	if (connection->polled == events)
		return;
	connection->polled = events;
	if (events)
		uv_poll_start(&connection->poll, events, on_event);
	else
		uv_poll_stop(&connection->poll);
}

static void
connection_drive(Connection *connection)
{
	static bool (*const drive[])(Connection *) = {
		[STAGE_HEAD] = drive_head,
		[STAGE_BODY] = drive_body,
		[STAGE_ANSWER] = drive_answer,
		[STAGE_GONE] = NULL,
	};
	static const int events[] = {
		[STAGE_HEAD] = UV_READABLE,	  [STAGE_BODY] = UV_READABLE,	[STAGE_ASKING] = 0,
		[STAGE_ANSWER] = UV_WRITABLE, [STAGE_LINGER] = UV_READABLE,
	};

	while (drive[connection->stage] && drive[connection->stage](connection))
		continue;
	if (connection->stage != STAGE_GONE)
		poll_for(connection, events[connection->stage]);
}

/* ---- events ------------------------------------------------------------- */

static void
read_some(Connection *connection)
{
	ssize_t got =
		recv(connection->fd, buffer_reserve(&connection->in, READ_BYTES), READ_BYTES, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
	{
		connection_end(connection);
		return;
	}
	if (connection->stage == STAGE_LINGER)
		return;
	if (connection->stage == STAGE_HEAD && connection->in.length == 0)
		timer_arm(connection->http->options.wheel, &connection->deadline,
				  connection->http->options.deadlines.head_ms);
	buffer_advance(&connection->in, (size_t) got);
	connection_drive(connection);
}

static void
on_event(uv_poll_t *handle, int status, int events)
{
	Connection *connection = handle->data;

	if (status < 0)
		connection_end(connection);
	else if (events & UV_READABLE)
		read_some(connection);
	else if (events & UV_WRITABLE)
		connection_drive(connection);
}

static void
count_timeout(const Connection *connection, bool idle)
{
	static const MetricId metric_of[] = {
		[STAGE_HEAD] = METRIC_TIMEOUT_HEAD,		[STAGE_BODY] = METRIC_TIMEOUT_BODY,
		[STAGE_ANSWER] = METRIC_TIMEOUT_ANSWER, [STAGE_LINGER] = METRIC_TIMEOUT_ANSWER,
		[STAGE_GONE] = METRIC_TIMEOUT_ANSWER,
	};

	metric_add(idle ? METRIC_TIMEOUT_IDLE : metric_of[connection->stage], 1);
}

static void
on_deadline(TimerEntry *entry)
{
	Connection *connection = container_of(entry, Connection, deadline);
	bool idle = connection->stage == STAGE_HEAD && connection->in.length == 0;

	count_timeout(connection, idle);
	if (!idle && (connection->stage == STAGE_HEAD || connection->stage == STAGE_BODY))
	{
		refuse(connection, PROBLEM_REQUEST_TIMEOUT);
		connection_drive(connection);
	}
	else
		connection_end(connection);
}

/* ---- the whole ---------------------------------------------------------- */

void
http_accept(Http *http, int fd, const Address *client, bool has_room)
{
	Connection *connection = xcalloc(1, sizeof(Connection));

	if (uv_poll_init(loop_uv(http->options.loop), &connection->poll, fd) != 0)
	{
		admission_leave(http->options.request.admission, client);
		close(fd);
		free(connection);
		return;
	}
	connection->http = http;
	connection->peer = connection->client = *client;
	connection->fd = fd;
	connection->poll.data = connection;
	timer_init(&connection->deadline, on_deadline);
	list_init(&connection->node);
	list_push_back(&http->connections, &connection->node);
	http->count++;
	timer_arm(http->options.wheel, &connection->deadline, http->options.deadlines.head_ms);
	if (!has_room)
		refuse(connection, PROBLEM_TOO_MANY_CONNECTIONS);
	connection_drive(connection);
}

size_t
http_connections(const Http *http)
{
	return http->count;
}

void
http_drain(Http *http)
{
	http->options.request.draining = true;
	LIST_FOREACH(&http->connections, node)
	{
		Connection *connection = list_entry(node, Connection, node);

		if (connection->stage == STAGE_HEAD)
			connection_end(connection);
	}
}

Http *
http_create(const HttpOptions *options)
{
	Http *http = xcalloc(1, sizeof(Http));

	http->options = *options;
	http->options.request.on_progress = on_progress;
	http->last_id = random_u64() >> 12; /* ids of several processes and starts do not meet */
	list_init(&http->connections);
	return http;
}

void
http_configure(Http *http, const RequestOptions *request, const HandshakeRules *handshake,
			   const HttpDeadlines *deadlines)
{
	RequestOptions *options = &http->options.request;

	options->allowed_origins = request->allowed_origins;
	options->hsts_s = request->hsts_s;
	options->secure_cookies = request->secure_cookies;
	options->max_body_bytes = request->max_body_bytes;
	options->max_sync_bytes = request->max_sync_bytes;
	options->max_attachment_bytes = request->max_attachment_bytes;
	http->options.handshake = *handshake;
	http->options.deadlines = *deadlines;
}

void
http_free(Http *http)
{
	ListNode *node;

	http->options.request.draining = true;
	while ((node = list_first(&http->connections)))
		connection_end(list_entry(node, Connection, node));
	free(http);
}
