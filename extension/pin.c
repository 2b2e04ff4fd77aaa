/*
 * pin.c
 *	  Messages that a conversation keeps at hand.
 */
#include "compat.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"

#include "change.h"
#include "conversation.h"
#include "errors.h"
#include "identity.h"
#include "permission.h"
#include "spi.h"

#define PINS_MAX 100 /* of one conversation */

PG_FUNCTION_INFO_V1(chat_pin);
PG_FUNCTION_INFO_V1(chat_unpin);
PG_FUNCTION_INFO_V1(chat_pins);

static SpiQuery write_pin = {
	.sql = "UPDATE chat.message SET pinned_by = $4, "
		   "pinned_at = CASE WHEN $4 IS NOT NULL THEN clock_timestamp() END, "
		   "ver = $3, changed = 'p' WHERE conversation_id = $1 AND seq = $2",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID},
};

static SpiQuery count_pins = {
	.sql = "SELECT count(*) FROM chat.message WHERE conversation_id = $1 AND pinned_at IS NOT NULL",
	.argtypes = {INT8OID},
};

static SpiQuery list_pins = {
	.sql = "SELECT i.* FROM chat.message m "
		   "JOIN chat.message_info i ON i.conversation_id = m.conversation_id AND i.seq = m.seq "
		   "WHERE m.conversation_id = $1 AND m.pinned_at IS NOT NULL "
		   "ORDER BY m.pinned_at DESC, m.seq DESC",
	.argtypes = {INT8OID},
	.read_only = true,
};

static void
CheckPins(int64 conversation_id)
{
	SpiRun(&count_pins, SpiArgs(SpiInt64(conversation_id)));
	if (SpiGetInt64(0, 1) >= PINS_MAX)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_LIMIT_REACHED),
						errmsg("a conversation can have at most %d pinned messages", PINS_MAX)));
}

static void
SetPin(FunctionCallInfo fcinfo, bool pinned)
{
	MessageChange change;

	SpiBegin();
	change = ChangeBegin(fcinfo);
	PermissionRequire(change.conversation_id, change.caller, PERMISSION_PIN);
	if (pinned)
		ChangeRequireVoice(&change);
	ChangeRequireMessage(&change);
	if (change.is_pinned != pinned)
	{
		if (pinned)
			CheckPins(change.conversation_id);
		ChangeUnpack(&change);
		SpiRun(&write_pin,
			   SpiArgs(SpiInt64(change.conversation_id), SpiInt64(change.seq), SpiInt64(change.ver),
					   SpiDatum(Int64GetDatum(change.caller), !pinned)));
	}
	SpiEnd();
}

Datum
chat_pin(PG_FUNCTION_ARGS)
{
	SetPin(fcinfo, true);
	PG_RETURN_VOID();
}

Datum
chat_unpin(PG_FUNCTION_ARGS)
{
	SetPin(fcinfo, false);
	PG_RETURN_VOID();
}

Datum
chat_pins(PG_FUNCTION_ARGS)
{
	ConversationRequireMember(PG_GETARG_INT64(0), IdentityRequire());
	return SpiReturnRows(fcinfo, &list_pins, SpiArgs(SpiFunctionArg(fcinfo, 0)));
}
