/*
 * group.c
 *	  The settings of a group, and its end.
 *
 * A group that has ended keeps its rows: nobody is a member, so nobody reaches them.
 */
#include "compat.h"

#include "group.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "argument.h"
#include "audit.h"
#include "conversation.h"
#include "counter.h"
#include "identity.h"
#include "permission.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_rename);
PG_FUNCTION_INFO_V1(chat_set_public);
PG_FUNCTION_INFO_V1(chat_delete_group);

/* ---- settings ----------------------------------------------------------- */

static SpiQuery set_name = {
	.sql = "UPDATE chat.conversation SET name = $2, ver = $3 WHERE id = $1 AND name <> $2",
	.argtypes = {INT8OID, TEXTOID, INT8OID},
};

static SpiQuery set_is_public = {
	.sql = "UPDATE chat.conversation SET is_public = $2, ver = $3 "
		   "WHERE id = $1 AND is_public <> $2",
	.argtypes = {INT8OID, BOOLOID, INT8OID},
};

typedef struct Setting
{
	SpiQuery *change;
	Permission permission;
	const char *name;
} Setting;

/* Shows the group as it is then. */
static Datum
ChangeSetting(const Setting *setting, int64 conversation_id, NullableDatum value)
{
	int64 caller = IdentityRequire();
	int64 ver;

	SpiBegin();
	ver = ConversationTakeVer(conversation_id);
	PermissionRequire(conversation_id, caller, setting->permission);
	if (SpiRun(setting->change, SpiArgs(SpiInt64(conversation_id), value, SpiInt64(ver))) > 0)
		AuditWrite(.kind = AUDIT_GROUP_CHANGED, .conversation_id = conversation_id,
				   .detail = setting->name);
	SpiEnd();
	return ConversationShow(conversation_id, caller);
}

Datum
chat_rename(PG_FUNCTION_ARGS)
{
	static const Setting setting = {&set_name, PERMISSION_RENAME, "name"};
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");

	ConversationCheckName(ArgumentRequireText(fcinfo, 1, "name"));
	return ChangeSetting(&setting, conversation_id, SpiFunctionArg(fcinfo, 1));
}

Datum
chat_set_public(PG_FUNCTION_ARGS)
{
	static const Setting setting = {&set_is_public, PERMISSION_SET_PUBLIC, "is_public"};
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");

	ArgumentRequire(fcinfo, 1, "is_public");
	return ChangeSetting(&setting, conversation_id, SpiFunctionArg(fcinfo, 1));
}

/* ---- the end ------------------------------------------------------------ */

static SpiQuery end_if_empty = {
	.sql = "UPDATE chat.conversation SET deleted_at = now(), is_public = false, ver = $2 "
		   "WHERE id = $1 AND NOT EXISTS "
		   "(SELECT FROM chat.member WHERE conversation_id = $1 AND state = 'joined')",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery count_members = {
	.sql = "SELECT count(*) FROM chat.member WHERE conversation_id = $1 AND state = 'joined'",
	.argtypes = {INT8OID},
};

/* Each goes by a version of their own; $2 is the last of them. */
static SpiQuery remove_everybody = {
	.sql = "UPDATE chat.member m SET state = 'removed', role = 'member', "
		   "ver = $2 + 1 - x.place, changed = 'm', "
		   "left_seq = (SELECT last_seq FROM chat.conversation_counter WHERE conversation_id = $1) "
		   "FROM (SELECT account_id, row_number() OVER (ORDER BY account_id DESC) AS place "
		   "FROM chat.member WHERE conversation_id = $1 AND state = 'joined') x "
		   "WHERE m.conversation_id = $1 AND m.account_id = x.account_id",
	.argtypes = {INT8OID, INT8OID},
};

void
GroupEndIfEmpty(int64 conversation_id, int64 ver)
{
	SpiRun(&end_if_empty, SpiArgs(SpiInt64(conversation_id), SpiInt64(ver)));
}

Datum
chat_delete_group(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 caller = IdentityRequire();
	int64 ver;

	SpiBegin();
	ver = ConversationTakeVer(conversation_id);
	PermissionRequire(conversation_id, caller, PERMISSION_DELETE_GROUP);
	CounterLockMembers(conversation_id);
	SpiRun(&count_members, SpiArgs(SpiInt64(conversation_id)));
	SpiRun(&remove_everybody,
		   SpiArgs(SpiInt64(conversation_id),
				   SpiInt64(CounterTakeVers(conversation_id, SpiGetInt64(0, 1)))));
	GroupEndIfEmpty(conversation_id, ver);
	AuditWrite(.kind = AUDIT_GROUP_DELETED, .conversation_id = conversation_id);
	SpiEnd();
	PG_RETURN_VOID();
}
