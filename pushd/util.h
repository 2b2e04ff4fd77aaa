/*
 * util.h
 *	  What every layer needs and the C library lacks: allocation that cannot
 *	  fail, byte buffers, lists, an integer map, strict parsing, clocks, UTF-8.
 *
 * parley-pushd is one thread with one loop; nothing here takes locks.
 */
#ifndef PARLEY_UTIL_H
#define PARLEY_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) \
	__attribute__((format(printf, format_at, first_at), nonnull(format_at)))

#define lengthof(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(pointer, type, member) \
	((type *) (void *) ((char *) (pointer) -offsetof(type, member)))

/* ---- memory ------------------------------------------------------------- */

/*
 * These never return NULL: out of memory (or a size that overflows) writes one
 * line to stderr and aborts.  Free the result with free().
 */
void *xmalloc(size_t size) MUST_CHECK;
void *xcalloc(size_t count, size_t size) MUST_CHECK;
void *xrealloc(void *memory, size_t size) MUST_CHECK;
void *xreallocarray(void *memory, size_t count, size_t size) MUST_CHECK;
void *xmemdup(const void *from, size_t size) MUST_CHECK;
char *xstrdup(const char *text) MUST_CHECK;
char *xstrndup(const char *text, size_t length) MUST_CHECK;
char *xasprintf(const char *format, ...) PRINTF_LIKE(1, 2) MUST_CHECK;

/* Overwrites memory that held a secret; the compiler cannot leave it out. */
void secure_zero(void *memory, size_t size);

/* ---- Buffer ------------------------------------------------------------- */

/*
 * A growable run of bytes.  All zero is a valid empty buffer (BUFFER_EMPTY).
 * The owner of the struct owns `data`; buffer_free() releases it and leaves an
 * empty buffer that may be used again.
 */
typedef struct Buffer
{
	uint8_t *data;
	size_t length;
	size_t capacity;
} Buffer;

#define BUFFER_EMPTY ((Buffer){NULL, 0, 0})

void buffer_free(Buffer *buffer);

/* The same for one that may have held a secret. */
void buffer_wipe(Buffer *buffer);

/* Forgets the contents and keeps the memory. */
void buffer_reset(Buffer *buffer);

/* Room for `more` bytes behind the contents; returns where they go.  Pointers
 * into the buffer are void afterwards.  buffer_advance() then counts them in. */
uint8_t *buffer_reserve(Buffer *buffer, size_t more);
void buffer_advance(Buffer *buffer, size_t written);

void buffer_append(Buffer *buffer, const void *bytes, size_t length);
void buffer_append_char(Buffer *buffer, char byte);
void buffer_append_string(Buffer *buffer, const char *text);
void buffer_append_int64(Buffer *buffer, int64_t value);
void buffer_printf(Buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* A JSON string with its quotes: ", \ and control characters are escaped, all
 * else goes through as it is (so valid UTF-8 stays valid). */
void buffer_append_json(Buffer *buffer, const char *text, size_t length);

/* The same of a whole text, or null where it is NULL. */
void buffer_append_json_or_null(Buffer *buffer, const char *text);

/* Percent-encoded but for letters, digits, "-", "_", "." and "~" (RFC 3986). */
void buffer_append_percent(Buffer *buffer, const char *text, size_t length);

/* Drops `length` bytes at the front. */
void buffer_consume(Buffer *buffer, size_t length);

/* The contents with a NUL behind them that does not count; never NULL. */
const char *buffer_cstring(Buffer *buffer);

/* Hands over the memory (free() it) and leaves the buffer empty. */
uint8_t *buffer_take(Buffer *buffer, size_t *length) MUST_CHECK;

/* ---- list --------------------------------------------------------------- */

/*
 * Intrusive, doubly linked, circular; a ListNode is either a head or embedded
 * in one element.  An element that is in no list points to itself (list_init),
 * so list_remove() may be called at any time, also twice.
 */
typedef struct ListNode
{
	struct ListNode *prev;
	struct ListNode *next;
} ListNode;

#define list_entry(node, type, member) container_of(node, type, member)

/* `node` may be removed (not its successor) within the body. */
#define LIST_FOREACH(head, node) \
	for (ListNode *node = (head)->next, *node##_next = node->next; node != (head); \
		 node = node##_next, node##_next = node->next)

static inline void
list_init(ListNode *node)
{
	node->prev = node->next = node;
}

/* Of a head: has no element.  Of an element: is in no list. */
static inline bool
list_is_empty(const ListNode *node)
{
	return node->next == node;
}

static inline void
list_insert_after(ListNode *where, ListNode *node)
{
	node->prev = where;
	node->next = where->next;
	where->next->prev = node;
	where->next = node;
}

static inline void
list_push_front(ListNode *head, ListNode *node)
{
	list_insert_after(head, node);
}

static inline void
list_push_back(ListNode *head, ListNode *node)
{
	list_insert_after(head->prev, node);
}

static inline void
list_remove(ListNode *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* NULL when the list has no element. */
static inline ListNode *
list_first(const ListNode *head)
{
	return list_is_empty(head) ? NULL : head->next;
}

/* Removes the first element; NULL when there is none. */
static inline ListNode *
list_pop_front(ListNode *head)
{
	ListNode *node = list_first(head);

	if (node)
		list_remove(node);
	return node;
}

/* Moves all elements of `from` behind those of `to`. */
void list_splice_back(ListNode *to, ListNode *from);

/* ---- Map ---------------------------------------------------------------- */

/*
 * int64 → pointer, open addressing with linear probing; any key, but no NULL
 * value.  All zero is a valid empty map.  The map owns its slots, not what the
 * values point to.
 */
typedef struct MapSlot
{
	int64_t key;
	void *value; /* NULL: the slot is free */
} MapSlot;

typedef struct Map
{
	MapSlot *slots;
	size_t capacity; /* 0 or a power of two */
	size_t count;
} Map;

void map_free(Map *map);

/* NULL when the key is not there. */
void *map_get(const Map *map, int64_t key);

/* Returns the value that was there before, or NULL. */
void *map_put(Map *map, int64_t key, void *value);

/* Returns the value that was there, or NULL.  Moves other slots: not within
 * an iteration. */
void *map_remove(Map *map, int64_t key);

/*
 * Iteration in no particular order: start with *cursor = 0; returns NULL at the
 * end.  The map must not change meanwhile.  `key` may be NULL.
 */
void *map_next(const Map *map, size_t *cursor, int64_t *key);

/* ---- text --------------------------------------------------------------- */

/*
 * A decimal number and nothing else: no blanks, no plus sign, no leading zeros
 * but "0" itself, no overflow.  False (and *value untouched) otherwise.
 */
bool parse_int64(const char *text, size_t length, int64_t *value) MUST_CHECK;

/* Copies with truncation, always terminates; false when it did not fit. */
bool string_copy(char *to, size_t size, const char *from);

/* ASCII case folding only. */
bool string_equal_nocase(const char *a, size_t a_length, const char *b);
bool string_starts_with(const char *text, const char *prefix);

/* RFC 9562 in its usual form, 8-4-4-4-12 hexadecimal digits of either case. */
bool uuid_is_valid(const char *text, size_t length) MUST_CHECK;

/* RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF. */
bool utf8_is_valid(const void *bytes, size_t length) MUST_CHECK;

/* ---- time and chance ---------------------------------------------------- */

/* Monotonic; for durations and deadlines. */
int64_t clock_us(void);
int64_t clock_ms(void);

/* Microseconds since 1970-01-01 UTC; for what people and other programs see. */
int64_t wall_us(void);

/* RFC 3339 in UTC with milliseconds: 2026-11-21T00:54:00.123Z. */
#define RFC3339_SIZE 32
void format_rfc3339(char to[RFC3339_SIZE], int64_t wall_time_us);

/* From the kernel's generator; aborts where there is none. */
void random_bytes(void *to, size_t size);
uint64_t random_u64(void);

#endif /* PARLEY_UTIL_H */
