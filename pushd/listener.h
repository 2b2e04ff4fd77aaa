/*
 * listener.h
 *	  The listening socket.
 *
 * Our own, because libwebsockets as Debian builds it cannot share a port, and because
 * a connection belongs to http.c until it asks for an upgrade.
 */
#ifndef PARLEY_LISTENER_H
#define PARLEY_LISTENER_H

#include "address.h"
#include "loop.h"
#include "timerwheel.h"
#include "util.h"

typedef struct Listener Listener;

/* Takes over a new, non-blocking socket; `peer` is its other end. */
typedef void (*ListenerAccept)(void *arg, int fd, const Address *peer);

typedef struct ListenerOptions
{
	const char *address; /* host name or address; empty: all */
	int64_t port;		 /* 0: any free one */
	bool reuse_port;	 /* SO_REUSEPORT: other processes of this user may listen there, too */
} ListenerOptions;

/* NULL, with one line in `why`, when the address cannot be had. */
Listener *listener_open(Loop *loop, TimerWheel *wheel, const ListenerOptions *options,
						ListenerAccept accept, void *arg, Buffer *why) MUST_CHECK;

int listener_port(const Listener *listener);

/* The memory goes when libuv has closed the handle. */
void listener_close(Listener *listener);

#endif /* PARLEY_LISTENER_H */
