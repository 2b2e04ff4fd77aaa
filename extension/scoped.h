/*
 * scoped.h
 *	  Values that last as long as the transaction: they end with it, and a rollback
 *	  to a savepoint takes back what was set after it.  They live in C, where a
 *	  caller can't reach them by SET.
 */
#ifndef PARLEY_SCOPED_H
#define PARLEY_SCOPED_H

#include "postgres.h"

struct ScopedEntry;

/* A static variable of its room; only `size` is stated there. */
typedef struct Scoped
{
	Size size; /* of a value, in bytes */
	struct ScopedEntry *top;
	struct Scoped *next;
} Scoped;

/* Registers it; called from _PG_init. */
extern void ScopedInit(Scoped *scoped);

/* The value that holds now, NULL if there is none. */
extern void *ScopedGet(const Scoped *scoped);

/* Where the value goes that holds from now on; in TopTransactionContext. */
extern void *ScopedSet(Scoped *scoped);

#endif /* PARLEY_SCOPED_H */
