/*
 * drop.c
 *	  Keeps DROP EXTENSION from taking the messages along unasked.
 *
 * An event trigger and not an object access hook, so that it works in a session that
 * has not loaded the library.  It fires before the command: of the one that drops it
 * a trigger on sql_drop would not be told.  DROP SCHEMA, TABLE and OWNED stop at what
 * belongs to an extension by themselves.
 */
#include "compat.h"

#include "drop.h"

#include "commands/event_trigger.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"

#include "spi.h"

#define EXTENSION_NAME "pg_parley"

static bool allow_drop = false;

PG_FUNCTION_INFO_V1(chat_drop_guard);

void
DropInit(void)
{
	DefineCustomBoolVariable("pg_parley.allow_drop",
							 "Allows DROP EXTENSION although there are messages.", NULL,
							 &allow_drop, false, PGC_SUSET, 0, NULL, NULL, NULL);
}

static bool
DropsOurs(Node *statement)
{
	DropStmt *drop = (DropStmt *) statement;
	ListCell *cell;

	if (!IsA(statement, DropStmt) || drop->removeType != OBJECT_EXTENSION)
		return false;
	foreach(cell, drop->objects)
	{
		if (strcmp(strVal(lfirst(cell)), EXTENSION_NAME) == 0)
			return true;
	}
	return false;
}

static SpiQuery find_message = {
	.sql = "SELECT FROM chat.message UNION ALL SELECT FROM chat.archive LIMIT 1",
};

Datum
chat_drop_guard(PG_FUNCTION_ARGS)
{
	bool found;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("chat.drop_guard() is for an event trigger")));
	if (allow_drop || !DropsOurs(((EventTriggerData *) fcinfo->context)->parsetree))
		PG_RETURN_NULL();
	SpiBegin();
	found = SpiRun(&find_message, NULL) > 0;
	SpiEnd();
	if (found)
		ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
						errmsg("extension %s holds messages, which would be lost", EXTENSION_NAME),
						errhint("To drop them for good: SET pg_parley.allow_drop = on.")));
	PG_RETURN_NULL();
}
