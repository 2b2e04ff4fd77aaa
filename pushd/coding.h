/*
 * coding.h
 *	  Content codings (RFC 9110, section 8.4.1): gzip and brotli.
 */
#ifndef PARLEY_CODING_H
#define PARLEY_CODING_H

#include "util.h"

/* The better the later. */
typedef enum Coding
{
	CODING_PLAIN,
	CODING_GZIP,
	CODING_BROTLI,
	CODING_COUNT
} Coding;

/* As in Accept-Encoding; NULL for plain. */
const char *coding_name(Coding coding);

/* Whether the list of an Accept-Encoding field names the coding without refusing it. */
bool coding_is_accepted(Coding coding, const char *accept_encoding);

/* The best that the list has. */
Coding coding_choose(const char *accept_encoding);

/*
 * Appends the bytes in that coding to `to`, quickly rather than tightly: the loop waits
 * for it.  False, with `to` as it was, when that does not make them fewer.
 */
bool coding_encode(Coding coding, const uint8_t *bytes, size_t length, Buffer *to) MUST_CHECK;

#endif /* PARLEY_CODING_H */
