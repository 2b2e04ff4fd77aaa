/*
 * visible.c
 *	  Waits until a transaction that was decoded can be seen.
 */
#include "compat.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/timestamp.h"

#include "visible.h"

/* The window is some microseconds wide: a few short waits nearly always see its end. */
#define SHORT_WAITS 10
#define SHORT_WAIT_US 20
#define LONG_WAIT_MS 1
#define LIMIT_MS 1000

/* False from a wait in vain until a transaction is seen without one. */
static bool patient = true;

/* Where commits wait for us, we can't wait for them. */
static bool
IsSynchronousStandby(void)
{
	return MyWalSnd != NULL && MyWalSnd->sync_standby_priority > 0;
}

/*
 * Not a wait for the latch: each flush of WAL sets that of a walsender.  The timeout bounds how
 * late an interrupt is seen.
 */
static void
Pause(int waits)
{
	if (waits < SHORT_WAITS)
		pg_usleep(SHORT_WAIT_US);
	else
		(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LONG_WAIT_MS,
						 ParleyWaitEvent("ParleyAwaitVisible"));
}

/*
 * A transaction holds the lock on its own id until it can be seen (CommitTransaction() in
 * xact.c), as XactLockTableWait() relies on.  To try that lock is in nobody's way, while each
 * look into the array of processes holds up the commits of all.  To wait in it is not possible:
 * a wait for a lock has no bound but an error, which would end the feed.
 */
static void
WaitFor(TransactionId xid)
{
	TimestampTz start = GetCurrentTimestamp();

	for (int waits = 0; !ParleyTransactionHasEnded(xid); waits++)
	{
		if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), LIMIT_MS))
		{
			patient = false;
			return;
		}
		CHECK_FOR_INTERRUPTS();
		Pause(waits);
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
