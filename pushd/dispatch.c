/*
 * dispatch.c
 *	  The way of a request to its answer: by a route to the database, or to a file of the
 *	  web UI, or to a problem.
 */
#include "dispatch.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "arguments.h"
#include "question.h"
#include "cookie.h"
#include "handshake.h"
#include "link.h"
#include "metrics.h"
#include "origin.h"
#include "transfer.h"

#define SAFE_METHODS (METHOD_GET | METHOD_HEAD | METHOD_OPTIONS)

/* ---- who asks ----------------------------------------------------------- */

/* A name that the client gives its request is kept, if it is one: it goes to the log. */
static void
name_request(Request *request)
{
	Span given = head_find(&request->head, "X-Request-Id");
	bool good = given.length > 0 && given.length <= REQUEST_NAME_MAX;

	for (size_t i = 0; good && i < given.length; i++)
		good = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
					  given.start[i]) != NULL;
	if (good)
		snprintf(request->name, sizeof(request->name), "%.*s", (int) given.length, given.start);
	else
		snprintf(request->name, sizeof(request->name), "%llu", (unsigned long long) request->id);
}

/* Authorization goes before a cookie, which the browser sends without being asked. */
static void
take_token(Request *request)
{
	Span token = head_bearer(&request->head);

	if (token.length == 0)
	{
		token = cookie_find(&request->head, COOKIE_TOKEN);
		request->by_cookie = token.length > 0;
	}
	buffer_append(&request->token, token.start, token.length);
}

void
dispatch_begin(Request *request, RequestOptions *options, const char *bytes, const Head *head,
			   uint64_t id, const Address *client)
{
	ProblemId problem;

	metric_add(METRIC_HTTP_REQUESTS, 1);
	*request = (Request){.options = options,
						 .id = id,
						 .began_us = clock_us(),
						 .method = head->method,
						 .client = *client};
	buffer_append(&request->head_bytes, bytes, head->length);
	(void) head_parse((const char *) request->head_bytes.data, head->length, &request->head,
					  &problem);
	request->close = !head->keep_alive;
	name_request(request);
	take_token(request);
	if (!head_decode_target(&request->head, &request->path, &request->query))
	{
		(void) buffer_cstring(&request->path);
		answer_last(request, PROBLEM_NOT_FOUND);
	}
	(void) buffer_cstring(&request->path);
}

/* A caller is a token, or where there is none an address that is not the machine's own. */
static bool
take_quota(Request *request)
{
	Quota *quota = request->options->quota;
	const Route *route = request->match.route;
	bool known = route->login && request->token.length > 0;
	Address subscriber = address_subscriber(&request->client);
	uint64_t caller;

	if (!known && !address_is_remote(&request->client))
		return true;
	caller = known ? quota_caller(quota, request->token.data, request->token.length)
				   : quota_caller(quota, subscriber.bytes, sizeof(subscriber.bytes));
	request->quota = quota_take(quota, route->rate, caller, clock_ms());
	if (request->quota.retry_after_s == 0)
		return true;
	answer_problem(request, PROBLEM_THROTTLED, NULL, request->quota.retry_after_s);
	return false;
}

/* What a cookie does, only pages of ours or of the list may do. */
static bool
may_act(Request *request)
{
	if (!request->by_cookie || !request->match.route->login ||
		(request->method & SAFE_METHODS) != 0 ||
		origin_may_act(&request->head, request->options->allowed_origins))
		return true;
	answer_problem(request, PROBLEM_ORIGIN_FORBIDDEN, NULL, 0);
	return false;
}

/* ---- what is asked for -------------------------------------------------- */

size_t
dispatch_body_limit(const Request *request)
{
	const RequestOptions *options = request->options;
	RateClass rate = request->match.route ? request->match.route->rate : RATE_NONE;

	if (rate == RATE_SYNC)
		return options->max_sync_bytes;
	return rate == RATE_UPLOAD ? options->max_attachment_bytes : options->max_body_bytes;
}

static Span
media_type(const Head *head)
{
	Span type = head_find(head, "Content-Type");
	const char *end = memchr(type.start, ';', type.length);

	if (end)
		type.length = (size_t) (end - type.start);
	while (type.length > 0 && type.start[type.length - 1] == ' ')
		type.length--;
	return type;
}

/* What the head says against the request, or PROBLEM_NONE. */
static ProblemId
check_body(const Request *request)
{
	const Head *head = &request->head;

	if (head->content_length > (int64_t) dispatch_body_limit(request))
		return PROBLEM_PAYLOAD_TOO_LARGE;
	if (head_has_body(head) && request->match.route && route_has_body(request->match.route) &&
		!span_is(media_type(head), "application/json"))
		return PROBLEM_UNSUPPORTED_MEDIA_TYPE;
	return PROBLEM_NONE;
}

/* No route for it: a file, a question about methods, or what is wrong. */
static void
answer_elsewhere(Request *request)
{
	const Assets *assets = request->options->assets;
	const char *path = buffer_cstring(&request->path);
	const Asset *asset = assets ? assets_find(assets, path) : NULL;
	int64_t scope;

	if (asset)
		request->match.allowed = METHOD_GET | METHOD_HEAD;
	if (asset && (request->method & request->match.allowed))
		answer_asset(request, asset);
	else if (handshake_scope(path, &scope))
		answer_problem(request, PROBLEM_UPGRADE_REQUIRED, NULL, 0);
	else if (!request->match.allowed)
		answer_problem(request, PROBLEM_NOT_FOUND, NULL, 0);
	else if (request->method == METHOD_OPTIONS)
		answer_options(request);
	else
		answer_problem(request, PROBLEM_METHOD_NOT_ALLOWED, NULL, 0);
}

static ArgumentInput
input_of(Request *request, const char *body, size_t length)
{
	return (ArgumentInput){.query = (const char *) request->query.data,
						   .body = body,
						   .body_length = length,
						   .head = &request->head};
}

/* What there is to know of a file before its first byte. */
static void
begin_upload(Request *request)
{
	ArgumentInput input = input_of(request, "", 0);
	Arguments arguments;
	Refusal refusal;

	if (arguments_read(&request->match, &input, &arguments, &refusal))
		transfer_begin_upload(request, &arguments);
	else
		answer_problem(request, refusal.id, refusal.detail, 0);
	arguments_free(&arguments);
}

/* Whether the request may go on to its route. */
static bool
may_pass(Request *request)
{
	if (request->match.route->login && request->token.length == 0)
	{
		answer_problem(request, PROBLEM_UNAUTHENTICATED, NULL, 0);
		return false;
	}
	return may_act(request) && take_quota(request);
}

/* A body that nobody wants is not read: the connection ends with the answer. */
void
dispatch_route(Request *request)
{
	bool has_body = head_has_body(&request->head);
	ProblemId problem;

	route_find(request->method, buffer_cstring(&request->path), &request->match);
	problem = check_body(request);
	if (problem != PROBLEM_NONE)
		answer_problem(request, problem, NULL, 0);
	else if (!request->match.route)
		answer_elsewhere(request);
	else if (may_pass(request))
	{
		request->state = REQUEST_BODY;
		if (request->match.route->answer == ANSWER_UPLOAD)
			begin_upload(request);
	}
	if (request->state == REQUEST_ANSWERED && has_body && !request->close)
	{
		request->close = true;
		response_close(&request->response);
	}
}

/* ---- the database's part ------------------------------------------------ */

static Span
cell(const PgReply *reply, int column)
{
	return (Span){pgreply_value(reply, 0, column), pgreply_length(reply, 0, column)};
}

static void
take_content(Request *request, const PgReply *reply, int column)
{
	buffer_append(&request->response.content, pgreply_value(reply, 0, column),
				  pgreply_length(reply, 0, column));
}

static void
answer_json(Request *request, const PgReply *reply)
{
	if (pgreply_is_null(reply, 0, 0))
	{
		answer_problem(request, PROBLEM_NOT_FOUND, NULL, 0);
		return;
	}
	take_content(request, reply, 0);
	answer_content(request, request->match.route->status, "application/json", "");
}

static void
answer_made(Request *request, const PgReply *reply)
{
	bool repeated = pgreply_value(reply, 0, 1)[0] == 't';

	take_content(request, reply, 0);
	answer_content(request, repeated ? 200 : request->match.route->status, "application/json", "");
}

static void
answer_list(Request *request, const PgReply *reply)
{
	Buffer fields = BUFFER_EMPTY;

	if (!pgreply_is_null(reply, 0, 1))
		link_write_next(&fields, buffer_cstring(&request->path), (const char *) request->query.data,
						pgreply_value(reply, 0, 1));
	take_content(request, reply, 0);
	answer_content(request, request->match.route->status, "application/json",
				   buffer_cstring(&fields));
	buffer_free(&fields);
}

static void
answer_grant(Request *request, const PgReply *reply)
{
	Buffer fields = BUFFER_EMPTY;

	if (!pgreply_is_null(reply, 0, 0))
	{
		answer_problem(request, problem_of_code(pgreply_value(reply, 0, 0)), NULL,
					   pgreply_int64(reply, 0, 1, 0));
		return;
	}
	if (pgreply_columns(reply) > 3 && !pgreply_is_null(reply, 0, 3))
		answer_write_cookies(&fields, request, cell(reply, 3), pgreply_int64(reply, 0, 4, 0),
							 cell(reply, 5));
	take_content(request, reply, 2);
	answer_content(request, request->match.route->status,
				   pgreply_is_null(reply, 0, 2) ? NULL : "application/json",
				   buffer_cstring(&fields));
	buffer_wipe(&fields);
}

static void
answer_empty(Request *request, const PgReply *reply)
{
	(void) reply;
	answer_content(request, request->match.route->status, NULL, "");
}

static void
answer_logout(Request *request, const PgReply *reply)
{
	Buffer fields = BUFFER_EMPTY;

	(void) reply;
	if (request->by_cookie)
		answer_clear_cookies(&fields, request);
	answer_content(request, request->match.route->status, NULL, buffer_cstring(&fields));
	buffer_free(&fields);
}

static void
on_reply(void *arg, const PgReply *reply)
{
	static void (*const answers[])(Request *, const PgReply *) = {
		[ANSWER_JSON] = answer_json,
		[ANSWER_MADE] = answer_made,
		[ANSWER_LIST] = answer_list,
		[ANSWER_GRANT] = answer_grant,
		[ANSWER_EMPTY] = answer_empty,
		[ANSWER_LOGOUT] = answer_logout,
		[ANSWER_DOWNLOAD] = transfer_begin_download,
	};
	Request *request = arg;

	request->question = NULL;
	if (!pgreply_ok(reply))
		question_answer_failure(request, reply);
	else if (pgreply_rows(reply) != 1)
		answer_problem(request, PROBLEM_NOT_FOUND, NULL, 0);
	else
		answers[request->match.route->answer](request, reply);
	if (request->state != REQUEST_ASKING)
		request->options->on_progress(request);
}

/* Each costs a hash of a password, or a guess at one. */
static bool
may_try_login(Request *request)
{
	int64_t wait_s;

	if (request->match.route->answer != ANSWER_GRANT)
		return true;
	wait_s = admission_try_login(request->options->admission, &request->client, clock_ms());
	if (wait_s > 0)
		answer_problem(request, PROBLEM_THROTTLED, NULL, wait_s);
	return wait_s == 0;
}

/* A page of somebody else's must not log a browser in either, nor use its cookie. */
static bool
may_use_cookies(Request *request, const Arguments *arguments)
{
	const Route *route = request->match.route;

	for (int i = 0; i < route->statement.nparams; i++)
	{
		const RouteParam *param = &route->params[i];
		const PgParam *value = &arguments->params[i];
		bool uses = value->value && (param->from == FROM_COOKIE ||
									 (strcmp(param->name, ROUTE_COOKIE_MODE) == 0 &&
									  strncmp(value->value, "true", value->length) == 0));

		if (!uses || origin_may_act(&request->head, request->options->allowed_origins))
			continue;
		answer_problem(request, PROBLEM_ORIGIN_FORBIDDEN, NULL, 0);
		return false;
	}
	return true;
}

static void
answer_local(Request *request)
{
	const Route *route = request->match.route;
	RouteLocal local = {.status = route->status,
						.body = &request->response.content,
						.client = &request->client,
						.request_name = request->name};

	route->local(&request->options->services, &local);
	answer_content(request, local.status, local.content_type, "");
}

void
dispatch_run(Request *request, const char *body, size_t length)
{
	const Route *route = request->match.route;
	ArgumentInput input = input_of(request, body, length);
	Arguments arguments;
	Refusal refusal;

	if (route->answer == ANSWER_LOCAL)
	{
		answer_local(request);
		return;
	}
	if (route->answer == ANSWER_DOCUMENT)
	{
		Span document = request->options->document;

		buffer_append(&request->response.content, document.start, document.length);
		answer_content(request, route->status, "application/json", "");
		return;
	}
	if (!arguments_read(&request->match, &input, &arguments, &refusal))
		answer_problem(request, refusal.id, refusal.detail, 0);
	else if (may_use_cookies(request, &arguments) && may_try_login(request))
		question_ask(request, &route->statement, arguments.params, on_reply);
	arguments_free(&arguments);
}

/* ---- the end ------------------------------------------------------------ */

void
dispatch_forget(Request *request)
{
	if (request->question)
		pgpool_cancel(request->question);
	transfer_end(request->transfer);
	buffer_wipe(&request->head_bytes);
	buffer_wipe(&request->query);
	buffer_wipe(&request->token);
	buffer_free(&request->path);
	response_forget(&request->response);
	*request = (Request){0};
}
