/*
 * conversation.c
 *	  Making conversations and showing them.
 */
#include "postgres.h"

#include "conversation.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "account.h"
#include "argument.h"
#include "audit.h"
#include "errors.h"
#include "identity.h"
#include "result.h"
#include "spi.h"

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

/* ---- showing ------------------------------------------------------------ */

/* Not read-only: create_group() shows what it has just made. */
static SpiQuery show_conversation = {
	.sql = "SELECT " CONVERSATION_INFO " " MY_CONVERSATIONS
		   "WHERE me.account_id = $1 AND me.state = 'joined' AND c.id = $2",
	.argtypes = {INT8OID, INT8OID},
};

/* OFFSET 0 keeps the planner from building the row once for each of its columns. */
static SpiQuery list_conversations = {
	.sql = "SELECT (x.info).* FROM (SELECT " CONVERSATION_INFO " AS info " MY_CONVERSATIONS
		   "LEFT JOIN chat.message l ON l.conversation_id = k.conversation_id "
		   "AND l.seq = k.last_seq "
		   "WHERE me.account_id = $1 AND me.state = 'joined' "
		   "AND ($3 IS NULL OR coalesce(l.created_at, c.created_at) < $3) "
		   "ORDER BY coalesce(l.created_at, c.created_at) DESC, c.id DESC LIMIT $2 OFFSET 0) x",
	.argtypes = {INT8OID, INT4OID, TIMESTAMPTZOID},
	.read_only = true,
};

static SpiQuery show_stats = {
	.sql = "SELECT count(*), coalesce(sum(k.last_seq), 0)::bigint, "
		   "coalesce(sum(k.last_seq - p.seq), 0)::bigint " MY_CONVERSATIONS
		   "WHERE me.account_id = $1 AND me.state = 'joined'",
	.argtypes = {INT8OID},
	.read_only = true,
};

/* A chat.conversation_info in the current memory context. */
static Datum
ShowConversation(int64 conversation_id, int64 account_id)
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
	return ShowConversation(PG_GETARG_INT64(0), IdentityRequire());
}

Datum
chat_conversations(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	int limit;

	limit = CheckLimit(PG_ARGISNULL(0) ? MAX_CONVERSATIONS : PG_GETARG_INT32(0), MAX_CONVERSATIONS);
	return SpiReturnRows(fcinfo, &list_conversations,
						 SpiArgs(SpiInt64(caller), SpiInt32(limit), SpiFunctionArg(fcinfo, 1)));
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
	.sql = "INSERT INTO chat.conversation (id, is_group, name, created_by) "
		   "VALUES (coalesce($1, nextval('chat.conversation_id_seq')), $2 IS NOT NULL, $2, $3) "
		   "RETURNING id",
	.argtypes = {INT8OID, TEXTOID, INT8OID},
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

/*
 * Inside SpiBegin().  id 0: a new one is taken.  name NULL: a direct conversation,
 * which nobody owns.  The members are distinct; the caller is one of them.
 */
static int64
MakeConversation(int64 id, const char *name, int64 caller, const int64 *members, int count)
{
	Datum *elements = palloc(count * sizeof(Datum));
	NullableDatum list;

	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(members[i]);
	list = SpiDatum(PointerGetDatum(construct_array(elements, count, INT8OID, sizeof(int64),
													FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
					false);

	SpiRun(&insert_conversation,
		   SpiArgs(SpiDatum(Int64GetDatum(id), id == 0), SpiText(name), SpiInt64(caller)));
	id = SpiGetInt64(0, 1);
	SpiRun(&insert_counter, SpiArgs(SpiInt64(id), list));
	SpiRun(&insert_members, SpiArgs(SpiInt64(id), list, SpiInt64(name ? caller : 0)));
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
 * waits for that commit, inserts nothing and finds it.
 */
static int64
FindOrMakeDirect(int64 caller, int64 other, bool *created)
{
	const NullableDatum *pair = SpiArgs(SpiInt64(caller), SpiInt64(other));

	*created = false;
	if (SpiRun(&find_pair, pair) > 0)
		return SpiGetInt64(0, 1);
	if (SpiRun(&insert_pair, pair) > 0)
	{
		*created = true;
		return MakeConversation(SpiGetInt64(0, 1), NULL, caller, (int64[]){caller, other}, 2);
	}
	if (SpiRun(&find_pair, pair) == 0)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("the conversation was made by a concurrent transaction")));
	return SpiGetInt64(0, 1);
}

Datum
chat_direct(PG_FUNCTION_ARGS)
{
	char *username = text_to_cstring(PG_GETARG_TEXT_PP(0));
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

	values[0] = ShowConversation(conversation_id, caller);
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
		id = AccountRequire(TextDatumGetCString(names[i]));
		if (!Contains(ids, *count, id))
			ids[(*count)++] = id;
	}
	return ids;
}

Datum
chat_create_group(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ArrayType *usernames = PG_GETARG_ARRAYTYPE_P(1);
	int64 caller = IdentityRequire();
	int64 *members;
	int count;
	int64 conversation_id;

	CheckName("name of the group", name, GROUP_NAME_MAX_CHARACTERS);
	SpiBegin();
	members = ResolveMembers(usernames, caller, &count);
	conversation_id = MakeConversation(0, name, caller, members, count);
	AuditWrite(.kind = AUDIT_GROUP_CREATED, .conversation_id = conversation_id,
			   .account_id = caller);
	SpiEnd();
	return ShowConversation(conversation_id, caller);
}
