/*
 * permission.c
 *	  Roles, and what they may do.
 */
#include "compat.h"

#include "permission.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "conversation.h"
#include "errors.h"
#include "result.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_permissions);

static const char *const role_names[] = {
	[ROLE_NONE] = "none",
	[ROLE_MEMBER] = "member",
	[ROLE_ADMIN] = "admin",
	[ROLE_OWNER] = "owner",
};

typedef struct PermissionRow
{
	const char *name;
	Role in_group;
	Role in_direct;
	const char *meaning;
} PermissionRow;

static const PermissionRow permission_rows[PERMISSION_COUNT] = {
#define PERMISSION_ROW(symbol, name, in_group, in_direct, meaning) \
	[PERMISSION_##symbol] = {name, ROLE_##in_group, ROLE_##in_direct, meaning},
	PERMISSIONS(PERMISSION_ROW)
#undef PERMISSION_ROW
};

/* ---- roles -------------------------------------------------------------- */

static SpiQuery find_role = {
	.sql = "SELECT m.role, c.is_group FROM chat.member m "
		   "JOIN chat.conversation c ON c.id = m.conversation_id "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined'",
	.argtypes = {INT8OID, INT8OID},
};

const char *
RoleName(Role role)
{
	return role_names[role];
}

Role
RoleOfName(const char *name)
{
	for (Role role = ROLE_MEMBER; role <= ROLE_OWNER; role++)
	{
		if (strcmp(name, role_names[role]) == 0)
			return role;
	}
	return ROLE_NONE;
}

static Role
FindRole(int64 conversation_id, int64 account_id, bool *is_group)
{
	if (SpiRun(&find_role, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id))) == 0)
		return ROLE_NONE;
	*is_group = SpiGetBool(0, 2);
	return RoleOfName(SpiGetText(0, 1));
}

Role
RoleFind(int64 conversation_id, int64 account_id)
{
	bool is_group;

	return FindRole(conversation_id, account_id, &is_group);
}

/* ---- permissions -------------------------------------------------------- */

Role
PermissionRequire(int64 conversation_id, int64 account_id, Permission permission)
{
	const PermissionRow *row = &permission_rows[permission];
	bool is_group = false;
	Role role = FindRole(conversation_id, account_id, &is_group);
	Role least = is_group ? row->in_group : row->in_direct;

	if (role == ROLE_NONE)
		ConversationRaiseNotFound(conversation_id);
	if (least == ROLE_NONE)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_NOT_A_GROUP),
						errmsg("a direct conversation keeps its two members")));
	if (role < least)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_FORBIDDEN),
						errmsg("this takes the role \"%s\" at least", role_names[least])));
	return role;
}

void
PermissionRequireLower(Role mine, int64 conversation_id, int64 account_id)
{
	Role theirs = RoleFind(conversation_id, account_id);

	if (theirs == ROLE_NONE)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USER_NOT_FOUND),
						errmsg("account %lld is not a member of this conversation",
							   (long long) account_id)));
	if (theirs >= mine)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_FORBIDDEN),
						errmsg("this can be done only to a member of lower role")));
}

static Datum
RoleDatum(Role role, bool *isnull)
{
	*isnull = role == ROLE_NONE;
	return *isnull ? (Datum) 0 : CStringGetTextDatum(role_names[role]);
}

Datum
chat_permissions(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Tuplestorestate *store = ResultStore(fcinfo, &description);

	for (int i = 0; i < PERMISSION_COUNT; i++)
	{
		const PermissionRow *row = &permission_rows[i];
		Datum values[4];
		bool nulls[4] = {false};

		values[0] = CStringGetTextDatum(row->name);
		values[1] = RoleDatum(row->in_group, &nulls[1]);
		values[2] = RoleDatum(row->in_direct, &nulls[2]);
		values[3] = CStringGetTextDatum(row->meaning);
		tuplestore_putvalues(store, description, values, nulls);
	}
	return (Datum) 0;
}
