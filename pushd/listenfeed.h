/*
 * listenfeed.h
 *	  What other sessions of the database say by NOTIFY, on one connection.
 *
 * Notifications are lost while the connection is down; on_state tells when that is, so
 * that the subscriber can ask the tables what it missed.  Any role may NOTIFY any
 * channel: a payload proves nothing about its sender.
 */
#ifndef PARLEY_LISTENFEED_H
#define PARLEY_LISTENFEED_H

#include <stdbool.h>

#include "loop.h"
#include "timerwheel.h"
#include "util.h"

typedef struct ListenFeed ListenFeed;

/* `payload` is valid only during the call; `backend_pid` is the server's word on who sent it. */
typedef void (*ListenNotify)(void *arg, const char *payload, int backend_pid);

/* True: all that is committed from now on arrives.  False: no longer. */
typedef void (*ListenState)(void *arg, bool listening);

/* `conninfo` is copied.  Connects from the first turn of the loop on, and for ever. */
ListenFeed *listenfeed_create(Loop *loop, TimerWheel *wheel, const char *conninfo) MUST_CHECK;

/*
 * Listens to a channel (a name of less than 64 bytes, of any characters), now and after
 * every loss of the connection.  Callbacks come from the loop, never from within this
 * call.  A channel may have several subscribers; on_state may be NULL.
 */
void listenfeed_subscribe(ListenFeed *feed, const char *channel, ListenNotify on_notify,
						  ListenState on_state, void *arg);

/* No callback any more for this channel with this `arg`; also from within one. */
void listenfeed_unsubscribe(ListenFeed *feed, const char *channel, const void *arg);

/* Of the connection that listens; 0 when there is none. */
int listenfeed_backend_pid(const ListenFeed *feed);

/* No callback any more; also from within one.  The memory goes in a turn of the loop. */
void listenfeed_close(ListenFeed *feed);

#endif /* PARLEY_LISTENFEED_H */
