/*
 * visible.c
 *	  Waits until a transaction that was decoded can be seen.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/procarray.h"
#include "utils/timestamp.h"

#include "visible.h"

#define STEP_US 20
#define LIMIT_MS 1000

/* False from a wait in vain until a transaction is seen without one. */
static bool patient = true;

/* Where commits wait for us, we can't wait for them. */
static bool
IsSynchronousStandby(void)
{
	return MyWalSnd != NULL && MyWalSnd->sync_standby_priority > 0;
}

static void
WaitFor(TransactionId xid)
{
	TimestampTz start = GetCurrentTimestamp();

	while (TransactionIdIsInProgress(xid))
	{
		if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), LIMIT_MS))
		{
			patient = false;
			return;
		}
		CHECK_FOR_INTERRUPTS();
		pg_usleep(STEP_US);
	}
}

/* What is replayed on a standby was seen there before it is decoded. */
void
AwaitVisible(TransactionId xid)
{
	if (RecoveryInProgress() || IsSynchronousStandby())
		return;
	if (!TransactionIdIsInProgress(xid))
	{
		patient = true;
		return;
	}
	if (patient)
		WaitFor(xid);
}
