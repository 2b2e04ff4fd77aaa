/*
 * arguments.c
 *	  What a request gives to the statement of its route.
 *
 * Arguments are collected as texts in one buffer; as it may move while it grows, a
 * parameter is an offset until all are there.
 */
#include "arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cookie.h"
#include "pgarray.h"

#define AGENT_MAX 200 /* bytes */
#define CONVERSATION_PATH "/api/v1/conversations/{id}"

/* State of one reading; offsets become pointers when the buffer stands still. */
typedef struct Reader
{
	const RouteMatch *match;
	const ArgumentInput *input;
	const json_t *json;
	bool is_object; /* of arguments_read_object() */
	int64_t scope;
	Buffer *texts;
	Refusal *refusal;
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
text_is_integer(const char *text, size_t length)
{
	int64_t number;

	return parse_int64(text, length, &number);
}

static bool
text_is_bool(const char *text, size_t length)
{
	return (length == 4 && memcmp(text, "true", 4) == 0) ||
		   (length == 5 && memcmp(text, "false", 5) == 0);
}

/* What a text must look like to stand for a value of the type; all others are free. */
static const struct
{
	bool (*fits)(const char *text, size_t length);
	const char *what;
} text_types[] = {
	[TYPE_INT64] = {text_is_integer, "an integer"},
	[TYPE_BOOL] = {text_is_bool, "true or false"},
	[TYPE_UUID] = {uuid_is_valid, "a UUID"},
	[TYPE_JSON] = {NULL, NULL},
};

/* A parameter with bounds: too much is as much as there may be. */
static bool
take_bounded(const Reader *reader, const RouteParam *param, int64_t number)
{
	if (number < 1 || number > INT32_MAX)
		return refuse(reader, PROBLEM_INVALID_ARGUMENT, "%s must be 1 to %lld", param->name,
					  (long long) param->max);
	buffer_append_int64(reader->texts, number > param->max ? param->max : number);
	return true;
}

static bool
take_text(const Reader *reader, const RouteParam *param, const char *text, size_t length)
{
	int64_t number;

	if (!utf8_is_valid(text, length))
		return refuse(reader, PROBLEM_INVALID_UTF8, "%s is not valid UTF-8", param->name);
	if (memchr(text, '\0', length))
		return refuse(reader, PROBLEM_INVALID_ARGUMENT, "%s holds a NUL", param->name);
	if (text_types[param->type].fits && !text_types[param->type].fits(text, length))
		return refuse(reader, PROBLEM_WRONG_TYPE, "%s must be %s", param->name,
					  text_types[param->type].what);
	if (param->max > 0 && parse_int64(text, length, &number))
		return take_bounded(reader, param, number);
	buffer_append(reader->texts, text, length);
	return true;
}

static bool
take_element(const Reader *reader, const RouteParam *param, const json_t *element)
{
	if (param->type == TYPE_INT64S && json_is_integer(element))
		pgarray_append_int64(reader->texts, json_integer_value(element));
	else if (param->type == TYPE_TEXTS && json_is_string(element))
		pgarray_append(reader->texts, json_string_value(element), json_string_length(element));
	else
		return refuse(reader, PROBLEM_WRONG_TYPE, "%s must hold %s only", param->name,
					  param->type == TYPE_TEXTS ? "strings" : "integers");
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
		if (!take_element(reader, param, element))
			return false;
	}
	pgarray_end(reader->texts);
	return true;
}

static int
append_dumped(const char *bytes, size_t length, void *texts)
{
	buffer_append(texts, bytes, length);
	return 0;
}

/* JSON_TRUE stands for both, and JSON_REAL for all numbers. */
static const struct
{
	json_type json;
	const char *what;
} body_types[] = {
	[TYPE_TEXT] = {JSON_STRING, "a string"},
	[TYPE_CLEARABLE] = {JSON_STRING, "a string or null"},
	[TYPE_INT64] = {JSON_INTEGER, "an integer"},
	[TYPE_NUMBER] = {JSON_REAL, "a number"},
	[TYPE_BOOL] = {JSON_TRUE, "true or false"},
	[TYPE_UUID] = {JSON_STRING, "a string"},
	[TYPE_TIME] = {JSON_STRING, "a string"},
	[TYPE_TEXTS] = {JSON_ARRAY, "an array of strings"},
	[TYPE_INT64S] = {JSON_ARRAY, "an array of integers"},
	[TYPE_JSON] = {JSON_OBJECT, "an object"},
};

/* The value has the type of body_types already. */
static bool
take_value(const Reader *reader, const RouteParam *param, const json_t *value)
{
	if (json_is_string(value))
		return take_text(reader, param, json_string_value(value), json_string_length(value));
	if (json_is_array(value))
		return take_array(reader, param, value);
	if (json_is_object(value))
		return json_dump_callback(value, append_dumped, reader->texts, JSON_COMPACT) == 0 ||
			   refuse(reader, PROBLEM_WRONG_TYPE, "%s cannot be taken", param->name);
	if (json_is_boolean(value))
		buffer_append_string(reader->texts, json_is_true(value) ? "true" : "false");
	else if (json_is_real(value))
		buffer_printf(reader->texts, "%.17g", json_real_value(value));
	else if (param->max > 0)
		return take_bounded(reader, param, json_integer_value(value));
	else
		buffer_append_int64(reader->texts, json_integer_value(value));
	return true;
}

static bool
value_fits(ParamType type, const json_t *value)
{
	json_type have = json_is_false(value) ? JSON_TRUE : json_typeof(value);

	if (type == TYPE_NUMBER && have == JSON_INTEGER)
		return true;
	return have == body_types[type].json;
}

static bool
read_body_param(const Reader *reader, const RouteParam *param, bool *present)
{
	const json_t *value = json_object_get(reader->json, param->name);
	bool is_null = json_is_null(value);

	*present = value && (!is_null || param->type == TYPE_CLEARABLE);
	if (!*present || is_null)
		return true;
	if (!value_fits(param->type, value))
		return refuse(reader, PROBLEM_WRONG_TYPE, "%s must be %s", param->name,
					  body_types[param->type].what);
	return take_value(reader, param, value);
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

	while (route_path_param(route, number) != param)
		number++;
	*present = true;
	return take_text(reader, param, reader->match->values[number], reader->match->lengths[number]);
}

static bool
read_head_param(const Reader *reader, const RouteParam *param, bool *present)
{
	Span value = head_find(reader->input->head, param->name);

	*present = value.length > 0;
	return take_text(reader, param, value.start, value.length);
}

static bool
read_agent_param(const Reader *reader, const RouteParam *param, bool *present)
{
	Span agent = head_find(reader->input->head, param->name);
	size_t length = agent.length > AGENT_MAX ? AGENT_MAX : agent.length;

	*present = length > 0 && utf8_is_valid(agent.start, length);
	if (*present)
		buffer_append(reader->texts, agent.start, length);
	return true;
}

static bool
read_cookie_param(const Reader *reader, const RouteParam *param, bool *present)
{
	Span value = cookie_find(reader->input->head, param->name);

	*present = value.length > 0;
	return take_text(reader, param, value.start, value.length);
}

/* Whoever streams the body fills it in. */
static bool
read_file_param(const Reader *reader, const RouteParam *param, bool *present)
{
	(void) reader;
	(void) param;
	*present = false;
	return true;
}

static bool (*const read_param[])(const Reader *, const RouteParam *, bool *) = {
	[FROM_PATH] = read_path_param,	 [FROM_QUERY] = read_query_param,
	[FROM_BODY] = read_body_param,	 [FROM_HEAD] = read_head_param,
	[FROM_AGENT] = read_agent_param, [FROM_COOKIE] = read_cookie_param,
	[FROM_FILE] = read_file_param,
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
is_conversation(const Reader *reader, const RouteParam *param)
{
	return strcmp(param->name, "conversation_id") == 0 ||
		   (param == route_path_param(reader->match->route, 0) &&
			string_starts_with(reader->match->route->path, CONVERSATION_PATH));
}

static bool
read_conversation(const Reader *reader, const RouteParam *param, bool *present)
{
	RouteParam named = *param;
	const json_t *value = json_object_get(reader->json, "conversation_id");

	named.name = "conversation_id";
	if (reader->scope == 0)
		return read_body_param(reader, &named, present) &&
			   (*present || !param->required ||
				refuse(reader, PROBLEM_MISSING_FIELD, "conversation_id is missing"));
	if (value && json_integer_value(value) != reader->scope)
		return refuse(reader, PROBLEM_INVALID_ARGUMENT,
					  "This connection is for another conversation");
	*present = true;
	buffer_append_int64(reader->texts, reader->scope);
	return true;
}

static bool
read_one(const Reader *reader, const RouteParam *param, bool *present)
{
	if (!reader->is_object)
		return read_param[param->from](reader, param, present);
	if (is_conversation(reader, param))
		return read_conversation(reader, param, present);
	return read_body_param(reader, param, present);
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
		if (!read_one(reader, param, &present[i]))
			return false;
		if (param->from == FROM_COOKIE && !present[i] && !present[i - 1])
			return refuse(reader, PROBLEM_MISSING_FIELD, "%s is missing", param[-1].name);
		if (param->required && !present[i])
			return refuse(reader, PROBLEM_MISSING_FIELD, "%s is missing", param->name);
		if (!present[i] && param->preset)
		{
			buffer_append_string(reader->texts, param->preset);
			present[i] = true;
		}
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
arguments_read(const RouteMatch *match, const ArgumentInput *input, Arguments *arguments,
			   Refusal *refusal)
{
	Reader reader = {.match = match,
					 .input = input,
					 .texts = &arguments->texts,
					 .refusal = refusal};
	json_t *json = NULL;
	bool good;

	*arguments = (Arguments){0};
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

bool
arguments_read_object(const Route *route, const json_t *object, int64_t scope, Arguments *arguments,
					  Refusal *refusal)
{
	RouteMatch match = {.route = route};
	Reader reader = {.match = &match,
					 .json = object,
					 .is_object = true,
					 .scope = scope,
					 .texts = &arguments->texts,
					 .refusal = refusal};

	*arguments = (Arguments){0};
	return read_params(&reader, route, arguments->params);
}

void
arguments_free(Arguments *arguments)
{
	buffer_wipe(&arguments->texts);
}
