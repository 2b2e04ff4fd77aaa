/*
 * block.c
 *	  Blocks between two people.
 *
 * A send must not pay for this.  So a block is also marked in the two member rows of
 * the pair's direct conversation, one of which every send reads anyway.  They are
 * marked alike, by a write that is no event of the feed and takes no version: the
 * other side sees nothing happen until a send is refused, and then not by whom.
 *
 * The conversation is locked while it is marked, so that a block and a send are one
 * after the other.  Where there is no conversation yet, there is none to lock, and a
 * lock on the pair keeps one from being opened meanwhile.
 */
#include "compat.h"

#include "block.h"

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "account.h"
#include "argument.h"
#include "audit.h"
#include "counter.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"
#include "ratelimit.h"

#define PAIR_KIND 4 /* of lock; hashslot.c has 3 */

PG_FUNCTION_INFO_V1(chat_block);
PG_FUNCTION_INFO_V1(chat_unblock);
PG_FUNCTION_INFO_V1(chat_blocked);

static SpiQuery find_block = {
	.sql = "SELECT a.username FROM chat.account a WHERE a.id = ANY ($2) AND "
		   "(EXISTS (SELECT FROM chat.block WHERE blocker_id = $1 AND blocked_id = a.id) OR "
		   "EXISTS (SELECT FROM chat.block WHERE blocker_id = a.id AND blocked_id = $1)) "
		   "ORDER BY a.id LIMIT 1",
	.argtypes = {INT8OID, INT8ARRAYOID},
};

void
BlockRequireNone(int64 account_id, const int64 *others, int count)
{
	if (SpiRun(&find_block, SpiArgs(SpiInt64(account_id), SpiInt64Array(others, count))) > 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_BLOCKED),
						errmsg("there is a block between you and \"%s\"", SpiGetText(0, 1))));
}

/*
 * An advisory lock, but of a kind that SQL cannot take (hashslot.c): a stranger could keep a pair
 * apart.  Two pairs of one hash wait for each other, which does no harm.
 */
void
BlockLockPair(int64 account_id, int64 other)
{
	uint64 pair = hash_combine64((uint64) Min(account_id, other), (uint64) Max(account_id, other));
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (pair >> 32), (uint32) pair, PAIR_KIND);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* ---- setting and lifting ------------------------------------------------ */

static SpiQuery insert_block = {
	.sql = "INSERT INTO chat.block (blocker_id, blocked_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery delete_block = {
	.sql = "DELETE FROM chat.block WHERE blocker_id = $1 AND blocked_id = $2",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery find_pair = {
	.sql = "SELECT conversation_id FROM chat.direct_pair "
		   "WHERE low_id = least($1, $2) AND high_id = greatest($1, $2)",
	.argtypes = {INT8OID, INT8OID},
};

/* Both may have blocked: what one lifts, the other's still holds. */
static SpiQuery mark_members = {
	.sql = "UPDATE chat.member SET changed = 'b', is_blocked = EXISTS (SELECT FROM chat.block "
		   "WHERE (blocker_id, blocked_id) IN (($2, $3), ($3, $2))) "
		   "WHERE conversation_id = $1",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static void
MarkConversation(int64 account_id, int64 other)
{
	int64 conversation_id;

	if (SpiRun(&find_pair, SpiArgs(SpiInt64(account_id), SpiInt64(other))) == 0)
		return;
	conversation_id = SpiGetInt64(0, 1);
	CounterLock(conversation_id);
	CounterLockMembers(conversation_id);
	SpiRun(&mark_members,
		   SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id), SpiInt64(other)));
}

/* What is so already stays so: nothing is written. */
static void
ChangeBlock(SpiQuery *change, AuditKind kind, int64 caller, int64 other)
{
	RateLimitRequire(RATE_BLOCK, caller);
	SpiBegin();
	BlockLockPair(caller, other);
	if (SpiRun(change, SpiArgs(SpiInt64(caller), SpiInt64(other))) > 0)
	{
		MarkConversation(caller, other);
		AuditWrite(.kind = kind, .account_id = other);
	}
	SpiEnd();
}

Datum
chat_block(PG_FUNCTION_ARGS)
{
	int64 other = ArgumentRequireInt64(fcinfo, 0, "account_id");
	int64 caller = IdentityRequire();

	if (other == caller)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("nobody can block themselves")));
	AccountRequireOpen(other);
	ChangeBlock(&insert_block, AUDIT_BLOCKED, caller, other);
	PG_RETURN_VOID();
}

Datum
chat_unblock(PG_FUNCTION_ARGS)
{
	int64 other = ArgumentRequireInt64(fcinfo, 0, "account_id");

	ChangeBlock(&delete_block, AUDIT_UNBLOCKED, IdentityRequire(), other);
	PG_RETURN_VOID();
}

static SpiQuery list_blocked = {
	.sql = "SELECT u.* FROM chat.block b JOIN chat.user_info u ON u.id = b.blocked_id "
		   "WHERE b.blocker_id = $1 ORDER BY b.created_at, b.blocked_id",
	.argtypes = {INT8OID},
	.read_only = true,
};

Datum
chat_blocked(PG_FUNCTION_ARGS)
{
	return SpiReturnRows(fcinfo, &list_blocked, SpiArgs(SpiInt64(IdentityRequire())));
}
