/*
 * problem.c
 *	  Every error that a client can see: its stable code, HTTP status and title,
 *	  and which SQLSTATE becomes which.
 */
#include "problem.h"

#include <string.h>

static const Problem problems[PROBLEM_COUNT] = {
#define PROBLEM_ROW_SQL(symbol, sqlstate, status, code, title) {status, code, title},
	PARLEY_ERRORS(PROBLEM_ROW_SQL)
#undef PROBLEM_ROW_SQL
#define PROBLEM_ROW(symbol, status, code, title) {status, code, title},
		PUSHD_PROBLEMS(PROBLEM_ROW)
#undef PROBLEM_ROW
};

/* SQLSTATEs and their first characters; the first row that fits counts. */
static const struct
{
	const char *prefix;
	ProblemId id;
} sqlstates[] = {
#define PROBLEM_SQLSTATE(symbol, sqlstate, status, code, title) {sqlstate, PROBLEM_##symbol},
	PARLEY_ERRORS(PROBLEM_SQLSTATE)
#undef PROBLEM_SQLSTATE
		{"22", PROBLEM_INVALID_ARGUMENT}, /* data exception */
	{"23", PROBLEM_INVALID_ARGUMENT},	  /* integrity constraint violation */
	{"40001", PROBLEM_CONFLICT_RETRY},	  /* serialization_failure */
	{"40P01", PROBLEM_CONFLICT_RETRY},	  /* deadlock_detected */
	{"55P03", PROBLEM_CONVERSATION_BUSY}, /* lock_not_available: see lock-timeout-ms */
	{"57014", PROBLEM_TIMEOUT},			  /* query_canceled */
	{"57P0", PROBLEM_UNAVAILABLE},		  /* shutdown, crash, starting up */
	{"53", PROBLEM_UNAVAILABLE},		  /* insufficient resources */
	{"08", PROBLEM_UNAVAILABLE},		  /* connection exception */
	{"25006", PROBLEM_UNAVAILABLE},		  /* read_only_sql_transaction: a standby */
};

const Problem *
problem_get(ProblemId id)
{
	return &problems[id];
}

ProblemId
problem_of_code(const char *code)
{
	for (int id = 0; id < PROBLEM_COUNT; id++)
		if (strcmp(problems[id].code, code) == 0)
			return (ProblemId) id;
	return PROBLEM_INTERNAL;
}

ProblemId
problem_of_sqlstate(const char *sqlstate)
{
	for (size_t i = 0; i < lengthof(sqlstates); i++)
		if (string_starts_with(sqlstate, sqlstates[i].prefix))
			return sqlstates[i].id;
	return PROBLEM_INTERNAL;
}

bool
problem_is_passing(ProblemId id)
{
	return problems[id].status == 503;
}

const char *
problem_detail(ProblemId id, const char *sqlstate, const char *message)
{
	if (string_starts_with(sqlstate, "PC") && message[0] != '\0')
		return message;
	return problems[id].title;
}

static void
append_member(Buffer *to, const char *name, const char *value)
{
	buffer_printf(to, ",\"%s\":", name);
	buffer_append_json_or_null(to, value);
}

void
problem_write(Buffer *to, ProblemId id, const char *detail, const char *request_name)
{
	const Problem *problem = &problems[id];

	buffer_append_string(to, "{\"type\":\"about:blank\"");
	append_member(to, "title", problem->title);
	buffer_printf(to, ",\"status\":%d", problem->status);
	append_member(to, "code", problem->code);
	append_member(to, "detail", detail);
	buffer_printf(to, ",\"instance\":\"request:%s\"}", request_name);
}

void
problem_write_frame(Buffer *to, ProblemId id, const char *request_id, const char *message)
{
	buffer_append_string(to, "{\"type\":\"error\"");
	append_member(to, "id", request_id);
	append_member(to, "code", problems[id].code);
	append_member(to, "message", message);
	buffer_append_char(to, '}');
}
