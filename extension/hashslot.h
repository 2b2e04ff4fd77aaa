/*
 * hashslot.h
 *	  How many passwords may be hashed at once, on the whole server: each hash takes
 *	  a core and megabytes of memory, and strangers can ask for them.
 *
 *	  Settings: pg_parley.max_concurrent_hashes, pg_parley.hash_wait.
 */
#ifndef PARLEY_HASHSLOT_H
#define PARLEY_HASHSLOT_H

#include "postgres.h"

/* Defines the settings; called once, from _PG_init. */
extern void HashSlotInit(void);

/*
 * Waits for one of the slots and returns its number, or raises PARLEY_ERROR_BUSY when
 * pg_parley.hash_wait has passed.  An error before the release frees it too.
 */
extern int HashSlotTake(void);
extern void HashSlotRelease(int slot);

#endif /* PARLEY_HASHSLOT_H */
