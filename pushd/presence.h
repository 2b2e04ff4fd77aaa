/*
 * presence.h
 *	  Tells the database which accounts are connected to this process: at the first
 *	  connection and after the last one at once, for all of them every 30 s.
 *
 * chat.gateway_presence keeps an account online for 75 s after the last call, so a
 * process that dies takes its accounts offline by itself.
 */
#ifndef PARLEY_PRESENCE_H
#define PARLEY_PRESENCE_H

#include "hub.h"
#include "loop.h"
#include "pgpool.h"
#include "timerwheel.h"

typedef struct Presence Presence;

Presence *presence_create(Loop *loop, TimerWheel *wheel, PgPool *pool) MUST_CHECK;

/* Starts the rounds.  The hub's handlers may call presence_online before. */
void presence_start(Presence *presence, const Hub *hub);

void presence_online(Presence *presence, int64_t account_id);
void presence_offline(Presence *presence, int64_t account_id);

/* Nothing is told any more.  Before the pool goes. */
void presence_stop(Presence *presence);
void presence_free(Presence *presence);

#endif /* PARLEY_PRESENCE_H */
