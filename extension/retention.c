/*
 * retention.c
 *	  How long messages are kept, and the job that sees to it.
 *
 * A conversation has its own time or that of pg_parley.retention.  The job goes round the
 * conversations: first it purges what is past its time, then it archives what is older
 * than pg_parley.archive_after.  Where it has got to stands in chat.retention_job, so
 * that each call is short; of several callers one works.
 */
#include "compat.h"

#include "retention.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "admin.h"
#include "archive_job.h"
#include "argument.h"
#include "audit.h"
#include "conversation.h"
#include "counter.h"
#include "errors.h"
#include "guc.h"
#include "identity.h"
#include "permission.h"
#include "purge.h"
#include "result.h"

PG_FUNCTION_INFO_V1(chat_set_retention);
PG_FUNCTION_INFO_V1(chat_retention);
PG_FUNCTION_INFO_V1(chat_apply_retention);

static int retention_min = 0;
static int least_retention_min = 24 * 60;
static int archive_after_min = 0;

static const IntSetting settings[] = {
	{"pg_parley.retention",
	 "How long messages are kept where a conversation has no time of its own; 0 is for ever.",
	 &retention_min, 0, PG_INT32_MAX, GUC_UNIT_MIN},
	{"pg_parley.least_retention",
	 "The shortest time that the owner of a group may keep messages for.", &least_retention_min, 1,
	 PG_INT32_MAX, GUC_UNIT_MIN},
	{"pg_parley.archive_after", "The age at which apply_retention() archives messages; 0 is never.",
	 &archive_after_min, 0, PG_INT32_MAX, GUC_UNIT_MIN},
};

void
RetentionInit(void)
{
	DefineSettings(settings, lengthof(settings));
}

/* ---- the time of a conversation ----------------------------------------- */

static SpiQuery write_retention = {
	.sql = "INSERT INTO chat.retention (conversation_id, keep) VALUES ($1, $2) "
		   "ON CONFLICT (conversation_id) DO UPDATE SET keep = excluded.keep",
	.argtypes = {INT8OID, INTERVALOID},
};

static SpiQuery delete_retention = {
	.sql = "DELETE FROM chat.retention WHERE conversation_id = $1",
	.argtypes = {INT8OID},
};

static SpiQuery find_conversation = {
	.sql = "SELECT FROM chat.conversation WHERE id = $1",
	.argtypes = {INT8OID},
};

/*
 * $2 the least and $3 the most minutes, 0: as many as a setting can have, so that the
 * calendar has a time so long ago; NULL is the default's turn.
 */
static SpiQuery check_keep = {
	.sql = "SELECT $1 BETWEEN make_interval(mins => $2) "
		   "AND make_interval(mins => coalesce(nullif($3, 0), 2147483647)), "
		   "justify_hours(make_interval(mins => $2)) || coalesce(' to ' || "
		   "justify_hours(make_interval(mins => nullif($3, 0)))::text, ' or longer')",
	.argtypes = {INTERVALOID, INT4OID, INT4OID},
};

/*
 * "-100 years 36001 days" is a day by comparison, and a time to come by the calendar.  Without
 * such, what a comparison allows is a time that the calendar has.
 */
static bool
HasNegativePart(NullableDatum keep)
{
	const Interval *interval = DatumGetIntervalP(keep.value);

	return interval->month < 0 || interval->day < 0 || interval->time < 0;
}

/* Inside SpiBegin(). */
static void
CheckKeep(NullableDatum keep, int least, int most)
{
	if (keep.isnull)
		return;
	SpiRun(&check_keep, SpiArgs(keep, SpiInt32(least), SpiInt32(most)));
	if (!SpiGetBool(0, 1) || HasNegativePart(keep))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("messages can be kept here for %s", SpiGetText(0, 2)),
						errhint("No part of the time may be negative, and none is of more "
								"than 4000 years.")));
}

/* An owner keeps within the bounds of the settings, an administrator as it must be. */
static void
CheckRight(int64 conversation_id, NullableDatum keep)
{
	if (AdminIs())
	{
		if (SpiRun(&find_conversation, SpiArgs(SpiInt64(conversation_id))) == 0)
			ConversationRaiseNotFound(conversation_id);
		CheckKeep(keep, 1, 0);
		return;
	}
	PermissionRequire(conversation_id, IdentityRequire(), PERMISSION_SET_RETENTION);
	CheckKeep(keep, least_retention_min, retention_min);
}

static SpiQuery show_retention = {
	.sql = "SELECT coalesce((SELECT keep FROM chat.retention WHERE conversation_id = $1), "
		   "justify_hours(make_interval(mins => nullif($2, 0))))",
	.argtypes = {INT8OID, INT4OID},
};

static Datum
ShowRetention(FunctionCallInfo fcinfo, int64 conversation_id)
{
	return SpiReturnValue(fcinfo, &show_retention,
						  SpiArgs(SpiInt64(conversation_id), SpiInt32(retention_min)));
}

Datum
chat_set_retention(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	NullableDatum keep = SpiFunctionArg(fcinfo, 1);

	SpiBegin();
	CounterLock(conversation_id);
	CheckRight(conversation_id, keep);
	if (keep.isnull)
		SpiRun(&delete_retention, SpiArgs(SpiInt64(conversation_id)));
	else
		SpiRun(&write_retention, SpiArgs(SpiInt64(conversation_id), keep));
	AuditWrite(.kind = AUDIT_RETENTION_SET, .conversation_id = conversation_id,
			   .detail = keep.isnull
							 ? "default"
							 : DatumGetCString(DirectFunctionCall1(interval_out, keep.value)));
	SpiEnd();
	return ShowRetention(fcinfo, conversation_id);
}

Datum
chat_retention(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");

	if (!AdminIs())
		ConversationRequireMember(conversation_id, IdentityRequire());
	return ShowRetention(fcinfo, conversation_id);
}

/* ---- chat.apply_retention() --------------------------------------------- */

/* A year is no number of minutes: the calendar says when it was. */
static SpiQuery find_expired = {
	.sql =
		"SELECT k.conversation_id, CASE WHEN (" OLDEST_MESSAGE " < x.before "
		"OR c.deleted_at < x.before) AND NOT EXISTS "
		"(SELECT FROM chat.hold h WHERE h.conversation_id = k.conversation_id) THEN x.before END "
		"FROM (SELECT * FROM chat.conversation_counter WHERE conversation_id > $1 "
		"ORDER BY conversation_id LIMIT $2) k "
		"JOIN chat.conversation c ON c.id = k.conversation_id "
		"LEFT JOIN chat.retention r ON r.conversation_id = k.conversation_id "
		"CROSS JOIN LATERAL (SELECT coalesce(now() - r.keep, $3) AS before) x "
		"ORDER BY k.conversation_id",
	.argtypes = {INT8OID, INT4OID, TIMESTAMPTZOID},
};

/* Whoever has it in hand goes on alone. */
static SpiQuery take_job = {
	.sql = "SELECT archives, conversation_id FROM chat.retention_job FOR UPDATE SKIP LOCKED",
};

static SpiQuery write_job = {
	.sql = "UPDATE chat.retention_job SET archives = $1, conversation_id = $2, called_at = now()",
	.argtypes = {BOOLOID, INT8OID},
};

/* So many minutes ago; NULL for 0. */
static NullableDatum
Ago(int minutes)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	return SpiDatum(TimestampTzGetDatum(now - (int64) minutes * 60 * USECS_PER_SEC), minutes == 0);
}

/* What of the job a call has done. */
typedef struct Progress
{
	ColdJob job; /* of the step that is on */
	bool archives;
	int64 purged;
	int64 archived;
} Progress;

static void
Proceed(Progress *progress)
{
	ColdJob *job = &progress->job;

	if (!progress->archives)
	{
		ColdJobRun(job, &find_expired, Ago(retention_min), PurgeConversation);
		progress->purged = job->done;
		if (!job->finished)
			return;
		progress->archives = true;
		*job = (ColdJob){.left = job->left};
	}
	if (archive_after_min > 0 && job->left > 0)
		ArchiveRun(job, Ago(archive_after_min));
	else
		job->finished = archive_after_min == 0;
	progress->archived = job->done;
}

/* Inside SpiBegin(). */
static bool
TakeJob(Progress *progress)
{
	if (SpiRun(&take_job, SpiNoArgs) == 0)
		return false;
	progress->archives = SpiGetBool(0, 1);
	progress->job.after = SpiGetInt64(0, 2);
	return true;
}

/* The round that is finished begins anew. */
static void
PutJob(const Progress *progress)
{
	bool finished = progress->job.finished;

	SpiRun(&write_job, SpiArgs(SpiDatum(BoolGetDatum(!finished && progress->archives), false),
							   SpiInt64(finished ? 0 : progress->job.after)));
}

Datum
chat_apply_retention(PG_FUNCTION_ARGS)
{
	Progress progress = {
		.job = {.left =
					CheckLimit(PG_ARGISNULL(0) ? COLDJOB_MAX : PG_GETARG_INT32(0), COLDJOB_MAX)},
	};
	bool taken;
	Datum values[3];
	bool nulls[3] = {false};

	SpiBegin();
	taken = TakeJob(&progress);
	if (taken)
	{
		Proceed(&progress);
		PutJob(&progress);
	}
	SpiEnd();
	values[0] = Int64GetDatum(progress.archived);
	values[1] = Int64GetDatum(progress.purged);
	values[2] = BoolGetDatum(taken && !progress.job.finished);
	return ResultRow(fcinfo, values, nulls);
}
