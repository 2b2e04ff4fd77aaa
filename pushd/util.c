/*
 * util.c
 *	  Allocation, buffers, the integer map, parsing, UTF-8, clocks, random bytes.
 *
 * Owns no memory of its own: buffers and maps belong to whoever holds the struct.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

#define BUFFER_MIN_CAPACITY 64
#define MAP_MIN_CAPACITY 16

/* ---- memory ------------------------------------------------------------- */

/* No stdio, no log: either may want memory. */
static _Noreturn void
panic(const char *line)
{
	ssize_t written = write(STDERR_FILENO, line, strlen(line));

	(void) written;
	abort();
}

static void *
check_memory(void *memory)
{
	if (!memory)
		panic("parley-pushd: out of memory\n");
	return memory;
}

/* malloc(0) may be NULL, which would look like a failure. */
static size_t
at_least_one(size_t size)
{
	return size ? size : 1;
}

void *
xmalloc(size_t size)
{
	return check_memory(malloc(at_least_one(size)));
}

void *
xcalloc(size_t count, size_t size)
{
	return check_memory(calloc(at_least_one(count), at_least_one(size)));
}

void *
xrealloc(void *memory, size_t size)
{
	return check_memory(realloc(memory, at_least_one(size)));
}

void *
xreallocarray(void *memory, size_t count, size_t size)
{
	return check_memory(reallocarray(memory, at_least_one(count), at_least_one(size)));
}

void *
xmemdup(const void *from, size_t size)
{
	void *copy = xmalloc(size);

	if (size)
		memcpy(copy, from, size);
	return copy;
}

char *
xstrdup(const char *text)
{
	return xmemdup(text, strlen(text) + 1);
}

char *
xstrndup(const char *text, size_t length)
{
	return check_memory(strndup(text, length));
}

char *
xasprintf(const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return check_memory(text);
}

void
secure_zero(void *memory, size_t size)
{
	if (size)
		explicit_bzero(memory, size);
}

/* ---- Buffer ------------------------------------------------------------- */

void
buffer_free(Buffer *buffer)
{
	free(buffer->data);
	*buffer = BUFFER_EMPTY;
}

void
buffer_wipe(Buffer *buffer)
{
	secure_zero(buffer->data, buffer->capacity);
	buffer_free(buffer);
}

void
buffer_reset(Buffer *buffer)
{
	buffer->length = 0;
}

uint8_t *
buffer_reserve(Buffer *buffer, size_t more)
{
	if (more > SIZE_MAX / 2 - buffer->length)
		panic("parley-pushd: buffer too large\n");
	if (buffer->capacity - buffer->length < more)
	{
		size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_MIN_CAPACITY;

		while (capacity - buffer->length < more)
			capacity *= 2;
		buffer->data = xrealloc(buffer->data, capacity);
		buffer->capacity = capacity;
	}
	return buffer->data + buffer->length;
}

void
buffer_advance(Buffer *buffer, size_t written)
{
	buffer->length += written;
}

void
buffer_append(Buffer *buffer, const void *bytes, size_t length)
{
	if (length == 0)
		return;
	memcpy(buffer_reserve(buffer, length), bytes, length);
	buffer->length += length;
}

void
buffer_append_char(Buffer *buffer, char byte)
{
	*buffer_reserve(buffer, 1) = (uint8_t) byte;
	buffer->length++;
}

void
buffer_append_string(Buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void
buffer_append_int64(Buffer *buffer, int64_t value)
{
	char digits[24];
	char *at = digits + sizeof(digits);
	uint64_t left = value < 0 ? -(uint64_t) value : (uint64_t) value;

	do
		*--at = (char) ('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		*--at = '-';
	buffer_append(buffer, at, (size_t) (digits + sizeof(digits) - at));
}

void
buffer_printf(Buffer *buffer, const char *format, ...)
{
	va_list args;
	int needed;

	va_start(args, format);
	needed = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (needed < 0)
		panic("parley-pushd: invalid format\n");
	buffer_reserve(buffer, (size_t) needed + 1);
	va_start(args, format);
	vsnprintf((char *) buffer->data + buffer->length, (size_t) needed + 1, format, args);
	va_end(args);
	buffer->length += (size_t) needed;
}

static void
append_json_escape(Buffer *buffer, unsigned char byte)
{
	static const char shorthand[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(shorthand); i += 2)
	{
		if ((unsigned char) shorthand[i] == byte)
		{
			buffer_append_char(buffer, '\\');
			buffer_append_char(buffer, shorthand[i + 1]);
			return;
		}
	}
	buffer_printf(buffer, "\\u%04x", byte);
}

void
buffer_append_json(Buffer *buffer, const char *text, size_t length)
{
	size_t plain = 0; /* start of the run that needs no escape */

	buffer_append_char(buffer, '"');
	for (size_t i = 0; i < length; i++)
	{
		unsigned char byte = (unsigned char) text[i];

		if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f)
			continue;
		buffer_append(buffer, text + plain, i - plain);
		append_json_escape(buffer, byte);
		plain = i + 1;
	}
	buffer_append(buffer, text + plain, length - plain);
	buffer_append_char(buffer, '"');
}

void
buffer_append_json_or_null(Buffer *buffer, const char *text)
{
	if (text)
		buffer_append_json(buffer, text, strlen(text));
	else
		buffer_append_string(buffer, "null");
}

void
buffer_append_percent(Buffer *buffer, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = (unsigned char) text[i];
		bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
					 (c != '\0' && strchr("-_.~", c));

		buffer_printf(buffer, plain ? "%c" : "%%%02X", c);
	}
}

void
buffer_consume(Buffer *buffer, size_t length)
{
	if (length == 0)
		return;
	buffer->length -= length;
	memmove(buffer->data, buffer->data + length, buffer->length);
}

const char *
buffer_cstring(Buffer *buffer)
{
	*buffer_reserve(buffer, 1) = '\0';
	return (const char *) buffer->data;
}

uint8_t *
buffer_take(Buffer *buffer, size_t *length)
{
	uint8_t *data = buffer->data;

	*length = buffer->length;
	*buffer = BUFFER_EMPTY;
	return data;
}

/* ---- list --------------------------------------------------------------- */

void
list_splice_back(ListNode *to, ListNode *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* ---- Map ---------------------------------------------------------------- */

/* Finaliser of MurmurHash3: ids are consecutive, slots should not be. */
static uint64_t
mix(uint64_t key)
{
	key ^= key >> 33;
	key *= UINT64_C(0xff51afd7ed558ccd);
	key ^= key >> 33;
	key *= UINT64_C(0xc4ceb9fe1a85ec53);
	return key ^ key >> 33;
}

/* The slot that holds the key, or the free one where it would go. */
static size_t
find_slot(const Map *map, int64_t key)
{
	size_t at = mix((uint64_t) key) & (map->capacity - 1);

	while (map->slots[at].value && map->slots[at].key != key)
		at = (at + 1) & (map->capacity - 1);
	return at;
}

static void
resize_map(Map *map, size_t capacity)
{
	Map larger = {xcalloc(capacity, sizeof(MapSlot)), capacity, map->count};

	for (size_t i = 0; i < map->capacity; i++)
	{
		if (map->slots[i].value)
			larger.slots[find_slot(&larger, map->slots[i].key)] = map->slots[i];
	}
	free(map->slots);
	*map = larger;
}

void
map_free(Map *map)
{
	free(map->slots);
	*map = (Map){NULL, 0, 0};
}

void *
map_get(const Map *map, int64_t key)
{
	return map->count ? map->slots[find_slot(map, key)].value : NULL;
}

void *
map_put(Map *map, int64_t key, void *value)
{
	MapSlot *slot;
	void *previous;

	if (!value)
		panic("parley-pushd: a map cannot hold NULL\n");
	/* Three quarters full at most, so that probing stays short and ends. */
	if (map->count + 1 > map->capacity / 4 * 3)
		resize_map(map, map->capacity ? map->capacity * 2 : MAP_MIN_CAPACITY);
	slot = &map->slots[find_slot(map, key)];
	previous = slot->value;
	if (!previous)
		map->count++;
	*slot = (MapSlot){key, value};
	return previous;
}

/* Closes the hole at `hole` by moving back those that probed past it. */
static void
close_hole(Map *map, size_t hole)
{
	size_t mask = map->capacity - 1;

	for (size_t at = (hole + 1) & mask; map->slots[at].value; at = (at + 1) & mask)
	{
		size_t home = mix((uint64_t) map->slots[at].key) & mask;

		/* An entry may move back only as far as its home slot. */
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		map->slots[hole] = map->slots[at];
		hole = at;
	}
	map->slots[hole].value = NULL;
}

void *
map_remove(Map *map, int64_t key)
{
	size_t at;
	void *previous;

	if (map->count == 0)
		return NULL;
	at = find_slot(map, key);
	previous = map->slots[at].value;
	if (!previous)
		return NULL;
	close_hole(map, at);
	map->count--;
	return previous;
}

void *
map_next(const Map *map, size_t *cursor, int64_t *key)
{
	while (*cursor < map->capacity)
	{
		const MapSlot *slot = &map->slots[(*cursor)++];

		if (slot->value)
		{
			if (key)
				*key = slot->key;
			return slot->value;
		}
	}
	return NULL;
}

/* ---- text --------------------------------------------------------------- */

bool
parse_int64(const char *text, size_t length, int64_t *value)
{
	bool negative = length > 0 && text[0] == '-';
	size_t at = negative ? 1 : 0;
	uint64_t limit = (uint64_t) INT64_MAX + negative;
	uint64_t total = 0;

	/* A leading zero is the whole number, and it has no sign. */
	if (at == length || (text[at] == '0' && length > 1))
		return false;
	for (; at < length; at++)
	{
		unsigned digit = (unsigned) (unsigned char) text[at] - '0';

		if (digit > 9 || total > (limit - digit) / 10)
			return false;
		total = total * 10 + digit;
	}
	*value = (int64_t) (negative ? -total : total);
	return true;
}

bool
string_copy(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);
	size_t fits = length < size ? length : size - 1;

	memcpy(to, from, fits);
	to[fits] = '\0';
	return fits == length;
}

bool
string_equal_nocase(const char *a, size_t a_length, const char *b)
{
	return strlen(b) == a_length && strncasecmp(a, b, a_length) == 0;
}

bool
string_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool
uuid_is_valid(const char *text, size_t length)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (length != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < length; i++)
		if (shape[i] == '-' ? text[i] != '-'
							: text[i] == '\0' || !strchr("0123456789abcdefABCDEF", text[i]))
			return false;
	return true;
}

/*
 * Length of the sequence that the first byte announces, 0 when it cannot start one.
 * The second byte's range excludes overlong forms, surrogates and what is too large
 * (RFC 3629, section 4).
 */
static size_t
utf8_lead(uint8_t lead, uint8_t *second_min, uint8_t *second_max)
{
	*second_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*second_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2)
		return 0;
	if (lead < 0xe0)
		return 2;
	if (lead < 0xf0)
		return 3;
	return lead < 0xf5 ? 4 : 0;
}

/* Length of the valid sequence at `at`, 0 when it is none. */
static size_t
utf8_sequence(const uint8_t *at, size_t left)
{
	uint8_t second_min;
	uint8_t second_max;
	size_t length = utf8_lead(at[0], &second_min, &second_max);

	if (length > left)
		return 0;
	if (length < 2)
		return length;
	if (at[1] < second_min || at[1] > second_max)
		return 0;
	for (size_t i = 2; i < length; i++)
	{
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

bool
utf8_is_valid(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	const uint8_t *end = at + length;

	while (at < end)
	{
		uint64_t eight;
		size_t sequence;

		if (end - at >= 8)
		{
			memcpy(&eight, at, 8);
			if ((eight & UINT64_C(0x8080808080808080)) == 0)
			{
				at += 8;
				continue;
			}
		}
		sequence = utf8_sequence(at, (size_t) (end - at));
		if (sequence == 0)
			return false;
		at += sequence;
	}
	return true;
}

/* ---- time and chance ---------------------------------------------------- */

static int64_t
read_clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_us(void)
{
	return read_clock_us(CLOCK_MONOTONIC);
}

int64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

int64_t
wall_us(void)
{
	return read_clock_us(CLOCK_REALTIME);
}

void
format_rfc3339(char to[RFC3339_SIZE], int64_t wall_time_us)
{
	int64_t milliseconds = wall_time_us / 1000;
	time_t seconds = (time_t) (milliseconds / 1000);
	struct tm parts;
	size_t length;

	gmtime_r(&seconds, &parts);
	length = strftime(to, RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(to + length, RFC3339_SIZE - length, ".%03dZ", (int) (milliseconds % 1000));
}

void
random_bytes(void *to, size_t size)
{
	uint8_t *at = to;

	while (size > 0)
	{
		ssize_t got = getrandom(at, size, 0);

		if (got < 0 && errno != EINTR)
			panic("parley-pushd: the system has no random bytes\n");
		if (got > 0)
		{
			at += got;
			size -= (size_t) got;
		}
	}
}

uint64_t
random_u64(void)
{
	uint64_t value;

	random_bytes(&value, sizeof(value));
	return value;
}
