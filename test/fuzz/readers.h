/*
 * readers.h
 *	  What reads bytes of strangers, each as a function of one input, with seeds.
 */
#ifndef PARLEY_FUZZ_READERS_H
#define PARLEY_FUZZ_READERS_H

#include <stddef.h>
#include <stdint.h>

#define SEEDS_MAX 16

typedef struct Seed
{
	const char *bytes; /* may hold NULs */
	size_t length;	   /* 0: behind the last */
} Seed;

/*
 * `read` gets a copy of the input that ends where it ends, so that the sanitizer sees
 * every byte read behind it, and a number to choose by.  It aborts when what it read
 * contradicts itself.
 */
typedef struct Reader
{
	const char *name;
	void (*read)(const uint8_t *bytes, size_t length, uint64_t choice);
	Seed seeds[SEEDS_MAX];
} Reader;

/* From 0 on; NULL behind the last. */
const Reader *reader_at(size_t number);

#endif /* PARLEY_FUZZ_READERS_H */
