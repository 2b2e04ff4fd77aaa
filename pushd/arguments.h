/*
 * arguments.h
 *	  What a request gives to the statement of its route: read from path, query, body
 *	  and head as the row of the route says, checked, and made into parameters.
 */
#ifndef PARLEY_ARGUMENTS_H
#define PARLEY_ARGUMENTS_H

#include <jansson.h>

#include "pgpool.h"
#include "problem.h"
#include "routes.h"
#include "util.h"

typedef struct ArgumentInput
{
	const char *query; /* "name=value" decoded, each terminated, then an empty one */
	const char *body;
	size_t body_length;
	const Head *head; /* fields and cookies */
} ArgumentInput;

/* The parameters of the statement; their texts live in `texts`. */
typedef struct Arguments
{
	PgParam params[ROUTE_PARAMS_MAX];
	Buffer texts;
} Arguments;

typedef struct Refusal
{
	ProblemId id;
	char detail[128];
} Refusal;

/* False when the request does not fit, and why.  Free the arguments in either case. */
bool arguments_read(const RouteMatch *match, const ArgumentInput *input, Arguments *arguments,
					Refusal *refusal) MUST_CHECK;

/*
 * The same when all parameters, wherever REST has them, are members of one object (NULL:
 * of none).  The conversation of the path is `conversation_id` there; it must be
 * `scope`, or may be left out, unless that is 0.
 */
bool arguments_read_object(const Route *route, const json_t *object, int64_t scope,
						   Arguments *arguments, Refusal *refusal) MUST_CHECK;

/* The texts may hold passwords and tokens: they are wiped. */
void arguments_free(Arguments *arguments);

#endif /* PARLEY_ARGUMENTS_H */
