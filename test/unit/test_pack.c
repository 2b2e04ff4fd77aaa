/*
 * test_pack.c
 *	  Blocks of messages: what goes in comes out, and nothing that is damaged does harm.
 *
 * Links extension/pack.c alone; prints TAP.
 */
#include <stdlib.h>

#include "pack.h"
#include "tap.h"

#define COUNT 200

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static PackText
text(const char *bytes)
{
	return (PackText){.bytes = bytes, .length = (uint32_t) strlen(bytes)};
}

static const char *const contents[] = {"hi", "", "how are you today?", "fine, thanks 👍", "see you"};
static const char *const names[] = {"alice", "bob", "carol"};

/* Of every field some are NULL, and the numbers are of all sizes. */
static void
make_messages(PackMessage *messages, int count, uint64_t seed)
{
	int64_t seq = 0;

	for (int i = 0; i < count; i++)
	{
		PackMessage *m = &messages[i];

		memset(m, 0, sizeof(*m));
		m->seq = seq += 1 + (int64_t) (next_random(&seed) % 3);
		m->sender_id = (int64_t) (next_random(&seed) % 3) + 1;
		m->sender_name = text(names[m->sender_id - 1]);
		m->created_at = (int64_t) next_random(&seed) * 1000 - 5000;
		m->present = (uint32_t) next_random(&seed) & PACK_ALL;
		m->reply_to = m->present & PACK_REPLY_TO ? seq / 2 : 0;
		m->thread = m->present & PACK_THREAD ? 1 : 0;
		m->edited_at = m->present & PACK_EDITED ? INT64_MAX : 0;
		m->deleted_at = m->present & PACK_DELETED ? INT64_MIN : 0;
		m->ver = m->present & PACK_VER ? (int64_t) next_random(&seed) : 0;
		m->changed = m->present & PACK_CHANGED ? 'e' : '\0';
		m->content = text(contents[next_random(&seed) % 5]);
		if (m->present & PACK_REACTIONS)
			m->reactions = text("[{\"emoji\":\"👍\"}]");
		if (m->present & PACK_ATTACHMENTS)
			m->attachments = text("[{\"id\":1}]");
		if (m->present & PACK_CLIENT_ID)
			memset(m->client_id, i, PACK_CLIENT_ID_SIZE);
	}
}

static uint8_t *
pack(const PackMessage *messages, int count, size_t *size)
{
	size_t raw_bound = PackRawBound(messages, count);
	size_t bound = PackBound(raw_bound, count);
	uint8_t *raw = malloc(raw_bound);
	uint8_t *block = malloc(bound);

	*size = PackWrite(messages, count, PACK_WELL, raw, block, bound);
	free(raw);
	return block;
}

static bool
same_text(PackText a, PackText b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static bool
same_message(const PackMessage *a, const PackMessage *b)
{
	return a->seq == b->seq && a->sender_id == b->sender_id && a->reply_to == b->reply_to &&
		   a->thread == b->thread && a->created_at == b->created_at &&
		   a->edited_at == b->edited_at && a->deleted_at == b->deleted_at && a->ver == b->ver &&
		   a->present == b->present && a->changed == b->changed &&
		   memcmp(a->client_id, b->client_id, PACK_CLIENT_ID_SIZE) == 0 &&
		   same_text(a->sender_name, b->sender_name) && same_text(a->content, b->content) &&
		   same_text(a->reactions, b->reactions) && same_text(a->attachments, b->attachments);
}

/* Reads all, in memory of exactly the size; how many, or -1: damaged. */
static int
read_all(const uint8_t *block, size_t size, const PackMessage *expected, bool *same)
{
	size_t raw_size = PackRawSize(block, size);
	uint8_t *copy = malloc(size + 1);
	uint8_t *raw = malloc(raw_size + 1);
	PackReader *reader = malloc(sizeof(PackReader));
	PackMessage message;
	PackResult result = PACK_DAMAGED;
	int count = 0;

	memcpy(copy + 1, block, size); /* an odd address, and its end is the end of memory */
	if (PackOpen(reader, copy + 1, size, raw))
	{
		while ((result = PackNext(reader, &message)) == PACK_MESSAGE)
		{
			if (expected && !same_message(&message, &expected[count]))
				*same = false;
			count++;
		}
	}
	free(reader);
	free(raw);
	free(copy);
	return result == PACK_END ? count : -1;
}

static void
test_round_trip(void)
{
	PackMessage *messages = malloc(PACK_MAX_MESSAGES * sizeof(PackMessage));
	const int counts[] = {1, 2, COUNT, PACK_MAX_MESSAGES};

	for (int i = 0; i < 4; i++)
	{
		size_t size;
		bool same = true;
		uint8_t *block;

		make_messages(messages, counts[i], (uint64_t) i);
		block = pack(messages, counts[i], &size);
		is_number(read_all(block, size, messages, &same), counts[i], "all messages come out");
		ok(same, "and are what went in");
		free(block);
	}
	free(messages);
}

static void
test_limits(void)
{
	PackMessage message = {.seq = 1, .sender_name = {"a", 1}};
	uint8_t raw[1000];
	uint8_t block[1000];

	is_number((int64_t) PackWrite(&message, 0, PACK_WELL, raw, block, sizeof(block)), 0,
			  "no message is no block");
	message.content.length = PACK_MAX_RAW;
	is_number((int64_t) PackWrite(&message, 1, PACK_WELL, raw, block, sizeof(block)), 0,
			  "more than a block holds");
	is_number((int64_t) PackRawSize(block, 15), 0, "shorter than a header");
}

/* Every cut is found out. */
static void
test_truncated(const uint8_t *block, size_t size)
{
	int found = 0;

	for (size_t cut = 0; cut < size; cut++)
		found += read_all(block, cut, NULL, NULL) == -1;
	is_number(found, (int64_t) size, "a block that is cut is damaged");
}

/* The header's counts as a liar would set them. */
static void
test_absurd(const uint8_t *block, size_t size)
{
	static const uint32_t values[] = {0, 1, 3, 1024, 1025, 0x7fffffff, 0x80000000, 0xffffffff};
	uint8_t *copy = malloc(size);
	int damaged = 0;

	for (int field = 4; field <= 12; field += 4)
	{
		for (int i = 0; i < 8; i++)
		{
			memcpy(copy, block, size);
			for (int byte = 0; byte < 4; byte++)
				copy[field + byte] = (uint8_t) (values[i] >> (24 - 8 * byte));
			damaged += read_all(copy, size, NULL, NULL) == -1;
		}
	}
	is_number(damaged, 24, "absurd counts are found out");
	free(copy);
}

/* The columns are compressed: flips in them go through the whole reader. */
static void
test_flipped_raw(const PackMessage *messages)
{
	uint64_t seed = 42;
	size_t raw_bound = PackRawBound(messages, COUNT);
	uint8_t *raw = malloc(raw_bound);
	uint8_t *block = malloc(PackBound(raw_bound, COUNT));
	size_t size = PackWrite(messages, COUNT, PACK_QUICKLY, raw, block, PackBound(raw_bound, COUNT));
	uint8_t *columns = malloc(PackRawSize(block, size));
	PackReader *reader = malloc(sizeof(PackReader));
	int read = 0;

	for (int round = 0; round < 2000; round++)
	{
		PackMessage message;

		if (!PackOpen(reader, block, size, columns))
			break;
		for (int i = 0; i < 3; i++)
		{
			size_t at = next_random(&seed) % PackRawSize(block, size);

			columns[at] ^= (uint8_t) (1u << (next_random(&seed) % 8));
		}
		while (PackNext(reader, &message) == PACK_MESSAGE)
			read++;
	}
	ok(read > 0, "flipped bits in the columns do no harm");
	free(reader);
	free(columns);
	free(block);
	free(raw);
}

static void
test_flipped(const uint8_t *block, size_t size)
{
	uint8_t *copy = malloc(size);
	int read = 0;
	int rounds = 0;

	for (size_t bit = 0; bit < size * 8; bit += 13, rounds++) /* all places of a byte in turn */
	{
		memcpy(copy, block, size);
		copy[bit / 8] ^= (uint8_t) (1u << (bit % 8));
		read += read_all(copy, size, NULL, NULL) >= -1;
	}
	is_number(read, rounds, "no flipped bit does harm");
	free(copy);
}

static void
test_numbers(void)
{
	const int64_t numbers[] = {0, 0, 1, 300, INT64_MAX};
	const uint8_t damaged[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	uint8_t packed[PACK_NUMBERS_BOUND(5)];
	int64_t read[5];
	size_t size = PackNumbers(numbers, 5, packed);

	is_number(PackReadNumbers(packed, size, read, 5), 5, "numbers come out");
	ok(memcmp(numbers, read, sizeof(numbers)) == 0, "as they went in");
	is_number(PackReadNumbers(packed, size, read, 4), -1, "more than there is room for");
	is_number(PackReadNumbers(packed, size - 1, read, 5), -1, "cut");
	is_number(PackReadNumbers(damaged, sizeof(damaged), read, 5), -1, "too large a number");
}

int
main(void)
{
	PackMessage messages[COUNT];
	size_t size;
	uint8_t *block;

	test_round_trip();
	test_limits();
	make_messages(messages, COUNT, 7);
	block = pack(messages, COUNT, &size);
	test_truncated(block, size);
	test_absurd(block, size);
	test_flipped(block, size);
	test_flipped_raw(messages);
	test_numbers();
	free(block);
	return done_testing();
}
