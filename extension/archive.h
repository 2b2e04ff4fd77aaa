/*
 * archive.h
 *	  Cold storage: old messages live in compressed blocks, rows of chat.archive.
 *
 *	  A message is in exactly one place, a row of chat.message or a block; it moves
 *	  in one transaction that has the conversation locked (counter.h), so every
 *	  snapshot shows it once.  The blocks of a conversation do not overlap; between
 *	  the messages of a block there may be rows: what is changed or pinned is a row.
 *	  The last message of a conversation always is.
 *
 *	  Statements read both through the functions chat.archived() and
 *	  chat.archived_changes(), which give rows of chat.message in the snapshot of the
 *	  statement, and through the macros below.
 */
#ifndef PARLEY_ARCHIVE_H
#define PARLEY_ARCHIVE_H

#include "postgres.h"

#include "pack.h"
#include "utils/timestamp.h"

/* ---- parts of statements ------------------------------------------------ */

/* The chat.message_info of m, a row of chat.message. */
#define MESSAGE_INFO(m) \
	"ROW(" m ".conversation_id, " m ".seq, " m ".sender_id, " m ".sender_name, " m ".content, " m \
	".client_id, " m ".reply_to, " m ".created_at, " m ".edited_at, " m \
	".deleted_at IS NOT NULL, coalesce(" m ".reactions, '[]'::json), " m ".thread, " m \
	".pinned_at IS NOT NULL, coalesce(" m ".attachments, '[]'::json))::chat.message_info"

/*
 * At most one row of chat.message, from wherever it is.  The archive is asked only when
 * there is no row.
 */
#define MESSAGE_AT(conversation_id_, seq_) \
	"(SELECT * FROM chat.message h WHERE h.conversation_id = " conversation_id_ \
	" AND h.seq = " seq_ " UNION ALL SELECT * FROM chat.archived(" conversation_id_ \
	", greatest(" seq_ ", 1) - 1, least(" seq_ ", 9223372036854775806) + 1, 1) LIMIT 1)"

/* The one that $1 and $2 name, as m. */
#define THE_MESSAGE MESSAGE_AT("$1", "$2") " m "

/*
 * Columns message (chat.message_info) and seq of at most `count` messages below `below`, the
 * newest of them, or above `above`, the oldest.  Blocks are read only where the rows
 * leave room for what they hold.
 */
#define MESSAGES_BELOW(conversation_id_, below, count) \
	"(WITH hot AS MATERIALIZED (SELECT i AS message, i.seq FROM chat.message_info i " \
	"WHERE i.conversation_id = " conversation_id_ " AND i.seq < " below \
	" ORDER BY i.seq DESC LIMIT " count ") SELECT x.message, x.seq FROM (SELECT * FROM hot " \
	"UNION ALL SELECT " MESSAGE_INFO("c") ", c.seq FROM chat.archived(" conversation_id_ \
										  ", (SELECT CASE WHEN count(*) = " count \
										  " THEN min(seq) ELSE 0 END FROM hot), " below ", " count \
										  ", true) c) x ORDER BY x.seq DESC LIMIT " count ")"
#define MESSAGES_ABOVE(conversation_id_, above, count) \
	"(WITH hot AS MATERIALIZED (SELECT i AS message, i.seq FROM chat.message_info i " \
	"WHERE i.conversation_id = " conversation_id_ " AND i.seq > " above \
	" ORDER BY i.seq LIMIT " count ") SELECT x.message, x.seq FROM (SELECT * FROM hot " \
	"UNION ALL SELECT " MESSAGE_INFO("c") ", c.seq FROM chat.archived(" conversation_id_ \
										  ", " above ", (SELECT CASE WHEN count(*) = " count \
										  " THEN max(seq) END FROM hot), " count \
										  ") c) x ORDER BY x.seq LIMIT " count ")"

/* ---- blocks ------------------------------------------------------------- */

typedef struct ArchiveBlock
{
	int64 first_seq;
	int64 last_seq;
	int count;
	PackMessage *messages; /* texts point into memory of the same context */
} ArchiveBlock;

/*
 * The messages of a block, from a row's values (bytea), in the current memory context.
 * Raises ERRCODE_DATA_CORRUPTED for one that is damaged.
 */
extern void ArchiveDecode(int64 conversation_id, ArchiveBlock *block, Datum data, Datum checksum);

/*
 * Inside SpiBegin().  The block that holds seq, or else the last one before it, or the
 * first behind it; false if there is none.  Only ArchiveRead() reads its messages.
 */
extern bool ArchiveFindBefore(int64 conversation_id, int64 seq, ArchiveBlock *block);
extern bool ArchiveFindAfter(int64 conversation_id, int64 seq, ArchiveBlock *block);

/* The first block that ends at seq or behind it and has a message of the sender. */
extern bool ArchiveFindSender(int64 conversation_id, int64 seq, int64 sender_id,
							  ArchiveBlock *block);
extern void ArchiveRead(int64 conversation_id, ArchiveBlock *block);

/* The message, or NULL if it is not in this block, which has been read. */
extern const PackMessage *ArchiveFindIn(const ArchiveBlock *block, int64 seq);

#endif /* PARLEY_ARCHIVE_H */
