/*
 * server.h
 *	  Listener, HTTP connections and libwebsockets put together; the latter is a guest
 *	  on the loop that gets a socket when it has become a WebSocket.
 */
#ifndef PARLEY_SERVER_H
#define PARLEY_SERVER_H

#include "entrance.h"
#include "http.h"
#include "listener.h"
#include "loop.h"
#include "timerwheel.h"
#include "tls.h"
#include "util.h"
#include "ws.h"

typedef struct Server Server;

typedef struct ServerOptions
{
	ListenerOptions listen;
	int64_t redirect_port; /* plain HTTP that leads to HTTPS; 0: none */
	HttpOptions http;	   /* on_upgrade and arg are the server's */
	Tls *tls;			   /* NULL: none */
	Ws *ws;
} ServerOptions;

/* Does not listen yet.  NULL, with one line in `why`, when libwebsockets will not. */
Server *server_create(const ServerOptions *options, Buffer *why) MUST_CHECK;

/* False, with one line in `why`, when an address cannot be had. */
bool server_listen(Server *server, Buffer *why) MUST_CHECK;

/* See http_configure(). */
void server_configure(Server *server, const RequestOptions *request,
					  const HandshakeRules *handshake, const HttpDeadlines *deadlines);

/* 0 when not listening. */
int server_port(const Server *server);

/* No new connection and no new request; what is under way is answered. */
void server_drain(Server *server);

/* HTTP and WebSocket connections. */
size_t server_connections(const Server *server);

/* Drops what is left and frees; runs the loop for as long as libuv takes to close it. */
void server_free(Server *server);

#endif /* PARLEY_SERVER_H */
