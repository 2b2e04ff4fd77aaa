/*
 * hashslot.c
 *	  A cap on concurrent password hashes.
 *
 * A slot is an advisory lock, so that it needs no shared memory of our own and no
 * preloading, and the end of the transaction, or of the backend, gives it back.  The
 * fourth field of the tag keeps it apart from the advisory locks that SQL can take
 * (1 and 2 there): nobody can hold the slots but by hashing.  The database in the
 * tag is none, as the memory is of the whole machine.
 *
 * A lock can only be waited for singly, and any of the slots will do: so who finds
 * none looks again after a few milliseconds, a small part of what a hash takes.
 */
#include "compat.h"

#include "hashslot.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "guc.h"

#define SLOT_MAX 1024
#define SLOT_CLASS 0x70617273 /* any number, always the same */
#define SLOT_KIND 3			  /* 1 and 2 are taken, see lockfuncs.c */
#define PAUSE_MS 5

static int max_concurrent_hashes = 4;
static int hash_wait_ms = 5000;

static const IntSetting settings[] = {
	{"pg_parley.max_concurrent_hashes", "How many passwords may be hashed at once.",
	 &max_concurrent_hashes, 1, SLOT_MAX, 0},
	{"pg_parley.hash_wait", "How long a login waits until its password may be hashed.",
	 &hash_wait_ms, 0, 60 * 1000, GUC_UNIT_MS},
};

void
HashSlotInit(void)
{
	DefineSettings(settings, lengthof(settings));
}

static LOCKTAG
TagOf(int slot)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, InvalidOid, SLOT_CLASS, slot, SLOT_KIND);
	return tag;
}

static bool
TryTake(int slot)
{
	LOCKTAG tag = TagOf(slot);

	return LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_OK;
}

/* -1 if all are taken.  Everybody begins elsewhere, so that few collide. */
static int
TryTakeAny(void)
{
	for (int i = 0; i < max_concurrent_hashes; i++)
	{
		int slot = (MyProcPid + i) % max_concurrent_hashes;

		if (TryTake(slot))
			return slot;
	}
	return -1;
}

static void
Pause(void)
{
	WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, PAUSE_MS,
			  PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

int
HashSlotTake(void)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), hash_wait_ms);
	int slot;

	while ((slot = TryTakeAny()) < 0)
	{
		if (GetCurrentTimestamp() >= deadline)
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_BUSY),
							errmsg("too many passwords are being hashed"),
							errhint("Try again in a few seconds.")));
		Pause();
	}
	return slot;
}

void
HashSlotRelease(int slot)
{
	LOCKTAG tag = TagOf(slot);

	LockRelease(&tag, ExclusiveLock, false);
}
