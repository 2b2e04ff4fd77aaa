/*
 * report.c
 *	  Reports of messages and accounts to the administrators.
 *
 * A report of a message keeps what it said: its sender may delete it the moment
 * after.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "account.h"
#include "admin.h"
#include "archive.h"
#include "argument.h"
#include "audit.h"
#include "conversation.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"
#include "ratelimit.h"

#define REASON_MAX_CHARACTERS 2000
#define DECISION_MAX_CHARACTERS 400
#define MAX_REPORTS 200 /* of one answer */

PG_FUNCTION_INFO_V1(chat_report_message);
PG_FUNCTION_INFO_V1(chat_report_account);
PG_FUNCTION_INFO_V1(chat_admin_reports);
PG_FUNCTION_INFO_V1(chat_admin_close_report);

/* ---- reporting ---------------------------------------------------------- */

typedef struct Report
{
	int64 account_id;
	NullableDatum conversation_id; /* these three are NULL for an account */
	NullableDatum seq;
	NullableDatum content;
	NullableDatum reason;
} Report;

static SpiQuery find_message = {
	.sql = "SELECT sender_id, content FROM " THE_MESSAGE,
	.argtypes = {INT8OID, INT8OID},
};

/* Who reports the same again before it is decided has thought of a better reason. */
static SpiQuery insert_report = {
	.sql = "INSERT INTO chat.report "
		   "(reporter_id, account_id, conversation_id, seq, content, reason) "
		   "VALUES ($1, $2, $3, $4, $5, $6) "
		   "ON CONFLICT (reporter_id, account_id, coalesce(conversation_id, 0), coalesce(seq, 0)) "
		   "WHERE closed_at IS NULL DO UPDATE SET reason = excluded.reason RETURNING id",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID},
};

static NullableDatum
GetReason(FunctionCallInfo fcinfo, int n)
{
	CheckText("reason", ArgumentRequireText(fcinfo, n, "reason"), REASON_MAX_CHARACTERS);
	return SpiFunctionArg(fcinfo, n);
}

/* Returns its id.  Inside SpiBegin(). */
static int64
WriteReport(int64 caller, const Report *report)
{
	int64 id;

	RateLimitRequire(RATE_REPORT, caller);
	if (report->account_id == caller)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("nobody can report themselves")));
	SpiRun(&insert_report,
		   SpiArgs(SpiInt64(caller), SpiInt64(report->account_id), report->conversation_id,
				   report->seq, report->content, report->reason));
	id = SpiGetInt64(0, 1);
	AuditWrite(.kind = AUDIT_REPORTED, .account_id = report->account_id,
			   .conversation_id = DatumGetInt64(report->conversation_id.value),
			   .detail = psprintf("%lld", (long long) id));
	return id;
}

Datum
chat_report_message(PG_FUNCTION_ARGS)
{
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 seq = ArgumentRequireInt64(fcinfo, 1, "seq");
	Report report = {.reason = GetReason(fcinfo, 2)};
	int64 caller = IdentityRequire();
	int64 id;

	ConversationRequireMember(conversation_id, caller);
	SpiBegin();
	report.conversation_id = SpiInt64(conversation_id);
	report.seq = SpiInt64(seq);
	if (SpiRun(&find_message, SpiArgs(report.conversation_id, report.seq)) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_MESSAGE_NOT_FOUND),
						errmsg("the conversation has no message %lld", (long long) seq)));
	report.account_id = SpiGetInt64(0, 1);
	report.content = SpiText(SpiGetText(0, 2));
	id = WriteReport(caller, &report);
	SpiEnd();
	PG_RETURN_INT64(id);
}

Datum
chat_report_account(PG_FUNCTION_ARGS)
{
	const NullableDatum none = SpiDatum((Datum) 0, true);
	Report report = {
		.account_id = ArgumentRequireInt64(fcinfo, 0, "account_id"),
		.conversation_id = none,
		.seq = none,
		.content = none,
		.reason = GetReason(fcinfo, 1),
	};
	int64 caller = IdentityRequire();
	int64 id;

	AccountRequireOpen(report.account_id);
	SpiBegin();
	id = WriteReport(caller, &report);
	SpiEnd();
	PG_RETURN_INT64(id);
}

/* ---- deciding ----------------------------------------------------------- */

static SpiQuery list_reports = {
	.sql = "SELECT i.* FROM chat.report_info i "
		   "WHERE ($1 OR i.closed_at IS NULL) AND i.id > $2 ORDER BY i.id LIMIT $3",
	.argtypes = {BOOLOID, INT8OID, INT4OID},
	.read_only = true,
};

static SpiQuery close_report = {
	.sql = "UPDATE chat.report SET closed_at = now(), closed_by = $2, decision = $3 "
		   "WHERE id = $1 AND closed_at IS NULL RETURNING account_id, conversation_id",
	.argtypes = {INT8OID, INT8OID, TEXTOID},
};

Datum
chat_admin_reports(PG_FUNCTION_ARGS)
{
	bool also_closed = !PG_ARGISNULL(0) && PG_GETARG_BOOL(0);
	int64 after = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	int limit = CheckLimit(PG_ARGISNULL(2) ? MAX_REPORTS : PG_GETARG_INT32(2), MAX_REPORTS);

	AdminRequire();
	return SpiReturnRows(fcinfo, &list_reports,
						 SpiArgs(SpiDatum(BoolGetDatum(also_closed), false), SpiInt64(after),
								 SpiInt32(limit)));
}

Datum
chat_admin_close_report(PG_FUNCTION_ARGS)
{
	int64 id = ArgumentRequireInt64(fcinfo, 0, "report_id");
	char *decision = ArgumentRequireText(fcinfo, 1, "decision");
	const Identity *caller = IdentityGet();
	NullableDatum closed_by = caller ? SpiInt64(caller->account_id) : SpiDatum((Datum) 0, true);

	AdminRequire();
	CheckName("decision", decision, DECISION_MAX_CHARACTERS);
	SpiBegin();
	if (SpiRun(&close_report, SpiArgs(SpiInt64(id), closed_by, SpiText(decision))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_REPORT_NOT_FOUND),
						errmsg("there is no open report %lld", (long long) id)));
	AuditWrite(.kind = AUDIT_REPORT_CLOSED, .account_id = SpiGetInt64(0, 1),
			   .conversation_id = SpiGetInt64(0, 2),
			   .detail = psprintf("%lld %s", (long long) id, decision));
	SpiEnd();
	PG_RETURN_VOID();
}
