/*
 * http.h
 *	  One HTTP request from its head to the last byte of its answer, on libwebsockets.
 *
 * The functions named http_on_… are what server.c calls from libwebsockets'
 * callback; they return what the callback is to return (non-zero: close).  Every answer
 * is written from HTTP_WRITEABLE, whether it was known at once or came from the
 * database.
 */
#ifndef PARLEY_HTTP_H
#define PARLEY_HTTP_H

#include "assets.h"
#include "pgpool.h"
#include "problem.h"
#include "routes.h"
#include "util.h"

struct lws;

typedef struct Http Http;

typedef struct HttpOptions
{
	RouteServices services;
	const Assets *assets; /* or NULL */
	size_t max_body_bytes;
} HttpOptions;

Http *http_create(const HttpOptions *options) MUST_CHECK;
void http_free(Http *http);

int http_on_request(Http *http, struct lws *wsi, const char *path);
int http_on_body(struct lws *wsi, const void *bytes, size_t length);
int http_on_body_complete(struct lws *wsi);
int http_on_writable(struct lws *wsi);

/* The connection is gone. */
void http_on_gone(struct lws *wsi);

/*
 * Answers a request that never became one (an upgrade that is refused).  What
 * LWS_CALLBACK_HTTP_CONFIRM_UPGRADE is to return.
 */
int http_refuse_upgrade(struct lws *wsi, ProblemId problem);

/* Copies a header (an lws token); "" when there is none.  The text is in `to`. */
const char *http_header(struct lws *wsi, int token, Buffer *to);

/* The token of "Bearer <token>", NULL when the header is anything else. */
const char *http_bearer(const char *authorization);

#endif /* PARLEY_HTTP_H */
