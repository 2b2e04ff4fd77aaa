/*
 * coding.c
 *	  Content codings: gzip and brotli.
 */
#include "coding.h"

#include <string.h>

#include <brotli/encode.h>
#include <zlib.h>

/* About 50 MB/s and more on one core: what is larger waits longer. */
#define GZIP_LEVEL 3
#define GZIP_WINDOW (15 + 16) /* the largest, and gzip's format rather than zlib's */
#define BROTLI_QUALITY 3

static const char *const names[CODING_COUNT] = {
	[CODING_GZIP] = "gzip",
	[CODING_BROTLI] = "br",
};

const char *
coding_name(Coding coding)
{
	return names[coding];
}

/* ";q=0", also written ";q=0.000". */
static bool
is_refusal(const char *parameter)
{
	if (!string_starts_with(parameter, ";q=0"))
		return false;
	parameter += strlen(";q=0");
	return strchr(", ", parameter[strspn(parameter, ".0")]) != NULL;
}

bool
coding_is_accepted(Coding coding, const char *accept_encoding)
{
	const char *name = names[coding];

	for (const char *at = strstr(accept_encoding, name); at; at = strstr(at + 1, name))
	{
		const char *after = at + strlen(name);
		bool starts = at == accept_encoding || strchr(", \t", at[-1]);

		after += strspn(after, " \t");
		if (starts && (*after == '\0' || *after == ',' || (*after == ';' && !is_refusal(after))))
			return true;
	}
	return false;
}

Coding
coding_choose(const char *accept_encoding)
{
	int coding = CODING_COUNT - 1;

	while (coding > CODING_PLAIN && !coding_is_accepted((Coding) coding, accept_encoding))
		coding--;
	return (Coding) coding;
}

/* These return the length, or 0 when there was not room enough. */

static size_t
encode_gzip(const uint8_t *bytes, size_t length, uint8_t *to, size_t room)
{
	z_stream stream = {.next_in = (Bytef *) (uintptr_t) bytes,
					   .avail_in = (uInt) length,
					   .next_out = to,
					   .avail_out = (uInt) room};
	bool whole;

	if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return 0;
	whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
	deflateEnd(&stream);
	return whole ? stream.total_out : 0;
}

static size_t
encode_brotli(const uint8_t *bytes, size_t length, uint8_t *to, size_t room)
{
	size_t written = room;

	if (!BrotliEncoderCompress(BROTLI_QUALITY, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, length,
							   bytes, &written, to))
		return 0;
	return written;
}

bool
coding_encode(Coding coding, const uint8_t *bytes, size_t length, Buffer *to)
{
	static size_t (*const encode[])(const uint8_t *, size_t, uint8_t *, size_t) = {
		[CODING_GZIP] = encode_gzip,
		[CODING_BROTLI] = encode_brotli,
	};
	size_t written = encode[coding](bytes, length, buffer_reserve(to, length), length);

	if (written == 0 || written >= length)
		return false;
	buffer_advance(to, written);
	return true;
}
