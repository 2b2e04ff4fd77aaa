/*
 * audit_show.c
 *	  Reading the audit log.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "admin.h"
#include "argument.h"
#include "audit.h"
#include "errors.h"
#include "result.h"
#include "spi.h"

#define MAX_ROWS 1000 /* of one answer */

PG_FUNCTION_INFO_V1(chat_audit);
PG_FUNCTION_INFO_V1(chat_audit_kinds);

/* The columns of the arguments of chat.audit(). */
enum
{
	FILTER_ACCOUNT_ID,
	FILTER_KINDS,
	FILTER_CONVERSATION_ID,
	FILTER_ADDRESS,
	FILTER_SINCE,
	FILTER_UNTIL,
	FILTER_BEFORE,
	FILTER_LIMIT
};

/*
 * The parameters are constants to the planner, so that what is not asked for
 * costs nothing and what is can use its index.
 */
static SpiQuery show_rows = {
	.sql = "SELECT * FROM chat.audit_info "
		   "WHERE ($1 IS NULL OR account_id = $1 OR actor_id = $1) "
		   "AND ($2 IS NULL OR kind = ANY ($2)) AND ($3 IS NULL OR conversation_id = $3) "
		   "AND ($4 IS NULL OR address <<= $4) AND ($5 IS NULL OR at >= $5) "
		   "AND ($6 IS NULL OR at < $6) AND ($7 IS NULL OR id < $7) ORDER BY id DESC LIMIT $8",
	.argtypes = {INT8OID, TEXTARRAYOID, INT8OID, INETOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID,
				 INT4OID},
	.read_only = true,
	.by_value = true,
};

static bool
IsKind(const char *name)
{
	for (AuditKind kind = 0; kind < AUDIT_KIND_COUNT; kind++)
	{
		if (strcmp(name, AuditKindName(kind)) == 0)
			return true;
	}
	return false;
}

/* A misspelt kind would be an empty answer, and look like good news. */
static void
CheckKinds(ArrayType *kinds)
{
	Datum *names;
	bool *nulls;
	int count;

	deconstruct_array(kinds, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i] || !IsKind(TextDatumGetCString(names[i])))
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
							errmsg("there is no kind of audit row \"%s\"",
								   nulls[i] ? "NULL" : TextDatumGetCString(names[i])),
							errhint("SELECT * FROM chat.audit_kinds() shows them.")));
	}
}

Datum
chat_audit(PG_FUNCTION_ARGS)
{
	NullableDatum args[FILTER_LIMIT + 1];

	AdminRequire();
	if (!PG_ARGISNULL(FILTER_KINDS))
		CheckKinds(PG_GETARG_ARRAYTYPE_P(FILTER_KINDS));
	memcpy(args, fcinfo->args, sizeof(args));
	args[FILTER_LIMIT] =
		SpiInt32(CheckLimit(PG_ARGISNULL(FILTER_LIMIT) ? MAX_ROWS : PG_GETARG_INT32(FILTER_LIMIT),
							MAX_ROWS));
	return SpiReturnRows(fcinfo, &show_rows, args);
}

Datum
chat_audit_kinds(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Tuplestorestate *store = ResultStore(fcinfo, &description);

	for (AuditKind kind = 0; kind < AUDIT_KIND_COUNT; kind++)
	{
		Datum values[] = {CStringGetTextDatum(AuditKindName(kind)),
						  CStringGetTextDatum(AuditKindMeaning(kind))};
		bool nulls[lengthof(values)] = {false};

		tuplestore_putvalues(store, description, values, nulls);
	}
	return (Datum) 0;
}
