/*
 * test_hex.c
 *	  Hexadecimal digits.
 */
#include "hex.h"

#include <stdlib.h>

#include "tap.h"

int
main(void)
{
	static const uint8_t bytes[] = {0x00, 0x7f, 0xa5, 0xff};
	uint8_t back[sizeof(bytes)] = {0};
	Buffer digits = BUFFER_EMPTY;
	int known = 0;

	hex_append(&digits, bytes, sizeof(bytes));
	is_text(buffer_cstring(&digits), "007fa5ff", "two digits a byte, in lower case");
	ok(hex_read(back, sizeof(back), buffer_cstring(&digits)) &&
		   memcmp(back, bytes, sizeof(bytes)) == 0,
	   "and back");
	ok(hex_read(back, 1, "C3") && back[0] == 0xc3, "capitals are read");
	ok(!hex_read(back, 1, "0g") && !hex_read(back, 1, "g0"), "no digit");
	ok(!hex_read(back, 2, "00"), "too few of them");
	ok(hex_read(back, 0, ""), "none are wanted");
	for (int c = 0; c < 256; c++)
		known += hex_value((char) c) >= 0;
	is_number(known, 22, "of all characters 22 are digits");
	is_number(hex_value('F'), 15, "F");
	buffer_free(&digits);
	return done_testing();
}
