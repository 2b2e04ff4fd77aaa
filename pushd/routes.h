/*
 * routes.h
 *	  The REST API: one table of routes (routes.c).  To add an operation, add a row.
 *
 * A row says which method and path, which statement, where its parameters come from
 * and what the answer is made of.  PostgreSQL makes the JSON; it passes through
 * unparsed.
 */
#ifndef PARLEY_ROUTES_H
#define PARLEY_ROUTES_H

#include "head.h"
#include "pgpool.h"
#include "probes.h"
#include "problem.h"
#include "util.h"

#define ROUTE_PARAMS_MAX 9 /* with the end */
#define ROUTE_SEGMENTS_MAX 8

typedef enum ParamFrom
{
	FROM_PATH,
	FROM_QUERY,
	FROM_BODY,	/* a member of the JSON object */
	FROM_CLIENT /* the User-Agent field of the head */
} ParamFrom;

typedef enum ParamType
{
	TYPE_TEXT,
	TYPE_CLEARABLE, /* a text to change: null is the empty one, absent is NULL */
	TYPE_INT64,
	TYPE_BOOL,
	TYPE_UUID,
	TYPE_TEXTS, /* an array of strings */
	TYPE_JSON	/* an object, as it is */
} ParamType;

typedef struct RouteParam
{
	const char *name; /* NULL: behind the last */
	ParamFrom from;
	ParamType type;
	bool required; /* otherwise it may be absent, and is then NULL */
} RouteParam;

/* Which columns the statement has, in this order. */
typedef enum RouteAnswer
{
	ANSWER_JSON,  /* the body; then perhaps a boolean: not a new thing, so status 200 */
	ANSWER_GRANT, /* error code or NULL, retry_after_s, the body (NULL: none) */
	ANSWER_EMPTY, /* does not matter: there is no body */
	ANSWER_LOCAL  /* no statement: `local` makes it */
} RouteAnswer;

typedef struct Route
{
	Method method;
	const char *path; /* "/api/v1/conversations/{id}" */
	bool login;		  /* needs Authorization: Bearer */
	int status;		  /* of success */
	RouteAnswer answer;
	PgStatement statement;
	RouteParam params[ROUTE_PARAMS_MAX]; /* as many as statement.nparams */
	void (*local)(const RouteServices *services, RouteLocal *answer);
} Route;

typedef struct RouteMatch
{
	const Route *route; /* NULL: none */
	unsigned allowed;	/* METHOD_ bits of the path; 0: there is nothing at this path */
	const char *values[ROUTE_SEGMENTS_MAX]; /* of {…}, in the order of the path */
	size_t lengths[ROUTE_SEGMENTS_MAX];
} RouteMatch;

/*
 * `path` is decoded and must outlive the match.  A segment that cannot be what the
 * route wants there (say, letters for an id) does not match.  HEAD finds GET.
 */
void route_find(Method method, const char *path, RouteMatch *match);

/* What WebSockets may call by the name of its statement; NULL: there is none. */
const Route *route_by_name(const char *name);

/* Whether any parameter comes from the body. */
bool route_has_body(const Route *route);

/* What the n-th {…} of the path stands for, from 0; NULL behind the last. */
const RouteParam *route_path_param(const Route *route, int number);

#endif /* PARLEY_ROUTES_H */
