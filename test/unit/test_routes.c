/*
 * test_routes.c
 *	  Routes: matching of paths and methods, reading of arguments.
 */
#include "arguments.h"
#include "routes.h"

#include "tap.h"

static RouteMatch match;
static Arguments arguments;
static Refusal refusal;

static const char *
found(Method method, const char *path)
{
	route_find(method, path, &match);
	if (!match.route)
		return match.allowed ? "405" : "404";
	return match.route->answer == ANSWER_LOCAL ? match.route->path : match.route->statement.name;
}

static void
test_matching(void)
{
	is_text(found(METHOD_POST, "/api/v1/auth/login"), "login", "a path without parameters");
	is_text(found(METHOD_GET, "/api/v1/conversations/7"), "conversation", "one with an id");
	is_text(found(METHOD_GET, "/api/v1/conversations/stats"), "stats", "a word is no id");
	is_text(found(METHOD_GET, "/api/v1/conversations/x"), "404", "letters are no id");
	is_text(found(METHOD_GET, "/api/v1/conversations/9223372036854775808"), "404",
			"what is too large is none either");
	is_text(found(METHOD_HEAD, "/livez"), "/livez", "HEAD is GET");
	is_text(found(METHOD_PUT, "/api/v1/conversations/7/messages"), "405", "the wrong method");
	is_number(match.allowed, METHOD_GET | METHOD_HEAD | METHOD_POST, "and the right ones");
	is_text(found(METHOD_GET, "/api/v1/conversations/7/"), "404", "a slash too many");
	is_text(found(METHOD_GET, "/api/v1/conversations//messages"), "404", "an empty segment");
	is_text(found(METHOD_GET, ""), "404", "an empty path");
	is_text(found(METHOD_POST, "/api/v1/conversations/direct/bob"), "direct", "a name");
	ok(match.lengths[0] == 3 && memcmp(match.values[0], "bob", 3) == 0, "which is told");
}

static bool
reads(const char *query, const char *body)
{
	static Head head;
	ArgumentInput input = {query, body, strlen(body), &head};

	return arguments_read(&match, &input, &arguments, &refusal);
}

static const struct
{
	const char *body;
	ProblemId problem;
	const char *name;
} bad_bodies[] = {
	{"", PROBLEM_MISSING_FIELD, "no body"},
	{"{}", PROBLEM_MISSING_FIELD, "no field"},
	{"{\"content\":null}", PROBLEM_MISSING_FIELD, "null"},
	{"{\"content\":1}", PROBLEM_WRONG_TYPE, "a number for text"},
	{"{\"content\":\"a\",\"reply_to\":\"1\"}", PROBLEM_WRONG_TYPE, "text for a number"},
	{"{\"content\":\"a\",\"reply_to\":1.0}", PROBLEM_WRONG_TYPE, "a fraction"},
	{"{\"content\":\"a\",\"client_id\":\"x\"}", PROBLEM_WRONG_TYPE, "a UUID that is none"},
	{"{\"content\":\"a\",\"content\":\"b\"}", PROBLEM_INVALID_JSON, "a name twice"},
	{"{\"content\":\"\\u0000\"}", PROBLEM_INVALID_JSON, "a NUL"},
	{"{\"content\":\"\xff\"}", PROBLEM_INVALID_UTF8, "bytes that are no UTF-8"},
	{"[]", PROBLEM_WRONG_TYPE, "an array"},
	{"{", PROBLEM_INVALID_JSON, "half an object"},
	{"{} {}", PROBLEM_INVALID_JSON, "two objects"},
};

static void
test_bodies(void)
{
	found(METHOD_POST, "/api/v1/conversations/7/messages");
	for (size_t i = 0; i < lengthof(bad_bodies); i++)
	{
		ok(!reads("", bad_bodies[i].body) && refusal.id == bad_bodies[i].problem,
		   bad_bodies[i].name);
		arguments_free(&arguments);
	}
	ok(reads("", "{\"content\":\"a\\\"b\",\"reply_to\":3,\"other\":[]}"), "a good body");
	is_text(arguments.params[0].value, "7", "the id of the path");
	is_text(arguments.params[1].value, "a\"b", "the text");
	ok(!arguments.params[2].value, "what is not there is NULL");
	is_text(arguments.params[3].value, "3", "the number");
	arguments_free(&arguments);
}

static void
test_arrays(void)
{
	found(METHOD_POST, "/api/v1/conversations");
	ok(reads("", "{\"name\":\"g\",\"usernames\":[\"a\",\"b,c\"]}"), "an array");
	is_text(arguments.params[1].value, "{\"a\",\"b,c\"}", "as PostgreSQL writes it");
	arguments_free(&arguments);
	ok(!reads("", "{\"name\":\"g\",\"usernames\":[1]}") && refusal.id == PROBLEM_WRONG_TYPE,
	   "of strings only");
	arguments_free(&arguments);
}

static void
test_clearable(void)
{
	found(METHOD_PATCH, "/api/v1/auth/me");
	ok(reads("", "{\"bio\":null,\"avatar_url\":\"/a.png\"}"), "a text to change");
	ok(!arguments.params[0].value, "absent: it stays");
	is_text(arguments.params[1].value, "", "null: it goes");
	is_text(arguments.params[2].value, "/a.png", "else it is set");
	arguments_free(&arguments);
	ok(!reads("", "{\"bio\":false}") && refusal.id == PROBLEM_WRONG_TYPE, "to text only");
	arguments_free(&arguments);
}

static void
test_booleans(void)
{
	found(METHOD_PATCH, "/api/v1/conversations/7");
	ok(reads("", "{\"is_public\":false}"), "a boolean");
	is_text(arguments.params[2].value, "false", "as PostgreSQL writes it");
	arguments_free(&arguments);
	ok(!reads("", "{\"is_public\":\"true\"}") && refusal.id == PROBLEM_WRONG_TYPE,
	   "text for a boolean");
	arguments_free(&arguments);
	found(METHOD_GET, "/api/v1/reports");
	ok(reads("also_closed=true\0", ""), "one in a query");
	is_text(arguments.params[0].value, "true", "is the same");
	arguments_free(&arguments);
	ok(!reads("also_closed=1\0", "") && refusal.id == PROBLEM_WRONG_TYPE, "a number for one");
	arguments_free(&arguments);
}

static void
test_objects(void)
{
	found(METHOD_POST, "/api/v1/sync");
	ok(reads("", "{\"cursors\":{\"7\": {\"seq\": 1, \"ver\": 2}}}"), "an object");
	is_text(arguments.params[0].value, "{\"7\":{\"seq\":1,\"ver\":2}}", "as it is");
	arguments_free(&arguments);
	ok(!reads("", "{\"cursors\":\"{}\"}") && refusal.id == PROBLEM_WRONG_TYPE,
	   "text for an object");
	arguments_free(&arguments);
}

static void
test_queries(void)
{
	found(METHOD_GET, "/api/v1/conversations/7/messages");
	ok(reads("before=9\0limit=5\0before=1\0", ""), "a query");
	is_text(arguments.params[1].value, "9", "the first of a name counts");
	is_text(arguments.params[4].value, "5", "and every name");
	arguments_free(&arguments);
	ok(!reads("limit=x\0", "") && refusal.id == PROBLEM_WRONG_TYPE, "letters for a number");
	arguments_free(&arguments);
	found(METHOD_GET, "/api/v1/users");
	ok(!reads("", "") && refusal.id == PROBLEM_MISSING_FIELD, "what is required is missed");
	arguments_free(&arguments);
	ok(!reads("search=\xff\0", "") && refusal.id == PROBLEM_INVALID_UTF8, "it must be UTF-8");
	arguments_free(&arguments);
}

int
main(void)
{
	test_matching();
	test_bodies();
	test_arrays();
	test_clearable();
	test_booleans();
	test_objects();
	test_queries();
	return done_testing();
}
