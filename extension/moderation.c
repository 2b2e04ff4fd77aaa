/*
 * moderation.c
 *	  Keeping order in a group: bans, and silence for a while.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "account.h"
#include "argument.h"
#include "audit.h"
#include "conversation.h"
#include "errors.h"
#include "identity.h"
#include "permission.h"
#include "spi.h"

#define REASON_MAX_CHARACTERS 400

PG_FUNCTION_INFO_V1(chat_ban);
PG_FUNCTION_INFO_V1(chat_unban);
PG_FUNCTION_INFO_V1(chat_banned);
PG_FUNCTION_INFO_V1(chat_mute);
PG_FUNCTION_INFO_V1(chat_unmute);

/* ---- bans --------------------------------------------------------------- */

/* Also of somebody who never was a member, or has gone. */
static SpiQuery ban_account = {
	.sql = "INSERT INTO chat.member AS m (conversation_id, account_id, state, ver) "
		   "VALUES ($1, $2, 'banned', $3) ON CONFLICT (conversation_id, account_id) "
		   "DO UPDATE SET state = 'banned', role = 'member', ver = excluded.ver, changed = 'm', "
		   "left_seq = (SELECT last_seq FROM chat.conversation_counter WHERE conversation_id = $1) "
		   "WHERE m.state <> 'banned'",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery lift_ban = {
	.sql = "UPDATE chat.member SET state = 'removed', ver = $3, changed = 'm' "
		   "WHERE conversation_id = $1 AND account_id = $2 AND state = 'banned'",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery list_banned = {
	.sql = "SELECT u.* FROM chat.member m JOIN chat.user_info u ON u.id = m.account_id "
		   "WHERE m.conversation_id = $1 AND m.state = 'banned' "
		   "ORDER BY lower(u.username COLLATE \"C\")",
	.argtypes = {INT8OID},
	.read_only = true,
};

static char *
GetReason(FunctionCallInfo fcinfo, int n)
{
	char *reason = ArgumentText(fcinfo, n);

	if (reason)
		CheckName("reason", reason, REASON_MAX_CHARACTERS);
	return reason;
}

/* Who is not a member has no role that could be too high. */
static void
RequireMayBan(int64 conversation_id, int64 caller, int64 account_id)
{
	Role mine = PermissionRequire(conversation_id, caller, PERMISSION_BAN);

	if (RoleFind(conversation_id, account_id) == ROLE_NONE)
		AccountRequireOpen(account_id);
	else
		PermissionRequireLower(mine, conversation_id, account_id);
}

Datum
chat_ban(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 account_id = ArgumentRequireInt64(fcinfo, 1, "account_id");
	char *reason = GetReason(fcinfo, 2);
	int64 caller = IdentityRequire();
	int64 ver;

	SpiBegin();
	ver = ConversationTakeVer(conversation_id);
	RequireMayBan(conversation_id, caller, account_id);
	if (SpiRun(&ban_account,
			   SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id), SpiInt64(ver))) > 0)
		AuditWrite(.kind = AUDIT_MEMBER_BANNED, .conversation_id = conversation_id,
				   .account_id = account_id, .detail = reason);
	SpiEnd();
	PG_RETURN_VOID();
}

Datum
chat_unban(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 account_id = ArgumentRequireInt64(fcinfo, 1, "account_id");
	int64 caller = IdentityRequire();
	int64 ver;

	SpiBegin();
	ver = ConversationTakeVer(conversation_id);
	PermissionRequire(conversation_id, caller, PERMISSION_BAN);
	if (SpiRun(&lift_ban,
			   SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id), SpiInt64(ver))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USER_NOT_FOUND),
						errmsg("account %lld is not banned from this conversation",
							   (long long) account_id)));
	AuditWrite(.kind = AUDIT_MEMBER_UNBANNED, .conversation_id = conversation_id,
			   .account_id = account_id);
	SpiEnd();
	PG_RETURN_VOID();
}

Datum
chat_banned(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 caller = IdentityRequire();

	SpiBegin();
	PermissionRequire(conversation_id, caller, PERMISSION_BAN);
	SpiEnd();
	return SpiReturnRows(fcinfo, &list_banned, SpiArgs(SpiInt64(conversation_id)));
}

/* ---- silence ------------------------------------------------------------ */

static SpiQuery set_muted = {
	.sql = "UPDATE chat.member m SET muted_until = $3, ver = $4, changed = 'm' "
		   "FROM chat.user_info u WHERE m.conversation_id = $1 AND m.account_id = $2 "
		   "AND u.id = m.account_id RETURNING ROW(" MEMBER_INFO ")::chat.member_info",
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID},
};

/* RFC 3339 has four digits for the year, so that infinity can't be shown. */
static NullableDatum
GetUntil(FunctionCallInfo fcinfo, int n)
{
	TimestampTz last;
	TimestampTz until;

	ArgumentRequire(fcinfo, n, "until");
	until = PG_GETARG_TIMESTAMPTZ(n);
	last = ((TimestampTz) date2j(10000, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY - 1;
	if (until <= GetCurrentTimestamp() || until > last)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("until must be in the future and before the year 10000")));
	return SpiFunctionArg(fcinfo, n);
}

/* Returns the chat.member_info that came of it. */
static Datum
SetMuted(FunctionCallInfo fcinfo, NullableDatum until, AuditKind kind)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 account_id = ArgumentRequireInt64(fcinfo, 1, "account_id");
	int64 caller = IdentityRequire();
	char *shown = until.isnull ? NULL : pstrdup(timestamptz_to_str(until.value));
	int64 ver;
	Role mine;
	Datum member;

	SpiBegin();
	ver = ConversationTakeVer(conversation_id);
	mine = PermissionRequire(conversation_id, caller, PERMISSION_MUTE);
	PermissionRequireLower(mine, conversation_id, account_id);
	SpiRun(&set_muted,
		   SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id), until, SpiInt64(ver)));
	member = SpiKeepDatum(0, 1, &fcinfo->isnull);
	AuditWrite(.kind = kind, .conversation_id = conversation_id, .account_id = account_id,
			   .detail = shown);
	SpiEnd();
	return member;
}

Datum
chat_mute(PG_FUNCTION_ARGS)
{
	return SetMuted(fcinfo, GetUntil(fcinfo, 2), AUDIT_MEMBER_MUTED);
}

Datum
chat_unmute(PG_FUNCTION_ARGS)
{
	return SetMuted(fcinfo, SpiDatum((Datum) 0, true), AUDIT_MEMBER_UNMUTED);
}
