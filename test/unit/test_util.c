/*
 * test_util.c
 *	  Buffers, lists, the map against a plain array, numbers, UTF-8, times.
 */
#include <stdlib.h>

#include "log.h"
#include "tap.h"
#include "util.h"

/* ---- Buffer ------------------------------------------------------------- */

static void
test_buffer(void)
{
	Buffer buffer = BUFFER_EMPTY;
	size_t length;
	uint8_t *taken;

	is_text(buffer_cstring(&buffer), "", "an empty buffer is an empty text");
	buffer_append_string(&buffer, "abc");
	buffer_append_char(&buffer, '-');
	buffer_append_int64(&buffer, INT64_MIN);
	buffer_append_int64(&buffer, 0);
	buffer_printf(&buffer, "%s%d", "/", 42);
	is_text(buffer_cstring(&buffer), "abc--92233720368547758080/42", "appends in every way");
	buffer_consume(&buffer, 4);
	is_number((int64_t) buffer.length, 24, "consume drops the front");
	for (int i = 0; i < 10000; i++)
		buffer_append(&buffer, "0123456789", 10);
	is_number((int64_t) buffer.length, 100024, "grows");
	ok(memcmp(buffer.data + buffer.length - 10, "0123456789", 10) == 0, "and keeps what it had");
	taken = buffer_take(&buffer, &length);
	ok(length == 100024 && buffer.length == 0 && !buffer.data, "take hands over the memory");
	free(taken);
	memcpy(buffer_reserve(&buffer, 3), "xyz", 3);
	buffer_advance(&buffer, 3);
	is_text(buffer_cstring(&buffer), "xyz", "reserve and advance");
	buffer_reset(&buffer);
	is_number((int64_t) buffer.length, 0, "reset forgets");
	buffer_free(&buffer);
}

static void
test_json(void)
{
	Buffer buffer = BUFFER_EMPTY;

	buffer_append_json(&buffer, "a\"b\\c\n\t\b\f\r\x01\x7f\xc3\xa4/\0z", 17);
	is_text(buffer_cstring(&buffer),
			"\"a\\\"b\\\\c\\n\\t\\b\\f\\r\\u0001\\u007f\xc3\xa4/\\u0000z\"",
			"JSON escapes what it must and nothing else");
	buffer_reset(&buffer);
	buffer_append_json(&buffer, "", 0);
	is_text(buffer_cstring(&buffer), "\"\"", "the empty JSON string");
	buffer_free(&buffer);
}

/* ---- list --------------------------------------------------------------- */

typedef struct Item
{
	int number;
	ListNode node;
} Item;

static int
sum_digits(const ListNode *head)
{
	int total = 0;

	LIST_FOREACH(head, node)
	total = total * 10 + list_entry(node, Item, node)->number;
	return total;
}

static void
test_list(void)
{
	ListNode head;
	ListNode other;
	Item items[5];

	list_init(&head);
	list_init(&other);
	ok(list_is_empty(&head) && !list_first(&head) && !list_pop_front(&head), "an empty list");
	for (int i = 0; i < 5; i++)
	{
		items[i].number = i + 1;
		list_push_back(i < 3 ? &head : &other, &items[i].node);
	}
	is_number(sum_digits(&head), 123, "in the order of insertion");
	list_splice_back(&head, &other);
	ok(sum_digits(&head) == 12345 && list_is_empty(&other), "splice moves all");
	list_splice_back(&head, &other);
	is_number(sum_digits(&head), 12345, "splicing nothing changes nothing");
	list_remove(&items[2].node);
	list_remove(&items[2].node);
	is_number(sum_digits(&head), 1245, "an element may be removed twice");
	list_push_front(&head, &items[2].node);
	is_number(sum_digits(&head), 31245, "push to the front");
	LIST_FOREACH(&head, node)
	list_remove(node);
	ok(list_is_empty(&head), "elements may be removed while iterating");
}

/* ---- Map ---------------------------------------------------------------- */

#define KEYS 20000

static void *
value_of(size_t i)
{
	return (void *) (uintptr_t) (i + 1);
}

/* Dense ids, ids that differ only in the high bits, and both signs. */
static int64_t
key_of(size_t i)
{
	return i % 3 == 0 ? (int64_t) i : i % 3 == 1 ? (int64_t) (i << 40) : -(int64_t) i;
}

static bool
map_equals(const Map *map, const bool present[KEYS])
{
	size_t expected = 0;
	size_t seen = 0;
	size_t cursor = 0;

	for (size_t i = 0; i < KEYS; i++)
	{
		if (map_get(map, key_of(i)) != (present[i] ? value_of(i) : NULL))
			return false;
		expected += present[i];
	}
	while (map_next(map, &cursor, NULL))
		seen++;
	return seen == expected && map->count == expected;
}

static void
test_map(void)
{
	static bool present[KEYS];
	Map map = {0};
	int64_t key = 0;
	size_t cursor = 0;

	ok(!map_get(&map, 1) && !map_remove(&map, 1) && !map_next(&map, &cursor, NULL), "an empty map");
	ok(!map_put(&map, INT64_MIN, value_of(7)), "put of a new key");
	ok(map_put(&map, INT64_MIN, value_of(8)) == value_of(7), "put returns what was there");
	ok(map_next(&map, &cursor, &key) == value_of(8) && key == INT64_MIN, "iteration gives the key");
	ok(map_remove(&map, INT64_MIN) == value_of(8) && map.count == 0, "remove returns the value");
	srand(1);
	for (int i = 0; i < KEYS * 8; i++)
	{
		size_t which = (size_t) rand() % KEYS;

		present[which] = rand() % 5 > 1;
		if (present[which])
			map_put(&map, key_of(which), value_of(which));
		else
			map_remove(&map, key_of(which));
	}
	ok(map_equals(&map, present), "160,000 random puts and removes equal an array");
	for (size_t i = 0; i < KEYS; i++)
	{
		map_remove(&map, key_of(i));
		present[i] = false;
	}
	ok(map_equals(&map, present), "all removed");
	map_free(&map);
}

/* ---- text --------------------------------------------------------------- */

static void
test_numbers(void)
{
	static const struct
	{
		const char *text;
		bool good;
		int64_t value;
	} cases[] = {
		{"0", true, 0},
		{"7", true, 7},
		{"-1", true, -1},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"18446744073709551616", false, 0},
		{"", false, 0},
		{"-", false, 0},
		{"-0", false, 0},
		{"01", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1.0", false, 0},
		{"1e3", false, 0},
		{"0x10", false, 0},
		{"\xd9\xa1", false, 0},
	};
	char name[64];

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		int64_t value = 99;
		bool good = parse_int64(cases[i].text, strlen(cases[i].text), &value);

		snprintf(name, sizeof(name), "number \"%s\"", cases[i].text);
		ok(good == cases[i].good && value == (good ? cases[i].value : 99), name);
	}
}

static void
test_utf8(void)
{
	static const struct
	{
		const char *name;
		const char *bytes;
		bool valid;
	} cases[] = {
		{"ASCII", "hello, world and more", true},
		{"two bytes", "\xc2\x80 \xdf\xbf", true},
		{"three bytes", "\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf", true},
		{"four bytes", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", true},
		{"after eight ASCII bytes", "01234567\xe2\x82\xac", true},
		{"bad after eight ASCII bytes", "01234567\xe2\x82", false},
		{"lone continuation", "\x80", false},
		{"overlong two", "\xc0\xaf", false},
		{"overlong two, c1", "\xc1\xbf", false},
		{"overlong three", "\xe0\x9f\xbf", false},
		{"overlong four", "\xf0\x8f\xbf\xbf", false},
		{"high surrogate", "\xed\xa0\x80", false},
		{"low surrogate", "\xed\xbf\xbf", false},
		{"above U+10FFFF", "\xf4\x90\x80\x80", false},
		{"f5", "\xf5\x80\x80\x80", false},
		{"ff", "\xff", false},
		{"cut two", "\xc3", false},
		{"cut three", "\xe2\x82", false},
		{"cut four", "\xf0\x9f\x98", false},
		{"bad third byte", "\xe2\x82(", false},
		{"bad fourth byte", "\xf0\x9f\x98(", false},
	};

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		/* A copy of exact size, so that a sanitizer sees one byte too many. */
		size_t length = strlen(cases[i].bytes);
		void *exact = xmemdup(cases[i].bytes, length);

		ok(utf8_is_valid(exact, length) == cases[i].valid, cases[i].name);
		free(exact);
	}
	ok(utf8_is_valid("", 0), "nothing is valid UTF-8");
	ok(utf8_is_valid("\0", 1), "so is NUL");
}

static void
test_uuid(void)
{
	static const char good[] = "73e70ba9-AEF1-4137-be0e-676ba887f5de";

	ok(uuid_is_valid(good, strlen(good)), "a UUID");
	ok(!uuid_is_valid(good, strlen(good) - 1), "one that is cut");
	ok(!uuid_is_valid("73e70ba9-aef1-4137-be0e-676ba887f5dg", 36), "a digit that is none");
	ok(!uuid_is_valid("73e70ba9aef1-4137-be0e-676ba887f5dee", 36), "a dash that is missing");
	ok(!uuid_is_valid("73e70ba9-aef1-4137-be0e-676ba887f5d\0", 36), "a NUL");
}

static void
test_strings(void)
{
	char small[4];
	char *text = xasprintf("%s %d", "n", 5);

	ok(!string_copy(small, sizeof(small), "abcd"), "a copy that does not fit says so");
	is_text(small, "abc", "and is cut");
	ok(string_copy(small, sizeof(small), "xyz"), "a copy that fits");
	ok(string_equal_nocase("BeareR", 6, "bearer"), "case folded equality");
	ok(!string_equal_nocase("bearer ", 7, "bearer"), "of equal length only");
	ok(string_starts_with("bearer.x", "bearer.") && !string_starts_with("be", "bearer"), "prefix");
	is_text(text, "n 5", "xasprintf");
	free(text);
	text = xstrndup("abcdef", 3);
	is_text(text, "abc", "xstrndup");
	free(text);
}

static void
test_time(void)
{
	char text[RFC3339_SIZE];
	int64_t before = clock_us();

	format_rfc3339(text, INT64_C(1795222440123999));
	is_text(text, "2026-11-21T00:54:00.123Z", "RFC 3339 time");
	format_rfc3339(text, 0);
	is_text(text, "1970-01-01T00:00:00.000Z", "the epoch");
	ok(clock_us() >= before && clock_ms() >= before / 1000, "the clock does not go back");
	ok(random_u64() != random_u64(), "random numbers differ");
}

/* ---- log ---------------------------------------------------------------- */

static char logged[2048];
static LogRecord last_record;

static void
remember(void *arg, const LogRecord *record)
{
	*(int *) arg += 1;
	last_record = *record;
	string_copy(logged, sizeof(logged), record->text);
}

static void
test_log(void)
{
	int lines = 0;
	char long_text[3000];

	log_set_sink(remember, &lines);
	log_debug("not wanted");
	is_number(lines, 0, "a line below the level is left out");
	log_warn_id(42, "evil\n%s\x1b[31m", "\r2026 error forged");
	is_text(logged, "evil  2026 error forged [31m", "control characters are masked");
	ok(last_record.id == 42 && last_record.level == LOG_LEVEL_WARN, "level and id");
	log_info("caf\xe9");
	is_text(logged, "caf?", "what is not UTF-8 is masked");
	log_info("caf\xc3\xa9");
	is_text(logged, "caf\xc3\xa9", "what is stays");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	log_error("%s", long_text);
	is_number((int64_t) strlen(logged), 1023, "a long line is cut");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("no");
	is_number(lines, 4, "the level can be raised");
	log_set_level(LOG_LEVEL_INFO);
	log_set_sink(NULL, NULL);
}

int
main(void)
{
	test_buffer();
	test_json();
	test_list();
	test_map();
	test_numbers();
	test_utf8();
	test_uuid();
	test_strings();
	test_time();
	test_log();
	return done_testing();
}
