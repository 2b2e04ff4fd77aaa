/*
 * identity.c
 *	  The identity of the running transaction.
 *
 * The current identity is the top of a stack in TopTransactionContext, which the
 * end of the transaction frees.  Each entry remembers the subtransaction that set
 * it, so that its rollback uncovers the identity from before.
 */
#include "postgres.h"

#include "identity.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/memutils.h"

#include "errors.h"
#include "spi.h"

typedef struct IdentityEntry
{
	Identity identity;
	SubTransactionId set_by;
	struct IdentityEntry *below;
} IdentityEntry;

static IdentityEntry *top = NULL;

PG_FUNCTION_INFO_V1(chat_current_account_id);
PG_FUNCTION_INFO_V1(chat_act_as);

static void
ForgetAtTransactionEnd(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			top = NULL;
			break;
		default:
			break;
	}
}

static void
FollowSubtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (top && top->set_by == mine)
			top = top->below;
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (IdentityEntry *entry = top; entry && entry->set_by == mine; entry = entry->below)
			entry->set_by = parent;
	}
}

void
IdentityInit(void)
{
	RegisterXactCallback(ForgetAtTransactionEnd, NULL);
	RegisterSubXactCallback(FollowSubtransaction, NULL);
}

void
IdentitySet(int64 account_id, int64 session_id)
{
	SubTransactionId current = GetCurrentSubTransactionId();

	if (top == NULL || top->set_by != current)
	{
		IdentityEntry *entry = MemoryContextAlloc(TopTransactionContext, sizeof(IdentityEntry));

		entry->set_by = current;
		entry->below = top;
		top = entry;
	}
	top->identity = (Identity){.account_id = account_id, .session_id = session_id};
}

/* A closed account leaves an entry of nobody behind. */
static bool
IsAnybody(void)
{
	return top && top->identity.account_id != 0;
}

const Identity *
IdentityGet(void)
{
	return IsAnybody() ? &top->identity : NULL;
}

int64
IdentityRequire(void)
{
	if (!IsAnybody())
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_UNAUTHENTICATED),
						errmsg("nobody is authenticated in this transaction"),
						errhint("Call chat.authenticate(token) first, in the same transaction.")));
	return top->identity.account_id;
}

Datum
chat_current_account_id(PG_FUNCTION_ARGS)
{
	const Identity *caller = IdentityGet();

	if (caller == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(caller->account_id);
}

static SpiQuery find_open_account = {
	.sql = "SELECT FROM chat.account WHERE id = $1 AND closed_at IS NULL",
	.argtypes = {INT8OID},
};

/* Only roles that may run it reach this: the grant on the function is the check. */
Datum
chat_act_as(PG_FUNCTION_ARGS)
{
	int64 account_id = PG_GETARG_INT64(0);
	bool found;

	SpiBegin();
	found = SpiRun(&find_open_account, SpiArgs(SpiInt64(account_id))) > 0;
	SpiEnd();
	if (!found)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USER_NOT_FOUND),
						errmsg("there is no account %lld", (long long) account_id)));
	IdentitySet(account_id, 0);
	PG_RETURN_VOID();
}
