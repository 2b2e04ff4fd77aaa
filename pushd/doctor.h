/*
 * doctor.h
 *	  `parley-pushd doctor`: what is wrong with this machine, the server and the database
 *	  for a daemon with these settings, and what to paste against it.
 *
 * Blocks; for a process that does nothing else.  Changes nothing: the slot that it makes
 * to try the feed is temporary.
 */
#ifndef PARLEY_DOCTOR_H
#define PARLEY_DOCTOR_H

#include <stdbool.h>

#include "config.h"

/* Writes a line for each finding to stdout.  True when nothing fails. */
bool doctor_run(const Config *config) MUST_CHECK;

#endif /* PARLEY_DOCTOR_H */
