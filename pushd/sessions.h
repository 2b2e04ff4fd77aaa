/*
 * sessions.h
 *	  All WebSocket clients of the process: how they come to be, and what is done to them
 *	  all.
 */
#ifndef PARLEY_SESSIONS_H
#define PARLEY_SESSIONS_H

#include "session.h"

typedef struct Sessions Sessions;

Sessions *sessions_create(const SessionsOptions *options) MUST_CHECK;

void sessions_set_limits(Sessions *sessions, const SessionLimits *limits);

/* All sessions must have gone. */
void sessions_free(Sessions *sessions);

/* While the feed does not stream, clients with a token wait for it. */
void sessions_set_feed(Sessions *sessions, bool streaming);

/*
 * Sends everybody elsewhere: tells each client (`reconnect`) after how long to come back,
 * at a time of its own within `over_ms`, and closes it then.  One that comes later, too.
 */
void sessions_drain(Sessions *sessions, int64_t over_ms);

/*
 * Between the two, events are kept until the end, so that all that one commit has for a
 * client goes out as one frame.
 */
void sessions_cork(Sessions *sessions);
void sessions_uncork(Sessions *sessions);

size_t sessions_count(const Sessions *sessions);

/* A new socket, of which the caller owns the reference: see session_open(). */
Session *sessions_open(Sessions *sessions, const SessionTransport *transport, void *socket,
					   int64_t scope) MUST_CHECK;

#endif /* PARLEY_SESSIONS_H */
