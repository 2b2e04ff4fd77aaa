/*
 * hex.h
 *	  Bytes as hexadecimal digits, and back.
 */
#ifndef PARLEY_HEX_H
#define PARLEY_HEX_H

#include "util.h"

/* 0 to 15; -1 for what is no hexadecimal digit, of either case. */
int hex_value(char c);

/* Two digits for each byte, in lower case. */
void hex_append(Buffer *to, const void *bytes, size_t length);

/* `count` bytes of twice as many digits; false when one of them is none. */
bool hex_read(uint8_t *to, size_t count, const char *digits) MUST_CHECK;

#endif /* PARLEY_HEX_H */
