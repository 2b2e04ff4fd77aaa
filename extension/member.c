/*
 * member.c
 *	  The members of a group: who they are, who comes, who goes.
 *
 * Every change takes the conversation's next version first.  That locks the
 * counter row, so that a change and a send, or two changes, are one after the
 * other, and all checks that follow see the state they act on.
 */
#include "postgres.h"

#include "member.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "account.h"
#include "audit.h"
#include "conversation.h"
#include "counter.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_members);
PG_FUNCTION_INFO_V1(chat_add_member);
PG_FUNCTION_INFO_V1(chat_remove_member);
PG_FUNCTION_INFO_V1(chat_leave);

/* In the order of power; what is not a member ranks lowest. */
typedef enum Role
{
	ROLE_NONE,
	ROLE_MEMBER,
	ROLE_ADMIN,
	ROLE_OWNER
} Role;

static const char *const role_names[] = {
	[ROLE_NONE] = "none",
	[ROLE_MEMBER] = "member",
	[ROLE_ADMIN] = "admin",
	[ROLE_OWNER] = "owner",
};

static SpiQuery find_role = {
	.sql = "SELECT m.role, c.is_group FROM chat.member m "
		   "JOIN chat.conversation c ON c.id = m.conversation_id "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined'",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery set_state = {
	.sql = "UPDATE chat.member SET state = $3, role = 'member', ver = $4, changed = 'm' "
		   "WHERE conversation_id = $1 AND account_id = $2",
	.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID},
};

/* What is said before somebody joins is not unread to them. */
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

static SpiQuery find_state = {
	.sql = "SELECT state FROM chat.member WHERE conversation_id = $1 AND account_id = $2",
	.argtypes = {INT8OID, INT8OID},
};

#define MEMBER_INFO \
	"u.id, u.username, u.display_name, u.avatar_url, u.bio, u.is_online, u.last_seen, m.role"
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

static SpiQuery make_owner = {
	.sql = "UPDATE chat.member SET role = 'owner', ver = $3, changed = 'm' "
		   "WHERE conversation_id = $1 AND account_id = $2",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

/* Inside SpiBegin(), like all that follows. */
static int64
TakeVer(int64 conversation_id)
{
	int64 ver = CounterNextVer(conversation_id);

	if (ver == 0)
		ConversationRaiseNotFound(conversation_id);
	return ver;
}

static Role
FindRole(int64 conversation_id, int64 account_id, bool *is_group)
{
	char *name;

	if (SpiRun(&find_role, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id))) == 0)
		return ROLE_NONE;
	*is_group = SpiGetBool(0, 2);
	name = SpiGetText(0, 1);
	for (Role role = ROLE_MEMBER; role <= ROLE_OWNER; role++)
	{
		if (strcmp(name, role_names[role]) == 0)
			return role;
	}
	return ROLE_NONE;
}

/* The caller's role in a group, at least the one demanded. */
static Role
RequireRole(int64 conversation_id, int64 caller, Role demanded)
{
	bool is_group = false;
	Role role = FindRole(conversation_id, caller, &is_group);

	if (role == ROLE_NONE)
		ConversationRaiseNotFound(conversation_id);
	if (!is_group)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_NOT_A_GROUP),
						errmsg("a direct conversation keeps its two members")));
	if (role < demanded)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_FORBIDDEN),
						errmsg("this takes the role \"%s\" at least", role_names[demanded])));
	return role;
}

Datum
chat_members(PG_FUNCTION_ARGS)
{
	ConversationRequireMember(PG_GETARG_INT64(0), IdentityRequire());
	return SpiReturnRows(fcinfo, &list_members, SpiArgs(SpiFunctionArg(fcinfo, 0)));
}

static void
pg_attribute_noreturn()
	RaiseCannotJoin(int64 conversation_id, int64 account_id, const char *username)
{
	SpiRun(&find_state, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id)));
	if (strcmp(SpiGetText(0, 1), "banned") == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_FORBIDDEN),
						errmsg("\"%s\" is banned from this conversation", username)));
	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_ALREADY_MEMBER),
					errmsg("\"%s\" is a member already", username)));
}

Datum
chat_add_member(PG_FUNCTION_ARGS)
{
	int64 conversation_id = PG_GETARG_INT64(0);
	char *username = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int64 caller = IdentityRequire();
	int64 account_id;
	int64 ver;

	SpiBegin();
	ver = TakeVer(conversation_id);
	RequireRole(conversation_id, caller, ROLE_ADMIN);
	account_id = AccountRequire(username);
	if (SpiRun(&join_member,
			   SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id), SpiInt64(ver))) == 0)
		RaiseCannotJoin(conversation_id, account_id, username);
	AuditWrite(.kind = AUDIT_MEMBER_ADDED, .conversation_id = conversation_id,
			   .account_id = account_id);
	SpiEnd();

	return SpiReturnValue(fcinfo, &show_member,
						  SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id)));
}

Datum
chat_remove_member(PG_FUNCTION_ARGS)
{
	int64 conversation_id = PG_GETARG_INT64(0);
	int64 account_id = PG_GETARG_INT64(1);
	int64 caller = IdentityRequire();
	int64 ver;
	Role mine;
	Role theirs;
	bool is_group;

	SpiBegin();
	ver = TakeVer(conversation_id);
	mine = RequireRole(conversation_id, caller, ROLE_ADMIN);
	theirs = FindRole(conversation_id, account_id, &is_group);
	if (theirs == ROLE_NONE)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USER_NOT_FOUND),
						errmsg("account %lld is not a member of this conversation",
							   (long long) account_id)));
	if (theirs >= mine)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_FORBIDDEN),
						errmsg("only a member of lower role can be removed"),
						errhint("To go yourself, use chat.leave().")));
	SpiRun(&set_state, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id), SpiText("removed"),
							   SpiInt64(ver)));
	AuditWrite(.kind = AUDIT_MEMBER_REMOVED, .conversation_id = conversation_id,
			   .account_id = account_id);
	SpiEnd();
	PG_RETURN_VOID();
}

/* A group whose last owner goes is owned by who has been in it longest. */
static void
HandOver(int64 conversation_id, int64 caller)
{
	if (SpiRun(&find_heir, SpiArgs(SpiInt64(conversation_id), SpiInt64(caller))) > 0)
	{
		int64 heir = SpiGetInt64(0, 1);

		SpiRun(&make_owner, SpiArgs(SpiInt64(conversation_id), SpiInt64(heir),
									SpiInt64(TakeVer(conversation_id))));
		AuditWrite(.kind = AUDIT_ROLE_SET, .conversation_id = conversation_id, .account_id = heir,
				   .detail = role_names[ROLE_OWNER]);
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
}

void
MemberQuit(int64 conversation_id, int64 account_id)
{
	int64 ver = TakeVer(conversation_id);
	bool is_group;
	Role role = FindRole(conversation_id, account_id, &is_group);

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
	ver = TakeVer(conversation_id);
	Go(conversation_id, caller, RequireRole(conversation_id, caller, ROLE_MEMBER), ver);
	SpiEnd();
	PG_RETURN_VOID();
}
