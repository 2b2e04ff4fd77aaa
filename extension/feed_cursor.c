/*
 * feed_cursor.c
 *	  What a reader of the tables has seen.
 *
 * floor lets an index by time find what is new: a row's time is that of its
 * transaction's start.  The activity of the server can only be read after the snapshot
 * was taken, and a transaction may end in between.  But then it was running when the
 * cursor before was made, or began later: so the floor is what was oldest then.
 */
#include "compat.h"

#include "feed_cursor.h"

#include "access/transam.h"
#include "lib/stringinfo.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "spi.h"

#define MAX_XIDS 100000

/* A transaction knows its start a moment before others can see it. */
#define SLACK_US (1 * USECS_PER_SEC)

/* Of a prepared transaction only the time of its preparation is known. */
static SpiQuery find_oldest = {
	.sql = "SELECT least(coalesce(min(xact_start), now() - interval '1 hour'), "
		   "(SELECT min(prepared) - interval '1 hour' FROM pg_catalog.pg_prepared_xacts)) "
		   "FROM pg_catalog.pg_stat_activity",
	.read_only = true,
};

static TimestampTz
FindOldest(void)
{
	bool isnull;

	SpiRun(&find_oldest, SpiNoArgs);
	return DatumGetTimestampTz(SpiGetDatum(0, 1, &isnull)) - SLACK_US;
}

/* Where there are none, the server's array may be no array. */
static void
AddXids(FeedCursor *cursor, const TransactionId *xids, int count)
{
	if (count > 0)
		memcpy(cursor->xids + cursor->count, xids, count * sizeof(TransactionId));
	cursor->count += count;
}

FeedCursor
FeedCursorNow(const FeedCursor *since)
{
	Snapshot snapshot = GetActiveSnapshot();
	FeedCursor cursor = {
		.life = PgStartTime,
		.oldest = FindOldest(),
		.xmin = snapshot->xmin,
		.xmax = snapshot->xmax,
		.overflowed = snapshot->suboverflowed,
	};

	cursor.floor = since ? since->oldest : cursor.oldest;
	cursor.xids = palloc((snapshot->xcnt + snapshot->subxcnt + 1) * sizeof(TransactionId));
	AddXids(&cursor, snapshot->xip, (int) snapshot->xcnt);
	if (!snapshot->suboverflowed)
		AddXids(&cursor, snapshot->subxip, snapshot->subxcnt);
	return cursor;
}

char *
FeedCursorWrite(const FeedCursor *cursor)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, INT64_FORMAT " " INT64_FORMAT " " INT64_FORMAT " %u %u %d %d",
					 cursor->life, cursor->oldest, cursor->floor, cursor->xmin, cursor->xmax,
					 cursor->overflowed, cursor->count);
	for (int i = 0; i < cursor->count; i++)
		appendStringInfo(&text, " %u", cursor->xids[i]);
	return text.data;
}

static void
pg_attribute_noreturn() RaiseNoCursor(void)
{
	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
					errmsg("this is no cursor of chat.gateway_feed()")));
}

static int64
ReadNumber(const char **text)
{
	char *end;
	int64 number = strtoi64(*text, &end, 10);

	if (end == *text)
		RaiseNoCursor();
	*text = end;
	return number;
}

bool
FeedCursorRead(const char *text, FeedCursor *cursor)
{
	cursor->life = ReadNumber(&text);
	cursor->oldest = ReadNumber(&text);
	cursor->floor = ReadNumber(&text);
	cursor->xmin = (TransactionId) ReadNumber(&text);
	cursor->xmax = (TransactionId) ReadNumber(&text);
	cursor->overflowed = ReadNumber(&text) != 0;
	cursor->count = (int) ReadNumber(&text);
	if (cursor->count < 0 || cursor->count > MAX_XIDS)
		RaiseNoCursor();
	cursor->xids = palloc((cursor->count + 1) * sizeof(TransactionId));
	for (int i = 0; i < cursor->count; i++)
		cursor->xids[i] = (TransactionId) ReadNumber(&text);
	return cursor->life == PgStartTime;
}

bool
FeedCursorSaw(const FeedCursor *cursor, TransactionId xid)
{
	if (!TransactionIdIsNormal(xid) || TransactionIdPrecedes(xid, cursor->xmin))
		return true;
	if (cursor->overflowed || !TransactionIdPrecedes(xid, cursor->xmax))
		return false;
	for (int i = 0; i < cursor->count; i++)
	{
		if (cursor->xids[i] == xid)
			return false;
	}
	return true;
}
