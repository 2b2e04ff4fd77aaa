/*
 * test_codec.c
 *	  base64url: the vectors of RFC 4648, every short input, and all that a
 *	  decoder of tokens has to refuse.
 *
 * Links extension/codec.c alone; prints TAP.
 */
#include <stdlib.h>

#include "codec.h"
#include "tap.h"

#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define MAX_SIZE 300

/* The buffers are as large as the macros say, so that a sanitizer sees a byte too many. */
static bool
encodes_to(const void *bytes, size_t size, const char *expected)
{
	size_t length = CODEC_BASE64URL_LENGTH(size);
	char *text = malloc(length + 1);
	bool same;

	text[length] = '#';
	CodecBase64UrlEncode(text, bytes, size);
	same = length == strlen(expected) && memcmp(text, expected, length) == 0 && text[length] == '#';
	free(text);
	return same;
}

static bool
decodes_to(const char *text, size_t length, const void *expected, size_t expected_size)
{
	size_t size = CODEC_BASE64URL_SIZE(length);
	char *exact = malloc(length ? length : 1);
	uint8_t *bytes = malloc(size ? size : 1);
	bool same;

	memcpy(exact, text, length);
	same = CodecBase64UrlDecode(bytes, exact, length) && size == expected_size &&
		   memcmp(bytes, expected, size) == 0;
	free(exact);
	free(bytes);
	return same;
}

static bool
is_refused(const char *text, size_t length)
{
	uint8_t bytes[MAX_SIZE];

	return !CodecBase64UrlDecode(bytes, text, length);
}

static void
test_vectors(void)
{
	static const struct
	{
		const char *bytes;
		const char *text;
	} vectors[] = {
		{"", ""},			{"f", "Zg"},		  {"fo", "Zm8"},		  {"foo", "Zm9v"},
		{"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"},
		{"\xff", "_w"},
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		const char *bytes = vectors[i].bytes;
		const char *text = vectors[i].text;

		ok(encodes_to(bytes, strlen(bytes), text), "RFC 4648 vector encodes");
		ok(decodes_to(text, strlen(text), bytes, strlen(bytes)), "RFC 4648 vector decodes");
	}
}

static void
test_sizes(void)
{
	bool agree = true;

	for (size_t size = 0; size < 1000; size++)
	{
		size_t length = CODEC_BASE64URL_LENGTH(size);

		agree = agree && length == (size * 8 + 5) / 6 && CODEC_BASE64URL_SIZE(length) == size;
	}
	ok(agree, "length and size are each other's inverse");
	ok(CODEC_BASE64URL_LENGTH(SIZE_MAX / 2) > SIZE_MAX / 2, "a huge size does not overflow");
}

/* A small generator with a fixed seed: a failure can be repeated. */
static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static bool
round_trips(const uint8_t *bytes, size_t size)
{
	char text[CODEC_BASE64URL_LENGTH(MAX_SIZE)];
	size_t length = CODEC_BASE64URL_LENGTH(size);

	CodecBase64UrlEncode(text, bytes, size);
	for (size_t i = 0; i < length; i++)
	{
		if (strchr(ALPHABET, text[i]) == NULL)
			return false;
	}
	return decodes_to(text, length, bytes, size);
}

static void
test_round_trip(void)
{
	uint8_t bytes[MAX_SIZE];
	uint32_t state = 1;
	bool all = true;

	for (uint32_t value = 0; value < 65536; value++)
	{
		bytes[0] = (uint8_t) (value >> 8);
		bytes[1] = (uint8_t) value;
		all = all && round_trips(bytes, 1) && round_trips(bytes, 2);
	}
	ok(all, "every input of one and two bytes comes back");
	all = true;
	for (size_t size = 0; size <= MAX_SIZE; size++)
	{
		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t) next_random(&state);
		all = all && round_trips(bytes, size);
	}
	ok(all, "random bytes of every length come back");
}

static void
test_characters(void)
{
	bool all = true;

	for (size_t place = 0; place < 4; place++)
	{
		for (int c = 0; c < 256; c++)
		{
			char text[] = "AAAA";
			bool legal = c != 0 && strchr(ALPHABET, c) != NULL;

			text[place] = (char) c;
			all = all && is_refused(text, 4) == !legal;
		}
	}
	ok(all, "of the 256 characters just the 64 pass, in every place");
}

/* Of all texts of two and three characters those pass that the encoder writes. */
static void
test_canonical(void)
{
	int accepted[2] = {0, 0};
	bool right = true;

	for (int i = 0; i < 64 * 64 * 64; i++)
	{
		char text[3] = {ALPHABET[i >> 12], ALPHABET[i >> 6 & 63], ALPHABET[i & 63]};
		bool passes = !is_refused(text, 3);

		right = right && passes == ((i & 3) == 0);
		accepted[1] += passes;
		if (i < 64 * 64)
		{
			passes = !is_refused(text + 1, 2);
			right = right && passes == ((i & 15) == 0);
			accepted[0] += passes;
		}
	}
	ok(right, "bits after the last byte are refused");
	ok(accepted[0] == 256 && accepted[1] == 65536, "every byte string has just one text");
}

static void
test_refused(void)
{
	static const struct
	{
		const char *text;
		const char *name;
	} cases[] = {
		{"Zg==", "padding"},
		{"Zm8=", "padding of one"},
		{"=", "nothing but padding"},
		{"Zm9v=", "padding that is not needed"},
		{"Z", "one character"},
		{"Zm9vY", "one character too many"},
		{"Zm9v\n", "a line break"},
		{" Zm9", "a space"},
		{"+/+/", "the other alphabet"},
		{"Zm.v", "a dot"},
		{"Zm\xc3\xa9", "not ASCII"},
		{"Zh", "stray bits after one byte"},
		{"Zm9", "stray bits after two bytes"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(is_refused(cases[i].text, strlen(cases[i].text)), cases[i].name);
	ok(is_refused("Zm\0v", 4), "a NUL inside");
}

int
main(void)
{
	test_vectors();
	test_sizes();
	test_round_trip();
	test_characters();
	test_canonical();
	test_refused();
	return done_testing();
}
