/*
 * presence.h
 *	  Who is online: what this process knows goes to the database, and what changes by
 *	  it to the clients, here and at the other processes.
 *
 * An account is online while any connection of it lives at any process.  The database
 * decides which process sees the first one come and the last one go
 * (extension/presence.c); that one tells all the others.  A process has a lease that it
 * renews; the accounts of one whose lease runs out are offline from then on, and the
 * first process to notice tells so.
 */
#ifndef PARLEY_PRESENCE_H
#define PARLEY_PRESENCE_H

#include "exchange.h"
#include "hub.h"
#include "loop.h"
#include "pgpool.h"
#include "timerwheel.h"

typedef struct Presence Presence;

/* May change at run time. */
typedef struct PresenceRules
{
	int64_t grace_ms;	 /* who comes back within it was not away */
	int64_t lease_s;	 /* how long this process counts as alive without a word */
	int64_t members_max; /* of larger groups only the number online is told */
} PresenceRules;

typedef struct PresenceOptions
{
	Loop *loop;
	TimerWheel *wheel;
	PgPool *pool;
	PresenceRules rules;
} PresenceOptions;

Presence *presence_create(const PresenceOptions *options) MUST_CHECK;

/* The lease with the next word to the database. */
void presence_set_rules(Presence *presence, const PresenceRules *rules);

/* Begins to tell.  The hub's handlers may call presence_online before. */
void presence_start(Presence *presence, Hub *hub, Exchange *exchange);

/* The first connection of an account at this process, and the end of the last one. */
void presence_online(Presence *presence, int64_t account_id);
void presence_offline(Presence *presence, int64_t account_id);

/* A connected account did something. */
void presence_active(Presence *presence, int64_t account_id);

/* What another process tells: BULLETIN_STATUS or BULLETIN_COUNT. */
void presence_take(Presence *presence, const BulletinItem *item);

/* For so long nothing of it came: looks what changed. */
void presence_catch_up(Presence *presence, int64_t seconds);

/* Nothing is told any more.  Before the pool goes. */
void presence_stop(Presence *presence);
void presence_free(Presence *presence);

#endif /* PARLEY_PRESENCE_H */
