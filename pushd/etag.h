/*
 * etag.h
 *	  Entity tags (RFC 9110, section 8.8.3): which state of a thing a client has.
 */
#ifndef PARLEY_ETAG_H
#define PARLEY_ETAG_H

#include "util.h"

#define ETAG_SIZE 24

typedef enum EtagKind
{
	ETAG_STRONG, /* of these very bytes */
	ETAG_WEAK	 /* of what they mean, in whichever coding they go out */
} EtagKind;

/* With its quotes. */
void etag_write(char to[ETAG_SIZE], EtagKind kind, const void *bytes, size_t length);

/* Whether it is in an If-None-Match field, or that is "*": a weak comparison (section 13.1.2). */
bool etag_matches(const char *etag, const char *field, size_t length);

#endif /* PARLEY_ETAG_H */
