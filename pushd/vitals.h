/*
 * vitals.h
 *	  How the process itself is: memory, files, processor time, and how long the turns of
 *	  its loop take (a turn that takes long holds everybody up).
 */
#ifndef PARLEY_VITALS_H
#define PARLEY_VITALS_H

#include "loop.h"

typedef struct Vitals Vitals;

/* Measures every turn from now on. */
Vitals *vitals_create(Loop *loop) MUST_CHECK;

/* The memory goes when libuv has closed the handles. */
void vitals_close(Vitals *vitals);

/* Brings the gauges up to date. */
void vitals_collect(void);

#endif /* PARLEY_VITALS_H */
