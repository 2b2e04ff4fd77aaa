/*
 * spoken.h
 *	  frames.c without the daemon behind it: what it would have done is counted.
 */
#ifndef PARLEY_FUZZ_SPOKEN_H
#define PARLEY_FUZZ_SPOKEN_H

#include <stddef.h>
#include <stdint.h>

/* How often the frame was answered with an error or handed on, on a socket with this scope. */
int spoken_receive(const char *text, size_t length, int64_t scope);

#endif /* PARLEY_FUZZ_SPOKEN_H */
