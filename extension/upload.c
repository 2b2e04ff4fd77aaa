/*
 * upload.c
 *	  Attachments that come in pieces, so that a gateway need not hold a whole file.
 *
 * A piece is a row of its own; the last step puts them together, and from there on it is
 * an attachment as any other.  The quota is taken then: how much can lie around before is
 * bounded by UPLOADS_MAX.
 */
#include "compat.h"

#include "attachment.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "argument.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"

#define UPLOADS_MAX 8 /* of an account at once */

PG_FUNCTION_INFO_V1(chat_attach_begin);
PG_FUNCTION_INFO_V1(chat_attach_append);
PG_FUNCTION_INFO_V1(chat_attach_finish);
PG_FUNCTION_INFO_V1(chat_attach_cancel);

/* Those who begin at once do so one after the other, so that the count is exact: on the row
 * that also holds the account's quota, which a finished upload takes. */
static SpiQuery lock_uploads = {
	.sql = "INSERT INTO chat.attachment_usage AS u (account_id, bytes) VALUES ($1, 0) "
		   "ON CONFLICT (account_id) DO UPDATE SET bytes = u.bytes",
	.argtypes = {INT8OID},
};

/* Nobody takes an hour for a piece: what is older was left behind. */
static SpiQuery forget_old = {
	.sql = "DELETE FROM chat.upload WHERE account_id = $1 AND created_at < now() - interval '1 h'",
	.argtypes = {INT8OID},
};

static SpiQuery begin_upload = {
	.sql = "INSERT INTO chat.upload (conversation_id, account_id, name, media_type) "
		   "SELECT $1, $2, $3, $4 "
		   "WHERE (SELECT count(*) FROM chat.upload WHERE account_id = $2) < $5 RETURNING id",
	.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID, INT4OID},
};

/* The row's lock makes pieces come one after the other. */
static SpiQuery count_piece = {
	.sql = "UPDATE chat.upload SET received = received + $5 "
		   "WHERE conversation_id = $1 AND id = $2 AND account_id = $3 AND received = $4 "
		   "RETURNING received",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID},
};

static SpiQuery insert_piece = {
	.sql = "INSERT INTO chat.upload_piece (conversation_id, id, from_byte, bytes) "
		   "VALUES ($1, $2, $3, $4)",
	.argtypes = {INT8OID, INT8OID, INT8OID, BYTEAOID},
};

static SpiQuery find_upload = {
	.sql = "SELECT name, media_type FROM chat.upload "
		   "WHERE conversation_id = $1 AND id = $2 AND account_id = $3 FOR UPDATE",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery join_pieces = {
	.sql = "SELECT coalesce(string_agg(bytes, ''::bytea ORDER BY from_byte), '') "
		   "FROM chat.upload_piece WHERE conversation_id = $1 AND id = $2",
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery forget_upload = {
	.sql = "DELETE FROM chat.upload WHERE conversation_id = $1 AND id = $2 AND account_id = $3",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static void
RaiseNoUpload(int64 id)
{
	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_ATTACHMENT_NOT_FOUND),
					errmsg("no attachment %lld of yours is being brought", (long long) id)));
}

Datum
chat_attach_begin(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	char *name = ArgumentRequireText(fcinfo, 1, "name");
	char *type = ArgumentRequireText(fcinfo, 2, "media_type");
	int64 id;

	AttachmentExpect(conversation_id, caller, name, type, PG_ARGISNULL(3) ? 1 : PG_GETARG_INT64(3));
	SpiBegin();
	SpiRun(&lock_uploads, SpiArgs(SpiInt64(caller)));
	SpiRun(&forget_old, SpiArgs(SpiInt64(caller)));
	if (SpiRun(&begin_upload, SpiArgs(SpiInt64(conversation_id), SpiInt64(caller), SpiText(name),
									  SpiText(type), SpiInt32(UPLOADS_MAX))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_LIMIT_REACHED),
						errmsg("you are bringing %d attachments already", UPLOADS_MAX)));
	id = SpiGetInt64(0, 1);
	SpiEnd();
	PG_RETURN_INT64(id);
}

Datum
chat_attach_append(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	int64 id = PG_GETARG_INT64(1);
	int64 size = VARSIZE_ANY_EXHDR(PG_GETARG_BYTEA_PP(3));
	int64 received;

	SpiBegin();
	if (SpiRun(&count_piece, SpiArgs(SpiFunctionArg(fcinfo, 0), SpiInt64(id), SpiInt64(caller),
									 SpiFunctionArg(fcinfo, 2), SpiInt64(size))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_ATTACHMENT_NOT_FOUND),
						errmsg("no attachment %lld of yours goes on there", (long long) id),
						errhint("Pieces come one after the other, each once.")));
	received = SpiGetInt64(0, 1);
	if (size > 0)
	{
		AttachmentCheckSize(received);
		SpiRun(&insert_piece, SpiArgs(SpiFunctionArg(fcinfo, 0), SpiInt64(id),
									  SpiFunctionArg(fcinfo, 2), SpiFunctionArg(fcinfo, 3)));
	}
	SpiEnd();
	PG_RETURN_INT64(received);
}

Datum
chat_attach_finish(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	int64 conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	int64 id = ArgumentRequireInt64(fcinfo, 1, "upload_id");
	char *name;
	char *type;
	Datum data;
	bool isnull;

	SpiBegin();
	if (SpiRun(&find_upload, SpiArgs(SpiInt64(conversation_id), SpiInt64(id), SpiInt64(caller))) ==
		0)
		RaiseNoUpload(id);
	name = SpiKeepText(0, 1);
	type = SpiKeepText(0, 2);
	SpiRun(&join_pieces, SpiArgs(SpiInt64(conversation_id), SpiInt64(id)));
	data = SpiKeepDatum(0, 1, &isnull);
	SpiRun(&forget_upload, SpiArgs(SpiInt64(conversation_id), SpiInt64(id), SpiInt64(caller)));
	SpiEnd();
	return AttachmentBring(fcinfo, conversation_id, name, type, data, SpiFunctionArg(fcinfo, 2));
}

Datum
chat_attach_cancel(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();

	SpiBegin();
	if (SpiRun(&forget_upload, SpiArgs(SpiFunctionArg(fcinfo, 0), SpiFunctionArg(fcinfo, 1),
									   SpiInt64(caller))) == 0)
		RaiseNoUpload(PG_GETARG_INT64(1));
	SpiEnd();
	PG_RETURN_VOID();
}
