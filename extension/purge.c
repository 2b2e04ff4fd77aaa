/*
 * purge.c
 *	  Deletes messages for good, whether they are rows or archived.
 *
 * What goes is a beginning of the conversation: all up to a number, which the counter
 * keeps (purged_seq), so that the numbers are not used again and clients that know less
 * are reset (sync.c).  It is no event: nothing is said about what is no more.
 */
#include "compat.h"

#include "purge.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "admin.h"
#include "archive_store.h"
#include "argument.h"
#include "attachment.h"
#include "audit.h"
#include "counter.h"
#include "errors.h"
#include "hold.h"

PG_FUNCTION_INFO_V1(chat_purge);

/* ---- a beginning of a conversation -------------------------------------- */

static SpiQuery delete_messages = {
	.sql = "DELETE FROM chat.message WHERE conversation_id = $1 AND seq <= $2",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery delete_blocks = {
	.sql = "DELETE FROM chat.archive WHERE conversation_id = $1 AND last_seq <= $2",
	.argtypes = {INT8OID, INT8OID},
};

/* With the last block the keys go: all of them are of purged messages. */
static SpiQuery delete_keys = {
	.sql = "DELETE FROM chat.archive_key WHERE conversation_id = $1 "
		   "AND NOT EXISTS (SELECT FROM chat.archive WHERE conversation_id = $1)",
	.argtypes = {INT8OID},
};

static SpiQuery move_purged = {
	.sql = "UPDATE chat.conversation_counter SET purged_seq = $2 "
		   "WHERE conversation_id = $1 AND purged_seq < $2",
	.argtypes = {INT8OID, INT8OID},
};

/* What is said of messages elsewhere, each with conversation_id and seq. */
static SpiQuery delete_others[] = {
	{.sql = "DELETE FROM chat.message_revision WHERE conversation_id = $1 AND seq <= $2",
	 .argtypes = {INT8OID, INT8OID}},
	{.sql = "DELETE FROM chat.reaction WHERE conversation_id = $1 AND seq <= $2",
	 .argtypes = {INT8OID, INT8OID}},
	{.sql = "DELETE FROM chat.mention WHERE conversation_id = $1 AND seq <= $2",
	 .argtypes = {INT8OID, INT8OID}},
	{.sql = "DELETE FROM chat.message_search WHERE conversation_id = $1 AND seq <= $2",
	 .argtypes = {INT8OID, INT8OID}},
};

/* How many rows of messages went; blocks are counted by who reads them. */
static int
PurgeUpTo(int64 conversation_id, int64 seq)
{
	const NullableDatum *args = SpiArgs(SpiInt64(conversation_id), SpiInt64(seq));
	int rows = (int) SpiRun(&delete_messages, args);

	SpiRun(&delete_blocks, args);
	for (int i = 0; i < (int) lengthof(delete_others); i++)
		SpiRun(&delete_others[i], args);
	AttachmentForgetUpTo(conversation_id, seq);
	SpiRun(&move_purged, args);
	SpiRun(&delete_keys, args);
	return rows;
}

/* ---- step by step ------------------------------------------------------- */

/* In the order of the numbers: the first that is too new ends it, also where the clock was set back. */
static SpiQuery find_rows = {
	.sql = "SELECT seq, created_at < $3 FROM chat.message "
		   "WHERE conversation_id = $1 AND seq < $2 ORDER BY seq LIMIT $4",
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID},
};

/* The last of the next `max` rows below `below` that may go; 0: none. */
static int64
FindLastRow(int64 conversation_id, int64 below, TimestampTz before, int max)
{
	uint64 count =
		SpiRun(&find_rows, SpiArgs(SpiInt64(conversation_id), SpiInt64(below),
								   SpiDatum(TimestampTzGetDatum(before), false), SpiInt32(max)));
	int64 last = 0;

	for (uint64 i = 0; i < count && SpiGetBool(i, 2); i++)
		last = SpiGetInt64(i, 1);
	return last;
}

/*
 * How many of a block may go.  What became a row again between them goes along, and ends it where
 * it is too new.
 */
static int
CountOfBlock(int64 conversation_id, const ArchiveBlock *block, TimestampTz before, int max)
{
	int rows = (int) SpiRun(&find_rows,
							SpiArgs(SpiInt64(conversation_id), SpiInt64(block->last_seq),
									SpiDatum(TimestampTzGetDatum(before), false), SpiInt32(max)));
	int row = 0;
	int count = 0;

	for (; count < block->count && block->messages[count].created_at < before; count++)
	{
		for (; row < rows && SpiGetInt64(row, 1) < block->messages[count].seq; row++)
		{
			if (!SpiGetBool(row, 2))
				return count;
		}
		if (row + count >= max)
			break;
	}
	return count;
}

/* Those of a block that may go: it shrinks, or goes altogether.  How many went. */
static int
PurgeBlock(int64 conversation_id, ArchiveBlock *block, TimestampTz before, int max)
{
	int gone;
	int rows;

	ArchiveRead(conversation_id, block);
	gone = CountOfBlock(conversation_id, block, before, max);
	if (gone == 0)
		return 0;
	rows = PurgeUpTo(conversation_id, block->messages[gone - 1].seq);
	if (gone < block->count)
		ArchiveCut(conversation_id, block, gone);
	return gone + rows;
}

/* What comes first, rows or a block; 0: nothing is left that may go. */
static int
PurgeStep(int64 conversation_id, TimestampTz before, int max)
{
	ArchiveBlock block = {.first_seq = PG_INT64_MAX};
	bool has_block = ArchiveFindAfter(conversation_id, 0, &block);
	int64 last = FindLastRow(conversation_id, block.first_seq, before, max);

	if (last > 0)
		return PurgeUpTo(conversation_id, last);
	return has_block ? PurgeBlock(conversation_id, &block, before, max) : 0;
}

static int
PurgeMessages(int64 conversation_id, TimestampTz before, int max)
{
	int purged = 0;
	int step = 1;

	while (purged < max && step > 0)
	{
		CHECK_FOR_INTERRUPTS();
		SpiBegin();
		step = PurgeStep(conversation_id, before, max - purged);
		SpiEnd();
		purged += step;
	}
	if (purged > 0)
		AuditWrite(.kind = AUDIT_PURGED, .conversation_id = conversation_id,
				   .detail =
					   psprintf("%d messages of before %s", purged, timestamptz_to_str(before)));
	return purged;
}

/* ---- groups that were deleted ------------------------------------------- */

static SpiQuery find_deleted = {
	.sql = "SELECT FROM chat.conversation WHERE id = $1 AND deleted_at < $2",
	.argtypes = {INT8OID, TIMESTAMPTZOID},
};

/* In the order of their foreign keys.  Reports and the audit log stay. */
static SpiQuery delete_group[] = {
	{.sql = "DELETE FROM chat.retention WHERE conversation_id = $1", .argtypes = {INT8OID}},
	{.sql = "DELETE FROM chat.erasure_deferred WHERE conversation_id = $1", .argtypes = {INT8OID}},
	{.sql = "DELETE FROM chat.upload WHERE conversation_id = $1", .argtypes = {INT8OID}},
	{.sql = "DELETE FROM chat.conversation_language WHERE conversation_id = $1",
	 .argtypes = {INT8OID}},
	{.sql = "DELETE FROM chat.search_state WHERE conversation_id = $1", .argtypes = {INT8OID}},
	{.sql = "DELETE FROM chat.member WHERE conversation_id = $1", .argtypes = {INT8OID}},
	{.sql = "DELETE FROM chat.conversation_counter WHERE conversation_id = $1",
	 .argtypes = {INT8OID}},
	{.sql = "DELETE FROM chat.conversation WHERE id = $1", .argtypes = {INT8OID}},
};

static void
RemoveGroup(int64 conversation_id)
{
	AttachmentForgetUpTo(conversation_id, PG_INT64_MAX);
	for (int i = 0; i < (int) lengthof(delete_group); i++)
		SpiRun(&delete_group[i], SpiArgs(SpiInt64(conversation_id)));
	AuditWrite(.kind = AUDIT_PURGED, .conversation_id = conversation_id, .detail = "the group");
}

int
PurgeConversation(int64 conversation_id, TimestampTz before, int max)
{
	bool is_deleted;
	int purged;

	if (HoldExists(conversation_id))
		return 0;
	is_deleted = SpiRun(&find_deleted, SpiArgs(SpiInt64(conversation_id),
											   SpiDatum(TimestampTzGetDatum(before), false))) > 0;
	purged = PurgeMessages(conversation_id, is_deleted ? DT_NOEND : before, max);
	if (is_deleted && purged < max)
		RemoveGroup(conversation_id);
	return purged;
}

/* ---- chat.purge() ------------------------------------------------------- */

static SpiQuery find_candidates = {
	.sql = "SELECT k.conversation_id, CASE WHEN (" OLDEST_MESSAGE " < $3 OR c.deleted_at < $3) "
		   "AND NOT EXISTS (SELECT FROM chat.hold h WHERE h.conversation_id = k.conversation_id) "
		   "THEN $3 END FROM (SELECT * FROM chat.conversation_counter WHERE conversation_id > $1 "
		   "ORDER BY conversation_id LIMIT $2) k "
		   "JOIN chat.conversation c ON c.id = k.conversation_id ORDER BY k.conversation_id",
	.argtypes = {INT8OID, INT4OID, TIMESTAMPTZOID},
};

/* One conversation alone: then a hold is an error. */
static void
PurgeOne(ColdJob *job, int64 conversation_id, TimestampTz before)
{
	int64 max = job->left;

	CounterLock(conversation_id);
	HoldRequireNone(conversation_id);
	job->done = PurgeConversation(conversation_id, before, (int) max);
	job->finished = job->done < max;
	job->after = conversation_id;
}

Datum
chat_purge(PG_FUNCTION_ARGS)
{
	ColdJob job;

	AdminRequire();
	ArgumentRequire(fcinfo, 0, "before");
	job = ColdJobBegin(fcinfo);
	SpiBegin();
	if (PG_ARGISNULL(3))
		ColdJobRun(&job, &find_candidates, SpiFunctionArg(fcinfo, 0), PurgeConversation);
	else
		PurgeOne(&job, PG_GETARG_INT64(3), PG_GETARG_TIMESTAMPTZ(0));
	SpiEnd();
	return ColdJobResult(fcinfo, &job);
}
