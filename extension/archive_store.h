/*
 * archive_store.h
 *	  Moving messages between rows and blocks, and how blocks are written.  All inside
 *	  SpiBegin(), under the conversation's lock (counter.h).
 */
#ifndef PARLEY_ARCHIVE_STORE_H
#define PARLEY_ARCHIVE_STORE_H

#include "postgres.h"

#include "archive.h"

/* Makes an archived message a row again; false if it is in no block. */
extern bool ArchiveUnpack(int64 conversation_id, int64 seq);

/*
 * What an erasure has to do with: messages of an account behind seq `after` that do not carry
 * `name`, or, unless their content is kept, are not deleted.
 */
typedef struct ArchiveErasure
{
	int64 sender_id;
	int64 after;
	const char *name;
	bool keeps_content;
} ArchiveErasure;

/* Makes the first `max` of these rows again, from one block at a time. */
extern void ArchiveUnpackSender(int64 conversation_id, const ArchiveErasure *erasure, int max);

/*
 * Moves up to `max` rows that were sent before a time into blocks, oldest first, and returns
 * how many; fewer than `max`: no such row is left.
 */
extern int ArchivePack(int64 conversation_id, TimestampTz before, int max);

/* Writes what is left of a block that was read: messages[from] and behind. */
extern void ArchiveCut(int64 conversation_id, const ArchiveBlock *block, int from);

#endif /* PARLEY_ARCHIVE_STORE_H */
