/*
 * http.h
 *	  HTTP/1.1 connections: requests, answers, static files, and the handshake up to
 *	  the point where a WebSocket takes over the socket.
 *
 * Not left to libwebsockets, though WebSocket is: version 4.1.6 (of Debian 12) hangs
 * up without an answer on a head that it does not like, takes lists of subprotocols
 * of up to 127 bytes only (no `chat.v1, bearer.<jwt>` fits), has no way to take a body
 * whose length is not told, and never comes back from lws_http_action() when a POST
 * comes behind another request in one segment.
 */
#ifndef PARLEY_HTTP_H
#define PARLEY_HTTP_H

#include "admission.h"
#include "dispatch.h"
#include "forwarded.h"
#include "handshake.h"
#include "loop.h"
#include "pgpool.h"
#include "problem.h"
#include "timerwheel.h"
#include "util.h"

typedef struct Http Http;

/* A handshake that has passed all checks; valid only during the call. */
typedef struct HttpUpgrade
{
	int fd; /* goes with it; non-blocking */
	Handshake handshake;
	int64_t scope;	/* a conversation, or 0 */
	Span behind;	/* what came behind the head already */
	Address client; /* the place of this address goes with it, too */
} HttpUpgrade;

/* May change at run time. */
typedef struct HttpDeadlines
{
	int64_t head_ms;   /* of a request, from its first byte on */
	int64_t body_ms;   /* for a body, or for each piece of one */
	int64_t answer_ms; /* for the client to take any more of it */
	int64_t idle_ms;   /* between two requests */
} HttpDeadlines;

typedef struct HttpOptions
{
	Loop *loop;
	TimerWheel *wheel;
	RequestOptions request;		/* but on_progress and draining, which are Http's own */
	const AddressList *trusted; /* proxies */
	ForwardedForm forwarded;	/* FORWARDED_PROXY_PROTOCOL is not the business of HTTP */
	bool redirects;				/* every request, to https_port */
	int https_port;
	HttpDeadlines deadlines;
	HandshakeRules handshake;
	void (*on_upgrade)(void *arg, const HttpUpgrade *upgrade);
	void *arg;
} HttpOptions;

Http *http_create(const HttpOptions *options) MUST_CHECK;

/* For requests from now on: limits, origins, cookies and HSTS.  The strings are kept. */
void http_configure(Http *http, const RequestOptions *request, const HandshakeRules *handshake,
					const HttpDeadlines *deadlines);

/* Drops all connections; the memory of each goes when libuv has closed its handle. */
void http_free(Http *http);

/* Takes over a socket and its place (admission.h); when there is no room for it, its client is
 * told so. */
void http_accept(Http *http, int fd, const Address *client, bool has_room);

size_t http_connections(const Http *http);

/* No further request on any connection: closes those that are idle, and the others
 * after their answer. */
void http_drain(Http *http);

#endif /* PARLEY_HTTP_H */
