/*
 * openapi.c
 *	  The description of the REST API, made from the tables.
 *
 * Operations of one path stand together in OpenAPI, but not in the table of routes: the
 * first row of a path writes all of them.
 */
#include "openapi.h"

#include <string.h>

#include "cookie.h"
#include "routes.h"
#include "shapes.h"

#define PREFIX "/api/v1/"

#ifndef PARLEY_VERSION
#define PARLEY_VERSION "unknown"
#endif

/* JSON Schema of what a parameter can be. */
static const char *const param_types[] = {
	[TYPE_TEXT] = "\"type\":\"string\"",
	[TYPE_CLEARABLE] = "\"type\":[\"string\",\"null\"]",
	[TYPE_INT64] = "\"type\":\"integer\",\"format\":\"int64\"",
	[TYPE_NUMBER] = "\"type\":\"number\"",
	[TYPE_BOOL] = "\"type\":\"boolean\"",
	[TYPE_UUID] = "\"type\":\"string\",\"format\":\"uuid\"",
	[TYPE_TIME] = "\"type\":\"string\",\"format\":\"date-time\"",
	[TYPE_TEXTS] = "\"type\":\"array\",\"items\":{\"type\":\"string\"}",
	[TYPE_INT64S] = "\"type\":\"array\",\"items\":{\"type\":\"integer\",\"format\":\"int64\"}",
	[TYPE_JSON] = "\"type\":\"object\"",
};

/* Where a parameter that is no member of the body stands; NULL: nowhere to be told. */
static const char *const param_places[] = {
	[FROM_PATH] = "path", [FROM_QUERY] = "query",	[FROM_BODY] = NULL,
	[FROM_HEAD] = NULL,	  [FROM_COOKIE] = "cookie", [FROM_FILE] = NULL,
};

static void
write_schema(Buffer *to, const RouteParam *param)
{
	bool quoted = param->type == TYPE_TEXT || param->type == TYPE_TIME;

	buffer_printf(to, "{%s", param_types[param->type]);
	if (param->max > 0)
		buffer_printf(to, ",\"minimum\":1,\"maximum\":%lld", (long long) param->max);
	if (param->preset)
		buffer_printf(to, quoted ? ",\"default\":\"%s\"" : ",\"default\":%s", param->preset);
	buffer_append_char(to, '}');
}

static void
write_parameters(Buffer *to, const Route *route)
{
	bool first = true;

	buffer_append_string(to, ",\"parameters\":[");
	for (const RouteParam *param = route->params; param->name; param++)
	{
		if (!param_places[param->from])
			continue;
		buffer_printf(to, "%s{\"name\":\"%s\",\"in\":\"%s\",\"required\":%s,\"schema\":",
					  first ? "" : ",", param->name, param_places[param->from],
					  param->required ? "true" : "false");
		write_schema(to, param);
		buffer_append_char(to, '}');
		first = false;
	}
	buffer_append_char(to, ']');
}

/* A member is required, or may also be null, which counts as absent. */
static void
write_member(Buffer *to, const RouteParam *param)
{
	buffer_printf(to, "\"%s\":", param->name);
	if (param->required || param->type == TYPE_CLEARABLE || param->preset)
	{
		write_schema(to, param);
		return;
	}
	buffer_append_string(to, "{\"anyOf\":[");
	write_schema(to, param);
	buffer_append_string(to, ",{\"type\":\"null\"}]}");
}

static void
write_json_body(Buffer *to, const Route *route)
{
	const char *separator = "";

	buffer_append_string(to,
						 "\"application/json\":{\"schema\":{\"type\":\"object\",\"properties\":{");
	for (const RouteParam *param = route->params; param->name; param++)
		if (param->from == FROM_BODY)
		{
			buffer_append_string(to, separator);
			write_member(to, param);
			separator = ",";
		}
	buffer_append_string(to, "},\"required\":[");
	separator = "";
	for (const RouteParam *param = route->params; param->name; param++)
		if (param->from == FROM_BODY && param->required)
		{
			buffer_printf(to, "%s\"%s\"", separator, param->name);
			separator = ",";
		}
	buffer_append_string(to, "]}}");
}

static bool
needs_body(const Route *route)
{
	for (const RouteParam *param = route->params; param->name; param++)
		if (param->from == FROM_BODY && param->required)
			return true;
	return route->answer == ANSWER_UPLOAD;
}

static void
write_body(Buffer *to, const Route *route)
{
	if (!route_has_body(route) && route->answer != ANSWER_UPLOAD)
		return;
	buffer_printf(to, ",\"requestBody\":{\"required\":%s,\"content\":{",
				  needs_body(route) ? "true" : "false");
	if (route->answer == ANSWER_UPLOAD)
		buffer_append_string(to, "\"*/*\":{}");
	else
		write_json_body(to, route);
	buffer_append_string(to, "}}");
}

static void
write_answer(Buffer *to, int status, const Route *route)
{
	buffer_printf(to, "\"%d\":{\"description\":\"%s\"", status,
				  status == 304 ? "As the client has it" : "Done");
	if (status != 204 && status != 304)
	{
		buffer_append_string(to, ",\"content\":{");
		if (route->shape)
		{
			buffer_append_string(to, "\"application/json\":{\"schema\":");
			shape_write_type(to, route->shape);
			buffer_append_char(to, '}');
		}
		else
			buffer_append_string(to, route->answer == ANSWER_DOCUMENT ? "\"application/json\":{}"
																	  : "\"*/*\":{}");
		buffer_append_char(to, '}');
	}
	buffer_append_char(to, '}');
}

static void
write_answers(Buffer *to, const Route *route)
{
	buffer_append_string(to, ",\"responses\":{");
	write_answer(to, route->status, route);
	if (route->answer == ANSWER_MADE)
	{
		buffer_append_char(to, ',');
		write_answer(to, 200, route);
	}
	if (route->answer == ANSWER_DOWNLOAD)
	{
		buffer_append_char(to, ',');
		write_answer(to, 206, route);
	}
	if (route->cache != CACHE_NEVER)
	{
		buffer_append_char(to, ',');
		write_answer(to, 304, route);
	}
	if (route->answer == ANSWER_LOCAL && route->shape)
	{
		buffer_append_char(to, ',');
		write_answer(to, 503, route);
	}
	buffer_append_string(to, ",\"default\":{\"$ref\":\"#/components/responses/problem\"}}");
}

/* The first word behind the prefix: "auth", "conversations"; "server" for all else. */
static void
write_tag(Buffer *to, const Route *route)
{
	const char *at = route->path;

	if (!string_starts_with(at, PREFIX))
	{
		buffer_append_string(to, "server");
		return;
	}
	at += strlen(PREFIX);
	buffer_printf(to, "%.*s", (int) strcspn(at, "/."), at);
}

static void
write_operation(Buffer *to, const Route *route)
{
	const char *name = method_name(route->method);

	buffer_append_char(to, '"');
	for (; *name; name++)
		buffer_append_char(to, *name | 0x20);
	buffer_printf(to, "\":{\"operationId\":\"%s\",\"summary\":\"%s\",\"tags\":[\"",
				  route->statement.name, route->what);
	write_tag(to, route);
	buffer_printf(to, "\"],\"x-rate-class\":\"%s\",\"security\":%s", quota_class_name(route->rate),
				  route->login ? "[{\"bearer\":[]},{\"cookie\":[]}]" : "[]");
	write_parameters(to, route);
	write_body(to, route);
	write_answers(to, route);
	buffer_append_char(to, '}');
}

static bool
is_first_of_path(const Route *route)
{
	const Route *other;
	size_t number = 0;

	while ((other = route_at(number++)) != route)
		if (strcmp(other->path, route->path) == 0)
			return false;
	return true;
}

static void
write_path(Buffer *to, const Route *first)
{
	const Route *route;
	const char *separator = "";

	buffer_printf(to, "\"%s\":{", first->path);
	for (size_t number = 0; (route = route_at(number)); number++)
		if (strcmp(route->path, first->path) == 0)
		{
			buffer_append_string(to, separator);
			write_operation(to, route);
			separator = ",";
		}
	buffer_append_char(to, '}');
}

static void
write_components(Buffer *to)
{
	buffer_append_string(
		to, "\"components\":{\"securitySchemes\":{"
			"\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\"},"
			"\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"" COOKIE_TOKEN "\"}},"
			"\"responses\":{\"problem\":{\"description\":\"Refused, or not possible\","
			"\"content\":{\"application/problem+json\":{\"schema\":");
	shape_write_type(to, "problem");
	buffer_append_string(to, "}}}},\"schemas\":");
	shapes_write(to);
	buffer_append_char(to, '}');
}

void
openapi_write(Buffer *to)
{
	const Route *route;
	const char *separator = "";

	buffer_append_string(to, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"pg_parley\","
							 "\"version\":\"" PARLEY_VERSION "\",\"license\":{\"name\":"
							 "\"PostgreSQL License\",\"identifier\":\"PostgreSQL\"}},"
							 "\"servers\":[{\"url\":\"/\"}],\"paths\":{");
	for (size_t number = 0; (route = route_at(number)); number++)
		if (is_first_of_path(route))
		{
			buffer_append_string(to, separator);
			write_path(to, route);
			separator = ",";
		}
	buffer_append_string(to, "},");
	write_components(to);
	buffer_append_char(to, '}');
}
