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
#include "quota.h"
#include "util.h"

#define ROUTE_PARAMS_MAX 9 /* with the end */
#define ROUTE_SEGMENTS_MAX 8
#define ROUTE_COOKIE_MODE "cookie" /* asks for cookies instead of tokens in the body */

typedef enum ParamFrom
{
	FROM_PATH,
	FROM_QUERY,
	FROM_BODY,	 /* a member of the JSON object */
	FROM_HEAD,	 /* a field of the head */
	FROM_AGENT,	 /* the same, cut to a sane length, and nothing when it is not text */
	FROM_COOKIE, /* stands in for the parameter before it: one of the two has to be there */
	FROM_FILE	 /* the body as it is, which is not read here: see transfer.h */
} ParamFrom;

typedef enum ParamType
{
	TYPE_TEXT,
	TYPE_CLEARABLE, /* a text to change: null is the empty one, absent is NULL */
	TYPE_INT64,
	TYPE_NUMBER, /* perhaps with a fraction */
	TYPE_BOOL,
	TYPE_UUID,
	TYPE_TIME,	 /* RFC 3339; PostgreSQL reads it */
	TYPE_TEXTS,	 /* an array of strings */
	TYPE_INT64S, /* an array of integers */
	TYPE_JSON	 /* an object, as it is */
} ParamType;

typedef struct RouteParam
{
	const char *name; /* NULL: behind the last */
	ParamFrom from;
	ParamType type;
	bool required;		/* otherwise it may be absent */
	const char *preset; /* what it is then; NULL: NULL */
	int64_t max;		/* of an integer, which is at least 1 then; 0: any */
} RouteParam;

/* Which columns the statement has, in this order. */
typedef enum RouteAnswer
{
	ANSWER_JSON,	 /* the body */
	ANSWER_MADE,	 /* the body, then a boolean: it was there already, so status 200 */
	ANSWER_LIST,	 /* the body, then "name=value" that asks for the next page, or NULL */
	ANSWER_GRANT,	 /* error code or NULL, retry_after_s, the body (NULL: none); then perhaps
					  * for cookies access token, its seconds, refresh token */
	ANSWER_EMPTY,	 /* does not matter: there is no body */
	ANSWER_LOGOUT,	 /* likewise, and cookies are taken away */
	ANSWER_UPLOAD,	 /* as ANSWER_JSON, but the body of the request goes by transfer.h */
	ANSWER_DOWNLOAD, /* name, media type, size, SHA-256: transfer.h fetches the bytes */
	ANSWER_DOCUMENT, /* no statement: the description of this very table */
	ANSWER_LOCAL	 /* no statement: `local` makes it */
} RouteAnswer;

/* What a client may keep. */
typedef enum RouteCache
{
	CACHE_NEVER,
	CACHE_CHECK, /* for itself, if it asks each time whether that is still so (ETag) */
	CACHE_PUBLIC /* the same for everybody */
} RouteCache;

typedef struct Route
{
	Method method;
	const char *path; /* "/api/v1/conversations/{id}" */
	bool login;		  /* needs an access token */
	RateClass rate;
	RouteCache cache;
	int status; /* of success */
	RouteAnswer answer;
	const char *shape; /* of the answer (shapes.h): "user", "[user]"; NULL: not JSON */
	const char *what;  /* one line for people */
	PgStatement statement;
	RouteParam params[ROUTE_PARAMS_MAX]; /* as many as statement.nparams */
	void (*local)(const RouteServices *services, RouteLocal *answer);
} Route;

/* The rows of the table from 0 on; NULL behind the last. */
const Route *route_at(size_t number);

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

/* Whether the first column of its statement is what it answers. */
bool route_answers_json(const Route *route);

/* What WebSockets may call by the name of its statement; NULL: there is none. */
const Route *route_by_name(const char *name);

/* Whether any parameter comes from the body. */
bool route_has_body(const Route *route);

/* What the n-th {…} of the path stands for, from 0; NULL behind the last. */
const RouteParam *route_path_param(const Route *route, int number);

#endif /* PARLEY_ROUTES_H */
