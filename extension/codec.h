/*
 * codec.h
 *	  base64url (RFC 4648, section 5) as JOSE writes it (RFC 7515, section 2):
 *	  without padding, white space or line breaks.
 *
 *	  Pure C11.  Nothing is allocated and nothing is terminated: the caller gives
 *	  a buffer of the size the macros tell for its input.
 */
#ifndef PARLEY_CODEC_H
#define PARLEY_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many characters `size` bytes become. */
#define CODEC_BASE64URL_LENGTH(size) ((size) / 3 * 4 + ((size) % 3 * 4 + 2) / 3)

/* How many bytes `length` characters become, if they are valid. */
#define CODEC_BASE64URL_SIZE(length) ((length) / 4 * 3 + (length) % 4 * 3 / 4)

/* Writes CODEC_BASE64URL_LENGTH(size) characters. */
extern void CodecBase64UrlEncode(char *to, const uint8_t *from, size_t size);

/*
 * Writes CODEC_BASE64URL_SIZE(length) bytes.  False for anything that the
 * encoder would not have written: a character outside the alphabet (padding is
 * one), a length of 1 modulo 4, or bits set after the last byte (two texts must
 * never mean the same bytes).  What `to` holds is then undefined.
 */
extern bool CodecBase64UrlDecode(uint8_t *to, const char *from, size_t length);

#endif /* PARLEY_CODEC_H */
