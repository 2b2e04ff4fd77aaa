/*
 * pack.c
 *	  Packs messages into blocks and reads them back; see pack.h for the layout.
 *
 * A column is a row of the table `columns`: for which messages it has a value, how that
 * is written and how it is read.
 */
#include "pack.h"

#include <string.h>

#include <zstd.h>

#define HEADER_SIZE 16
#define VARINT_MAX 10

/* ---- numbers ------------------------------------------------------------ */

static void
PutU32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t) (value >> (24 - 8 * i));
}

static uint32_t
GetU32(const uint8_t *from)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | from[i];
	return value;
}

static uint8_t *
PutVarint(uint8_t *to, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*to++ = (uint8_t) (value | 0x80);
	*to++ = (uint8_t) value;
	return to;
}

/* Small whatever the sign. */
static uint8_t *
PutSigned(uint8_t *to, int64_t value)
{
	return PutVarint(to, ((uint64_t) value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

static bool
GetVarint(PackCursor *cursor, uint64_t *value)
{
	*value = 0;
	for (int shift = 0; cursor->at < cursor->end && shift < 64; shift += 7)
	{
		uint8_t byte = *cursor->at++;

		if (shift == 63 && byte > 1)
			return false;
		*value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

static bool
GetSigned(PackCursor *cursor, int64_t *value)
{
	uint64_t zigzag;

	if (!GetVarint(cursor, &zigzag))
		return false;
	*value = (int64_t) ((zigzag >> 1) ^ (zigzag & 1 ? UINT64_MAX : 0));
	return true;
}

/* Differences wrap around: no pair of numbers is out of their range. */
static uint8_t *
PutDifference(uint8_t *to, int64_t value, int64_t base)
{
	return PutSigned(to, (int64_t) ((uint64_t) value - (uint64_t) base));
}

static bool
GetDifference(PackCursor *cursor, int64_t base, int64_t *value)
{
	int64_t difference;

	if (!GetSigned(cursor, &difference))
		return false;
	*value = (int64_t) ((uint64_t) base + (uint64_t) difference);
	return true;
}

static uint8_t *
PutBytes(uint8_t *to, PackText text)
{
	if (text.length > 0)
		memcpy(to, text.bytes, text.length);
	return to + text.length;
}

static bool
GetBytes(PackCursor *cursor, uint64_t length, PackText *text)
{
	if (length > (uint64_t) (cursor->end - cursor->at))
		return false;
	*text = (PackText){.bytes = (const char *) cursor->at, .length = (uint32_t) length};
	cursor->at += length;
	return true;
}

/* ---- columns ------------------------------------------------------------ */

/* `last` is the message before, all 0 at the first. */
typedef uint8_t *(*PutValue)(uint8_t *to, const PackMessage *m, const PackMessage *last);
typedef bool (*GetValue)(PackCursor *cursor, PackMessage *m, const PackMessage *last);

/* Both directions of a field that is stored as the difference to `base`. */
#define DIFFERENCE_COLUMN(name, field, base) \
	static uint8_t *Put##name(uint8_t *to, const PackMessage *m, const PackMessage *last) \
	{ \
		(void) last; \
		return PutDifference(to, m->field, base); \
	} \
	static bool Get##name(PackCursor *cursor, PackMessage *m, const PackMessage *last) \
	{ \
		(void) last; \
		return GetDifference(cursor, base, &m->field); \
	}

DIFFERENCE_COLUMN(Seq, seq, last->seq)
DIFFERENCE_COLUMN(CreatedAt, created_at, last->created_at)
DIFFERENCE_COLUMN(ReplyTo, reply_to, m->seq)
DIFFERENCE_COLUMN(Thread, thread, m->seq)
DIFFERENCE_COLUMN(EditedAt, edited_at, m->created_at)
DIFFERENCE_COLUMN(DeletedAt, deleted_at, m->created_at)
DIFFERENCE_COLUMN(Ver, ver, 0)

/* Both directions of the length of a text, whose bytes stand in a column behind. */
#define TEXT_COLUMNS(name, field) \
	static uint8_t *Put##name##Length(uint8_t *to, const PackMessage *m, const PackMessage *last) \
	{ \
		(void) last; \
		return PutVarint(to, m->field.length); \
	} \
	static bool Get##name##Length(PackCursor *cursor, PackMessage *m, const PackMessage *last) \
	{ \
		uint64_t length; \
\
		(void) last; \
		if (!GetVarint(cursor, &length) || length > PACK_MAX_RAW) \
			return false; \
		m->field.length = (uint32_t) length; \
		return true; \
	} \
	static uint8_t *Put##name(uint8_t *to, const PackMessage *m, const PackMessage *last) \
	{ \
		(void) last; \
		return PutBytes(to, m->field); \
	} \
	static bool Get##name(PackCursor *cursor, PackMessage *m, const PackMessage *last) \
	{ \
		(void) last; \
		return GetBytes(cursor, m->field.length, &m->field); \
	}

TEXT_COLUMNS(Content, content)
TEXT_COLUMNS(Reactions, reactions)
TEXT_COLUMNS(Attachments, attachments)

static uint8_t *
PutPresent(uint8_t *to, const PackMessage *m, const PackMessage *last)
{
	(void) last;
	return PutVarint(to, m->present);
}

static bool
GetPresent(PackCursor *cursor, PackMessage *m, const PackMessage *last)
{
	uint64_t present;

	(void) last;
	if (!GetVarint(cursor, &present) || (present & ~(uint64_t) PACK_ALL) != 0)
		return false;
	m->present = (uint32_t) present;
	return true;
}

static uint8_t *
PutChanged(uint8_t *to, const PackMessage *m, const PackMessage *last)
{
	(void) last;
	*to++ = (uint8_t) m->changed;
	return to;
}

static bool
GetChanged(PackCursor *cursor, PackMessage *m, const PackMessage *last)
{
	(void) last;
	if (cursor->at == cursor->end)
		return false;
	m->changed = (char) *cursor->at++;
	return true;
}

/* In this order a field is there before another needs it. */
static const struct
{
	uint32_t present; /* only of messages that have this; 0: of all */
	PutValue put;
	GetValue get;
} columns[PACK_COLUMNS] = {
	{0, PutPresent, GetPresent},
	{0, PutSeq, GetSeq},
	{0, PutCreatedAt, GetCreatedAt},
	{PACK_REPLY_TO, PutReplyTo, GetReplyTo},
	{PACK_THREAD, PutThread, GetThread},
	{PACK_EDITED, PutEditedAt, GetEditedAt},
	{PACK_DELETED, PutDeletedAt, GetDeletedAt},
	{PACK_VER, PutVer, GetVer},
	{PACK_CHANGED, PutChanged, GetChanged},
	{0, PutContentLength, GetContentLength},
	{PACK_REACTIONS, PutReactionsLength, GetReactionsLength},
	{PACK_ATTACHMENTS, PutAttachmentsLength, GetAttachmentsLength},
	{0, PutContent, GetContent},
	{PACK_REACTIONS, PutReactions, GetReactions},
	{PACK_ATTACHMENTS, PutAttachments, GetAttachments},
};

/* ---- writing ------------------------------------------------------------ */

size_t
PackRawBound(const PackMessage *messages, int count)
{
	size_t bound = (PACK_COLUMNS + 2) * 4 + VARINT_MAX;

	for (int i = 0; i < count; i++)
		bound += (PACK_COLUMNS + 3) * VARINT_MAX + (size_t) messages[i].sender_name.length +
				 messages[i].content.length + messages[i].reactions.length +
				 messages[i].attachments.length;
	return bound;
}

size_t
PackBound(size_t raw_bound, int count)
{
	return HEADER_SIZE + (size_t) count * PACK_CLIENT_ID_SIZE + ZSTD_compressBound(raw_bound);
}

static bool
SameSender(const PackMessage *a, const PackMessage *b)
{
	return a->sender_id == b->sender_id && a->sender_name.length == b->sender_name.length &&
		   memcmp(a->sender_name.bytes, b->sender_name.bytes, a->sender_name.length) == 0;
}

/* The list of senders, and the place in it of each message's. */
static uint8_t *
PutSenders(uint8_t *to, const PackMessage *messages, int count)
{
	uint16_t places[PACK_MAX_MESSAGES];
	uint16_t firsts[PACK_MAX_MESSAGES]; /* the message that a sender is first seen in */
	int found = 0;

	for (int i = 0; i < count; i++)
	{
		int place = 0;

		while (place < found && !SameSender(&messages[i], &messages[firsts[place]]))
			place++;
		if (place == found)
			firsts[found++] = (uint16_t) i;
		places[i] = (uint16_t) place;
	}
	to = PutVarint(to, (uint64_t) found);
	for (int i = 0; i < found; i++)
	{
		const PackMessage *m = &messages[firsts[i]];

		to = PutSigned(to, m->sender_id);
		to = PutVarint(to, m->sender_name.length);
		to = PutBytes(to, m->sender_name);
	}
	for (int i = 0; i < count; i++)
		to = PutVarint(to, places[i]);
	return to;
}

static uint8_t *
PutColumn(uint8_t *to, int column, const PackMessage *messages, int count)
{
	static const PackMessage none;
	uint8_t *at = to + 4;

	for (int i = 0; i < count; i++)
	{
		if (columns[column].present == 0 || (messages[i].present & columns[column].present))
			at = columns[column].put(at, &messages[i], i > 0 ? &messages[i - 1] : &none);
	}
	PutU32(to, (uint32_t) (at - to - 4));
	return at;
}

static uint8_t *
PutColumns(uint8_t *to, const PackMessage *messages, int count)
{
	uint8_t *senders_end = PutSenders(to + 4, messages, count);

	PutU32(to, (uint32_t) (senders_end - to - 4));
	to = senders_end;
	for (int i = 0; i < PACK_COLUMNS; i++)
		to = PutColumn(to, i, messages, count);
	return to;
}

size_t
PackWrite(const PackMessage *messages, int count, PackEffort effort, uint8_t *raw, uint8_t *block,
		  size_t block_size)
{
	uint8_t *at = block + HEADER_SIZE;
	size_t raw_size;
	size_t frame_size;

	if (count < 1 || count > PACK_MAX_MESSAGES || PackRawBound(messages, count) > PACK_MAX_RAW)
		return 0;
	raw_size = (size_t) (PutColumns(raw, messages, count) - raw);
	for (int i = 0; i < count; i++)
	{
		if (messages[i].present & PACK_CLIENT_ID)
		{
			memcpy(at, messages[i].client_id, PACK_CLIENT_ID_SIZE);
			at += PACK_CLIENT_ID_SIZE;
		}
	}
	memcpy(block, (const uint8_t[]){'M', 'B', PACK_FORMAT, 0}, 4);
	PutU32(block + 4, (uint32_t) count);
	PutU32(block + 8, (uint32_t) raw_size);
	PutU32(block + 12, (uint32_t) ((at - block - HEADER_SIZE) / PACK_CLIENT_ID_SIZE));
	frame_size = ZSTD_compress(at, block_size - (size_t) (at - block), raw, raw_size, effort);
	return ZSTD_isError(frame_size) ? 0 : (size_t) (at - block) + frame_size;
}

/* ---- reading ------------------------------------------------------------ */

size_t
PackRawSize(const uint8_t *block, size_t size)
{
	uint32_t count;
	uint32_t raw_size;
	uint32_t ids;

	if (size < HEADER_SIZE || memcmp(block, (const uint8_t[]){'M', 'B', PACK_FORMAT, 0}, 4) != 0)
		return 0;
	count = GetU32(block + 4);
	raw_size = GetU32(block + 8);
	ids = GetU32(block + 12);
	if (count < 1 || count > PACK_MAX_MESSAGES || ids > count || raw_size > PACK_MAX_RAW ||
		ids * PACK_CLIENT_ID_SIZE > size - HEADER_SIZE)
		return 0;
	return raw_size;
}

static bool
GetSenders(PackReader *reader, PackCursor *cursor)
{
	uint64_t count;

	if (!GetVarint(cursor, &count) || count < 1 || count > (uint64_t) reader->count)
		return false;
	reader->sender_count = (int) count;
	for (int i = 0; i < reader->sender_count; i++)
	{
		uint64_t length;

		if (!GetSigned(cursor, &reader->senders[i].id) || !GetVarint(cursor, &length) ||
			!GetBytes(cursor, length, &reader->senders[i].name))
			return false;
	}
	return true;
}

/* The next `u32 bytes` and what they say; both must be there. */
static bool
GetSection(PackCursor *cursor, PackCursor *section)
{
	uint32_t length;

	if (cursor->end - cursor->at < 4)
		return false;
	length = GetU32(cursor->at);
	cursor->at += 4;
	if (length > (size_t) (cursor->end - cursor->at))
		return false;
	*section = (PackCursor){.at = cursor->at, .end = cursor->at + length};
	cursor->at += length;
	return true;
}

bool
PackOpen(PackReader *reader, const uint8_t *block, size_t size, uint8_t *raw)
{
	size_t raw_size = PackRawSize(block, size);
	size_t ids_size;
	PackCursor cursor = {.at = raw, .end = raw + raw_size};

	if (raw_size == 0)
		return false;
	reader->count = (int) GetU32(block + 4);
	reader->read = 0;
	memset(&reader->last, 0, sizeof(reader->last));
	ids_size = (size_t) GetU32(block + 12) * PACK_CLIENT_ID_SIZE;
	block += HEADER_SIZE;
	reader->client_ids = (PackCursor){.at = block, .end = block + ids_size};
	if (ZSTD_decompress(raw, raw_size, block + ids_size, size - HEADER_SIZE - ids_size) != raw_size)
		return false;
	if (!GetSection(&cursor, &reader->senders_of) || !GetSenders(reader, &reader->senders_of))
		return false;
	for (int i = 0; i < PACK_COLUMNS; i++)
	{
		if (!GetSection(&cursor, &reader->columns[i]))
			return false;
	}
	return cursor.at == cursor.end;
}

static bool
GetSender(PackReader *reader, PackMessage *message)
{
	uint64_t place;

	if (!GetVarint(&reader->senders_of, &place) || place >= (uint64_t) reader->sender_count)
		return false;
	message->sender_id = reader->senders[place].id;
	message->sender_name = reader->senders[place].name;
	return true;
}

static bool
GetClientId(PackReader *reader, PackMessage *message)
{
	PackCursor *ids = &reader->client_ids;

	if (!(message->present & PACK_CLIENT_ID))
		return true;
	if (ids->at == ids->end)
		return false;
	memcpy(message->client_id, ids->at, PACK_CLIENT_ID_SIZE);
	ids->at += PACK_CLIENT_ID_SIZE;
	return true;
}

static bool
GetMessage(PackReader *reader, PackMessage *message)
{
	for (int i = 0; i < PACK_COLUMNS; i++)
	{
		if ((columns[i].present == 0 || (message->present & columns[i].present)) &&
			!columns[i].get(&reader->columns[i], message, &reader->last))
			return false;
	}
	return message->seq > reader->last.seq && GetSender(reader, message) &&
		   GetClientId(reader, message);
}

/* Whether every value has been read that is there. */
static bool
IsExhausted(const PackReader *reader)
{
	for (int i = 0; i < PACK_COLUMNS; i++)
	{
		if (reader->columns[i].at != reader->columns[i].end)
			return false;
	}
	return reader->senders_of.at == reader->senders_of.end &&
		   reader->client_ids.at == reader->client_ids.end;
}

PackResult
PackNext(PackReader *reader, PackMessage *message)
{
	if (reader->read == reader->count)
		return IsExhausted(reader) ? PACK_END : PACK_DAMAGED;
	memset(message, 0, sizeof(*message));
	if (!GetMessage(reader, message))
		return PACK_DAMAGED;
	reader->last = *message;
	reader->read++;
	return PACK_MESSAGE;
}

/* ---- sorted numbers ----------------------------------------------------- */

size_t
PackNumbers(const int64_t *numbers, int count, uint8_t *to)
{
	uint8_t *at = to;

	for (int i = 0; i < count; i++)
		at = PutVarint(at, (uint64_t) (numbers[i] - (i > 0 ? numbers[i - 1] : 0)));
	return (size_t) (at - to);
}

int
PackReadNumbers(const uint8_t *from, size_t size, int64_t *numbers, int max)
{
	PackCursor cursor = {.at = from, .end = from + size};
	int64_t last = 0;
	int count = 0;

	while (cursor.at < cursor.end)
	{
		uint64_t difference;

		if (count == max || !GetVarint(&cursor, &difference) ||
			difference > (uint64_t) (INT64_MAX - last))
			return -1;
		last += (int64_t) difference;
		numbers[count++] = last;
	}
	return count;
}
