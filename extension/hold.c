/*
 * hold.c
 *	  Legal holds: placing, lifting and listing them.
 *
 * A hold is of a conversation and has a reason; several may hold one, each for its own.
 */
#include "compat.h"

#include "hold.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"

#include "admin.h"
#include "argument.h"
#include "audit.h"
#include "conversation.h"
#include "counter.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"

#define REASON_MAX_CHARACTERS 200

PG_FUNCTION_INFO_V1(chat_hold);
PG_FUNCTION_INFO_V1(chat_release_hold);
PG_FUNCTION_INFO_V1(chat_holds);

static SpiQuery find_hold = {
	.sql = "SELECT FROM chat.hold WHERE conversation_id = $1 LIMIT 1",
	.argtypes = {INT8OID},
};

bool
HoldExists(int64 conversation_id)
{
	return SpiRun(&find_hold, SpiArgs(SpiInt64(conversation_id))) > 0;
}

void
HoldRequireNone(int64 conversation_id)
{
	if (HoldExists(conversation_id))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_HELD),
						errmsg("conversation %lld is under a legal hold: nothing said there can be "
							   "deleted now",
							   (long long) conversation_id)));
}

/* ---- placing and lifting ------------------------------------------------ */

static SpiQuery insert_hold = {
	.sql = "INSERT INTO chat.hold (conversation_id, reason, account_id) VALUES ($1, $2, $3) "
		   "ON CONFLICT DO NOTHING",
	.argtypes = {INT8OID, TEXTOID, INT8OID},
};

static SpiQuery find_conversation = {
	.sql = "SELECT FROM chat.conversation WHERE id = $1",
	.argtypes = {INT8OID},
};

static SpiQuery delete_holds = {
	.sql = "DELETE FROM chat.hold WHERE conversation_id = $1 AND ($2 IS NULL OR reason = $2) "
		   "RETURNING reason",
	.argtypes = {INT8OID, TEXTOID},
};

static SpiQuery list_holds = {
	.sql = "SELECT conversation_id, reason, held_at, account_id FROM chat.hold "
		   "ORDER BY conversation_id, held_at, reason",
	.read_only = true,
};

/*
 * Inside SpiBegin(): locks it too.  A lock alone would not stop who deletes with a snapshot
 * from before the hold (REPEATABLE READ); the counter's row that is written anew does.
 */
static void
RequireConversation(int64 conversation_id)
{
	if (SpiRun(&find_conversation, SpiArgs(SpiInt64(conversation_id))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_CONVERSATION_NOT_FOUND),
						errmsg("there is no conversation %lld", (long long) conversation_id)));
	(void) CounterTakeVers(conversation_id, 0);
}

Datum
chat_hold(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	char *reason = ArgumentRequireText(fcinfo, 1, "reason");
	const Identity *caller = IdentityGet();
	bool placed;

	AdminRequire();
	CheckText("reason", reason, REASON_MAX_CHARACTERS);
	SpiBegin();
	RequireConversation(conversation_id);
	placed = SpiRun(&insert_hold,
					SpiArgs(SpiInt64(conversation_id), SpiText(reason),
							SpiDatum(Int64GetDatum(caller ? caller->account_id : 0), !caller))) > 0;
	if (placed)
		AuditWrite(.kind = AUDIT_HOLD_SET, .conversation_id = conversation_id, .detail = reason);
	SpiEnd();
	PG_RETURN_BOOL(placed);
}

Datum
chat_release_hold(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	char *reason = ArgumentText(fcinfo, 1);
	int lifted;

	AdminRequire();
	SpiBegin();
	RequireConversation(conversation_id);
	lifted = (int) SpiRun(&delete_holds, SpiArgs(SpiInt64(conversation_id), SpiText(reason)));
	if (lifted > 0)
	{
		char **reasons = palloc(lifted * sizeof(char *));

		for (int i = 0; i < lifted; i++)
			reasons[i] = SpiGetText(i, 1);
		for (int i = 0; i < lifted; i++)
			AuditWrite(.kind = AUDIT_HOLD_LIFTED, .conversation_id = conversation_id,
					   .detail = reasons[i]);
	}
	SpiEnd();
	PG_RETURN_INT32(lifted);
}

Datum
chat_holds(PG_FUNCTION_ARGS)
{
	AdminRequire();
	return SpiReturnRows(fcinfo, &list_holds, SpiNoArgs);
}
