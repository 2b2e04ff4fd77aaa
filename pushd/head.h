/*
 * head.h
 *	  The head of an HTTP/1.1 request (RFC 9112), read strictly: what could be
 *	  understood in two ways is refused.
 */
#ifndef PARLEY_HEAD_H
#define PARLEY_HEAD_H

#include "problem.h"
#include "util.h"

#define HEAD_BYTES_MAX 8192
#define HEAD_LINES_MAX 64

/* Bits, so that a set of them can be told in Allow. */
typedef enum Method
{
	METHOD_GET = 1,
	METHOD_HEAD = 2,
	METHOD_POST = 4,
	METHOD_PUT = 8,
	METHOD_PATCH = 16,
	METHOD_DELETE = 32,
	METHOD_OPTIONS = 64
} Method;

/* "GET"; NULL when it is not one bit. */
const char *method_name(Method method);

/* "GET, HEAD, POST" for the bits. */
void methods_write(Buffer *to, unsigned methods);

/* A part of the bytes that were read; not terminated. */
typedef struct Span
{
	const char *start;
	size_t length;
} Span;

/* Without regard to case (ASCII). */
bool span_is(Span span, const char *text);

/* Neither control characters nor line ends (RFC 9110, section 5.5). */
bool span_is_field_value(Span span);

typedef struct HeadField
{
	Span name;
	Span value; /* no blanks around it */
} HeadField;

typedef struct Head
{
	Method method;
	Span target;			/* as it came: "/users?search=a%20b" */
	size_t length;			/* of the whole head, with its empty line */
	int64_t content_length; /* -1: none */
	bool needs_host;		/* HTTP/1.1: without a Host the request is not valid */
	bool has_host;
	bool chunked; /* Transfer-Encoding; content_length is -1 then */
	bool keep_alive;
	bool expects_continue;
	bool websocket; /* asks for an upgrade to it; others are ignored */
	size_t count;
	HeadField fields[HEAD_LINES_MAX];
} Head;

typedef enum HeadResult
{
	HEAD_INCOMPLETE,
	HEAD_GOOD,
	HEAD_REFUSED
} HeadResult;

/* Looks at the first bytes of a request; the spans of `head` point into them.
 * HEAD_REFUSED: `problem` says why. */
HeadResult head_parse(const char *bytes, size_t length, Head *head, ProblemId *problem);

/* Takes "name: value" apart; false when it is no field. */
bool head_split_field(Span line, HeadField *field) MUST_CHECK;

/* Whether bytes follow it that belong to the request. */
bool head_has_body(const Head *head);

/* The value of the first such field; {"", 0} when there is none. */
Span head_find(const Head *head, const char *name);

/* The token of "Authorization: Bearer <token>"; length 0 when there is none. */
Span head_bearer(const Head *head);

/*
 * Decodes the target: the path, and "name=value" pairs, each terminated, then an empty
 * one.  False for a path with a %2F, for nothing of ours has such a path.
 */
bool head_decode_target(const Head *head, Buffer *path, Buffer *query) MUST_CHECK;

/* Calls back for each element of a comma-separated list, trimmed. */
void span_split(Span list, void (*take)(void *arg, Span element), void *arg);

#endif /* PARLEY_HEAD_H */
