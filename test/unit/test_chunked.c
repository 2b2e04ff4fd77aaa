/*
 * test_chunked.c
 *	  Bodies in chunks: what is taken, in one piece and byte by byte, and what is refused.
 */
#include "chunked.h"

#include "head.h"
#include "tap.h"

#define LIMIT 100

static Chunked chunked;
static Buffer in;
static ProblemId problem;

/* `step` bytes at a time; what comes after an end or a refusal is not looked at. */
static ChunkedResult
decode(const char *text, size_t length, size_t step)
{
	ChunkedResult result = CHUNKED_INCOMPLETE;

	buffer_reset(&in);
	chunked_begin(&chunked, LIMIT);
	for (size_t at = 0; at < length; at += step)
	{
		size_t piece = length - at < step ? length - at : step;

		buffer_append(&in, text + at, piece);
		if (result == CHUNKED_INCOMPLETE)
			result = chunked_decode(&chunked, &in, &problem);
	}
	return result;
}

static const struct
{
	const char *text;
	const char *body;
	const char *behind;
	const char *name;
} good[] = {
	{"0\r\n\r\n", "", "", "nothing"},
	{"2\r\n{}\r\n0\r\n\r\n", "{}", "", "one chunk"},
	{"1\r\na\r\n002\r\nbc\r\nA\r\n0123456789\r\n00\r\n\r\n", "abc0123456789", "", "some"},
	{"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", "", "a chunk that is a line's end"},
	{"2;a=b;c=\"d\"\r\n{}\r\n0 ;e\r\n\r\n", "{}", "", "with extensions"},
	{"2\r\n{}\r\n0\r\nX: y\r\nZ:\r\n\r\n", "{}", "", "with trailers"},
	{"2\r\n{}\r\n0\r\n\r\nGET / HT", "{}", "GET / HT", "with another request behind"},
};

static void
test_good(void)
{
	for (size_t i = 0; i < lengthof(good); i++)
	{
		size_t length = strlen(good[i].text);
		size_t behind = strlen(good[i].behind);
		bool passed = true;

		for (size_t step = 1; step <= length - behind; step++)
		{
			bool whole = decode(good[i].text, length, step) == CHUNKED_GOOD &&
						 chunked.length == strlen(good[i].body) &&
						 memcmp(in.data, good[i].body, chunked.length) == 0 &&
						 in.length == chunked.length + behind &&
						 memcmp(in.data + chunked.length, good[i].behind, behind) == 0;

			passed &= whole;
		}
		ok(passed, good[i].name);
	}
	ok(decode("2\r\n{}\r\n0\r\n", 9, 9) == CHUNKED_INCOMPLETE, "no end yet");
	ok(decode("5\r\nab", 5, 5) == CHUNKED_INCOMPLETE && chunked.length == 2, "half a chunk");
}

static const struct
{
	const char *text;
	ProblemId problem;
	const char *name;
} refused[] = {
	{"\r\n", PROBLEM_BAD_REQUEST, "no size"},
	{"x\r\n", PROBLEM_BAD_REQUEST, "a size that is none"},
	{"-1\r\n", PROBLEM_BAD_REQUEST, "a negative size"},
	{"+1\r\n", PROBLEM_BAD_REQUEST, "a sign"},
	{"0x2\r\n{}\r\n", PROBLEM_BAD_REQUEST, "a prefix"},
	{" 2\r\n{}\r\n", PROBLEM_BAD_REQUEST, "a blank before the size"},
	{"2 \r\n{}\r\n", PROBLEM_BAD_REQUEST, "a blank behind it"},
	{"2 2\r\n{}\r\n", PROBLEM_BAD_REQUEST, "two sizes"},
	{"2\n{}\r\n0\r\n\r\n", PROBLEM_BAD_REQUEST, "a bare line feed"},
	{"2;a\rb\r\n{}\r\n", PROBLEM_BAD_REQUEST, "a bare carriage return"},
	{"2;a\001\r\n{}\r\n", PROBLEM_BAD_REQUEST, "a control character"},
	{"2\r\n{}0\r\n\r\n", PROBLEM_BAD_REQUEST, "a chunk that is longer than its size"},
	{"2\r\n{}\n0\r\n\r\n", PROBLEM_BAD_REQUEST, "a line feed behind a chunk"},
	{"65\r\n", PROBLEM_PAYLOAD_TOO_LARGE, "a chunk over the limit"},
	{"ffffffffffffffffffffffffffffffff\r\n", PROBLEM_PAYLOAD_TOO_LARGE, "an endless one"},
	{"10000000000000000\r\n", PROBLEM_PAYLOAD_TOO_LARGE, "one that 64 bits do not hold"},
	{"2\r\n{}\r\n63\r\n", PROBLEM_PAYLOAD_TOO_LARGE, "chunks that are over it together"},
	{"0\r\nx\r\n\r\n", PROBLEM_BAD_REQUEST, "a trailer without a colon"},
	{"0\r\nx : y\r\n\r\n", PROBLEM_BAD_REQUEST, "a blank before the colon"},
	{"0\r\nx: y\r\n z\r\n\r\n", PROBLEM_BAD_REQUEST, "a folded trailer"},
};

static void
test_refused(void)
{
	for (size_t i = 0; i < lengthof(refused); i++)
	{
		size_t length = strlen(refused[i].text);

		for (size_t step = 1; step <= length; step += length - 1)
			ok(decode(refused[i].text, length, step) == CHUNKED_REFUSED &&
				   problem == refused[i].problem,
			   refused[i].name);
	}
}

static void
test_limits(void)
{
	Buffer text = BUFFER_EMPTY;

	buffer_append_string(&text, "2;");
	while (text.length < CHUNK_LINE_MAX - 2)
		buffer_append_char(&text, 'a');
	buffer_append_string(&text, "\r\n{}\r\n0\r\n\r\n");
	ok(decode(buffer_cstring(&text), text.length, 7) == CHUNKED_GOOD, "the longest line");
	text.length = CHUNK_LINE_MAX - 2;
	buffer_append_string(&text, "a\r\n");
	ok(decode(buffer_cstring(&text), text.length, 7) == CHUNKED_REFUSED &&
		   problem == PROBLEM_BAD_REQUEST,
	   "a longer one");

	buffer_reset(&text);
	buffer_append_string(&text, "0\r\n");
	while (text.length < HEAD_BYTES_MAX - 8)
		buffer_append_string(&text, "x: y\r\n");
	ok(decode(buffer_cstring(&text), text.length, 100) == CHUNKED_INCOMPLETE, "many trailers");
	buffer_append_string(&text, "x: y\r\nx: y\r\nx: y\r\n");
	ok(decode(buffer_cstring(&text), text.length, 100) == CHUNKED_REFUSED &&
		   problem == PROBLEM_HEADERS_TOO_LARGE,
	   "too many");
	buffer_free(&text);
}

int
main(void)
{
	test_good();
	test_refused();
	test_limits();
	ok(decode("", 0, 1) == CHUNKED_INCOMPLETE &&
		   chunked_decode(&chunked, &in, &problem) == CHUNKED_INCOMPLETE,
	   "nothing yet");
	buffer_free(&in);
	return done_testing();
}
