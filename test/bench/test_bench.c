/*
 * test_bench.c
 *	  Unit test (TAP) of what the figures rest on: histogram, frame
 *	  parser, JSON fields, the check for order and loss.
 */
#include <stdio.h>
#include <string.h>

#include "checker.h"
#include "frame.h"
#include "histogram.h"
#include "json.h"

static int tests;
static int failures;

static void
ok(bool passed, const char *name)
{
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
	failures += !passed;
}

/* ---- histogram ---------------------------------------------------------- */

static void
test_buckets(void)
{
	bool joined = true;
	bool inside = true;

	for (unsigned i = 0; i + 1 < HISTOGRAM_BUCKETS; i++)
		joined &= histogram_bucket_of(histogram_bucket_end(i)) == i &&
				  histogram_bucket_of(histogram_bucket_end(i) + 1) == i + 1;
	ok(joined, "buckets join without hole or overlap");
	ok(histogram_bucket_end(HISTOGRAM_BUCKETS - 1) == UINT64_MAX, "the last bucket ends at 2^64-1");
	for (uint64_t value = 1; value < UINT64_MAX / 3; value = value * 3 + 1)
	{
		uint64_t end = histogram_bucket_end(histogram_bucket_of(value));

		inside &= end >= value && (double) (end - value) <= (double) value / 128.0;
	}
	ok(inside, "a value is known to better than 1/128");
}

static void
test_percentiles(void)
{
	static Histogram histogram;

	ok(histogram_percentile(&histogram, 50) == 0, "an empty histogram answers 0");
	for (uint64_t i = 1; i <= 100; i++)
		histogram_record(&histogram, i);
	ok(histogram_percentile(&histogram, 50) == 50, "p50 of 1..100");
	ok(histogram_percentile(&histogram, 99) == 99, "p99 of 1..100");
	ok(histogram_percentile(&histogram, 100) == 100, "p100 of 1..100");
	ok(histogram_percentile(&histogram, 0) == 1, "p0 is the smallest");
	histogram_record(&histogram, 1000003);
	ok(histogram_percentile(&histogram, 100) == 1000003, "no percentile is above max");
	ok(histogram.count == 101, "every sample counts");
}

/* ---- frames ------------------------------------------------------------- */

static size_t
make_frame(uint8_t *to, size_t length, const uint8_t *mask)
{
	size_t header = frame_put_header(to, FRAME_TEXT, length, mask);

	for (size_t i = 0; i < length; i++)
		to[header + i] = (uint8_t) ('a' + i % 26);
	if (mask != NULL)
		frame_mask(to + header, length, mask);
	return header + length;
}

/* Every shorter prefix is partial, the whole is complete and says what went in. */
static bool
survives_cutting(size_t length, const uint8_t *mask)
{
	static uint8_t bytes[70000 + FRAME_MAX_HEADER];
	size_t size = make_frame(bytes, length, mask);
	size_t consumed;
	Frame frame;

	for (size_t cut = 0; cut < size; cut++)
		if (frame_parse(bytes, cut, mask != NULL, &frame, &consumed) != FRAME_PARTIAL)
			return false;
	return frame_parse(bytes, size, mask != NULL, &frame, &consumed) == FRAME_COMPLETE &&
		   consumed == size && frame.length == length && frame.fin && frame.opcode == FRAME_TEXT &&
		   (length < 26 || memcmp(frame.payload, "abcdefghijklmnopqrstuvwxyz", 26) == 0);
}

static void
test_cutting(void)
{
	static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536};
	static const uint8_t mask[4] = {1, 2, 3, 4};
	char name[64];

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
	{
		snprintf(name, sizeof name, "plain frame of %zu bytes, cut anywhere", lengths[i]);
		ok(survives_cutting(lengths[i], NULL), name);
		snprintf(name, sizeof name, "masked frame of %zu bytes, cut anywhere", lengths[i]);
		ok(survives_cutting(lengths[i], mask), name);
	}
}

static FrameResult
parse(const char *bytes, size_t size, bool masked)
{
	uint8_t copy[64];
	size_t consumed;
	Frame frame;

	memcpy(copy, bytes, size);
	return frame_parse(copy, size, masked, &frame, &consumed);
}

static void
test_violations(void)
{
	/* The masked and the plain "Hello" are examples of RFC 6455, section 5.7. */
	ok(parse("\x81\x05Hello", 7, false) == FRAME_COMPLETE, "the RFC's plain Hello");
	ok(parse("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, true) == FRAME_COMPLETE,
	   "the RFC's masked Hello");
	ok(parse("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, false) == FRAME_VIOLATION,
	   "a server must not mask");
	ok(parse("\x81\x05Hello", 7, true) == FRAME_VIOLATION, "a client must mask");
	ok(parse("\xC1\x05Hello", 7, false) == FRAME_VIOLATION, "no extension, no reserved bit");
	ok(parse("\x83\x00", 2, false) == FRAME_VIOLATION, "opcode 3 is not defined");
	ok(parse("\x09\x00", 2, false) == FRAME_VIOLATION, "a ping is not fragmented");
	ok(parse("\x89\x7e\x00\x80", 4, false) == FRAME_VIOLATION, "a ping has 125 bytes at most");
	ok(parse("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10, false) == FRAME_VIOLATION,
	   "nobody sends 2^64 bytes");
}

static void
test_accept_key(void)
{
	char accept[FRAME_ACCEPT_SIZE];

	/* RFC 6455, section 1.3 */
	frame_accept_key("dGhlIHNhbXBsZSBub25jZQ==", accept);
	ok(strcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0, "the RFC's Sec-WebSocket-Accept");
}

/* ---- JSON --------------------------------------------------------------- */

static void
test_json(void)
{
	static const char text[] = "{\"type\":\"ack\",\"id\":\"x-1\",\"seq\":42,\"to\":null}";
	size_t length = sizeof text - 1;
	size_t string_length;
	int64_t value;
	const char *string = json_string(text, length, "id", &string_length);

	ok(json_type_is(text, length, "ack") && !json_type_is(text, length, "a"), "type");
	ok(json_integer(text, length, "seq", &value) && value == 42, "integer");
	ok(!json_integer(text, length, "to", &value) && !json_integer(text, length, "no", &value),
	   "null and absent are no integers");
	ok(string != NULL && string_length == 3 && memcmp(string, "x-1", 3) == 0, "string");
	ok(json_string(text, length, "seq", &string_length) == NULL, "a number is no string");
	ok(!json_integer(text, 31, "seq", &value), "nothing is read past the end");
}

/* ---- order and loss ----------------------------------------------------- */

/* What one receiver of conversation 7 gets, when messages 5 to 9 were sent. */
static Faults
receive(const int64_t *seqs, size_t count, int64_t conversation_id)
{
	Member member = {.conversation_id = 7, .next_seq = 5};
	Room room = {.conversation_id = 7, .size = 1, .first_seq = 5, .sent = 5};
	Plan plan = {.rooms = &room, .n_rooms = 1, .members = &member, .n_members = 1};
	Faults faults = {0};

	for (size_t i = 0; i < count; i++)
		checker_receive(&faults, &member, conversation_id, seqs[i]);
	checker_finish(&faults, &plan);
	return faults;
}

#define RECEIVE(...) \
	receive((const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), 7)

static bool
faults_are(Faults faults, uint64_t lost, uint64_t duplicated, uint64_t stray)
{
	return faults.lost == lost && faults.duplicated == duplicated && faults.stray == stray;
}

static void
test_checker(void)
{
	const int64_t all[] = {5, 6, 7, 8, 9};

	ok(faults_are(RECEIVE(5, 6, 7, 8, 9), 0, 0, 0), "all in order is no fault");
	ok(faults_are(RECEIVE(5, 6, 9), 2, 0, 0), "a hole");
	ok(faults_are(RECEIVE(5, 6, 7), 2, 0, 0), "the end is missing");
	ok(faults_are(RECEIVE(7, 8, 9), 2, 0, 0), "the beginning is missing");
	ok(faults_are(RECEIVE(5, 6, 6, 7, 8, 9), 0, 1, 0), "one came twice");
	ok(faults_are(RECEIVE(5, 7, 6, 8, 9), 1, 1, 0), "two changed places");
	ok(faults_are(RECEIVE(5, 6, 7, 8, 9, 10), 0, 0, 1), "one that nobody sent");
	ok(faults_are(receive(all, 5, 8), 5, 0, 5), "all of another conversation");
}

int
main(void)
{
	test_buckets();
	test_percentiles();
	test_cutting();
	test_violations();
	test_accept_key();
	test_json();
	test_checker();
	printf("1..%d\n", tests);
	return failures > 0;
}
