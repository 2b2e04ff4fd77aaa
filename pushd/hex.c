/*
 * hex.c
 *	  Bytes as hexadecimal digits, and back.
 */
#include "hex.h"

#include <string.h>

int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *found = c != '\0' ? strchr(digits, c) : NULL;
	int at = found ? (int) (found - digits) : -1;

	return at < 16 ? at : at - 6;
}

void
hex_append(Buffer *to, const void *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;
	uint8_t *at = buffer_reserve(to, length * 2);

	for (size_t i = 0; i < length; i++)
	{
		*at++ = (uint8_t) digits[from[i] >> 4];
		*at++ = (uint8_t) digits[from[i] & 15];
	}
	buffer_advance(to, length * 2);
}

bool
hex_read(uint8_t *to, size_t count, const char *digits)
{
	for (size_t i = 0; i < count; i++)
	{
		int high = hex_value(digits[2 * i]);
		int low = high < 0 ? -1 : hex_value(digits[2 * i + 1]);

		if (low < 0)
			return false;
		to[i] = (uint8_t) (high << 4 | low);
	}
	return true;
}
