/*
 * listener.h
 *	  The listening socket, and the head of the first request on every connection.
 *
 * libwebsockets 4.1 drops a connection without a word when it does not like the head
 * of a request, and takes subprotocol lists of up to 127 bytes only, which no
 * `chat.v1, bearer.<jwt>` fits.  So connections are kept here until their first head
 * is complete; what is wrong with it is answered with a problem, and a head that
 * passes is handed on in a form that libwebsockets takes: of the subprotocols only
 * `chat.v1` is left, a bearer token among them becomes an Authorization header, and
 * an Upgrade to anything but websocket is left out.
 *
 * A head is only looked at (MSG_PEEK), so that libwebsockets reads it itself, unless
 * it has to be rewritten: what is handed to it with a connection, it takes for body
 * a second time (lws_http_action() in 4.1.6), so that is done for requests without a
 * body only.
 */
#ifndef PARLEY_LISTENER_H
#define PARLEY_LISTENER_H

#include "loop.h"
#include "problem.h"
#include "timerwheel.h"
#include "util.h"

typedef struct Listener Listener;

typedef struct ListenerHandlers
{
	/* Whether one more connection may come in. */
	bool (*has_room)(void *arg);

	/* Takes over the (non-blocking) socket.  `head`: what to use in place of the head,
	 * which has been read then; empty: all is still to be read.  Valid only during the
	 * call. */
	void (*on_connection)(void *arg, int fd, const Buffer *head);
} ListenerHandlers;

typedef struct ListenerOptions
{
	const char *address; /* host name or address */
	int64_t port;		 /* 0: any free one */
	bool share_port;	 /* SO_REUSEPORT: other processes may listen there too */
} ListenerOptions;

/* NULL, with one line in `why`, when the address cannot be had. */
Listener *listener_open(Loop *loop, TimerWheel *wheel, const ListenerOptions *options,
						const ListenerHandlers *handlers, void *arg, Buffer *why) MUST_CHECK;

int listener_port(const Listener *listener);

/* Connections that have not been handed on yet. */
size_t listener_pending(const Listener *listener);

/* Stops listening and drops what is pending; memory goes when libuv has closed all. */
void listener_close(Listener *listener);

/* ---- heads of requests (in the header for the unit test) ---------------- */

#define HEAD_BYTES_MAX 8192
#define HEAD_LINES_MAX 64
#define HEAD_ARGUMENTS_MAX 24 /* `&` in the query */

typedef enum HeadResult
{
	HEAD_INCOMPLETE,
	HEAD_GOOD,		/* as it is */
	HEAD_REWRITTEN, /* `text` is what to hand on in its place */
	HEAD_REFUSED	/* `problem` says why */
} HeadResult;

typedef struct HeadVerdict
{
	HeadResult result;
	ProblemId problem;
	size_t length; /* of the head as it came in, with the empty line */
	Buffer text;
} HeadVerdict;

/* Looks at the first bytes of a request.  The caller frees verdict->text. */
void head_check(const char *bytes, size_t length, HeadVerdict *verdict);

#endif /* PARLEY_LISTENER_H */
