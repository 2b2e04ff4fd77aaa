/*
 * thread.c
 *	  Replies, and replies to them, as one thread.
 *
 * A reply carries the number of the message that its chain began with (post.c), so
 * that a thread is one range of an index, however deep its replies go.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"

#include "archive.h"
#include "argument.h"
#include "conversation.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"

#define THREAD_MAX 200

PG_FUNCTION_INFO_V1(chat_thread);

static SpiQuery find_thread = {
	.sql = "SELECT coalesce(thread, seq) FROM " THE_MESSAGE,
	.argtypes = {INT8OID, INT8OID},
	.read_only = true,
};

/* The first message has no thread of its own in its row; the index has the others. */
#define BEGINNING "SELECT " MESSAGE_INFO("m") " AS info FROM " THE_MESSAGE "WHERE m.seq > $3 "
#define REPLIES \
	"SELECT i FROM chat.message_info i WHERE i.conversation_id = $1 AND i.thread = $2 " \
	"AND i.seq > $3 ORDER BY i.seq LIMIT $4"
#define ARCHIVED_REPLIES \
	"SELECT " MESSAGE_INFO("c") " FROM chat.archived($1, greatest($2, $3), NULL, $4, false, " \
								"NULL, $2) c "

static SpiQuery list_thread = {
	.sql = "SELECT (x.info).* FROM (" BEGINNING "UNION ALL (" REPLIES ") "
		   "UNION ALL " ARCHIVED_REPLIES "OFFSET 0) x ORDER BY (x.info).seq LIMIT $4",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID},
	.read_only = true,
};

static int64
FindThread(int64 conversation_id, int64 seq)
{
	int64 thread = 0;

	SpiBegin();
	if (SpiRun(&find_thread, SpiArgs(SpiInt64(conversation_id), SpiInt64(seq))) > 0)
		thread = SpiGetInt64(0, 1);
	SpiEnd();
	if (thread == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_MESSAGE_NOT_FOUND),
						errmsg("the conversation has no message %lld", (long long) seq)));
	return thread;
}

Datum
chat_thread(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 seq = ArgumentRequireInt64(fcinfo, 1, "seq");
	int64 after = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	int limit = CheckLimit(PG_ARGISNULL(3) ? THREAD_MAX : PG_GETARG_INT32(3), THREAD_MAX);

	ConversationRequireMember(conversation_id, caller);
	return SpiReturnRows(fcinfo, &list_thread,
						 SpiArgs(SpiInt64(conversation_id),
								 SpiInt64(FindThread(conversation_id, seq)), SpiInt64(after),
								 SpiInt32(limit)));
}
