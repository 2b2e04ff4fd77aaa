/*
 * test_coding.c
 *	  Content codings: which one, and there and back.
 */
#include "coding.h"

#include <zlib.h>

#include "tap.h"

static void
test_choice(void)
{
	is_number(coding_choose("gzip, deflate, br"), CODING_BROTLI, "the best");
	is_number(coding_choose("gzip;q=1.0, br;q=0"), CODING_GZIP, "one that is not refused");
	is_number(coding_choose("gzip; q=0.5"), CODING_GZIP, "with blanks");
	is_number(coding_choose("identity"), CODING_PLAIN, "none that we have");
	is_number(coding_choose("xgzip, brx"), CODING_PLAIN, "other names");
	is_number(coding_choose(""), CODING_PLAIN, "an empty list");
}

static void
test_gzip(const uint8_t *coded, size_t length, const char *text)
{
	uint8_t back[8192];
	z_stream stream = {.next_in = (Bytef *) (uintptr_t) coded,
					   .avail_in = (uInt) length,
					   .next_out = back,
					   .avail_out = sizeof(back)};

	ok(inflateInit2(&stream, 15 + 16) == Z_OK && inflate(&stream, Z_FINISH) == Z_STREAM_END &&
		   stream.total_out == strlen(text) && memcmp(back, text, strlen(text)) == 0,
	   "gzip there and back");
	inflateEnd(&stream);
}

static void
test_encoding(void)
{
	char text[4096];
	Buffer coded = BUFFER_EMPTY;

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	buffer_append_string(&coded, "before");
	ok(coding_encode(CODING_GZIP, (const uint8_t *) text, strlen(text), &coded), "gzip");
	test_gzip(coded.data + 6, coded.length - 6, text);
	buffer_reset(&coded);
	ok(coding_encode(CODING_BROTLI, (const uint8_t *) text, strlen(text), &coded), "brotli");
	ok(coded.length < 100, "makes it less");
	buffer_reset(&coded);
	random_bytes(text, sizeof(text));
	ok(!coding_encode(CODING_GZIP, (const uint8_t *) text, sizeof(text), &coded) &&
		   !coding_encode(CODING_BROTLI, (const uint8_t *) text, sizeof(text), &coded) &&
		   coded.length == 0,
	   "noise does not get less");
	buffer_free(&coded);
}

int
main(void)
{
	test_choice();
	test_encoding();
	return done_testing();
}
