/*
 * wake.h
 *	  NOTIFY at every commit that the feed tells of, for gateways that read the tables.
 *
 * Off by default (setting pg_parley.notify): commits that notify are one after the
 * other in the whole server, and a gateway with a replication slot needs none.  The
 * notification has no payload, so that nobody has to trust one.
 */
#ifndef PARLEY_WAKE_H
#define PARLEY_WAKE_H

#include "postgres.h"

extern void WakeInit(void);

/* This transaction changes what the feed tells; cheap, and may be called often. */
extern void WakeGateways(void);

extern bool WakeIsOn(void);

#endif /* PARLEY_WAKE_H */
