/*
 * admin.c
 *	  Administrators: who is one, and making them.
 */
#include "compat.h"

#include "admin.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "account.h"
#include "audit.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"

#define ADMIN_ROLE "chat_admin"

PG_FUNCTION_INFO_V1(chat_is_admin);
PG_FUNCTION_INFO_V1(chat_grant_admin);
PG_FUNCTION_INFO_V1(chat_revoke_admin);

static SpiQuery find_admin = {
	.sql = "SELECT FROM chat.admin d JOIN chat.account a ON a.id = d.account_id "
		   "WHERE d.account_id = $1 AND a.closed_at IS NULL",
	.argtypes = {INT8OID},
};

static SpiQuery insert_admin = {
	.sql = "INSERT INTO chat.admin (account_id) VALUES ($1) ON CONFLICT DO NOTHING",
	.argtypes = {INT8OID},
};

static SpiQuery delete_admin = {
	.sql = "DELETE FROM chat.admin WHERE account_id = $1",
	.argtypes = {INT8OID},
};

/* ---- who is one --------------------------------------------------------- */

static bool
AccountIsAdmin(int64 account_id)
{
	bool found;

	SpiBegin();
	found = SpiRun(&find_admin, SpiArgs(SpiInt64(account_id))) > 0;
	SpiEnd();
	return found;
}

/* The role outside of all functions that run as their owner. */
static bool
RoleIsAdmin(void)
{
	Oid role = get_role_oid(ADMIN_ROLE, true);

	return OidIsValid(role) && has_privs_of_role(GetOuterUserId(), role);
}

bool
AdminIs(void)
{
	const Identity *caller = IdentityGet();

	return caller ? AccountIsAdmin(caller->account_id) : RoleIsAdmin();
}

void
AdminRequire(void)
{
	if (!AdminIs())
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_FORBIDDEN), errmsg("this is for administrators")));
}

Datum
chat_is_admin(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(AdminIs());
}

/* ---- making them -------------------------------------------------------- */

/* Nothing is written about a change that was none. */
static void
Change(SpiQuery *change, AuditKind kind, const char *username)
{
	int64 account_id;

	SpiBegin();
	account_id = AccountRequire(username);
	if (SpiRun(change, SpiArgs(SpiInt64(account_id))) > 0)
		AuditWrite(.kind = kind, .account_id = account_id);
	SpiEnd();
}

Datum
chat_grant_admin(PG_FUNCTION_ARGS)
{
	Change(&insert_admin, AUDIT_ADMIN_GRANTED, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

Datum
chat_revoke_admin(PG_FUNCTION_ARGS)
{
	Change(&delete_admin, AUDIT_ADMIN_REVOKED, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}
