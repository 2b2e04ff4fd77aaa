/*
 * counter.c
 *	  Numbers and versions of conversations.
 *
 * A transaction that sends many messages updates the same row many times, and
 * none of its dead versions can be pruned before it ends: to find the row by its
 * key would cost more with each message.  So the place of the version that this
 * transaction wrote last is remembered, and tried first.  A wrong place does no
 * harm: it shows no row of that conversation, and the key finds it.
 */
#include "compat.h"

#include "counter.h"

#include "access/xact.h"
#include "storage/itemptr.h"

#include "spi.h"
#include "wake.h"

#define PLACES 16

typedef struct Place
{
	TransactionId xid; /* that wrote the version */
	int64 conversation_id;
	ItemPointerData ctid;
} Place;

static Place places[PLACES];

#define MOVE_COUNTER \
	"UPDATE chat.conversation_counter SET last_seq = last_seq + $2, last_ver = last_ver + $3 "
#define RETURNING_COUNTER " RETURNING last_seq, last_ver, ctid"

static SpiQuery move_by_key = {
	.sql = MOVE_COUNTER "WHERE conversation_id = $1" RETURNING_COUNTER,
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery move_by_place = {
	.sql = MOVE_COUNTER "WHERE ctid = $4 AND conversation_id = $1" RETURNING_COUNTER,
	.argtypes = {INT8OID, INT8OID, INT8OID, TIDOID},
};

/* The columns of RETURNING_COUNTER. */
enum
{
	LAST_SEQ = 1,
	LAST_VER,
	CTID
};

static Place *
PlaceOf(int64 conversation_id)
{
	return &places[(uint64) conversation_id % PLACES];
}

static bool
MoveByPlace(int64 conversation_id, int64 seqs, int64 vers)
{
	Place *place = PlaceOf(conversation_id);

	return place->conversation_id == conversation_id && TransactionIdIsValid(place->xid) &&
		   place->xid == GetTopTransactionIdIfAny() &&
		   SpiRun(&move_by_place, SpiArgs(SpiInt64(conversation_id), SpiInt64(seqs), SpiInt64(vers),
										  SpiDatum(PointerGetDatum(&place->ctid), false))) > 0;
}

static bool
MoveByKey(int64 conversation_id, int64 seqs, int64 vers)
{
	return SpiRun(&move_by_key,
				  SpiArgs(SpiInt64(conversation_id), SpiInt64(seqs), SpiInt64(vers))) > 0;
}

static void
RememberPlace(int64 conversation_id)
{
	Place *place = PlaceOf(conversation_id);
	bool isnull;

	place->xid = GetTopTransactionIdIfAny();
	place->conversation_id = conversation_id;
	place->ctid = *(ItemPointer) DatumGetPointer(SpiGetDatum(0, CTID, &isnull));
}

/* What stands in `column` after the move; 0 if there is no such conversation. */
static int64
Move(int64 conversation_id, int64 seqs, int64 vers, int column)
{
	if (!MoveByPlace(conversation_id, seqs, vers) && !MoveByKey(conversation_id, seqs, vers))
		return 0;
	RememberPlace(conversation_id);
	WakeGateways();
	return SpiGetInt64(0, column);
}

int64
CounterMoveSeq(int64 conversation_id, int64 by)
{
	return Move(conversation_id, by, 0, LAST_SEQ);
}

int64
CounterNextVer(int64 conversation_id)
{
	return CounterTakeVers(conversation_id, 1);
}

int64
CounterTakeVers(int64 conversation_id, int64 count)
{
	return Move(conversation_id, 0, count, LAST_VER);
}

static SpiQuery lock_counter = {
	.sql = "SELECT FROM chat.conversation_counter WHERE conversation_id = $1 FOR UPDATE",
	.argtypes = {INT8OID},
};

void
CounterLock(int64 conversation_id)
{
	SpiRun(&lock_counter, SpiArgs(SpiInt64(conversation_id)));
}

static SpiQuery lock_members = {
	.sql = "SELECT FROM chat.member WHERE conversation_id = $1 ORDER BY account_id "
		   "FOR NO KEY UPDATE",
	.argtypes = {INT8OID},
};

void
CounterLockMembers(int64 conversation_id)
{
	SpiRun(&lock_members, SpiArgs(SpiInt64(conversation_id)));
}

static SpiQuery try_lock_counter = {
	.sql = "SELECT FROM chat.conversation_counter WHERE conversation_id = $1 "
		   "FOR NO KEY UPDATE SKIP LOCKED",
	.argtypes = {INT8OID},
};

static SpiQuery find_counter = {
	.sql = "SELECT FROM chat.conversation_counter WHERE conversation_id = $1",
	.argtypes = {INT8OID},
};

bool
CounterTryLock(int64 conversation_id)
{
	return SpiRun(&try_lock_counter, SpiArgs(SpiInt64(conversation_id))) > 0 ||
		   SpiRun(&find_counter, SpiArgs(SpiInt64(conversation_id))) == 0;
}
