/*
 * answer.c
 *	  Answers to requests: their fields, problems, conditions (ETag), codings, cookies.
 */
#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "coding.h"
#include "cookie.h"
#include "etag.h"
#include "log.h"
#include "metrics.h"
#include "origin.h"

/* Shorter ones gain nothing; longer ones would keep the loop from everybody else. */
#define CODING_BYTES_MIN 1024
#define CODING_BYTES_MAX (1024 * 1024)

#define SERVICE_LINK "link: </api/v1/openapi.json>; rel=\"service-desc\"\r\n"

/* ---- heads -------------------------------------------------------------- */

static void
begin(Request *request, int status, ResponsePolicy policy)
{
	const RequestOptions *options = request->options;
	Buffer *head = &request->response.head;

	buffer_reset(head);
	response_begin(&request->response, status, policy);
	if (options->hsts_s > 0)
		buffer_printf(head, "strict-transport-security: max-age=%lld\r\n",
					  (long long) options->hsts_s);
	if (request->name[0] != '\0')
		buffer_printf(head, "x-request-id: %s\r\n", request->name);
	origin_write_fields(head, &request->head, options->allowed_origins, 0);
	if (request->match.route)
		quota_write_fields(head, request->match.route->rate, &request->quota);
}

/* By the route's own path: what a client asks for would make labels without end. */
static void
count_answer(const Request *request)
{
	const Route *route = request->match.route;
	int status = request->response.status;
	char labels[160];

	snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\",status=\"%d\"",
			 request->method ? method_name(request->method) : "none", route ? route->path : "other",
			 status);
	metric_count(METRIC_FAMILY_HTTP_ANSWERS, labels);
	metric_add(METRIC_HTTP_ERRORS, status >= 500);
	if (request->began_us != 0)
		metric_observe_us(METRIC_HTTP_SECONDS, clock_us() - request->began_us);
}

static void
finish(Request *request, const uint8_t *bytes, size_t length)
{
	Response *response = &request->response;

	request->close |= request->options->draining;
	response_end(response, bytes, length, request->method == METHOD_HEAD, request->close);
	request->state = REQUEST_ANSWERED;
	count_answer(request);
	log_debug_id(request->id, "%s %s: %d, request %s",
				 request->method ? method_name(request->method) : "?",
				 buffer_cstring(&request->path), response->status, request->name);
}

/* ---- conditions and codings --------------------------------------------- */

bool
answer_is_known(const Request *request, const char *etag)
{
	Span field = head_find(&request->head, "If-None-Match");

	return etag_matches(etag, field.start, field.length);
}

static Coding
choose_coding(const Request *request)
{
	Buffer list = BUFFER_EMPTY;
	Span field = head_find(&request->head, "Accept-Encoding");
	Coding coding;

	buffer_append(&list, field.start, field.length);
	coding = coding_choose(buffer_cstring(&list));
	buffer_free(&list);
	return coding;
}

/*
 * A compressed length tells of the content, and who can put a text beside a secret may
 * guess it (BREACH).  So nothing with a token in it is coded: that leaves what is read.
 */
static bool
may_code(const Request *request)
{
	const Route *route = request->match.route;
	size_t length = request->response.content.length;

	return route && route->rate != RATE_AUTH &&
		   (route->method == METHOD_GET || route->rate == RATE_SYNC) &&
		   length >= CODING_BYTES_MIN && length <= CODING_BYTES_MAX;
}

/* Codes the content where that helps. */
static void
code_content(Request *request)
{
	Buffer *content = &request->response.content;
	Coding coding = choose_coding(request);
	Buffer coded = BUFFER_EMPTY;

	if (coding == CODING_PLAIN || !coding_encode(coding, content->data, content->length, &coded))
	{
		buffer_free(&coded);
		return;
	}
	buffer_free(content);
	*content = coded;
	buffer_printf(&request->response.head, "content-encoding: %s\r\n", coding_name(coding));
}

static const char *const cache_fields[] = {
	[CACHE_NEVER] = "cache-control: no-store\r\n",
	[CACHE_CHECK] = "cache-control: private, no-cache\r\nvary: authorization, cookie\r\n",
	[CACHE_PUBLIC] = "cache-control: public, max-age=60\r\n",
};

void
answer_content(Request *request, int status, const char *content_type, const char *fields)
{
	Response *response = &request->response;
	const Route *route = request->match.route;
	RouteCache cache = route && status == 200 ? route->cache : CACHE_NEVER;
	char etag[ETAG_SIZE] = "";

	if (cache != CACHE_NEVER)
		etag_write(etag, ETAG_WEAK, response->content.data, response->content.length);
	if (cache != CACHE_NEVER && answer_is_known(request, etag))
	{
		status = 304;
		buffer_reset(&response->content);
	}
	begin(request, status, RESPONSE_API);
	buffer_printf(&response->head, "%s%s", cache_fields[cache], fields);
	if (etag[0] != '\0')
		buffer_printf(&response->head, "etag: %s\r\n", etag);
	if (content_type && status != 304)
		buffer_printf(&response->head, "content-type: %s\r\n", content_type);
	if (route && route->rate != RATE_AUTH && route->method == METHOD_GET)
		buffer_append_string(&response->head, "vary: accept-encoding\r\n");
	if (may_code(request) && status < 300)
		code_content(request);
	finish(request, response->content.data, response->content.length);
}

void
answer_pieces(Request *request, int status, const char *content_type, const char *fields,
			  size_t length)
{
	Response *response = &request->response;

	begin(request, status, RESPONSE_FILE);
	buffer_printf(&response->head, "cache-control: private, no-cache\r\n%s", fields);
	if (content_type)
		buffer_printf(&response->head, "content-type: %s\r\n", content_type);
	finish(request, response->content.data, length);
	if (response->length > response->content.length)
		response->length = response->content.length;
}

/* ---- problems ----------------------------------------------------------- */

static bool
ends_login(ProblemId id)
{
	return id == PROBLEM_SESSION_REVOKED || id == PROBLEM_TOKEN_INVALID ||
		   id == PROBLEM_REFRESH_REUSED;
}

static void
write_problem_fields(const Request *request, ProblemId id, int64_t retry_after_s, Buffer *fields)
{
	if (retry_after_s <= 0 && problem_is_passing(id))
		retry_after_s = 1;
	if (retry_after_s > 0)
		buffer_printf(fields, "retry-after: %lld\r\n", (long long) retry_after_s);
	if (problem_get(id)->status == 401)
		buffer_append_string(fields, "www-authenticate: Bearer\r\n");
	if (ends_login(id) && head_find(&request->head, "Cookie").length > 0)
		answer_clear_cookies(fields, request);
	if (id == PROBLEM_NOT_FOUND)
		buffer_append_string(fields, SERVICE_LINK);
	if (id == PROBLEM_UPGRADE_REQUIRED)
		buffer_append_string(fields, "upgrade: websocket\r\nsec-websocket-version: 13\r\n");
	if (id == PROBLEM_METHOD_NOT_ALLOWED)
	{
		buffer_append_string(fields, "allow: ");
		methods_write(fields, request->match.allowed | METHOD_OPTIONS);
		buffer_append_string(fields, "\r\n");
	}
}

static void
write_problem(Request *request, ProblemId id, const char *detail, const char *fields)
{
	buffer_reset(&request->response.content);
	problem_write(&request->response.content, id, detail ? detail : problem_get(id)->title,
				  request->name);
	answer_content(request, problem_get(id)->status, "application/problem+json", fields);
}

void
answer_problem(Request *request, ProblemId id, const char *detail, int64_t retry_after_s)
{
	Buffer fields = BUFFER_EMPTY;

	write_problem_fields(request, id, retry_after_s, &fields);
	write_problem(request, id, detail, buffer_cstring(&fields));
	buffer_free(&fields);
}

void
answer_problem_with(Request *request, ProblemId id, const char *fields)
{
	write_problem(request, id, NULL, fields);
}

void
answer_last(Request *request, ProblemId id)
{
	request->close = true;
	request->match.allowed =
		METHOD_GET | METHOD_HEAD | METHOD_POST | METHOD_PUT | METHOD_PATCH | METHOD_DELETE;
	answer_problem(request, id, NULL, 0);
}

/* ---- others ------------------------------------------------------------- */

void
answer_asset(Request *request, const Asset *asset)
{
	Buffer *head = &request->response.head;
	Buffer list = BUFFER_EMPTY;
	Span field = head_find(&request->head, "Accept-Encoding");
	Coding coding;
	const AssetBody *body;
	bool fresh;

	buffer_append(&list, field.start, field.length);
	coding = asset_choose(asset, buffer_cstring(&list));
	buffer_free(&list);
	body = &asset->bodies[coding];
	fresh = answer_is_known(request, body->etag);
	begin(request, fresh ? 304 : 200, RESPONSE_ASSET);
	buffer_printf(head,
				  "etag: %s\r\nvary: accept-encoding\r\ncache-control: %s\r\n"
				  "content-type: %s\r\n",
				  body->etag, asset->immutable ? "public, max-age=31536000, immutable" : "no-cache",
				  asset->content_type);
	if (strcmp(asset->path, "/index.html") == 0)
		buffer_append_string(head, SERVICE_LINK);
	if (coding_name(coding))
		buffer_printf(head, "content-encoding: %s\r\n", coding_name(coding));
	finish(request, body->bytes, fresh ? 0 : body->length);
}

void
answer_options(Request *request)
{
	Buffer *head = &request->response.head;
	unsigned methods = request->match.allowed | METHOD_OPTIONS;

	response_begin(&request->response, 204, RESPONSE_API);
	buffer_append_string(head, "cache-control: no-store\r\nallow: ");
	methods_write(head, methods);
	buffer_append_string(head, "\r\n");
	origin_write_fields(head, &request->head, request->options->allowed_origins, methods);
	finish(request, NULL, 0);
}

/* RFC 9110, section 15.4.9.  A port in Host is that of plain HTTP. */
void
answer_redirect(Request *request, int https_port)
{
	Span host = head_find(&request->head, "Host");
	Span target = request->head.target;
	const char *bracket = memchr(host.start, ']', host.length);
	const char *from = bracket ? bracket : host.start;
	const char *end = memchr(from, ':', host.length - (size_t) (from - host.start));
	Buffer location = BUFFER_EMPTY;

	if (end)
		host.length = (size_t) (end - host.start);
	request->close = true;
	if (host.length == 0 || target.length == 0 || target.start[0] != '/')
	{
		answer_problem(request, PROBLEM_BAD_REQUEST, NULL, 0);
		return;
	}
	buffer_append_string(&location, "location: https://");
	buffer_append(&location, host.start, host.length);
	if (https_port != 443)
		buffer_printf(&location, ":%d", https_port);
	buffer_append(&location, target.start, target.length);
	buffer_append_string(&location, "\r\n");
	answer_content(request, 308, NULL, buffer_cstring(&location));
	buffer_free(&location);
}

/* ---- cookies ------------------------------------------------------------ */

void
answer_write_cookies(Buffer *fields, const Request *request, Span access, int64_t expires_s,
					 Span refresh)
{
	bool secure = request->options->secure_cookies;

	cookie_write(fields, COOKIE_TOKEN, access, expires_s, secure);
	cookie_write(fields, COOKIE_REFRESH, refresh, COOKIE_REFRESH_S, secure);
}

void
answer_clear_cookies(Buffer *fields, const Request *request)
{
	bool secure = request->options->secure_cookies;

	cookie_write(fields, COOKIE_TOKEN, (Span){"", 0}, 0, secure);
	cookie_write(fields, COOKIE_REFRESH, (Span){"", 0}, 0, secure);
}
