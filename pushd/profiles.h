/*
 * profiles.h
 *	  Tells a change of profile to those who share a conversation with somebody that is
 *	  not connected to this process: the database knows who they are.
 *
 * What is told late or, when the database is away, not at all is not news that must not
 * be lost: a client reads profiles anew when it comes back.
 */
#ifndef PARLEY_PROFILES_H
#define PARLEY_PROFILES_H

#include "event.h"
#include "hub.h"
#include "loop.h"
#include "pgpool.h"

typedef struct Profiles Profiles;

Profiles *profiles_create(Loop *loop, PgPool *pool, Hub *hub) MUST_CHECK;

/* Takes a reference to the user_updated event; the newest one of an account counts. */
void profiles_changed(Profiles *profiles, int64_t account_id, Event *event);

/* Nothing is told any more.  Before the hub goes. */
void profiles_free(Profiles *profiles);

#endif /* PARLEY_PROFILES_H */
