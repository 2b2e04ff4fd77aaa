/*
 * outlet.h
 *	  What goes out to one client: at once, later as the socket takes it, or, while all
 *	  outlets are corked, joined with what else one commit has for the client.
 *
 * The socket is behind a SessionTransport, so this file knows no libwebsockets.
 */
#ifndef PARLEY_OUTLET_H
#define PARLEY_OUTLET_H

#include "event.h"
#include "outbox.h"
#include "util.h"

/* What a session needs of its socket; `socket` is what session_open() was given. */
typedef struct SessionTransport
{
	/* Sends a frame; the socket keeps (copies) what it cannot send. False: broken. */
	bool (*write)(void *socket, Event *frame);

	/* Whether the socket still holds something unsent. */
	bool (*is_choked)(void *socket);

	/* Asks for a call of session_writable(). */
	void (*want_writable)(void *socket);

	/* Sends a ping; false: broken.  Only when it is not choked. */
	bool (*ping)(void *socket);

	/* Off: frames of the client are left in the kernel. */
	void (*set_reading)(void *socket, bool on);

	/* Drops the connection without a close frame, from a later turn of the loop. */
	void (*abort)(void *socket);
} SessionTransport;

/* All outlets of a process. */
typedef struct Outlets
{
	bool corked;
	ListNode waiting; /* Outlet.corked */
	Event *joint;	  /* scratch */
} Outlets;

typedef struct Outlet
{
	Outlets *all;
	const SessionTransport *transport;
	void *socket; /* NULL: gone */
	Outbox outbox;
	ListNode corked; /* has something that waits for outlets_uncork() */
} Outlet;

void outlets_init(Outlets *all);
void outlets_release(Outlets *all);

/* Between the two, events are kept until the end. */
void outlets_cork(Outlets *all);
void outlets_uncork(Outlets *all);

void outlet_init(Outlet *outlet, Outlets *all, const SessionTransport *transport, void *socket);

/* The socket is gone, and so is what waited. */
void outlet_close(Outlet *outlet);

/* These are false when more than `max_bytes` would wait and the event must not be left out:
 * the client is too slow. */

/* Writes the event, or keeps it behind what waits already. */
bool outlet_send(Outlet *outlet, Event *event, size_t max_bytes) MUST_CHECK;

/* Keeps it in any case, to be joined in larger frames; what is alone may be of any length. */
bool outlet_queue(Outlet *outlet, Event *event, size_t max_bytes) MUST_CHECK;

/* Writes what waits, as far as the socket takes it; whether that was anything. */
bool outlet_drain(Outlet *outlet);

/* Whether nothing waits, here or in the socket. */
bool outlet_is_clear(const Outlet *outlet);

/* Unless the socket holds something unsent, behind which a ping had to wait. */
void outlet_ping(Outlet *outlet);

/* The end, without a close frame. */
void outlet_abort(Outlet *outlet);

#endif /* PARLEY_OUTLET_H */
