/*
 * exchange.h
 *	  Carries bulletins between the parley-pushd processes of one database, by NOTIFY.
 *
 * NOTIFY makes commits wait for each other, so what is told within one tick goes in one
 * transaction, a later word on the same replaces an earlier one, and a process that is
 * alone tells nothing.  What could not be sent is lost: it is of the moment.
 */
#ifndef PARLEY_EXCHANGE_H
#define PARLEY_EXCHANGE_H

#include "bulletin.h"
#include "listenfeed.h"
#include "loop.h"
#include "pgpool.h"
#include "timerwheel.h"

typedef struct Exchange Exchange;

typedef struct ExchangeHandlers
{
	/* What another process has told; the item is good for the call. */
	void (*on_item)(void *arg, const BulletinItem *item);

	/* For so long what others told may not have come. */
	void (*on_missed)(void *arg, int64_t seconds);
} ExchangeHandlers;

/* `handlers` must outlive it. */
Exchange *exchange_create(TimerWheel *wheel, PgPool *pool, ListenFeed *listen, int64_t tick_ms,
						  const ExchangeHandlers *handlers, void *arg) MUST_CHECK;

void exchange_set_tick(Exchange *exchange, int64_t tick_ms);

/* By which the others know this process; positive, another one at each start. */
int64_t exchange_id(const Exchange *exchange);

/* How many other processes are alive; until the first word on it there may be some. */
void exchange_set_peers(Exchange *exchange, int64_t peers);

/* To all others, with the next tick.  The item is copied. */
void exchange_tell(Exchange *exchange, const BulletinItem *item);

/* Nothing is told and nothing comes any more.  Before pool and feed go. */
void exchange_stop(Exchange *exchange);
void exchange_free(Exchange *exchange);

#endif /* PARLEY_EXCHANGE_H */
