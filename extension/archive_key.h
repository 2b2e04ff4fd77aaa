/*
 * archive_key.h
 *	  Which archived message a (sender, client id) named, for ever (I3), in a few bytes each.
 *
 *	  A key is a hash of both (27 bits) and the message's number (36 bits).  The keys of a
 *	  conversation are kept sorted in pages, rows of chat.archive_key, each of which
 *	  begins at its first_key: the page of a hash is found by index.  A key only says where
 *	  to look: the message itself decides.
 */
#ifndef PARLEY_ARCHIVE_KEY_H
#define PARLEY_ARCHIVE_KEY_H

#include "postgres.h"

#include "pack.h"

#define ARCHIVE_SEQ_BITS 36
#define ARCHIVE_SEQ_MAX ((INT64CONST(1) << ARCHIVE_SEQ_BITS) - 1)

/* The key of a message with number 0. */
extern int64 ArchiveKeyOf(int64 sender_id, const uint8 client_id[PACK_CLIENT_ID_SIZE]);

/*
 * Inside SpiBegin(), under the conversation's lock: adds keys, which it sorts, and drops those
 * of purged messages from the pages it comes by.  Many at once: each page is written anew.
 */
extern void ArchiveKeyAdd(int64 conversation_id, int64 *keys, int count);

/*
 * The message of that sender and client id; NULL if there is none.  `page` is the
 * value of column keys in the row of this statement:
 */
#define ARCHIVE_KEY_PAGE(conversation_id, key) \
	"(SELECT keys FROM chat.archive_key WHERE conversation_id = " conversation_id \
	" AND first_key <= " key " ORDER BY first_key DESC LIMIT 1)"
extern const PackMessage *ArchiveKeyFind(int64 conversation_id, int64 sender_id,
										 const uint8 client_id[PACK_CLIENT_ID_SIZE], Datum page);

#endif /* PARLEY_ARCHIVE_KEY_H */
