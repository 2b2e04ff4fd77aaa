/*
 * pgproblem.c
 *	  Which problem it is for a client when the database does not do what it asked.
 */
#include "pgproblem.h"

#include "log.h"

static LogLevel
level_of(ProblemId id)
{
	if (problem_get(id)->status < 500)
		return LOG_LEVEL_DEBUG;
	return problem_is_passing(id) ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR;
}

ProblemId
pgproblem_of(const PgReply *reply, const char *what, uint64_t log_id)
{
	ProblemId id =
		pgreply_ok(reply) ? PROBLEM_INTERNAL : problem_of_sqlstate(pgreply_sqlstate(reply));

	log_at(level_of(id), log_id, "%s: %s %s", what, pgreply_sqlstate(reply),
		   pgreply_message(reply));
	return id;
}

const char *
pgproblem_detail(const PgReply *reply, ProblemId id)
{
	return problem_detail(id, pgreply_sqlstate(reply), pgreply_message(reply));
}
