/*
 * http.c
 *	  One HTTP request from its head to the last byte of its answer, on libwebsockets.
 *
 * A Request hangs on its wsi (as opaque user data) from http_on_request() until its
 * answer is written or the connection is gone; it owns the body, the answer and the
 * request to the database.
 *
 * Of libwebsockets 4.1 one has to know: while the answer is awaited it does not
 * read, but polls for input, so reading is switched off meanwhile; and a POST
 * without a Content-Length is taken for one of 100 MB, so such a connection is closed
 * after the answer.
 */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libwebsockets.h>

#include "log.h"
#include "metrics.h"

#define WRITE_BYTES (64 * 1024) /* per lws_write() */
#define WRITE_TIMEOUT_S 30		/* for each of them */
#define DISCARD_FACTOR 16		/* a body of up to so many times the limit is read and forgotten */
#define QUERY_VALUES_MAX 32
#define HEADER_ROOM 16 /* lws_hdr_copy() wants more than the length */

#define POLICY_ASSET \
	"default-src 'self'; connect-src 'self'; img-src 'self' data:; object-src 'none'; " \
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
#define POLICY_API "default-src 'none'; frame-ancestors 'none'"

struct Http
{
	HttpOptions options;
	uint64_t last_id;
};

typedef enum Stage
{
	STAGE_BODY,	  /* the body is arriving */
	STAGE_ASKING, /* the database is working */
	STAGE_ANSWER  /* there is an answer to write */
} Stage;

typedef struct Request
{
	Http *http;
	struct lws *wsi;
	uint64_t id;
	Stage stage;
	RouteMethod method;
	RouteMatch match;
	char *path;
	Buffer query;
	Buffer authorization;
	Buffer client;
	Buffer body;
	int64_t body_length; /* announced; -1: not */
	bool close;			 /* after the answer */
	PgRequest *question;

	int status;
	Buffer head;
	Buffer content;		  /* of answers that are made here */
	const uint8_t *bytes; /* what follows the head: content or an asset */
	size_t length;
	size_t written;
	bool head_written;
} Request;

static const PgStatement authenticate = {"authenticate", "SELECT chat.authenticate($1)", 1};

static const struct
{
	int status;
	const char *phrase;
} phrases[] = {
	{200, "OK"},
	{201, "Created"},
	{204, "No Content"},
	{304, "Not Modified"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{409, "Conflict"},
	{411, "Length Required"},
	{413, "Content Too Large"},
	{415, "Unsupported Media Type"},
	{422, "Unprocessable Content"},
	{426, "Upgrade Required"},
	{429, "Too Many Requests"},
	{503, "Service Unavailable"},
};

/* ---- headers of the request --------------------------------------------- */

const char *
http_header(struct lws *wsi, int token, Buffer *to)
{
	int length = lws_hdr_total_length(wsi, (enum lws_token_indexes) token);
	size_t room = length > 0 ? (size_t) length + HEADER_ROOM : 0;

	buffer_reset(to);
	if (room == 0)
		return "";
	if (lws_hdr_copy(wsi, (char *) buffer_reserve(to, room), (int) room,
					 (enum lws_token_indexes) token) < 0)
		return "";
	buffer_advance(to, strlen((const char *) to->data));
	return buffer_cstring(to);
}

const char *
http_bearer(const char *authorization)
{
	static const char scheme[] = "bearer ";
	size_t length = strlen(authorization);

	if (length <= strlen(scheme) || !string_equal_nocase(authorization, strlen(scheme), scheme))
		return NULL;
	return authorization + strlen(scheme) + strspn(authorization + strlen(scheme), " ");
}

static RouteMethod
method_of(struct lws *wsi)
{
	static const RouteMethod methods[] = {
		[LWSHUMETH_GET] = METHOD_GET,		  [LWSHUMETH_POST] = METHOD_POST,
		[LWSHUMETH_OPTIONS] = METHOD_OPTIONS, [LWSHUMETH_PUT] = METHOD_PUT,
		[LWSHUMETH_PATCH] = METHOD_PATCH,	  [LWSHUMETH_DELETE] = METHOD_DELETE,
		[LWSHUMETH_HEAD] = METHOD_HEAD,
	};
	char *uri;
	int length;
	int method = lws_http_get_uri_and_method(wsi, &uri, &length);

	if (method < 0 || method >= (int) lengthof(methods) || methods[method] == 0)
		return METHOD_OTHER;
	return methods[method];
}

/* Each "name=value", decoded by libwebsockets, with its terminator; then an empty one. */
static void
read_query(struct lws *wsi, Buffer *to)
{
	for (int i = 0; i < QUERY_VALUES_MAX; i++)
	{
		int length = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
		char *at;

		if (length <= 0)
			continue;
		at = (char *) buffer_reserve(to, (size_t) length + 1);
		if (lws_hdr_copy_fragment(wsi, at, length + 1, WSI_TOKEN_HTTP_URI_ARGS, i) < 0)
			break;
		buffer_advance(to, strlen(at) + 1);
	}
	buffer_append_char(to, '\0');
}

/* -1: none; -2: not a number. */
static int64_t
read_content_length(struct lws *wsi)
{
	Buffer text = BUFFER_EMPTY;
	const char *value = http_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, &text);
	int64_t length = -1;

	if (value[0] != '\0' && (!parse_int64(value, strlen(value), &length) || length < 0))
		length = -2;
	buffer_free(&text);
	return length;
}

static bool
asks_to_close(struct lws *wsi)
{
	Buffer text = BUFFER_EMPTY;
	bool close = strstr(http_header(wsi, WSI_TOKEN_CONNECTION, &text), "close") ||
				 strcmp(http_header(wsi, WSI_TOKEN_HTTP, &text), "HTTP/1.1") != 0;

	buffer_free(&text);
	return close;
}

/* ---- answers ------------------------------------------------------------ */

static const char *
phrase_of(int status)
{
	for (size_t i = 0; i < lengthof(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Error";
}

static void
write_date(Buffer *to)
{
	time_t now = time(NULL);
	struct tm parts;
	char text[40];

	gmtime_r(&now, &parts);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
	buffer_printf(to, "date: %s\r\n", text);
}

/* The status line and what every answer has. */
static void
begin_head(Request *request, int status, const char *policy)
{
	request->status = status;
	buffer_printf(&request->head, "HTTP/1.1 %d %s\r\n", status, phrase_of(status));
	write_date(&request->head);
	buffer_printf(&request->head,
				  "content-security-policy: %s\r\nx-content-type-options: nosniff\r\n"
				  "referrer-policy: no-referrer\r\ncross-origin-resource-policy: same-origin\r\n",
				  policy);
	if (request->close)
		buffer_append_string(&request->head, "connection: close\r\n");
}

/* Ends the head and asks to be let write; HEAD gets the head only. */
static void
finish_head(Request *request, const uint8_t *bytes, size_t length)
{
	if (request->status != 204 && request->status != 304)
		buffer_printf(&request->head, "content-length: %zu\r\n", length);
	buffer_append_string(&request->head, "\r\n");
	request->bytes = bytes;
	request->length = request->method == METHOD_HEAD ? 0 : length;
	request->stage = STAGE_ANSWER;
	metric_add(METRIC_HTTP_ERRORS, request->status >= 500);
	log_debug_id(request->id, "%s %s: %d", route_method_name(request->method), request->path,
				 request->status);
	lws_rx_flow_control(request->wsi, 1);
	lws_callback_on_writable(request->wsi);
}

/* An answer that is not to be kept by anyone, with what is in request->content. */
static void
answer(Request *request, int status, const char *content_type, const char *headers)
{
	begin_head(request, status, POLICY_API);
	buffer_printf(&request->head, "cache-control: no-store\r\n%s", headers);
	if (content_type)
		buffer_printf(&request->head, "content-type: %s\r\n", content_type);
	finish_head(request, request->content.data, request->content.length);
}

static void
answer_problem(Request *request, ProblemId id, const char *detail, int64_t retry_after_s)
{
	Buffer headers = BUFFER_EMPTY;
	int status = problem_get(id)->status;

	if (retry_after_s <= 0 && problem_is_passing(id))
		retry_after_s = 1;
	if (retry_after_s > 0)
		buffer_printf(&headers, "retry-after: %lld\r\n", (long long) retry_after_s);
	if (status == 401)
		buffer_append_string(&headers, "www-authenticate: Bearer\r\n");
	if (id == PROBLEM_UPGRADE_REQUIRED)
		buffer_append_string(&headers, "upgrade: websocket\r\n");
	if (id == PROBLEM_METHOD_NOT_ALLOWED)
	{
		buffer_append_string(&headers, "allow: ");
		route_write_allow(&headers, request->match.allowed);
		buffer_append_string(&headers, "\r\n");
	}
	buffer_reset(&request->content);
	problem_write(&request->content, id, detail ? detail : problem_get(id)->title);
	answer(request, status, "application/problem+json", buffer_cstring(&headers));
	buffer_free(&headers);
}

static void
answer_asset(Request *request, const Asset *asset)
{
	Buffer text = BUFFER_EMPTY;
	AssetCoding coding =
		asset_choose(asset, http_header(request->wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, &text));
	const AssetBody *body = &asset->bodies[coding];
	bool fresh =
		strstr(http_header(request->wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, &text), body->etag) != NULL;

	begin_head(request, fresh ? 304 : 200, POLICY_ASSET);
	buffer_printf(&request->head, "etag: %s\r\nvary: accept-encoding\r\ncache-control: %s\r\n",
				  body->etag,
				  asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
	buffer_printf(&request->head, "content-type: %s\r\n", asset->content_type);
	if (asset_coding_name(coding))
		buffer_printf(&request->head, "content-encoding: %s\r\n", asset_coding_name(coding));
	finish_head(request, body->bytes, fresh ? 0 : body->length);
	buffer_free(&text);
}

/* ---- the database's part ------------------------------------------------ */

static void
answer_failure(Request *request, const PgReply *reply)
{
	const char *sqlstate = pgreply_sqlstate(reply);
	ProblemId id = problem_of_sqlstate(sqlstate);

	if (problem_get(id)->status >= 500)
		log_at(problem_is_passing(id) ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, request->id, "%s: %s %s",
			   request->match.route->statement.name, sqlstate, pgreply_message(reply));
	answer_problem(request, id, problem_detail(id, sqlstate, pgreply_message(reply)), 0);
}

/* {status, not-new flag} → 200 when the flag is there and true. */
static void
answer_rows(Request *request, const PgReply *reply)
{
	const Route *route = request->match.route;
	bool grant = route->answer == ANSWER_GRANT;
	int column = grant ? 2 : 0;
	int status = route->status;

	if (grant && !pgreply_is_null(reply, 0, 0))
	{
		answer_problem(request, problem_of_code(pgreply_value(reply, 0, 0)), NULL,
					   pgreply_int64(reply, 0, 1, 0));
		return;
	}
	if (!grant && pgreply_columns(reply) > 1 && pgreply_value(reply, 0, 1)[0] == 't')
		status = 200;
	if (route->answer == ANSWER_EMPTY)
		answer(request, status, NULL, "");
	else
	{
		buffer_append(&request->content, pgreply_value(reply, 0, column),
					  pgreply_length(reply, 0, column));
		answer(request, status, "application/json", "");
	}
}

static void
on_reply(void *arg, const PgReply *reply)
{
	Request *request = arg;

	request->question = NULL;
	if (!pgreply_ok(reply))
		answer_failure(request, reply);
	else if (pgreply_rows(reply) != 1 ||
			 (request->match.route->answer == ANSWER_JSON && pgreply_is_null(reply, 0, 0)))
		answer_problem(request, PROBLEM_NOT_FOUND, NULL, 0);
	else
		answer_rows(request, reply);
}

static void
ask(Request *request, const RouteArguments *arguments)
{
	const Route *route = request->match.route;
	const char *token = http_bearer(buffer_cstring(&request->authorization));
	PgParam param = {token, token ? strlen(token) : 0};
	PgCall calls[2] = {{&authenticate, &param}, {&route->statement, arguments->params}};

	if (route->login && !token)
	{
		answer_problem(request, PROBLEM_UNAUTHENTICATED, NULL, 0);
		return;
	}
	request->stage = STAGE_ASKING;
	lws_rx_flow_control(request->wsi, 0);
	lws_set_timeout(request->wsi, NO_PENDING_TIMEOUT, 0);
	request->question =
		pgpool_request(request->http->options.services.pool, calls + (route->login ? 0 : 1),
					   route->login ? 2 : 1, on_reply, request);
}

static void
answer_local(Request *request)
{
	RouteLocal local = {.status = request->match.route->status, .body = &request->content};

	request->match.route->local(&request->http->options.services, &local);
	answer(request, local.status, local.content_type, "");
}

/* The request is complete. */
static void
run(Request *request)
{
	RouteInput input = {.query = (const char *) request->query.data,
						.body = buffer_cstring(&request->body),
						.body_length = request->body.length,
						.client = buffer_cstring(&request->client)};
	RouteArguments arguments;
	RouteRefusal refusal;

	if (request->match.route->answer == ANSWER_LOCAL)
	{
		answer_local(request);
		return;
	}
	if (route_read_arguments(&request->match, &input, &arguments, &refusal))
		ask(request, &arguments);
	else
		answer_problem(request, refusal.id, refusal.detail, 0);
	route_free_arguments(&arguments);
}

/* ---- the request's part ------------------------------------------------- */

static void
wipe(Buffer *buffer)
{
	if (buffer->data)
		secure_zero(buffer->data, buffer->capacity);
	buffer_free(buffer);
}

static void
request_free(Request *request)
{
	lws_set_opaque_user_data(request->wsi, NULL);
	if (request->question)
		pgpool_cancel(request->question);
	free(request->path);
	buffer_free(&request->query);
	wipe(&request->authorization);
	buffer_free(&request->client);
	wipe(&request->body);
	buffer_free(&request->head);
	wipe(&request->content);
	free(request);
}

static Request *
request_create(Http *http, struct lws *wsi, const char *path)
{
	Request *request = xcalloc(1, sizeof(Request));

	request->http = http;
	request->wsi = wsi;
	request->id = ++http->last_id;
	request->method = method_of(wsi);
	request->path = xstrdup(path);
	request->body_length = read_content_length(wsi);
	request->close = asks_to_close(wsi);
	read_query(wsi, &request->query);
	(void) http_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, &request->authorization);
	(void) http_header(wsi, WSI_TOKEN_HTTP_USER_AGENT, &request->client);
	lws_set_opaque_user_data(wsi, request);
	metric_add(METRIC_HTTP_REQUESTS, 1);
	return request;
}

/* What can be said against the request by its head alone; false: answered. */
static bool
body_is_welcome(Request *request)
{
	Buffer text = BUFFER_EMPTY;
	size_t limit = request->http->options.max_body_bytes;
	bool chunked = lws_hdr_total_length(request->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
	const char *type = http_header(request->wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, &text);
	ProblemId problem = PROBLEM_COUNT;

	if (request->body_length == -2)
		problem = PROBLEM_BAD_REQUEST;
	else if (chunked)
		problem = PROBLEM_LENGTH_REQUIRED;
	else if (request->body_length > (int64_t) limit)
		problem = PROBLEM_PAYLOAD_TOO_LARGE;
	else if (request->body_length > 0 && route_has_body(request->match.route) &&
			 (!string_equal_nocase(type, strcspn(type, "; \t"), "application/json")))
		problem = PROBLEM_UNSUPPORTED_MEDIA_TYPE;
	buffer_free(&text);
	request->close |= chunked || request->body_length == -2 ||
					  request->body_length > (int64_t) limit * DISCARD_FACTOR;
	if (problem != PROBLEM_COUNT)
		answer_problem(request, problem, NULL, 0);
	return problem == PROBLEM_COUNT;
}

static const Asset *
find_asset(const Request *request)
{
	const Assets *assets = request->http->options.assets;

	return assets ? assets_find(assets, request->path) : NULL;
}

static void
refuse_path(Request *request)
{
	const Asset *asset = find_asset(request);

	if (asset && (request->method == METHOD_GET || request->method == METHOD_HEAD))
	{
		answer_asset(request, asset);
		return;
	}
	if (asset)
		request->match.allowed = METHOD_GET | METHOD_HEAD;
	if (strcmp(request->path, "/ws") == 0)
		answer_problem(request, PROBLEM_UPGRADE_REQUIRED, NULL, 0);
	else
		answer_problem(request,
					   request->match.allowed ? PROBLEM_METHOD_NOT_ALLOWED : PROBLEM_NOT_FOUND,
					   NULL, 0);
}

int
http_on_request(Http *http, struct lws *wsi, const char *path)
{
	Request *request = request_create(http, wsi, path);
	bool has_body_method = request->method & (METHOD_POST | METHOD_PUT | METHOD_PATCH);

	request->close |= has_body_method && request->body_length < 0;
	route_find(request->method, request->path, &request->match);
	if (!request->match.route)
		refuse_path(request);
	else if (body_is_welcome(request) && request->body_length <= 0)
		run(request);
	return 0;
}

int
http_on_body(struct lws *wsi, const void *bytes, size_t length)
{
	Request *request = lws_get_opaque_user_data(wsi);

	if (request && request->stage == STAGE_BODY && length > 0)
		buffer_append(&request->body, bytes, length);
	return 0;
}

int
http_on_body_complete(struct lws *wsi)
{
	Request *request = lws_get_opaque_user_data(wsi);

	if (request && request->stage == STAGE_BODY)
		run(request);
	return 0;
}

static bool
write_some(Request *request, const uint8_t *bytes, size_t length)
{
	/* libwebsockets writes into the bytes of a frame's header only, and HTTP/1 has none. */
	return lws_write(request->wsi, (unsigned char *) (uintptr_t) bytes, length, LWS_WRITE_HTTP) >=
		   (int) length;
}

int
http_on_writable(struct lws *wsi)
{
	Request *request = lws_get_opaque_user_data(wsi);
	bool close;

	if (!request || request->stage != STAGE_ANSWER)
		return 0;
	lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, WRITE_TIMEOUT_S);
	if (!request->head_written && !write_some(request, request->head.data, request->head.length))
		return -1;
	request->head_written = true;
	while (request->written < request->length)
	{
		size_t piece = request->length - request->written;

		if (lws_partial_buffered(wsi))
		{
			lws_callback_on_writable(wsi);
			return 0;
		}
		piece = piece < WRITE_BYTES ? piece : WRITE_BYTES;
		if (!write_some(request, request->bytes + request->written, piece))
			return -1;
		request->written += piece;
	}
	close = request->close;
	request_free(request);
	return close || lws_http_transaction_completed(wsi) ? -1 : 0;
}

void
http_on_gone(struct lws *wsi)
{
	Request *request = lws_get_opaque_user_data(wsi);

	if (request)
		request_free(request);
}

int
http_refuse_upgrade(struct lws *wsi, ProblemId problem)
{
	Buffer text = BUFFER_EMPTY;
	Buffer body = BUFFER_EMPTY;

	problem_write(&body, problem, problem_get(problem)->title);
	buffer_printf(&text,
				  "HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\n"
				  "content-length: %zu\r\ncache-control: no-store\r\n"
				  "sec-websocket-version: 13\r\nconnection: close\r\n\r\n",
				  problem_get(problem)->status, phrase_of(problem_get(problem)->status),
				  body.length);
	buffer_append(&text, body.data, body.length);
	(void) lws_write(wsi, text.data, text.length, LWS_WRITE_HTTP);
	buffer_free(&text);
	buffer_free(&body);
	return -1;
}

Http *
http_create(const HttpOptions *options)
{
	Http *http = xcalloc(1, sizeof(Http));

	http->options = *options;
	return http;
}

void
http_free(Http *http)
{
	free(http);
}
