/*
 * history.c
 *	  Reading back what was said, by keyset on (conversation_id, seq): the cost does
 *	  not depend on how far back.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

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
#define OLDER(than, count) \
	"(SELECT i AS message, i.seq FROM chat.message_info i " \
	"WHERE i.conversation_id = $1 AND i.seq " than " $2 ORDER BY i.seq DESC LIMIT " count ")"
#define NEWER(than, count) \
	"(SELECT i AS message, i.seq FROM chat.message_info i " \
	"WHERE i.conversation_id = $1 AND i.seq " than " $2 ORDER BY i.seq LIMIT " count ")"
#define BOTH_SIDES "(" OLDER("<", "$3 / 2") " UNION ALL " NEWER(">=", "$3 - $3 / 2") ")"

#define ROWS_OF(slice) \
	{ \
		.sql = "SELECT (p.message).* FROM " slice " p ORDER BY p.seq", \
		.argtypes = {INT8OID, INT8OID, INT4OID}, .read_only = true, \
	}

/* `beyond` compares with the far end of the slice: are there more? */
#define PAGE_OF(slice, beyond) \
	{ \
		.sql = "SELECT ROW(coalesce(array_agg(p.message ORDER BY p.seq), '{}'), " \
			   "EXISTS (SELECT FROM chat.message b WHERE b.conversation_id = $1 " \
			   "AND b.seq " beyond "))::chat.page_info FROM " slice " p", \
		.argtypes = {INT8OID, INT8OID, INT4OID}, .read_only = true, \
	}

static SpiQuery rows[] = {
	[BEFORE] = ROWS_OF(OLDER("<", "$3")),
	[AFTER] = ROWS_OF(NEWER(">", "$3")),
	[AROUND] = ROWS_OF(BOTH_SIDES),
};

static SpiQuery pages[] = {
	[BEFORE] = PAGE_OF(OLDER("<", "$3"), "< min(p.seq)"),
	[AFTER] = PAGE_OF(NEWER(">", "$3"), "> max(p.seq)"),
	[AROUND] = PAGE_OF(BOTH_SIDES, "< min(p.seq)"),
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
