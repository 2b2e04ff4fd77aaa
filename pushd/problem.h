/*
 * problem.h
 *	  Every error that a client can see: its stable code, HTTP status and title,
 *	  and which SQLSTATE becomes which.
 *
 * Errors of the database are the table of wire.h; those of pushd are the table
 * below.  REST answers them as problem details (RFC 9457), WebSocket as `error`
 * frames; both carry the same code.
 */
#ifndef PARLEY_PROBLEM_H
#define PARLEY_PROBLEM_H

#include "util.h"
#include "wire.h"

/* X(symbol, HTTP status, code, title) */
#define PUSHD_PROBLEMS(X) \
	X(BAD_REQUEST, 400, "bad_request", "The request is not valid HTTP") \
	X(INVALID_JSON, 400, "invalid_json", "The text is not valid JSON") \
	X(INVALID_UTF8, 400, "invalid_utf8", "The text is not valid UTF-8") \
	X(INVALID_FRAME, 400, "invalid_frame", "A frame must be one JSON object with a type") \
	X(UNKNOWN_TYPE, 400, "unknown_type", "No frame of this type is known") \
	X(BINARY_NOT_SUPPORTED, 400, "binary_not_supported", "Binary frames are not supported") \
	X(ORIGIN_FORBIDDEN, 403, "origin_forbidden", "The origin is not allowed") \
	X(URL_TOKEN_FORBIDDEN, 403, "url_token_forbidden", "Tokens in addresses are not taken here") \
	X(NOT_FOUND, 404, "not_found", "There is nothing at this address") \
	X(UNKNOWN_METHOD, 404, "unknown_method", "No method of this name is known") \
	X(METHOD_NOT_ALLOWED, 405, "method_not_allowed", "The method is not allowed here") \
	X(REQUEST_TIMEOUT, 408, "request_timeout", "The request took too long to arrive") \
	X(PAYLOAD_TOO_LARGE, 413, "payload_too_large", "The body is too large") \
	X(FRAME_TOO_LARGE, 413, "frame_too_large", "The frame is too large") \
	X(RANGE_NOT_SATISFIABLE, 416, "range_not_satisfiable", "The file has no such part") \
	X(UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type", "The body must be application/json") \
	X(MISSING_FIELD, 422, "missing_field", "A required field is missing") \
	X(WRONG_TYPE, 422, "wrong_type", "A field has the wrong type") \
	X(UPGRADE_REQUIRED, 426, "upgrade_required", "This address speaks WebSocket only") \
	X(HEADERS_TOO_LARGE, 431, "headers_too_large", "The request headers are too large") \
	X(INTERNAL, 500, "internal", "Something went wrong on the server") \
	X(UNAVAILABLE, 503, "unavailable", "The service is not available at the moment") \
	X(CONFLICT_RETRY, 503, "conflict_retry", "Another transaction was in the way; try again") \
	X(TIMEOUT, 503, "timeout", "The statement took too long") \
	X(TOO_MANY_CONNECTIONS, 503, "too_many_connections", "Too many connections")

typedef enum ProblemId
{
#define PROBLEM_ENUM_SQL(symbol, sqlstate, status, code, title) PROBLEM_##symbol,
	PARLEY_ERRORS(PROBLEM_ENUM_SQL)
#undef PROBLEM_ENUM_SQL
#define PROBLEM_ENUM(symbol, status, code, title) PROBLEM_##symbol,
	PUSHD_PROBLEMS(PROBLEM_ENUM)
#undef PROBLEM_ENUM
		PROBLEM_COUNT
} ProblemId;

#define PROBLEM_NONE PROBLEM_COUNT /* nothing is wrong */

typedef struct Problem
{
	int status;
	const char *code;
	const char *title;
} Problem;

const Problem *problem_get(ProblemId id);

/* By the code in an `error` column; INTERNAL for a code that nobody knows. */
ProblemId problem_of_code(const char *code);

/*
 * By SQLSTATE: ours exactly; bad values (classes 22 and 23) are INVALID_ARGUMENT;
 * what may work later is CONFLICT_RETRY, TIMEOUT or UNAVAILABLE; all else INTERNAL.
 */
ProblemId problem_of_sqlstate(const char *sqlstate);

/* Whether a client may try the same again a little later (HTTP: Retry-After). */
bool problem_is_passing(ProblemId id);

/*
 * What to tell the client of an error of the server: its message where the SQLSTATE
 * is ours (written for clients), else the title, for PostgreSQL's texts may tell
 * of the inside.
 */
const char *problem_detail(ProblemId id, const char *sqlstate, const char *message);

/*
 * {"type":"about:blank","title":…,"status":…,"code":…,"detail":…,"instance":…}; the instance
 * is a name for this very event, "request:" and the id of the request.
 */
void problem_write(Buffer *to, ProblemId id, const char *detail, const char *request_name);

/* {"type":"error","id":…,"code":…,"message":…}; `id` NULL becomes null. */
void problem_write_frame(Buffer *to, ProblemId id, const char *request_id, const char *message);

#endif /* PARLEY_PROBLEM_H */
