/*
 * ratelimit_sql.c
 *	  Showing and changing the limits.
 */
#include "compat.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "admin.h"
#include "argument.h"
#include "audit.h"
#include "ratelimit.h"
#include "result.h"
#include "spi.h"

#define BURST_MAX 1000000
#define PER_MINUTE_MIN 0.001
#define PER_MINUTE_MAX 60000000.0

PG_FUNCTION_INFO_V1(chat_rate_limits);
PG_FUNCTION_INFO_V1(chat_set_rate_limit);
PG_FUNCTION_INFO_V1(chat_reset_rate_limit);
PG_FUNCTION_INFO_V1(chat_rate_limit_changed);

/* ---- showing ------------------------------------------------------------ */

static void
PutLimit(Tuplestorestate *store, TupleDesc description, RateAction action, RateScope scope)
{
	RateLimit limit = RateLimitGet(action, scope);
	RateLimit initial = RateLimitDefault(action, scope);
	bool none = limit.burst == 0;
	bool none_at_first = initial.burst == 0;
	Datum values[] = {
		CStringGetTextDatum(RateActionName(action)),
		CStringGetTextDatum(RateScopeName(scope)),
		Int32GetDatum((int32) limit.burst),
		Float8GetDatum(limit.per_minute),
		Int32GetDatum((int32) initial.burst),
		Float8GetDatum(initial.per_minute),
		CStringGetTextDatum(RateActionMeaning(action)),
	};
	bool nulls[lengthof(values)] = {false, false, none, none, none_at_first, none_at_first, false};

	tuplestore_putvalues(store, description, values, nulls);
}

Datum
chat_rate_limits(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Tuplestorestate *store;

	AdminRequire();
	store = ResultStore(fcinfo, &description);
	for (RateAction action = 0; action < RATE_ACTION_COUNT; action++)
	{
		for (RateScope scope = 0; scope < RATE_SCOPE_COUNT; scope++)
			PutLimit(store, description, action, scope);
	}
	return (Datum) 0;
}

/* ---- changing ----------------------------------------------------------- */

static SpiQuery set_limit = {
	.sql = "INSERT INTO chat.rate_limit (action, scope, burst, per_minute) VALUES ($1, $2, $3, $4) "
		   "ON CONFLICT (action, scope) DO UPDATE SET burst = excluded.burst, "
		   "per_minute = excluded.per_minute",
	.argtypes = {TEXTOID, TEXTOID, INT4OID, FLOAT8OID},
};

static SpiQuery delete_limit = {
	.sql = "DELETE FROM chat.rate_limit WHERE action = $1 AND scope = $2",
	.argtypes = {TEXTOID, TEXTOID},
};

static void
CheckAction(const char *name)
{
	for (RateAction action = 0; action < RATE_ACTION_COUNT; action++)
	{
		if (strcmp(name, RateActionName(action)) == 0)
			return;
	}
	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
					errmsg("there is no action \"%s\"", name),
					errhint("SELECT * FROM chat.rate_limits() shows them.")));
}

static void
CheckScope(const char *name)
{
	for (RateScope scope = 0; scope < RATE_SCOPE_COUNT; scope++)
	{
		if (strcmp(name, RateScopeName(scope)) == 0)
			return;
	}
	ereport(ERROR,
			(ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT), errmsg("there is no scope \"%s\"", name),
			 errhint("It is account, address or all.")));
}

/* Both or neither, each within its bounds. */
static void
CheckLimitValues(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(2) && PG_ARGISNULL(3))
		return;
	if (PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_GETARG_INT32(2) < 1 ||
		PG_GETARG_INT32(2) > BURST_MAX || !(PG_GETARG_FLOAT8(3) >= PER_MINUTE_MIN) ||
		!(PG_GETARG_FLOAT8(3) <= PER_MINUTE_MAX))
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT), errmsg("the limit is not valid"),
				 errhint("Use a burst of 1 to %d and %g to %g per minute, or NULL for both: "
						 "no limit.",
						 BURST_MAX, PER_MINUTE_MIN, PER_MINUTE_MAX)));
}

static void
Change(FunctionCallInfo fcinfo, SpiQuery *change)
{
	char *action;
	char *scope;

	AdminRequire();
	action = ArgumentRequireText(fcinfo, 0, "action");
	scope = ArgumentRequireText(fcinfo, 1, "scope");
	CheckAction(action);
	CheckScope(scope);
	SpiBegin();
	if (SpiRun(change, fcinfo->args) > 0)
		AuditWrite(.kind = AUDIT_LIMIT_CHANGED, .detail = psprintf("%s %s", action, scope));
	SpiEnd();
}

Datum
chat_set_rate_limit(PG_FUNCTION_ARGS)
{
	CheckLimitValues(fcinfo);
	Change(fcinfo, &set_limit);
	PG_RETURN_VOID();
}

Datum
chat_reset_rate_limit(PG_FUNCTION_ARGS)
{
	Change(fcinfo, &delete_limit);
	PG_RETURN_VOID();
}

/* The trigger of chat.rate_limit: at the commit all backends read the limits anew. */
Datum
chat_rate_limit_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("chat.rate_limit_changed() is a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}
