/*
 * answer.h
 *	  Answers to requests: their fields, problems, conditions (ETag), codings, cookies.
 *
 * Each function makes the response complete: the request is REQUEST_ANSWERED then.
 */
#ifndef PARLEY_ANSWER_H
#define PARLEY_ANSWER_H

#include "request.h"

/*
 * What is in response.content, or nothing.  `fields` are whole lines.  What is kept, coded
 * and compared by ETag is what the route says; without a route, nothing.
 */
void answer_content(Request *request, int status, const char *content_type, const char *fields);

/* NULL as the detail: the title. retry_after_s 0: only what every such problem says. */
void answer_problem(Request *request, ProblemId id, const char *detail, int64_t retry_after_s);

/* The title as the detail, and more fields. */
void answer_problem_with(Request *request, ProblemId id, const char *fields);

/* Whether the client says that it has what the ETag names. */
bool answer_is_known(const Request *request, const char *etag);

/* The same, and the connection ends: there may be no request that one could go on after. */
void answer_last(Request *request, ProblemId id);

void answer_asset(Request *request, const Asset *asset);

/* To OPTIONS, by the methods of the match. */
void answer_options(Request *request);

/* Everything is at the same place, but under TLS at that port. */
void answer_redirect(Request *request, int https_port);

/*
 * For answers that are sent in pieces: a head for `length` bytes, of which those in
 * response.content come first.
 */
void answer_pieces(Request *request, int status, const char *content_type, const char *fields,
				   size_t length);

/* Set-Cookie for the tokens of a grant, and to take both away. */
void answer_write_cookies(Buffer *fields, const Request *request, Span access, int64_t expires_s,
						  Span refresh);
void answer_clear_cookies(Buffer *fields, const Request *request);

#endif /* PARLEY_ANSWER_H */
