/*
 * etag.c
 *	  Entity tags.
 */
#include "etag.h"

#include <stdio.h>
#include <string.h>

#define WEAK "W/"

/* FNV-1a, 64 bits: enough to tell two states of one thing apart. */
void
etag_write(char to[ETAG_SIZE], EtagKind kind, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * UINT64_C(1099511628211);
	snprintf(to, ETAG_SIZE, "%s\"%016llx\"", kind == ETAG_WEAK ? WEAK : "",
			 (unsigned long long) hash);
}

bool
etag_matches(const char *etag, const char *field, size_t length)
{
	if (string_starts_with(etag, WEAK))
		etag += strlen(WEAK);
	return (length == 1 && field[0] == '*') ||
		   (length > 0 && memmem(field, length, etag, strlen(etag)) != NULL);
}
