/*
 * request.h
 *	  One request of HTTP and what is known of it, from its head to the end of its answer.
 */
#ifndef PARLEY_REQUEST_H
#define PARLEY_REQUEST_H

#include "address.h"
#include "admission.h"
#include "assets.h"
#include "head.h"
#include "pgpool.h"
#include "problem.h"
#include "quota.h"
#include "response.h"
#include "routes.h"
#include "util.h"

typedef struct Request Request;
typedef struct Transfer Transfer;

/* The same for all requests. */
typedef struct RequestOptions
{
	RouteServices services;
	const Assets *assets; /* or NULL */
	Admission *admission;
	Quota *quota;
	const char *allowed_origins; /* comma-separated, besides the host itself */
	int64_t hsts_s;				 /* 0: no Strict-Transport-Security */
	bool secure_cookies;		 /* everybody comes by TLS */
	bool draining;				 /* every answer is the last of its connection */
	size_t max_body_bytes;
	size_t max_sync_bytes;
	size_t max_attachment_bytes;
	Span document; /* the description of the API */

	/* A request that was REQUEST_ASKING is not any more. */
	void (*on_progress)(Request *request);
} RequestOptions;

typedef enum RequestState
{
	REQUEST_NONE,
	REQUEST_BODY,	  /* wants its whole body */
	REQUEST_PIECES,	  /* wants the next piece of its body */
	REQUEST_ASKING,	  /* the database is working */
	REQUEST_ANSWERED, /* the response is ready to be sent */
	REQUEST_BROKEN	  /* part of the answer is sent, and the rest cannot be had */
} RequestState;

#define REQUEST_NAME_MAX 64

struct Request
{
	RequestOptions *options;
	RequestState state;
	uint64_t id;					 /* for the log */
	int64_t began_us;				 /* 0: there is no head that one can read */
	char name[REQUEST_NAME_MAX + 1]; /* X-Request-Id */
	Address client;
	Buffer head_bytes;
	Head head; /* of those bytes */
	Method method;
	RouteMatch match;
	Buffer path;
	Buffer query;
	Buffer token;	/* of Authorization or of the cookie */
	bool by_cookie; /* which of them */
	bool close;		/* the connection ends with the answer */
	QuotaState quota;
	PgRequest *question;
	Transfer *transfer; /* NULL: no file goes up or down */
	Response response;
};

#endif /* PARLEY_REQUEST_H */
