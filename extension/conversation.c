/*
 * conversation.c
 *	  Making conversations and showing them.
 */
#include "compat.h"

#include "conversation.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "account.h"
#include "argument.h"
#include "audit.h"
#include "block.h"
#include "counter.h"
#include "audit.h"
#include "errors.h"
#include "identity.h"
#include "ratelimit.h"
#include "result.h"
#include "spi.h"
#include "wake.h"

#define GROUP_NAME_MAX_CHARACTERS 100
#define GROUP_START_MAX 500	  /* members that a group can be made with */
#define MAX_CONVERSATIONS 200 /* of one answer */

PG_FUNCTION_INFO_V1(chat_direct);
PG_FUNCTION_INFO_V1(chat_create_group);
PG_FUNCTION_INFO_V1(chat_conversations);
PG_FUNCTION_INFO_V1(chat_conversation);
PG_FUNCTION_INFO_V1(chat_stats);

/* ---- belonging ---------------------------------------------------------- */

static SpiQuery is_member = {
	.sql = "SELECT FROM chat.member "
		   "WHERE conversation_id = $1 AND account_id = $2 AND state = 'joined'",
	.argtypes = {INT8OID, INT8OID},
};

void
ConversationRaiseNotFound(int64 conversation_id)
{
	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_CONVERSATION_NOT_FOUND),
					errmsg("you have no conversation %lld", (long long) conversation_id)));
}

void
ConversationRequireMember(int64 conversation_id, int64 account_id)
{
	bool found;

	SpiBegin();
	found = SpiRun(&is_member, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id))) > 0;
	SpiEnd();
	if (!found)
		ConversationRaiseNotFound(conversation_id);
}

/* In the order of the columns of find_silences. */
static const struct
{
	ParleyError error;
	const char *message;
} silences[] = {
	{PARLEY_ERROR_BANNED, "you are banned from this conversation"},
	{PARLEY_ERROR_CONVERSATION_NOT_FOUND, NULL},
	{PARLEY_ERROR_BLOCKED, "there is a block between you two"},
	{PARLEY_ERROR_MUTED, "you are muted in this conversation"},
};

static SpiQuery find_silences = {
	.sql = "SELECT m.state = 'banned', m.state <> 'joined' OR a.closed_at IS NOT NULL, "
		   "m.is_blocked, m.muted_until > clock_timestamp() "
		   "FROM chat.member m JOIN chat.account a ON a.id = m.account_id "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2",
	.argtypes = {INT8OID, INT8OID},
};

ParleyError
ConversationFindSilence(int64 conversation_id, int64 account_id)
{
	if (SpiRun(&find_silences, SpiArgs(SpiInt64(conversation_id), SpiInt64(account_id))) == 0)
		return PARLEY_ERROR_CONVERSATION_NOT_FOUND;
	for (int i = 0; i < (int) lengthof(silences); i++)
	{
		if (SpiGetBool(0, i + 1))
			return silences[i].error;
	}
	return PARLEY_NO_ERROR;
}

void
ConversationRaiseSilence(ParleyError silence, int64 conversation_id)
{
	for (int i = 0; i < (int) lengthof(silences); i++)
	{
		if (silences[i].error == silence && silences[i].message)
			ereport(ERROR, (ParleyErrcode(silence), errmsg("%s", silences[i].message)));
	}
	ConversationRaiseNotFound(conversation_id);
}

void
ConversationRequireVoice(int64 conversation_id, int64 account_id)
{
	ParleyError silence;

	SpiBegin();
	silence = ConversationFindSilence(conversation_id, account_id);
	SpiEnd();
	if (silence != PARLEY_NO_ERROR)
		ConversationRaiseSilence(silence, conversation_id);
}

int64
ConversationTakeVer(int64 conversation_id)
{
	int64 ver = CounterNextVer(conversation_id);

	if (ver == 0)
		ConversationRaiseNotFound(conversation_id);
	return ver;
}

/* The account of a session that was good a moment ago. */
void
ConversationHoldCaller(int64 caller)
{
	if (!AccountHold(caller))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_UNAUTHENTICATED),
						errmsg("your account has been closed")));
}

/* ---- showing ------------------------------------------------------------ */

/* Not read-only: create_group() shows what it has just made. */
static SpiQuery show_conversation = {
	.sql = "SELECT " CONVERSATION_INFO " " SHOWN_CONVERSATIONS
		   "WHERE me.account_id = $1 AND me.state = 'joined' AND c.id = $2",
	.argtypes = {INT8OID, INT8OID},
};

/* Several may have been active at one moment: among those it goes by id.  OFFSET 0 keeps the planner from building the row once for each of its columns. */
static SpiQuery list_conversations = {
	.sql = "SELECT (x.info).* FROM (SELECT " CONVERSATION_INFO " AS info " SHOWN_CONVERSATIONS
		   "WHERE me.account_id = $1 AND me.state = 'joined' "
		   "AND ($3 IS NULL OR (" ACTIVE_AT ", c.id) < ($3, coalesce($4, 0))) "
		   "ORDER BY " ACTIVE_AT " DESC, c.id DESC LIMIT $2 OFFSET 0) x",
	.argtypes = {INT8OID, INT4OID, TIMESTAMPTZOID, INT8OID},
	.read_only = true,
};

static SpiQuery show_stats = {
	.sql = "SELECT count(*), coalesce(sum(k.last_seq - k.purged_seq), 0)::bigint, "
		   "coalesce(sum(" UNREAD "), 0)::bigint " MY_CONVERSATIONS
		   "WHERE me.account_id = $1 AND me.state = 'joined'",
	.argtypes = {INT8OID},
	.read_only = true,
};

Datum
ConversationShow(int64 conversation_id, int64 account_id)
{
	Datum info;
	bool isnull;

	SpiBegin();
	if (SpiRun(&show_conversation, SpiArgs(SpiInt64(account_id), SpiInt64(conversation_id))) == 0)
		ConversationRaiseNotFound(conversation_id);
	info = SpiKeepDatum(0, 1, &isnull);
	SpiEnd();
	return info;
}

Datum
chat_conversation(PG_FUNCTION_ARGS)
{
	return ConversationShow(PG_GETARG_INT64(0), IdentityRequire());
}

Datum
chat_conversations(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	int limit;

	limit = CheckLimit(PG_ARGISNULL(0) ? MAX_CONVERSATIONS : PG_GETARG_INT32(0), MAX_CONVERSATIONS);
	return SpiReturnRows(fcinfo, &list_conversations,
						 SpiArgs(SpiInt64(caller), SpiInt32(limit), SpiFunctionArg(fcinfo, 1),
								 SpiFunctionArg(fcinfo, 2)));
}

Datum
chat_stats(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	Datum values[3];
	bool nulls[3] = {false};

	SpiBegin();
	SpiRun(&show_stats, SpiArgs(SpiInt64(caller)));
	for (int i = 0; i < 3; i++)
		values[i] = Int64GetDatum(SpiGetInt64(0, i + 1));
	SpiEnd();
	return ResultRow(fcinfo, values, nulls);
}

/* ---- making ------------------------------------------------------------- */

static SpiQuery insert_conversation = {
	.sql = "INSERT INTO chat.conversation (id, is_group, name, created_by, is_public) "
		   "VALUES (coalesce($1, nextval('chat.conversation_id_seq')), $2 IS NOT NULL, $2, $3, $4) "
		   "RETURNING id",
	.argtypes = {INT8OID, TEXTOID, INT8OID, BOOLOID},
};

static SpiQuery insert_counter = {
	.sql = "INSERT INTO chat.conversation_counter (conversation_id, last_ver) "
		   "VALUES ($1, cardinality($2))",
	.argtypes = {INT8OID, INT8ARRAYOID},
};

/* Each joining is a change of its own and takes a version of its own. */
static SpiQuery insert_members = {
	.sql = "INSERT INTO chat.member (conversation_id, account_id, role, ver) "
		   "SELECT $1, id, CASE WHEN id = $3 THEN 'owner' ELSE 'member' END, ver "
		   "FROM unnest($2) WITH ORDINALITY AS x (id, ver)",
	.argtypes = {INT8OID, INT8ARRAYOID, INT8OID},
};

/* A conversation that is to be.  The members are distinct; the caller is one of them. */
typedef struct Draft
{
	int64 id;		  /* 0: a new one is taken */
	const char *name; /* NULL: a direct conversation, which nobody owns */
	bool is_public;
	int64 caller;
	const int64 *members;
	int count;
} Draft;

/* Inside SpiBegin(). */
static int64
MakeConversation(const Draft *draft)
{
	int64 id;
	NullableDatum list = SpiInt64Array(draft->members, draft->count);

	SpiRun(&insert_conversation,
		   SpiArgs(SpiDatum(Int64GetDatum(draft->id), draft->id == 0), SpiText(draft->name),
				   SpiInt64(draft->caller), SpiDatum(BoolGetDatum(draft->is_public), false)));
	id = SpiGetInt64(0, 1);
	SpiRun(&insert_counter, SpiArgs(SpiInt64(id), list));
	SpiRun(&insert_members, SpiArgs(SpiInt64(id), list, SpiInt64(draft->name ? draft->caller : 0)));
	WakeGateways();
	return id;
}

static SpiQuery find_pair = {
	.sql = "SELECT conversation_id FROM chat.direct_pair "
		   "WHERE low_id = least($1, $2) AND high_id = greatest($1, $2)",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery insert_pair = {
	.sql = "INSERT INTO chat.direct_pair (low_id, high_id, conversation_id) "
		   "VALUES (least($1, $2), greatest($1, $2), nextval('chat.conversation_id_seq')) "
		   "ON CONFLICT DO NOTHING RETURNING conversation_id",
	.argtypes = {INT8OID, INT8OID},
};

/*
 * Inside SpiBegin().  Of two who begin at once one inserts the pair; the other
 * waits for that commit, inserts nothing and finds it.  What exists is found in
 * spite of a block: both may read what was said.
 */
static int64
FindOrMakeDirect(int64 caller, int64 other, bool *created)
{
	const NullableDatum *pair = SpiArgs(SpiInt64(caller), SpiInt64(other));

	*created = false;
	if (SpiRun(&find_pair, pair) > 0)
		return SpiGetInt64(0, 1);
	RateLimitRequire(RATE_CONVERSATION, caller);
	ConversationHoldCaller(caller);
	AccountHold(other);
	AccountRequireOpen(other);
	BlockLockPair(caller, other);
	BlockRequireNone(caller, &other, 1);
	if (SpiRun(&insert_pair, pair) > 0)
	{
		*created = true;
		return MakeConversation(&(Draft){
			.id = SpiGetInt64(0, 1),
			.caller = caller,
			.members = (int64[]){caller, other},
			.count = 2,
		});
	}
	if (SpiRun(&find_pair, pair) == 0)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("the conversation was made by a concurrent transaction")));
	return SpiGetInt64(0, 1);
}

Datum
chat_direct(PG_FUNCTION_ARGS)
{
	char *username = ArgumentText(fcinfo, 0);
	int64 caller = IdentityRequire();
	int64 other;
	int64 conversation_id;
	bool created;
	Datum values[2];
	bool nulls[2] = {false};

	SpiBegin();
	other = AccountRequire(username);
	if (other == caller)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("a direct conversation is with somebody else")));
	conversation_id = FindOrMakeDirect(caller, other, &created);
	SpiEnd();

	values[0] = ConversationShow(conversation_id, caller);
	values[1] = BoolGetDatum(created);
	return ResultRow(fcinfo, values, nulls);
}

static bool
Contains(const int64 *ids, int count, int64 id)
{
	for (int i = 0; i < count; i++)
	{
		if (ids[i] == id)
			return true;
	}
	return false;
}

static int64
RequireHeld(const char *username)
{
	int64 id = AccountFind(username);

	if (!AccountHold(id))
		AccountRaiseUnknown(username);
	return id;
}

/* The accounts of an array of user names, the caller first, each once; inside SpiBegin(). */
static int64 *
ResolveMembers(ArrayType *usernames, int64 caller, int *count)
{
	Datum *names;
	bool *nulls;
	int named;
	int64 *ids;

	deconstruct_array(usernames, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &named);
	if (named > GROUP_START_MAX)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("a group can start with at most %d members", GROUP_START_MAX)));
	ids = palloc((named + 1) * sizeof(int64));
	ids[0] = caller;
	*count = 1;
	for (int i = 0; i < named; i++)
	{
		int64 id;

		if (nulls[i])
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
							errmsg("a user name must not be NULL")));
		id = RequireHeld(TextDatumGetCString(names[i]));
		if (!Contains(ids, *count, id))
			ids[(*count)++] = id;
	}
	return ids;
}

void
ConversationCheckName(const char *name)
{
	CheckName("name of the group", name, GROUP_NAME_MAX_CHARACTERS);
}

Datum
chat_create_group(PG_FUNCTION_ARGS)
{
	ArrayType *usernames = PG_GETARG_ARRAYTYPE_P(1);
	Draft draft = {
		.name = ArgumentText(fcinfo, 0),
		.is_public = PG_GETARG_BOOL(2),
		.caller = IdentityRequire(),
	};
	int64 conversation_id;

	ConversationCheckName(draft.name);
	RateLimitRequire(RATE_CONVERSATION, draft.caller);
	SpiBegin();
	ConversationHoldCaller(draft.caller);
	draft.members = ResolveMembers(usernames, draft.caller, &draft.count);
	BlockRequireNone(draft.caller, draft.members, draft.count);
	conversation_id = MakeConversation(&draft);
	AuditWrite(.kind = AUDIT_GROUP_CREATED, .conversation_id = conversation_id,
			   .account_id = draft.caller);
	SpiEnd();
	return ConversationShow(conversation_id, draft.caller);
}
