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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "caller.h"
#include "chunked.h"
#include "log.h"
#include "metrics.h"
#include "response.h"

#define READ_BYTES (16 * 1024)
#define BODY_TIMEOUT_MS 20000
#define WRITE_TIMEOUT_MS 30000 /* without any progress */
#define IDLE_TIMEOUT_MS 60000  /* between two requests */
#define LINGER_TIMEOUT_MS 2000 /* for the client to read the last answer */

struct Http
{
	HttpOptions options;
	ListNode connections;
	size_t count;
	uint64_t last_id;
	bool draining;
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

	/* The request; all is forgotten with its answer. */
	uint64_t id;
	int64_t began_us; /* 0: no head was taken yet */
	Method method;
	RouteMatch match;
	size_t body_length; /* when not in chunks: from the start */
	bool in_chunks;
	Chunked chunks;
	bool close; /* after the answer */
	Buffer path;
	Buffer query;
	Buffer token; /* of Authorization */
	Buffer agent; /* User-Agent */
	PgRequest *question;

	Response response;
} Connection;

static const PgStatement authenticate = {"authenticate", "SELECT chat.authenticate($1)", 1};

static void connection_drive(Connection *connection);

/* ---- answers ------------------------------------------------------------ */

/* By the route's own path: what a client asks for would make labels without end. */
static void
count_answer(const Connection *connection)
{
	const Route *route = connection->match.route;
	int status = connection->response.status;
	char labels[160];

	snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\",status=\"%d\"",
			 connection->method ? method_name(connection->method) : "none",
			 route ? route->path : "other", status);
	metric_count(METRIC_FAMILY_HTTP_ANSWERS, labels);
	metric_add(METRIC_HTTP_ERRORS, status >= 500);
	if (connection->began_us != 0)
		metric_observe_us(METRIC_HTTP_SECONDS, clock_us() - connection->began_us);
}

/* Ends the head; HEAD gets nothing behind it. */
static void
finish_head(Connection *connection, const uint8_t *bytes, size_t length)
{
	Response *response = &connection->response;

	connection->close |= connection->http->draining;
	if (connection->id != 0)
		buffer_printf(&response->head, "x-request-id: %llu\r\n",
					  (unsigned long long) connection->id);
	if (connection->http->options.hsts_s > 0)
		buffer_printf(&response->head, "strict-transport-security: max-age=%lld\r\n",
					  (long long) connection->http->options.hsts_s);
	response_end(response, bytes, length, connection->method == METHOD_HEAD, connection->close);
	connection->stage = STAGE_ANSWER;
	count_answer(connection);
	timer_arm(connection->http->options.wheel, &connection->deadline, WRITE_TIMEOUT_MS);
	log_debug_id(connection->id, "%s %s: %d",
				 connection->method ? method_name(connection->method) : "?",
				 buffer_cstring(&connection->path), response->status);
}

/* An answer that is not to be kept by anyone, with what is in `content`. */
static void
answer(Connection *connection, int status, const char *content_type, const char *fields)
{
	Response *response = &connection->response;

	response_begin(response, status, RESPONSE_API);
	buffer_printf(&response->head, "cache-control: no-store\r\n%s", fields);
	if (content_type)
		buffer_printf(&response->head, "content-type: %s\r\n", content_type);
	finish_head(connection, response->content.data, response->content.length);
}

static void
write_problem_fields(Connection *connection, ProblemId id, int64_t retry_after_s, Buffer *fields)
{
	if (retry_after_s <= 0 && problem_is_passing(id))
		retry_after_s = 1;
	if (retry_after_s > 0)
		buffer_printf(fields, "retry-after: %lld\r\n", (long long) retry_after_s);
	if (problem_get(id)->status == 401)
		buffer_append_string(fields, "www-authenticate: Bearer\r\n");
	if (id == PROBLEM_UPGRADE_REQUIRED)
		buffer_append_string(fields, "upgrade: websocket\r\nsec-websocket-version: 13\r\n");
	if (id == PROBLEM_METHOD_NOT_ALLOWED)
	{
		buffer_append_string(fields, "allow: ");
		methods_write(fields, connection->match.allowed);
		buffer_append_string(fields, "\r\n");
	}
}

static void
answer_problem(Connection *connection, ProblemId id, const char *detail, int64_t retry_after_s)
{
	Buffer fields = BUFFER_EMPTY;

	write_problem_fields(connection, id, retry_after_s, &fields);
	buffer_reset(&connection->response.content);
	problem_write(&connection->response.content, id, detail ? detail : problem_get(id)->title);
	answer(connection, problem_get(id)->status, "application/problem+json",
		   buffer_cstring(&fields));
	buffer_free(&fields);
}

/* Before there is a request that one could go on after. */
static void
answer_last(Connection *connection, ProblemId id)
{
	connection->close = true;
	connection->match.allowed =
		METHOD_GET | METHOD_HEAD | METHOD_POST | METHOD_PUT | METHOD_PATCH | METHOD_DELETE;
	answer_problem(connection, id, NULL, 0);
}

static void
copy_span(Buffer *to, Span from)
{
	buffer_reset(to);
	buffer_append(to, from.start, from.length);
}

static void
answer_asset(Connection *connection, const Head *head, const Asset *asset)
{
	Buffer text = BUFFER_EMPTY;
	AssetCoding coding;
	const AssetBody *body;
	bool fresh;

	copy_span(&text, head_find(head, "Accept-Encoding"));
	coding = asset_choose(asset, buffer_cstring(&text));
	body = &asset->bodies[coding];
	copy_span(&text, head_find(head, "If-None-Match"));
	fresh = strstr(buffer_cstring(&text), body->etag) != NULL;
	buffer_free(&text);

	response_begin(&connection->response, fresh ? 304 : 200, RESPONSE_ASSET);
	buffer_printf(&connection->response.head,
				  "etag: %s\r\nvary: accept-encoding\r\ncache-control: %s\r\n"
				  "content-type: %s\r\n",
				  body->etag, asset->immutable ? "public, max-age=31536000, immutable" : "no-cache",
				  asset->content_type);
	if (asset_coding_name(coding))
		buffer_printf(&connection->response.head, "content-encoding: %s\r\n",
					  asset_coding_name(coding));
	finish_head(connection, body->bytes, fresh ? 0 : body->length);
}

/* ---- the database's part ------------------------------------------------ */

static void
answer_failure(Connection *connection, const PgReply *reply)
{
	const char *sqlstate = pgreply_sqlstate(reply);
	ProblemId id = problem_of_sqlstate(sqlstate);

	if (problem_get(id)->status >= 500)
		log_at(problem_is_passing(id) ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, connection->id,
			   "%s: %s %s", connection->match.route->statement.name, sqlstate,
			   pgreply_message(reply));
	answer_problem(connection, id, problem_detail(id, sqlstate, pgreply_message(reply)), 0);
}

static void
answer_rows(Connection *connection, const PgReply *reply)
{
	const Route *route = connection->match.route;
	bool grant = route->answer == ANSWER_GRANT;
	int column = grant ? 2 : 0;
	int status = route->status;

	if (grant && !pgreply_is_null(reply, 0, 0))
	{
		answer_problem(connection, problem_of_code(pgreply_value(reply, 0, 0)), NULL,
					   pgreply_int64(reply, 0, 1, 0));
		return;
	}
	if (route->answer == ANSWER_EMPTY || pgreply_is_null(reply, 0, column))
	{
		answer(connection, status, NULL, "");
		return;
	}
	if (!grant && pgreply_columns(reply) > 1 && pgreply_value(reply, 0, 1)[0] == 't')
		status = 200;
	buffer_append(&connection->response.content, pgreply_value(reply, 0, column),
				  pgreply_length(reply, 0, column));
	answer(connection, status, "application/json", "");
}

static void
on_reply(void *arg, const PgReply *reply)
{
	Connection *connection = arg;

	connection->question = NULL;
	if (!pgreply_ok(reply))
		answer_failure(connection, reply);
	else if (pgreply_rows(reply) != 1 ||
			 (connection->match.route->answer == ANSWER_JSON && pgreply_is_null(reply, 0, 0)))
		answer_problem(connection, PROBLEM_NOT_FOUND, NULL, 0);
	else
		answer_rows(connection, reply);
	connection_drive(connection);
}

/* Each costs a hash of a password, or a guess at one. */
static bool
may_try_login(Connection *connection)
{
	const Http *http = connection->http;
	int64_t wait_s;

	if (connection->match.route->answer != ANSWER_GRANT)
		return true;
	wait_s = admission_try_login(http->options.admission, &connection->client, clock_ms());
	if (wait_s > 0)
		answer_problem(connection, PROBLEM_THROTTLED, NULL, wait_s);
	return wait_s == 0;
}

static void
ask(Connection *connection, const Arguments *arguments)
{
	const Route *route = connection->match.route;
	const RouteServices *services = &connection->http->options.services;
	Caller caller;
	PgParam token = {(const char *) connection->token.data, connection->token.length};
	PgCall calls[3] = {{0}, {&authenticate, &token}};
	int count = route->login ? 2 : 1;

	if (route->login && connection->token.length == 0)
	{
		answer_problem(connection, PROBLEM_UNAUTHENTICATED, NULL, 0);
		return;
	}
	if (!may_try_login(connection))
		return;
	calls[0] = caller_call(&caller, &connection->client, buffer_cstring(&connection->agent));
	calls[count++] = (PgCall){&route->statement, arguments->params};
	timer_cancel(&connection->deadline);
	connection->stage = STAGE_ASKING;
	connection->question =
		pgpool_request(route->answer == ANSWER_GRANT ? services->login_pool : services->pool, calls,
					   count, on_reply, connection);
}

static void
answer_local(Connection *connection)
{
	RouteLocal local = {.status = connection->match.route->status,
						.body = &connection->response.content,
						.client = &connection->client};

	connection->match.route->local(&connection->http->options.services, &local);
	answer(connection, local.status, local.content_type, "");
}

/* The request is complete. */
static void
run_request(Connection *connection)
{
	ArgumentInput input = {.query = (const char *) connection->query.data,
						   .body = (const char *) connection->in.data,
						   .body_length = connection->body_length,
						   .client = buffer_cstring(&connection->agent)};
	Arguments arguments;
	Refusal refusal;

	if (connection->match.route->answer == ANSWER_LOCAL)
	{
		answer_local(connection);
		return;
	}
	if (arguments_read(&connection->match, &input, &arguments, &refusal))
		ask(connection, &arguments);
	else
		answer_problem(connection, refusal.id, refusal.detail, 0);
	arguments_free(&arguments);
}

/* ---- the end of a connection -------------------------------------------- */

static void
on_closed(uv_handle_t *handle)
{
	Connection *connection = handle->data;

	if (connection->fd >= 0)
		close(connection->fd);
	free(connection);
}

static void
wipe(Buffer *buffer)
{
	if (buffer->data)
		secure_zero(buffer->data, buffer->capacity);
	buffer_free(buffer);
}

static void
request_forget(Connection *connection)
{
	buffer_free(&connection->path);
	wipe(&connection->query);
	wipe(&connection->token);
	buffer_free(&connection->agent);
	response_forget(&connection->response);
	connection->match = (RouteMatch){0};
	connection->began_us = 0;
	connection->method = 0;
	connection->body_length = 0;
}

/* Lets go of everything but the struct; the socket is closed by on_closed(). */
static void
connection_end(Connection *connection)
{
	connection->stage = STAGE_GONE;
	timer_cancel(&connection->deadline);
	if (connection->question)
		pgpool_cancel(connection->question);
	request_forget(connection);
	wipe(&connection->in);
	list_remove(&connection->node);
	connection->http->count--;
	if (connection->fd >= 0)
		admission_leave(connection->http->options.admission, &connection->client);
	uv_close((uv_handle_t *) &connection->poll, on_closed);
}

/* The handle goes first: libuv has one for a socket only. */
static void
upgrade_connection(Connection *connection, const Head *head)
{
	Http *http = connection->http;
	HttpUpgrade upgrade = {.fd = connection->fd, .client = connection->client};
	ProblemId problem = PROBLEM_NOT_FOUND;
	Buffer in;
	Buffer query;

	if (handshake_scope((const char *) connection->path.data, &upgrade.scope))
		problem = handshake_read(head, (const char *) connection->query.data,
								 &http->options.handshake, &upgrade.handshake);
	if (problem != PROBLEM_COUNT)
	{
		connection->close = true;
		answer_problem(connection, problem, NULL, 0);
		return;
	}
	in = connection->in;
	upgrade.behind = (Span){(const char *) in.data + head->length, in.length - head->length};
	query = connection->query;
	connection->in = BUFFER_EMPTY;
	connection->query = BUFFER_EMPTY;
	connection->fd = -1;
	connection_end(connection);
	http->options.on_upgrade(http->options.arg, &upgrade);
	wipe(&in);
	wipe(&query);
}

/* ---- requests ----------------------------------------------------------- */

/* What the head says against the request, or PROBLEM_COUNT. */
static ProblemId
check_body(const Connection *connection, const Head *head)
{
	Span type = head_find(head, "Content-Type");
	const char *end = memchr(type.start, ';', type.length);
	size_t length = end ? (size_t) (end - type.start) : type.length;

	while (length > 0 && type.start[length - 1] == ' ')
		length--;
	if (head->content_length > (int64_t) connection->http->options.max_body_bytes)
		return PROBLEM_PAYLOAD_TOO_LARGE;
	if (head_has_body(head) && connection->match.route && route_has_body(connection->match.route) &&
		!span_is((Span){type.start, length}, "application/json"))
		return PROBLEM_UNSUPPORTED_MEDIA_TYPE;
	return PROBLEM_COUNT;
}

/* No route for it: a file, or what is wrong. */
static void
answer_elsewhere(Connection *connection, const Head *head)
{
	const Assets *assets = connection->http->options.assets;
	const char *path = buffer_cstring(&connection->path);
	int64_t scope;
	const Asset *asset = assets ? assets_find(assets, path) : NULL;

	if (asset && (head->method & (METHOD_GET | METHOD_HEAD)))
	{
		answer_asset(connection, head, asset);
		return;
	}
	if (asset)
		connection->match.allowed = METHOD_GET | METHOD_HEAD;
	if (handshake_scope(path, &scope))
		answer_problem(connection, PROBLEM_UPGRADE_REQUIRED, NULL, 0);
	else
		answer_problem(connection,
					   connection->match.allowed ? PROBLEM_METHOD_NOT_ALLOWED : PROBLEM_NOT_FOUND,
					   NULL, 0);
}

/* A body that nobody wants is not read: the connection ends with the answer. */
static void
take_request(Connection *connection, const Head *head)
{
	ProblemId problem;

	route_find(connection->method, (const char *) connection->path.data, &connection->match);
	problem = check_body(connection, head);
	connection->close |=
		head_has_body(head) && (problem != PROBLEM_COUNT || !connection->match.route);
	if (problem != PROBLEM_COUNT)
		answer_problem(connection, problem, NULL, 0);
	else if (!connection->match.route)
		answer_elsewhere(connection, head);
	else
	{
		connection->stage = STAGE_BODY;
		timer_arm(connection->http->options.wheel, &connection->deadline, BODY_TIMEOUT_MS);
	}
}

/* Everything is at the same place, but under TLS (RFC 9110, section 15.4.9). */
static void
answer_redirect(Connection *connection, const Head *head)
{
	Span host = head_find(head, "Host");
	const char *end = memchr(host.start, ':', host.length);
	Buffer location = BUFFER_EMPTY;
	int port = connection->http->options.https_port;

	if (host.length > 0 && host.start[0] == '[')
		end = memchr(host.start, ']', host.length)
				  ? (const char *) memchr(host.start, ']', host.length) + 1
				  : NULL;
	if (end)
		host.length = (size_t) (end - host.start);
	connection->close = true;
	if (host.length == 0 || head->target.length == 0 || head->target.start[0] != '/')
	{
		answer_problem(connection, PROBLEM_BAD_REQUEST, NULL, 0);
		return;
	}
	buffer_append_string(&location, "location: https://");
	buffer_append(&location, host.start, host.length);
	if (port != 443)
		buffer_printf(&location, ":%d", port);
	buffer_append(&location, head->target.start, head->target.length);
	buffer_append_string(&location, "\r\n");
	answer(connection, 308, NULL, buffer_cstring(&location));
	buffer_free(&location);
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
	return admission_move(options->admission, &before, &client);
}

static void
begin_request(Connection *connection, const Head *head)
{
	bool good = head_decode_target(head, &connection->path, &connection->query);

	metric_add(METRIC_HTTP_REQUESTS, 1);
	connection->id = ++connection->http->last_id;
	connection->began_us = clock_us();
	connection->method = head->method;
	connection->close = !head->keep_alive;
	connection->body_length = head->content_length > 0 ? (size_t) head->content_length : 0;
	connection->in_chunks = head->chunked;
	chunked_begin(&connection->chunks, connection->http->options.max_body_bytes);
	(void) buffer_cstring(&connection->path);
	copy_span(&connection->token, head_bearer(head));
	copy_span(&connection->agent, head_find(head, "User-Agent"));
	if (!know_client(connection, head))
		answer_last(connection, PROBLEM_TOO_MANY_CONNECTIONS);
	else if (!good)
		answer_last(connection, PROBLEM_NOT_FOUND);
	else if (connection->http->options.redirects)
		answer_redirect(connection, head);
	else if (head->websocket)
		upgrade_connection(connection, head);
	else
		take_request(connection, head);
	if (connection->stage == STAGE_BODY && head->expects_continue)
		(void) send(connection->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
}

/* ---- stages ------------------------------------------------------------- */

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
			answer_last(connection, problem);
			break;
		case HEAD_GOOD:
			if (head.needs_host && !head.has_host)
			{
				answer_last(connection, PROBLEM_BAD_REQUEST);
				break;
			}
			begin_request(connection, &head);
			if (connection->stage != STAGE_GONE)
				buffer_consume(&connection->in, head.length);
			break;
	}
	return true;
}

/* CHUNKED_GOOD: the body is at the start of `in`, and its length is known. */
static ChunkedResult
take_body(Connection *connection, ProblemId *problem)
{
	ChunkedResult result;

	if (!connection->in_chunks)
		return connection->in.length < connection->body_length ? CHUNKED_INCOMPLETE : CHUNKED_GOOD;
	result = chunked_decode(&connection->chunks, &connection->in, problem);
	connection->body_length = connection->chunks.length;
	return result;
}

static bool
drive_body(Connection *connection)
{
	ProblemId problem;

	switch (take_body(connection, &problem))
	{
		case CHUNKED_INCOMPLETE:
			return false;
		case CHUNKED_REFUSED:
			answer_last(connection, problem);
			return true;
		case CHUNKED_GOOD:
			break;
	}
	run_request(connection);
	if (connection->body_length > 0)
		secure_zero(connection->in.data, connection->body_length);
	buffer_consume(&connection->in, connection->body_length);
	return true;
}

static void
finish_answer(Connection *connection)
{
	request_forget(connection);
	if (connection->close)
	{
		shutdown(connection->fd, SHUT_WR);
		wipe(&connection->in);
		connection->stage = STAGE_LINGER;
		timer_arm(connection->http->options.wheel, &connection->deadline, LINGER_TIMEOUT_MS);
		return;
	}
	connection->stage = STAGE_HEAD;
	timer_arm(connection->http->options.wheel, &connection->deadline,
			  connection->in.length > 0 ? connection->http->options.head_timeout_ms
										: IDLE_TIMEOUT_MS);
	if (connection->in.length == 0)
		buffer_free(&connection->in);
}

static bool
drive_answer(Connection *connection)
{
	switch (response_send(&connection->response, connection->fd))
	{
		case RESPONSE_LOST:
			connection_end(connection);
			return false;
		case RESPONSE_STUCK:
			return false;
		case RESPONSE_MOVED:
			timer_arm(connection->http->options.wheel, &connection->deadline, WRITE_TIMEOUT_MS);
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
				  connection->http->options.head_timeout_ms);
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
		answer_last(connection, PROBLEM_REQUEST_TIMEOUT);
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
		admission_leave(http->options.admission, client);
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
	timer_arm(http->options.wheel, &connection->deadline, http->options.head_timeout_ms);
	if (!has_room)
		answer_last(connection, PROBLEM_TOO_MANY_CONNECTIONS);
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
	http->draining = true;
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
	http->last_id = random_u64() >> 12; /* ids of several processes and starts do not meet */
	list_init(&http->connections);
	return http;
}

void
http_configure(Http *http, size_t max_body_bytes, const HandshakeRules *handshake)
{
	http->options.max_body_bytes = max_body_bytes;
	http->options.handshake = *handshake;
}

void
http_free(Http *http)
{
	ListNode *node;

	while ((node = list_first(&http->connections)))
		connection_end(list_entry(node, Connection, node));
	free(http);
}
