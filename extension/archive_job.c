/*
 * archive_job.c
 *	  chat.archive(): moves old messages into blocks.
 */
#include "compat.h"

#include "archive_job.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"

#include "admin.h"
#include "archive_store.h"
#include "argument.h"

PG_FUNCTION_INFO_V1(chat_archive);

/* The conditions are those of ArchivePack(). */
static SpiQuery find_candidates = {
	.sql = "SELECT k.conversation_id, (SELECT CASE WHEN m.created_at < $3 AND m.seq < k.last_seq "
		   "THEN $3 END FROM chat.message m WHERE m.conversation_id = k.conversation_id "
		   "AND m.pinned_at IS NULL ORDER BY m.seq LIMIT 1) "
		   "FROM (SELECT * FROM chat.conversation_counter WHERE conversation_id > $1 "
		   "ORDER BY conversation_id LIMIT $2) k ORDER BY k.conversation_id",
	.argtypes = {INT8OID, INT4OID, TIMESTAMPTZOID},
};

void
ArchiveRun(ColdJob *job, NullableDatum before)
{
	ColdJobRun(job, &find_candidates, before, ArchivePack);
}

Datum
chat_archive(PG_FUNCTION_ARGS)
{
	ColdJob job;

	AdminRequire();
	ArgumentRequire(fcinfo, 0, "before");
	job = ColdJobBegin(fcinfo);
	SpiBegin();
	ArchiveRun(&job, SpiFunctionArg(fcinfo, 0));
	SpiEnd();
	return ColdJobResult(fcinfo, &job);
}
