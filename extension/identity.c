/*
 * identity.c
 *	  The identity of the running transaction.
 */
#include "compat.h"

#include "identity.h"

#include "fmgr.h"

#include "errors.h"
#include "scoped.h"
#include "spi.h"

static Scoped current = {.size = sizeof(Identity)};

PG_FUNCTION_INFO_V1(chat_current_account_id);
PG_FUNCTION_INFO_V1(chat_act_as);

void
IdentityInit(void)
{
	ScopedInit(&current);
}

void
IdentitySet(int64 account_id, int64 session_id)
{
	Identity *identity = ScopedSet(&current);

	*identity = (Identity){.account_id = account_id, .session_id = session_id};
}

/* Is it anybody?  A closed account leaves an entry of nobody behind. */
static bool
IsAnybody(const Identity *identity)
{
	return identity && identity->account_id != 0;
}

const Identity *
IdentityGet(void)
{
	const Identity *identity = ScopedGet(&current);

	return IsAnybody(identity) ? identity : NULL;
}

int64
IdentityRequire(void)
{
	const Identity *identity = ScopedGet(&current);

	if (!IsAnybody(identity))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_UNAUTHENTICATED),
						errmsg("nobody is authenticated in this transaction"),
						errhint("Call chat.authenticate(token) first, in the same transaction.")));
	return identity->account_id;
}

Datum
chat_current_account_id(PG_FUNCTION_ARGS)
{
	const Identity *identity = IdentityGet();

	if (identity == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(identity->account_id);
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
