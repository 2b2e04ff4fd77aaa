/*
 * test_problem.c
 *	  Errors: codes, SQLSTATEs, what is told of PostgreSQL's own messages.
 */
#include "problem.h"

#include "tap.h"

static const struct
{
	const char *sqlstate;
	ProblemId id;
} rules[] = {
	{"PC002", PROBLEM_TOKEN_INVALID},	 {"PC045", PROBLEM_CONTENT_TOO_LONG},
	{"22021", PROBLEM_INVALID_ARGUMENT}, {"22P05", PROBLEM_INVALID_ARGUMENT},
	{"23505", PROBLEM_INVALID_ARGUMENT}, {"40001", PROBLEM_CONFLICT_RETRY},
	{"40P01", PROBLEM_CONFLICT_RETRY},	 {"57014", PROBLEM_TIMEOUT},
	{"53300", PROBLEM_UNAVAILABLE},		 {"57P03", PROBLEM_UNAVAILABLE},
	{"08007", PROBLEM_UNAVAILABLE},		 {"XX000", PROBLEM_INTERNAL},
	{"42P01", PROBLEM_INTERNAL},		 {"PC999", PROBLEM_INTERNAL},
};

static void
test_sqlstates(void)
{
	for (size_t i = 0; i < lengthof(rules); i++)
		is_number(problem_of_sqlstate(rules[i].sqlstate), rules[i].id, rules[i].sqlstate);
}

static void
test_codes(void)
{
	bool unique = true;

	for (int id = 0; id < PROBLEM_COUNT; id++)
		unique &= problem_of_code(problem_get((ProblemId) id)->code) == (ProblemId) id;
	ok(unique, "every code is that of one problem");
	is_number(problem_of_code("nonsense"), PROBLEM_INTERNAL, "an unknown code");
}

static void
test_details(void)
{
	is_text(problem_detail(PROBLEM_FORBIDDEN, "PC010", "only owners may"), "only owners may",
			"our own messages are for clients");
	is_text(problem_detail(PROBLEM_INTERNAL, "XX000", "could not read block 7"),
			problem_get(PROBLEM_INTERNAL)->title, "PostgreSQL's are not");
}

static void
test_writing(void)
{
	Buffer text = BUFFER_EMPTY;

	problem_write(&text, PROBLEM_NOT_FOUND, "no \"x\"", "r1");
	is_text(buffer_cstring(&text),
			"{\"type\":\"about:blank\",\"title\":\"There is nothing at this address\","
			"\"status\":404,\"code\":\"not_found\",\"detail\":\"no \\\"x\\\"\","
			"\"instance\":\"request:r1\"}",
			"problem details");
	buffer_reset(&text);
	problem_write_frame(&text, PROBLEM_INTERNAL, NULL, "sorry");
	is_text(buffer_cstring(&text),
			"{\"type\":\"error\",\"id\":null,\"code\":\"internal\",\"message\":\"sorry\"}",
			"an error frame");
	buffer_free(&text);
}

int
main(void)
{
	test_sqlstates();
	test_codes();
	test_details();
	test_writing();
	return done_testing();
}
