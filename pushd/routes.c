/*
 * routes.c
 *	  The REST API: one table of routes.
 *
 * Arguments are collected as texts in one buffer; as it may move while it grows, a
 * parameter is an offset until all are there.
 */
#include "routes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "metrics.h"
#include "pgarray.h"

#define CLIENT_INFO_MAX 200

/* What {…} in a path stands for, where it is not text. */
#define PATH_ID(name_) \
	{ \
		name_, FROM_PATH, TYPE_INT64, true \
	}

static void answer_livez(const RouteServices *services, RouteLocal *answer);
static void answer_readyz(const RouteServices *services, RouteLocal *answer);
static void answer_metrics(const RouteServices *services, RouteLocal *answer);

#define GRANT \
	"SELECT g.error, g.retry_after_s, json_build_object('user', g.\"user\"," \
	" 'access_token', g.access_token, 'token_type', g.token_type," \
	" 'expires_in', g.expires_in, 'refresh_token', g.refresh_token) FROM "

/* clang-format off */
static const Route routes[] = {
	/* ---- accounts and sessions */
	{METHOD_POST, "/api/v1/auth/signup", false, 201, ANSWER_GRANT,
	 {"signup", GRANT "chat.signup($1, $2, $3, $4, $5) g", 5},
	 {{"username", FROM_BODY, TYPE_TEXT, true}, {"email", FROM_BODY, TYPE_TEXT, true},
	  {"password", FROM_BODY, TYPE_TEXT, true}, {"display_name", FROM_BODY, TYPE_TEXT, false},
	  {"client_info", FROM_CLIENT, TYPE_TEXT, false}}, NULL},
	{METHOD_POST, "/api/v1/auth/login", false, 200, ANSWER_GRANT,
	 {"login", GRANT "chat.login($1, $2, $3) g", 3},
	 {{"login", FROM_BODY, TYPE_TEXT, true}, {"password", FROM_BODY, TYPE_TEXT, true},
	  {"client_info", FROM_CLIENT, TYPE_TEXT, false}}, NULL},
	{METHOD_POST, "/api/v1/auth/refresh", false, 200, ANSWER_GRANT,
	 {"refresh", GRANT "chat.refresh($1) g", 1},
	 {{"refresh_token", FROM_BODY, TYPE_TEXT, true}}, NULL},
	{METHOD_POST, "/api/v1/auth/logout", true, 204, ANSWER_EMPTY,
	 {"logout", "SELECT chat.logout()", 0}, {{0}}, NULL},
	{METHOD_POST, "/api/v1/auth/logout-all", true, 204, ANSWER_EMPTY,
	 {"logout_all", "SELECT chat.logout_all()", 0}, {{0}}, NULL},
	{METHOD_GET, "/api/v1/auth/me", true, 200, ANSWER_JSON,
	 {"me", "SELECT to_json(u) FROM chat.me() u", 0}, {{0}}, NULL},
	{METHOD_GET, "/api/v1/users", true, 200, ANSWER_JSON,
	 {"search_users",
	  "SELECT coalesce(json_agg(u), '[]') FROM chat.search_users($1, coalesce($2, 20)) u", 2},
	 {{"search", FROM_QUERY, TYPE_TEXT, true}, {"limit", FROM_QUERY, TYPE_INT64, false}}, NULL},
	{METHOD_GET, "/api/v1/users/{id}", true, 200, ANSWER_JSON,
	 {"user", "SELECT to_json(u) FROM chat.user_by_id($1) u", 1}, {PATH_ID("id")}, NULL},

	/* ---- conversations */
	{METHOD_GET, "/api/v1/conversations", true, 200, ANSWER_JSON,
	 {"conversations",
	  "SELECT coalesce(json_agg(c), '[]') FROM chat.conversations(coalesce($1, 50), $2) c", 2},
	 {{"limit", FROM_QUERY, TYPE_INT64, false}, {"before", FROM_QUERY, TYPE_TEXT, false}}, NULL},
	{METHOD_POST, "/api/v1/conversations", true, 201, ANSWER_JSON,
	 {"create_group",
	  "SELECT to_json(c) FROM chat.create_group($1, coalesce($2, '{}'::text[])) c", 2},
	 {{"name", FROM_BODY, TYPE_TEXT, true}, {"usernames", FROM_BODY, TYPE_TEXTS, false}}, NULL},
	{METHOD_GET, "/api/v1/conversations/stats", true, 200, ANSWER_JSON,
	 {"stats", "SELECT to_json(s) FROM chat.stats() s", 0}, {{0}}, NULL},
	{METHOD_POST, "/api/v1/conversations/direct/{username}", true, 201, ANSWER_JSON,
	 {"direct", "SELECT to_json(d.conversation), NOT d.created FROM chat.direct($1) d", 1},
	 {{"username", FROM_PATH, TYPE_TEXT, true}}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}", true, 200, ANSWER_JSON,
	 {"conversation", "SELECT to_json(c) FROM chat.conversation($1) c", 1}, {PATH_ID("id")}, NULL},

	/* ---- members */
	{METHOD_GET, "/api/v1/conversations/{id}/members", true, 200, ANSWER_JSON,
	 {"members", "SELECT coalesce(json_agg(m), '[]') FROM chat.members($1) m", 1},
	 {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/members", true, 201, ANSWER_JSON,
	 {"add_member", "SELECT to_json(m) FROM chat.add_member($1, $2) m", 2},
	 {PATH_ID("id"), {"username", FROM_BODY, TYPE_TEXT, true}}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/members/{account_id}", true, 204, ANSWER_EMPTY,
	 {"remove_member", "SELECT chat.remove_member($1, $2)", 2},
	 {PATH_ID("id"), PATH_ID("account_id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/leave", true, 204, ANSWER_EMPTY,
	 {"leave", "SELECT chat.leave($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/read", true, 200, ANSWER_JSON,
	 {"read", "SELECT json_build_object('read_seq', chat.mark_read($1, $2))", 2},
	 {PATH_ID("id"), {"seq", FROM_BODY, TYPE_INT64, true}}, NULL},

	/* ---- messages */
	{METHOD_GET, "/api/v1/conversations/{id}/messages", true, 200, ANSWER_JSON,
	 {"history",
	  "SELECT to_json(p) FROM chat.history_page($1, $2, $3, $4, coalesce($5, 50)) p", 5},
	 {PATH_ID("id"), {"before", FROM_QUERY, TYPE_INT64, false},
	  {"after", FROM_QUERY, TYPE_INT64, false}, {"around", FROM_QUERY, TYPE_INT64, false},
	  {"limit", FROM_QUERY, TYPE_INT64, false}}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/messages", true, 201, ANSWER_JSON,
	 {"send",
	  "SELECT to_json(m), s.repeated FROM chat.send($1, $2, $3, $4) s"
	  " CROSS JOIN LATERAL chat.message($1, s.seq) m", 4},
	 {PATH_ID("id"), {"content", FROM_BODY, TYPE_TEXT, true},
	  {"client_id", FROM_BODY, TYPE_UUID, false}, {"reply_to", FROM_BODY, TYPE_INT64, false}},
	 NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/messages/{seq}", true, 200, ANSWER_JSON,
	 {"message", "SELECT to_json(m) FROM chat.message($1, $2) m", 2},
	 {PATH_ID("id"), PATH_ID("seq")}, NULL},

	/* ---- pushd itself */
	{METHOD_GET, "/livez", false, 200, ANSWER_LOCAL, {0}, {{0}}, answer_livez},
	{METHOD_GET, "/readyz", false, 200, ANSWER_LOCAL, {0}, {{0}}, answer_readyz},
	{METHOD_GET, "/metrics", false, 200, ANSWER_LOCAL, {0}, {{0}}, answer_metrics},
};
/* clang-format on */

/* ---- pushd itself ------------------------------------------------------- */

static void
answer_livez(const RouteServices *services, RouteLocal *answer)
{
	(void) services;
	answer->content_type = "application/json";
	buffer_append_string(answer->body, "{\"status\":\"ok\"}");
}

static void
answer_readyz(const RouteServices *services, RouteLocal *answer)
{
	WalFeedState feed = walfeed_state(services->feed);
	int connections = pgpool_connections(services->pool);
	bool ready = feed == WALFEED_STREAMING && connections > 0;

	answer->status = ready ? 200 : 503;
	answer->content_type = "application/json";
	buffer_printf(answer->body,
				  "{\"status\":\"%s\",\"feed\":\"wal\",\"feed_state\":\"%s\","
				  "\"pool_connections\":%d}",
				  ready ? "ok" : "unavailable", walfeed_state_name(feed), connections);
}

static void
answer_metrics(const RouteServices *services, RouteLocal *answer)
{
	(void) services;
	answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(answer->body);
}

/* ---- matching ----------------------------------------------------------- */

static const RouteParam *
path_param(const Route *route, int number)
{
	for (const RouteParam *param = route->params; param->name; param++)
		if (param->from == FROM_PATH && number-- == 0)
			return param;
	return NULL;
}

static bool
value_fits(const RouteParam *param, const char *value, size_t length)
{
	int64_t number;

	if (param->type == TYPE_INT64)
		return parse_int64(value, length, &number);
	return length > 0;
}

/* Segment by segment; {…} takes one whole segment. */
static bool
path_fits(const Route *route, const char *path, RouteMatch *match)
{
	const char *pattern = route->path;
	int count = 0;

	while (*pattern == '/' && *path == '/')
	{
		size_t want = strcspn(++pattern, "/");
		size_t have = strcspn(++path, "/");

		if (*pattern == '{')
		{
			if (!value_fits(path_param(route, count), path, have))
				return false;
			match->values[count] = path;
			match->lengths[count++] = have;
		}
		else if (want != have || memcmp(pattern, path, want) != 0)
			return false;
		pattern += want;
		path += have;
	}
	return *pattern == '\0' && *path == '\0';
}

void
route_find(Method method, const char *path, RouteMatch *match)
{
	Method wanted = method == METHOD_HEAD ? METHOD_GET : method;

	*match = (RouteMatch){0};
	for (size_t i = 0; i < lengthof(routes); i++)
	{
		RouteMatch found = {0};

		if (!path_fits(&routes[i], path, &found))
			continue;
		match->allowed |= routes[i].method | (routes[i].method == METHOD_GET ? METHOD_HEAD : 0);
		if (routes[i].method == wanted && !match->route)
		{
			found.route = &routes[i];
			found.allowed = match->allowed;
			*match = found;
		}
	}
}

bool
route_has_body(const Route *route)
{
	for (const RouteParam *param = route->params; param->name; param++)
		if (param->from == FROM_BODY)
			return true;
	return false;
}

/* ---- arguments ---------------------------------------------------------- */

/* State of one reading; offsets become pointers when the buffer stands still. */
typedef struct Reader
{
	const RouteMatch *match;
	const RouteInput *input;
	const json_t *json;
	Buffer *texts;
	RouteRefusal *refusal;
} Reader;

static bool refuse(const Reader *reader, ProblemId id, const char *format, ...) PRINTF_LIKE(3, 4);

static bool
refuse(const Reader *reader, ProblemId id, const char *format, ...)
{
	va_list args;

	reader->refusal->id = id;
	va_start(args, format);
	vsnprintf(reader->refusal->detail, sizeof(reader->refusal->detail), format, args);
	va_end(args);
	return false;
}

static bool
take_text(const Reader *reader, const RouteParam *param, const char *text, size_t length)
{
	int64_t number;

	if (!utf8_is_valid(text, length))
		return refuse(reader, PROBLEM_INVALID_UTF8, "%s is not valid UTF-8", param->name);
	if (memchr(text, '\0', length))
		return refuse(reader, PROBLEM_INVALID_ARGUMENT, "%s holds a NUL", param->name);
	if (param->type == TYPE_INT64 && !parse_int64(text, length, &number))
		return refuse(reader, PROBLEM_WRONG_TYPE, "%s must be an integer", param->name);
	if (param->type == TYPE_UUID && !uuid_is_valid(text, length))
		return refuse(reader, PROBLEM_WRONG_TYPE, "%s must be a UUID", param->name);
	buffer_append(reader->texts, text, length);
	return true;
}

static bool
take_array(const Reader *reader, const RouteParam *param, const json_t *array)
{
	size_t index;
	const json_t *element;

	pgarray_begin(reader->texts);
	json_array_foreach(array, index, element)
	{
		if (!json_is_string(element))
			return refuse(reader, PROBLEM_WRONG_TYPE, "%s must hold strings only", param->name);
		pgarray_append(reader->texts, json_string_value(element), json_string_length(element));
	}
	pgarray_end(reader->texts);
	return true;
}

static const struct
{
	json_type json;
	const char *what;
} body_types[] = {
	[TYPE_TEXT] = {JSON_STRING, "a string"},
	[TYPE_INT64] = {JSON_INTEGER, "an integer"},
	[TYPE_UUID] = {JSON_STRING, "a string"},
	[TYPE_TEXTS] = {JSON_ARRAY, "an array of strings"},
};

static bool
read_body_param(const Reader *reader, const RouteParam *param, bool *present)
{
	const json_t *value = json_object_get(reader->json, param->name);

	*present = value && !json_is_null(value);
	if (!*present)
		return true;
	if (json_typeof(value) != body_types[param->type].json)
		return refuse(reader, PROBLEM_WRONG_TYPE, "%s must be %s", param->name,
					  body_types[param->type].what);
	if (param->type == TYPE_TEXTS)
		return take_array(reader, param, value);
	if (param->type == TYPE_INT64)
	{
		buffer_append_int64(reader->texts, json_integer_value(value));
		return true;
	}
	return take_text(reader, param, json_string_value(value), json_string_length(value));
}

static bool
read_query_param(const Reader *reader, const RouteParam *param, bool *present)
{
	size_t name_length = strlen(param->name);

	*present = false;
	for (const char *at = reader->input->query; *at; at += strlen(at) + 1)
		if (strncmp(at, param->name, name_length) == 0 && at[name_length] == '=')
		{
			const char *value = at + name_length + 1;

			*present = true;
			return take_text(reader, param, value, strlen(value));
		}
	return true;
}

static bool
read_path_param(const Reader *reader, const RouteParam *param, bool *present)
{
	const Route *route = reader->match->route;
	int number = 0;

	while (path_param(route, number) != param)
		number++;
	*present = true;
	return take_text(reader, param, reader->match->values[number], reader->match->lengths[number]);
}

/* What the client calls itself, cut to a sane length; nothing when it is not text. */
static bool
read_client_param(const Reader *reader, const RouteParam *param, bool *present)
{
	const char *client = reader->input->client;
	size_t length = strlen(client);

	(void) param;
	if (length > CLIENT_INFO_MAX)
		length = CLIENT_INFO_MAX;
	*present = length > 0 && utf8_is_valid(client, length);
	if (*present)
		buffer_append(reader->texts, client, length);
	return true;
}

static bool (*const read_param[])(const Reader *, const RouteParam *, bool *) = {
	[FROM_PATH] = read_path_param,
	[FROM_QUERY] = read_query_param,
	[FROM_BODY] = read_body_param,
	[FROM_CLIENT] = read_client_param,
};

/* An empty body is an empty object, so that the answer names the missing field. */
static json_t *
parse_body(const Reader *reader)
{
	json_error_t error;
	json_t *json;

	if (reader->input->body_length == 0)
		return json_object();
	json = json_loadb(reader->input->body, reader->input->body_length,
					  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (json && json_is_object(json))
		return json;
	if (json)
		refuse(reader, PROBLEM_WRONG_TYPE, "The body must be a JSON object");
	else if (json_error_code(&error) == json_error_invalid_utf8)
		refuse(reader, PROBLEM_INVALID_UTF8, "The body is not valid UTF-8");
	else
		refuse(reader, PROBLEM_INVALID_JSON, "Line %d: %s", error.line, error.text);
	json_decref(json);
	return NULL;
}

static bool
read_params(const Reader *reader, const Route *route, PgParam *params)
{
	size_t offsets[ROUTE_PARAMS_MAX] = {0};
	bool present[ROUTE_PARAMS_MAX] = {false};

	for (int i = 0; i < route->statement.nparams; i++)
	{
		const RouteParam *param = &route->params[i];

		offsets[i] = reader->texts->length;
		if (!read_param[param->from](reader, param, &present[i]))
			return false;
		if (param->required && !present[i])
			return refuse(reader, PROBLEM_MISSING_FIELD, "%s is missing", param->name);
		params[i].length = reader->texts->length - offsets[i];
		buffer_append_char(reader->texts, '\0');
	}
	for (int i = 0; i < route->statement.nparams; i++)
		params[i] = present[i] ? (PgParam){(const char *) reader->texts->data + offsets[i],
										   params[i].length}
							   : PGPARAM_NULL;
	return true;
}

bool
route_read_arguments(const RouteMatch *match, const RouteInput *input, RouteArguments *arguments,
					 RouteRefusal *refusal)
{
	Reader reader = {.match = match,
					 .input = input,
					 .texts = &arguments->texts,
					 .refusal = refusal};
	json_t *json = NULL;
	bool good;

	*arguments = (RouteArguments){0};
	if (route_has_body(match->route))
	{
		json = parse_body(&reader);
		if (!json)
			return false;
		reader.json = json;
	}
	good = read_params(&reader, match->route, arguments->params);
	json_decref(json);
	return good;
}

void
route_free_arguments(RouteArguments *arguments)
{
	if (arguments->texts.data)
		secure_zero(arguments->texts.data, arguments->texts.capacity);
	buffer_free(&arguments->texts);
}
