/*
 * test_wire.c
 *	  The chunk and event headers of extension/wire.h: there and back, byte order,
 *	  and everything that is cut short.
 */
#include <limits.h>

#include "tap.h"
#include "wire.h"

static void
test_integers(void)
{
	uint8_t bytes[8];

	parley_put_u32(bytes, 0x01020304);
	ok(memcmp(bytes, "\1\2\3\4", 4) == 0, "u32 is big-endian");
	is_number(parley_get_u32(bytes), 0x01020304, "u32 there and back");
	parley_put_i64(bytes, -2);
	ok(memcmp(bytes, "\xff\xff\xff\xff\xff\xff\xff\xfe", 8) == 0, "i64 is big-endian");
	is_number(parley_get_i64(bytes), -2, "i64 there and back");
	parley_put_i64(bytes, INT64_MIN);
	is_number(parley_get_i64(bytes), INT64_MIN, "the smallest i64");
}

static void
test_chunk(void)
{
	uint8_t bytes[PARLEY_CHUNK_HEADER_SIZE + 40] = {0};
	ParleyChunk chunk = {PARLEY_CHUNK_FLAG_LAST, 4294967295u, -5, 1, 40};
	ParleyChunk got;

	parley_put_chunk(bytes, &chunk);
	ok(parley_get_chunk(bytes, sizeof(bytes), &got), "a chunk is read");
	ok(got.flags == chunk.flags && got.xid == chunk.xid && got.commit_time == chunk.commit_time &&
		   got.events == chunk.events && got.bytes == chunk.bytes,
	   "with all its fields");
	ok(!parley_get_chunk(bytes, sizeof(bytes) - 1, &got), "one byte less is no chunk");
	ok(!parley_get_chunk(bytes, PARLEY_CHUNK_HEADER_SIZE, &got), "nor is the header alone");
	ok(!parley_get_chunk(bytes, PARLEY_CHUNK_HEADER_SIZE - 1, &got), "nor less than that");
	ok(!parley_get_chunk(bytes, 0, &got), "nor nothing");
	bytes[0] = 'B';
	ok(!parley_get_chunk(bytes, sizeof(bytes), &got), "nor another magic");
	chunk.bytes = UINT32_MAX;
	parley_put_chunk(bytes, &chunk);
	ok(!parley_get_chunk(bytes, sizeof(bytes), &got), "nor a length beyond the message");
}

static void
test_event(void)
{
	uint8_t bytes[PARLEY_EVENT_HEADER_SIZE + 3] = {0};
	ParleyEvent event = {PARLEY_EVENT_MEMBER, PARLEY_EVENT_FLAG_ACTIVE, 3, 7, INT64_MAX, -9, 12};
	ParleyEvent got;

	parley_put_event(bytes, &event);
	ok(parley_get_event(bytes, sizeof(bytes), &got), "an event is read");
	ok(got.kind == event.kind && got.flags == event.flags && got.length == event.length &&
		   got.conversation_id == event.conversation_id && got.account_id == event.account_id &&
		   got.number == event.number && got.ver == event.ver,
	   "with all its fields");
	ok(!parley_get_event(bytes, sizeof(bytes) - 1, &got), "one byte less is no event");
	ok(!parley_get_event(bytes, PARLEY_EVENT_HEADER_SIZE - 1, &got), "nor less than a header");
	event.length = UINT32_MAX;
	parley_put_event(bytes, &event);
	ok(!parley_get_event(bytes, sizeof(bytes), &got), "nor a length beyond the chunk");
	event.length = 0;
	parley_put_event(bytes, &event);
	ok(parley_get_event(bytes, PARLEY_EVENT_HEADER_SIZE, &got), "an event may have no JSON");
}

/* The tables are read by people and programs alike: no two rows may say the same. */
static void
test_tables(void)
{
	static const struct
	{
		const char *sqlstate;
		int status;
		const char *code;
	} errors[] = {
#define ROW(symbol, sqlstate, status, code, title) {sqlstate, status, code},
		PARLEY_ERRORS(ROW)
#undef ROW
	};
	static const char kinds[] = {
#define ROW(symbol, byte, name) byte,
		PARLEY_EVENTS(ROW)
#undef ROW
	};
	bool unique = true;
	bool well_formed = true;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
	{
		well_formed = well_formed && strlen(errors[i].sqlstate) == 5 && errors[i].status >= 400 &&
					  errors[i].status < 600;
		for (size_t j = 0; j < i; j++)
			unique = unique && strcmp(errors[i].sqlstate, errors[j].sqlstate) != 0 &&
					 strcmp(errors[i].code, errors[j].code) != 0;
	}
	for (size_t i = 0; i < sizeof(kinds); i++)
		unique = unique && memchr(kinds, kinds[i], sizeof(kinds)) == kinds + i;
	ok(unique, "SQLSTATEs, codes and kinds are unique");
	ok(well_formed, "SQLSTATEs have five characters, statuses are errors");
}

int
main(void)
{
	test_integers();
	test_chunk();
	test_event();
	test_tables();
	return done_testing();
}
