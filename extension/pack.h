/*
 * pack.h
 *	  Messages of one conversation as one compressed block.
 *
 * A short message compresses badly alone: a block holds up to PACK_MAX_MESSAGES, column by
 * column, so that like stands beside like: numbers as differences, senders by their place
 * in a list, what is mostly NULL only where it is not.  Layout, all numbers big-endian:
 *
 *	  'M' 'B' format 0 | u32 messages | u32 bytes of the columns | u32 client ids
 *	  client ids, 16 bytes each: random, they do not compress
 *	  one zstd frame of the columns
 *
 *	  columns: senders (how many, then id and name of each), then one for each row of the
 *	  table in pack.c: u32 bytes, then the values; a number is a varint, signed ones zigzag.
 *
 * Reading trusts nothing: every length and count is checked against what is there, and
 * whatever is left over is an error too.
 *
 * Pure C11 and libzstd, no PostgreSQL header.  All memory is the caller's.
 */
#ifndef PARLEY_PACK_H
#define PARLEY_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACK_FORMAT 1
#define PACK_MAX_MESSAGES 1024
#define PACK_MAX_RAW (256u * 1024 * 1024) /* bytes of the columns of one block */
#define PACK_CLIENT_ID_SIZE 16

/* Which of the fields that may be NULL are not. */
#define PACK_REPLY_TO 0x001
#define PACK_THREAD 0x002
#define PACK_EDITED 0x004
#define PACK_DELETED 0x008
#define PACK_VER 0x010
#define PACK_CHANGED 0x020
#define PACK_CLIENT_ID 0x040
#define PACK_REACTIONS 0x080
#define PACK_ATTACHMENTS 0x100
#define PACK_ALL 0x1ff

/* Bytes of somebody else, not terminated. */
typedef struct PackText
{
	const char *bytes;
	uint32_t length;
} PackText;

/* A field that is NULL reads as 0. */
typedef struct PackMessage
{
	int64_t seq;
	int64_t sender_id;
	int64_t reply_to;
	int64_t thread;
	int64_t created_at;
	int64_t edited_at;
	int64_t deleted_at;
	int64_t ver;
	uint32_t present; /* PACK_* */
	char changed;
	uint8_t client_id[PACK_CLIENT_ID_SIZE];
	PackText sender_name;
	PackText content;
	PackText reactions;
	PackText attachments;
} PackMessage;

/* ---- writing ------------------------------------------------------------ */

/* How much memory PackWrite() needs at most, for the columns and for the block. */
extern size_t PackRawBound(const PackMessage *messages, int count);
extern size_t PackBound(size_t raw_bound, int count);

/* Levels of compression, which reading does not depend on. */
typedef enum PackEffort
{
	PACK_QUICKLY = 3, /* somebody waits, and the next archiving writes the block anew */
	PACK_WELL = 19
} PackEffort;

/*
 * 1 to PACK_MAX_MESSAGES messages in the order of their seq.  Returns the size of the
 * block, 0 if it would break a limit.
 */
extern size_t PackWrite(const PackMessage *messages, int count, PackEffort effort, uint8_t *raw,
						uint8_t *block, size_t block_size);

/* ---- reading ------------------------------------------------------------ */

#define PACK_COLUMNS 15

typedef struct PackCursor
{
	const uint8_t *at;
	const uint8_t *end;
} PackCursor;

typedef struct PackSender
{
	int64_t id;
	PackText name;
} PackSender;

typedef struct PackReader
{
	int count;
	int read; /* so far */
	int sender_count;
	PackCursor senders_of; /* each message's place in the list */
	PackCursor client_ids;
	PackCursor columns[PACK_COLUMNS];
	PackMessage last;
	PackSender senders[PACK_MAX_MESSAGES];
} PackReader;

/* How much memory PackOpen() needs for the columns; 0: this is no block. */
extern size_t PackRawSize(const uint8_t *block, size_t size);

/* False: damaged.  What is read points into `raw` and lives as long. */
extern bool PackOpen(PackReader *reader, const uint8_t *block, size_t size, uint8_t *raw);

typedef enum PackResult
{
	PACK_MESSAGE,
	PACK_END,
	PACK_DAMAGED
} PackResult;

extern PackResult PackNext(PackReader *reader, PackMessage *message);

/* ---- sorted numbers ----------------------------------------------------- */

/*
 * Numbers from 0 up, sorted, as the varints of their differences: PackNumbersBound() bytes
 * at most.  Reading returns how many there are, -1 if they are damaged or more than `max`.
 */
#define PACK_NUMBERS_BOUND(count) ((size_t) (count) *10)
extern size_t PackNumbers(const int64_t *numbers, int count, uint8_t *to);
extern int PackReadNumbers(const uint8_t *from, size_t size, int64_t *numbers, int max);

#endif /* PARLEY_PACK_H */
