/*
 * member.c
 *	  The members of a group: who they are, who comes, who goes, and their roles.
 *
 * Every change takes the conversation's next version first.  That locks the
 * counter row, so that a change and a send, or two changes, are one after the
 * other, and all checks that follow see the state they act on.
 */
#include "compat.h"

#include "member.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "account.h"
#include "argument.h"
#include "audit.h"
#include "block.h"
#include "conversation.h"
#include "errors.h"
#include "group.h"
#include "identity.h"
#include "permission.h"
#include "ratelimit.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_members);
PG_FUNCTION_INFO_V1(chat_add_member);
PG_FUNCTION_INFO_V1(chat_remove_member);
PG_FUNCTION_INFO_V1(chat_leave);
PG_FUNCTION_INFO_V1(chat_join);
PG_FUNCTION_INFO_V1(chat_set_role);

static SpiQuery set_state = {
	.sql = "UPDATE chat.member SET state = $3, role = 'member', ver = $4, changed = 'm', "
		   "left_seq = (SELECT last_seq FROM chat.conversation_counter WHERE conversation_id = $1) "
		   "WHERE conversation_id = $1 AND account_id = $2",
	.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID},
};

/*
 * What is said before somebody joins is not unread to them.  Who was muted and went
 * is muted when they come back.
 */
static SpiQuery join_member = {
	.sql = "INSERT INTO chat.member AS m "
		   "(conversation_id, account_id, ver, joined_seq, read_seq) "
		   "SELECT k.conversation_id, $2, $3, k.last_seq, k.last_seq "
		   "FROM chat.conversation_counter k WHERE k.conversation_id = $1 "
		   "ON CONFLICT (conversation_id, account_id) DO UPDATE SET state = 'joined', "
		   "joined_at = now(), ver = excluded.ver, joined_seq = excluded.joined_seq, "
		   "read_seq = greatest(m.read_seq, excluded.read_seq), changed = 'm' "
		   "WHERE m.state IN ('left', 'removed')",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

/* What stands between an account and a group. */
static SpiQuery find_door = {
	.sql = "SELECT c.is_public, m.state FROM chat.conversation c "
		   "LEFT JOIN chat.member m ON m.conversation_id = c.id AND m.account_id = $2 "
		   "WHERE c.id = $1 AND c.deleted_at IS NULL",
	.argtypes = {INT8OID, INT8OID},
};

#define JOINED_MEMBERS \
	"FROM chat.member m JOIN chat.user_info u ON u.id = m.account_id " \
	"WHERE m.conversation_id = $1 AND m.state = 'joined'"

static SpiQuery show_member = {
	.sql = "SELECT ROW(" MEMBER_INFO ")::chat.member_info " JOINED_MEMBERS " AND m.account_id = $2",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery list_members = {
	.sql = "SELECT " MEMBER_INFO " " JOINED_MEMBERS " ORDER BY m.joined_at, m.account_id",
	.argtypes = {INT8OID},
	.read_only = true,
};

static SpiQuery find_heir = {
	.sql = "SELECT account_id FROM chat.member "
		   "WHERE conversation_id = $1 AND account_id <> $2 AND state = 'joined' "
		   "AND NOT EXISTS (SELECT FROM chat.member o WHERE o.conversation_id = $1 "
		   "AND o.account_id <> $2 AND o.state = 'joined' AND o.role = 'owner') "
		   "ORDER BY role = 'admin' DESC, joined_at, account_id LIMIT 1",
	.argtypes = {INT8OID, INT8OID},
};

/* Nobody ranks above an owner who could let them speak again. */
static SpiQuery update_role = {
	.sql = "UPDATE chat.member SET role = $3, ver = $4, changed = 'm', "
		   "muted_until = CASE WHEN $3 <> 'owner' THEN muted_until END "
		   "WHERE conversation_id = $1 AND account_id = $2",
	.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID},
};

static SpiQuery find_other_owner = {
	.sql = "SELECT FROM chat.member WHERE conversation_id = $1 AND account_id <> $2 "
		   "AND state = 'joined' AND role = 'owner' LIMIT 1",
	.argtypes = {INT8OID, INT8OID},
};

Datum
chat_members(PG_FUNCTION_ARGS)
{
	ConversationRequireMember(PG_GETARG_INT64(0), IdentityRequire());
	return SpiReturnRows(fcinfo, &list_members, SpiArgs(SpiFunctionArg(fcinfo, 0)));
}

static Datum
ShowMember(FunctionCallInfo fcinfo, int64 conversation_id, int64 account_id)
{
	return SpiReturnValue(fcinfo, &show_member,
						  SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id)));
}

/* ---- who comes ---------------------------------------------------------- */

/* False: the account is a member already, or banned. */
static bool
Admit(int64 conversation_id, int64 account_id, int64 ver)
{
	return SpiRun(&join_member,
				  SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id), SpiInt64(ver))) > 0;
}

static void
pg_attribute_noreturn()
	RaiseCannotAdd(int64 conversation_id, int64 account_id, const char *username)
{
	SpiRun(&find_door, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id)));
	if (strcmp(SpiGetText(0, 2), "banned") == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_BANNED),
						errmsg("\"%s\" is banned from this conversation", username),
						errhint("A ban is lifted by chat.unban().")));
	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_ALREADY_MEMBER),
					errmsg("\"%s\" is a member already", username)));
}

Datum
chat_add_member(PG_FUNCTION_ARGS)
{
	int64 conversation_id = PG_GETARG_INT64(0);
	char *username = ArgumentText(fcinfo, 1);
	int64 caller = IdentityRequire();
	int64 account_id;
	bool held;
	int64 ver;

	RateLimitRequire(RATE_JOIN, caller);
	SpiBegin();
	account_id = AccountFind(username);
	held = AccountHold(account_id);
	ver = ConversationTakeVer(conversation_id);
	PermissionRequire(conversation_id, caller, PERMISSION_ADD_MEMBER);
	if (!held)
		AccountRaiseUnknown(username);
	BlockRequireNone(caller, &account_id, 1);
	if (!Admit(conversation_id, account_id, ver))
		RaiseCannotAdd(conversation_id, account_id, username);
	AuditWrite(.kind = AUDIT_MEMBER_ADDED, .conversation_id = conversation_id,
			   .account_id = account_id);
	SpiEnd();
	return ShowMember(fcinfo, conversation_id, account_id);
}

/* A group that is not public is none to those outside, unless they know it from within. */
static void
RequireOpenDoor(int64 conversation_id, int64 account_id)
{
	const char *state;

	if (SpiRun(&find_door, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id))) == 0)
		ConversationRaiseNotFound(conversation_id);
	state = SpiGetText(0, 2);
	if (state && strcmp(state, "banned") == 0)
		ConversationRaiseSilence(PARLEY_ERROR_BANNED, conversation_id);
	if (state && strcmp(state, "joined") == 0)
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_ALREADY_MEMBER), errmsg("you are a member already")));
	if (!SpiGetBool(0, 1))
		ConversationRaiseNotFound(conversation_id);
}

Datum
chat_join(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 caller = IdentityRequire();
	int64 ver;

	RateLimitRequire(RATE_JOIN, caller);
	SpiBegin();
	ConversationHoldCaller(caller);
	ver = ConversationTakeVer(conversation_id);
	RequireOpenDoor(conversation_id, caller);
	Admit(conversation_id, caller, ver);
	AuditWrite(.kind = AUDIT_MEMBER_JOINED, .conversation_id = conversation_id,
			   .account_id = caller);
	SpiEnd();
	return ConversationShow(conversation_id, caller);
}

/* ---- who goes ----------------------------------------------------------- */

Datum
chat_remove_member(PG_FUNCTION_ARGS)
{
	int64 conversation_id = PG_GETARG_INT64(0);
	int64 account_id = PG_GETARG_INT64(1);
	int64 caller = IdentityRequire();
	int64 ver;
	Role mine;

	SpiBegin();
	ver = ConversationTakeVer(conversation_id);
	mine = PermissionRequire(conversation_id, caller, PERMISSION_REMOVE_MEMBER);
	PermissionRequireLower(mine, conversation_id, account_id);
	SpiRun(&set_state, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id), SpiText("removed"),
							   SpiInt64(ver)));
	AuditWrite(.kind = AUDIT_MEMBER_REMOVED, .conversation_id = conversation_id,
			   .account_id = account_id);
	SpiEnd();
	PG_RETURN_VOID();
}

static void
SetRole(int64 conversation_id, int64 account_id, Role role, int64 ver)
{
	SpiRun(&update_role, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id),
								 SpiText(RoleName(role)), SpiInt64(ver)));
	AuditWrite(.kind = AUDIT_ROLE_SET, .conversation_id = conversation_id, .account_id = account_id,
			   .detail = RoleName(role));
}

/* A group whose last owner goes is owned by who has been in it longest. */
static void
HandOver(int64 conversation_id, int64 account_id)
{
	if (SpiRun(&find_heir, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id))) > 0)
	{
		int64 heir = SpiGetInt64(0, 1);

		SetRole(conversation_id, heir, ROLE_OWNER, ConversationTakeVer(conversation_id));
	}
}

static void
Go(int64 conversation_id, int64 account_id, Role role, int64 ver)
{
	if (role == ROLE_OWNER)
		HandOver(conversation_id, account_id);
	SpiRun(&set_state, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id), SpiText("left"),
							   SpiInt64(ver)));
	AuditWrite(.kind = AUDIT_MEMBER_LEFT, .conversation_id = conversation_id,
			   .account_id = account_id);
	if (role == ROLE_OWNER)
		GroupEndIfEmpty(conversation_id, ver);
}

void
MemberQuit(int64 conversation_id, int64 account_id)
{
	int64 ver = ConversationTakeVer(conversation_id);
	Role role = RoleFind(conversation_id, account_id);

	if (role != ROLE_NONE)
		Go(conversation_id, account_id, role, ver);
}

Datum
chat_leave(PG_FUNCTION_ARGS)
{
	int64 conversation_id = PG_GETARG_INT64(0);
	int64 caller = IdentityRequire();
	int64 ver;

	SpiBegin();
	ver = ConversationTakeVer(conversation_id);
	Go(conversation_id, caller, PermissionRequire(conversation_id, caller, PERMISSION_LEAVE), ver);
	SpiEnd();
	PG_RETURN_VOID();
}

/* ---- roles -------------------------------------------------------------- */

static Role
GetRole(FunctionCallInfo fcinfo, int n)
{
	Role role = RoleOfName(ArgumentRequireText(fcinfo, n, "role"));

	if (role == ROLE_NONE)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT), errmsg("no such role"),
						errhint("The roles are \"member\", \"admin\" and \"owner\".")));
	return role;
}

/* Owners are equals: one steps down by oneself, and not as the last. */
static void
RequireMayChangeRole(int64 conversation_id, int64 caller, int64 account_id, Role role)
{
	Role mine = PermissionRequire(conversation_id, caller, PERMISSION_SET_ROLE);

	if (account_id != caller)
		PermissionRequireLower(mine, conversation_id, account_id);
	else if (role != ROLE_OWNER &&
			 SpiRun(&find_other_owner, SpiArgs(SpiInt64(conversation_id), SpiInt64(caller))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_LAST_OWNER),
						errmsg("you are the only owner of this conversation"),
						errhint("Make somebody else an owner first.")));
}

Datum
chat_set_role(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 account_id = ArgumentRequireInt64(fcinfo, 1, "account_id");
	Role role = GetRole(fcinfo, 2);
	int64 caller = IdentityRequire();
	int64 ver;

	SpiBegin();
	ver = ConversationTakeVer(conversation_id);
	RequireMayChangeRole(conversation_id, caller, account_id, role);
	if (RoleFind(conversation_id, account_id) != role)
		SetRole(conversation_id, account_id, role, ver);
	SpiEnd();
	return ShowMember(fcinfo, conversation_id, account_id);
}
