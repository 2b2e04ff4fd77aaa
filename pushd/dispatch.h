/*
 * dispatch.h
 *	  The way of a request to its answer: by a route to the database, or to a file of the
 *	  web UI, or to a problem.
 *
 * Whoever has the connection looks at `state` after each of these calls, and when
 * on_progress is called.
 */
#ifndef PARLEY_DISPATCH_H
#define PARLEY_DISPATCH_H

#include "request.h"

/* Takes over what the head says; the request must have been forgotten before. */
void dispatch_begin(Request *request, RequestOptions *options, const char *bytes, const Head *head,
					uint64_t id, const Address *client);

/* Finds out what is asked for. */
void dispatch_route(Request *request);

/* How many bytes the body may have. */
size_t dispatch_body_limit(const Request *request);

/* The body that REQUEST_BODY asked for. */
void dispatch_run(Request *request, const char *body, size_t length);

/* Cancels what is under way, wipes and frees all. */
void dispatch_forget(Request *request);

#endif /* PARLEY_DISPATCH_H */
