/*
 * codec.c
 *	  base64url, strict.
 */
#include "codec.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of a character, or -1. */
static int
Sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

void
CodecBase64UrlEncode(char *to, const uint8_t *from, size_t size)
{
	uint32_t bits = 0;
	int waiting = 0;

	for (size_t i = 0; i < size; i++)
	{
		bits = bits << 8 | from[i];
		for (waiting += 8; waiting >= 6; waiting -= 6)
			*to++ = alphabet[bits >> (waiting - 6) & 63];
	}
	if (waiting > 0)
		*to = alphabet[bits << (6 - waiting) & 63];
}

bool
CodecBase64UrlDecode(uint8_t *to, const char *from, size_t length)
{
	uint32_t bits = 0;
	int waiting = 0;

	if (length % 4 == 1)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		int sextet = Sextet(from[i]);

		if (sextet < 0)
			return false;
		bits = bits << 6 | (uint32_t) sextet;
		waiting += 6;
		if (waiting >= 8)
		{
			waiting -= 8;
			*to++ = (uint8_t) (bits >> waiting);
		}
	}
	return (bits & ((1u << waiting) - 1)) == 0;
}
