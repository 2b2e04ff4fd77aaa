/*
 * pgproblem.h
 *	  Which problem it is for a client when the database does not do what it asked.
 */
#ifndef PARLEY_PGPROBLEM_H
#define PARLEY_PGPROBLEM_H

#include "pgpool.h"
#include "problem.h"

/*
 * Of a reply that is not what was wanted.  It is logged as `what`: as an error where nobody
 * else is to blame, as a warning where it passes, for debugging where the client asked for it.
 */
ProblemId pgproblem_of(const PgReply *reply, const char *what, uint64_t log_id);

/* What to tell the client of it: see problem_detail(). */
const char *pgproblem_detail(const PgReply *reply, ProblemId id);

#endif /* PARLEY_PGPROBLEM_H */
