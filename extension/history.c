/*
 * history.c
 *	  Reading back what was said, by keyset on (conversation_id, seq): the cost does
 *	  not depend on how far back.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "archive.h"
#include "argument.h"
#include "conversation.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"

#define HISTORY_MAX 200

PG_FUNCTION_INFO_V1(chat_history);
PG_FUNCTION_INFO_V1(chat_history_page);

typedef enum Direction
{
	BEFORE,
	AFTER,
	AROUND
} Direction;

/* $1 conversation, $2 the number to start from, $3 how many. */
#define OLDER MESSAGES_BELOW("$1", "$2", "$3")
#define NEWER MESSAGES_ABOVE("$1", "$2", "$3")
#define OLDER_HALF MESSAGES_BELOW("$1", "$2", "($3 / 2)")
#define NEWER_HALF MESSAGES_ABOVE("$1", "(greatest($2, 1) - 1)", "($3 - $3 / 2)")
#define BOTH_SIDES "(" OLDER_HALF " UNION ALL " NEWER_HALF ")"

#define ROWS_OF(slice) \
	{ \
		.sql = "SELECT (p.message).* FROM " slice " p ORDER BY p.seq", \
		.argtypes = {INT8OID, INT8OID, INT4OID}, .read_only = true, \
	}

/* Are there more beyond the far end of the slice?  The ends of a block are messages. */
#define OLDER_BEYOND "< min(p.seq)", "first_seq < min(p.seq)"
#define NEWER_BEYOND "> max(p.seq)", "last_seq > max(p.seq)"
#define PAGE_OF(slice, beyond) PAGE_WITH(slice, beyond)
#define PAGE_WITH(slice, rows_beyond, blocks_beyond) \
	{ \
		.sql = "SELECT ROW(coalesce(array_agg(p.message ORDER BY p.seq), '{}'), " \
			   "EXISTS (SELECT FROM chat.message b WHERE b.conversation_id = $1 " \
			   "AND b.seq " rows_beyond ") OR EXISTS (SELECT FROM chat.archive b " \
			   "WHERE b.conversation_id = $1 AND b." blocks_beyond \
			   "))::chat.page_info FROM " slice " p", \
		.argtypes = {INT8OID, INT8OID, INT4OID}, .read_only = true, \
	}

static SpiQuery rows[] = {
	[BEFORE] = ROWS_OF(OLDER),
	[AFTER] = ROWS_OF(NEWER),
	[AROUND] = ROWS_OF(BOTH_SIDES),
};

static SpiQuery pages[] = {
	[BEFORE] = PAGE_OF(OLDER, OLDER_BEYOND),
	[AFTER] = PAGE_OF(NEWER, NEWER_BEYOND),
	[AROUND] = PAGE_OF(BOTH_SIDES, OLDER_BEYOND),
};

typedef struct Slice
{
	int64 conversation_id;
	Direction direction;
	int64 from; /* seq */
	int limit;
} Slice;

/* The arguments that both functions have, checked. */
static Slice
GetSlice(FunctionCallInfo fcinfo)
{
	Slice slice = {.direction = BEFORE, .from = PG_INT64_MAX};
	int given = 0;

	slice.conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	for (Direction direction = BEFORE; direction <= AROUND; direction++)
	{
		if (PG_ARGISNULL(1 + direction))
			continue;
		slice.direction = direction;
		slice.from = PG_GETARG_INT64(1 + direction);
		given++;
	}
	if (given > 1)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("only one of before, after and around can be given")));
	slice.limit = CheckLimit(PG_ARGISNULL(4) ? HISTORY_MAX : PG_GETARG_INT32(4), HISTORY_MAX);
	ConversationRequireMember(slice.conversation_id, IdentityRequire());
	return slice;
}

Datum
chat_history(PG_FUNCTION_ARGS)
{
	Slice slice = GetSlice(fcinfo);

	return SpiReturnRows(fcinfo, &rows[slice.direction],
						 SpiArgs(SpiInt64(slice.conversation_id), SpiInt64(slice.from),
								 SpiInt32(slice.limit)));
}

Datum
chat_history_page(PG_FUNCTION_ARGS)
{
	Slice slice = GetSlice(fcinfo);

	return SpiReturnValue(fcinfo, &pages[slice.direction],
						  SpiArgs(SpiInt64(slice.conversation_id), SpiInt64(slice.from),
								  SpiInt32(slice.limit)));
}
