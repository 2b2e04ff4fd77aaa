/*
 * attachment.c
 *	  Attachments: their bytes come in and go out, and what may come in.
 *
 * An attachment is brought to a conversation before the message that carries it, so
 * that no conversation is locked while bytes arrive.  Until it is sent only its owner
 * sees it; what is never sent is removed by clean_attachments().
 */
#include "compat.h"

#include "attachment.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "argument.h"
#include "content.h"
#include "conversation.h"
#include "errors.h"
#include "guc.h"
#include "identity.h"
#include "ratelimit.h"

#define NAME_MAX_CHARACTERS 255
#define TYPE_MAX 127 /* RFC 6838, of each half */

PG_FUNCTION_INFO_V1(chat_attach);
PG_FUNCTION_INFO_V1(chat_detach);
PG_FUNCTION_INFO_V1(chat_attachment);
PG_FUNCTION_INFO_V1(chat_download);
PG_FUNCTION_INFO_V1(chat_clean_attachments);

/* ---- settings ----------------------------------------------------------- */

static int max_size_kb = 10 * 1024;
static int quota_mb = 1024;

static const IntSetting settings[] = {
	{"pg_parley.max_attachment_size", "The most bytes an attachment may have.", &max_size_kb, 1,
	 256 * 1024, GUC_UNIT_KB},
	{"pg_parley.attachment_quota", "The most bytes that an account's attachments may have in all.",
	 &quota_mb, 0, 1024 * 1024 * 1024, GUC_UNIT_MB},
};

/* Not what a browser would run: text/html, image/svg+xml, scripts. */
static char *types = NULL;
static const TextSetting text_settings[] = {
	{"pg_parley.attachment_types",
	 "The media types that attachments may have, with commas; \"image/*\" is all of image.", &types,
	 "image/png, image/jpeg, image/gif, image/webp, image/avif, image/heic, audio/*, video/*, "
	 "text/plain, text/csv, text/markdown, application/pdf, application/json, application/zip, "
	 "application/gzip, application/msword, application/vnd.*, application/octet-stream"},
};

void
AttachmentInit(void)
{
	DefineSettings(settings, lengthof(settings));
	DefineTextSettings(text_settings, lengthof(text_settings));
}

/* ---- what may come in --------------------------------------------------- */

/* Without the spaces around it, palloc'd: some systems give such names to files. */
static char *
Trim(const char *name)
{
	const char *begin = name + strspn(name, " ");
	size_t length = strlen(begin);

	while (length > 0 && begin[length - 1] == ' ')
		length--;
	return pnstrdup(begin, length);
}

/* A name that is shown and saved as it is: no path either. */
static void
CheckFileName(const char *name)
{
	CheckName("file name", Trim(name), NAME_MAX_CHARACTERS);
	if (strpbrk(name, "/\\") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ATTACHMENT),
						errmsg("the file name is not valid"), errhint("Leave out slashes.")));
}

/* restricted-name of RFC 6838, in lower case. */
static size_t
TypeHalf(const char *text)
{
	if (text[0] == '\0' || strchr("!#$&-^_.+", text[0]))
		return 0;
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+");
}

static bool
IsMediaType(const char *type)
{
	size_t first = TypeHalf(type);
	size_t second;

	if (first == 0 || first > TYPE_MAX || type[first] != '/')
		return false;
	second = TypeHalf(type + first + 1);
	return second > 0 && second <= TYPE_MAX && type[first + 1 + second] == '\0';
}

/* Does `type` fit one of the patterns of the setting? */
static bool
IsTypeAllowed(const char *type)
{
	char *patterns = pstrdup(types);
	char *rest = NULL;

	for (char *pattern = strtok_r(patterns, ", \t\n", &rest); pattern;
		 pattern = strtok_r(NULL, ", \t\n", &rest))
	{
		size_t length = strlen(pattern);

		if (pattern[length - 1] == '*' ? strncmp(type, pattern, length - 1) == 0
									   : strcmp(type, pattern) == 0)
			return true;
	}
	return false;
}

/* How files begin that clients show without asking: one that begins otherwise is something else. */
typedef struct Signature
{
	const char *type;
	int at;
	int length;
	const char *bytes;
} Signature;

static const Signature signatures[] = {
	{"image/png", 0, 8, "\x89PNG\r\n\x1a\n"},
	{"image/jpeg", 0, 3, "\xff\xd8\xff"},
	{"image/gif", 0, 4, "GIF8"},
	{"image/webp", 8, 4, "WEBP"},
	{"image/avif", 4, 4, "ftyp"},
	{"image/heic", 4, 4, "ftyp"},
	{"application/pdf", 0, 5, "%PDF-"},
};

static bool
LooksLike(const char *type, const bytea *data)
{
	int size = VARSIZE_ANY_EXHDR(data);

	for (int i = 0; i < (int) lengthof(signatures); i++)
	{
		const Signature *s = &signatures[i];

		if (strcmp(s->type, type) == 0)
			return size >= s->at + s->length &&
				   memcmp(VARDATA_ANY(data) + s->at, s->bytes, s->length) == 0;
	}
	return true;
}

static void
CheckType(const char *type)
{
	if (!IsMediaType(type))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ATTACHMENT),
						errmsg("the media type is not valid"),
						errhint("Use a type like \"image/png\", without parameters.")));
	if (!IsTypeAllowed(type))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_ATTACHMENT_TYPE),
						errmsg("attachments of type \"%s\" are refused", type)));
}

static void
CheckBytes(const char *type, const bytea *data)
{
	if (!LooksLike(type, data))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ATTACHMENT),
						errmsg("the bytes are not those of a file of type \"%s\"", type)));
}

void
AttachmentCheckSize(int64 size)
{
	if (size <= 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ATTACHMENT),
						errmsg("an attachment must not be empty")));
	if (size > (int64) max_size_kb * 1024)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_ATTACHMENT_TOO_LARGE),
						errmsg("the attachment is larger than %d kB", max_size_kb)));
}

void
AttachmentExpect(int64 conversation_id, int64 caller, const char *name, const char *type,
				 int64 size)
{
	ConversationRequireVoice(conversation_id, caller);
	AttachmentCheckSize(size);
	CheckFileName(name);
	CheckType(asc_tolower(type, strlen(type)));
}

/* ---- bringing ----------------------------------------------------------- */

/* The row's lock makes uploads of one account one after the other: the sum is exact. */
static SpiQuery take_quota = {
	.sql = "INSERT INTO chat.attachment_usage AS u (account_id, bytes) "
		   "SELECT $1, $2 WHERE $2 <= $3 "
		   "ON CONFLICT (account_id) DO UPDATE SET bytes = u.bytes + excluded.bytes "
		   "WHERE u.bytes + excluded.bytes <= $3",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery insert_attachment = {
	.sql = "INSERT INTO chat.attachment "
		   "(conversation_id, account_id, size, sha256, media_type, name) "
		   "SELECT $1, $2, octet_length($5), sha256($5), $4, $3 "
		   "WHERE $6 IS NULL OR $6 = sha256($5) RETURNING id",
	.argtypes = {INT8OID, INT8OID, TEXTOID, TEXTOID, BYTEAOID, BYTEAOID},
};

static SpiQuery insert_data = {
	.sql = "INSERT INTO chat.attachment_data (conversation_id, id, bytes) VALUES ($1, $2, $3)",
	.argtypes = {INT8OID, INT8OID, BYTEAOID},
};

/* Sent ones for every member, others for their owner. */
#define VISIBLE_ATTACHMENT \
	"FROM chat.attachment_info a JOIN chat.member m ON m.conversation_id = a.conversation_id " \
	"WHERE a.conversation_id = $1 AND a.id = $2 AND m.account_id = $3 AND m.state = 'joined' " \
	"AND (a.seq IS NOT NULL OR a.account_id = $3)"

static SpiQuery show_attachment = {
	.sql = "SELECT a " VISIBLE_ATTACHMENT,
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static Datum
Show(FunctionCallInfo fcinfo, int64 conversation_id, int64 id, int64 caller)
{
	Datum info = SpiReturnValue(fcinfo, &show_attachment,
								SpiArgs(SpiInt64(conversation_id), SpiInt64(id), SpiInt64(caller)));

	if (fcinfo->isnull)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_ATTACHMENT_NOT_FOUND),
						errmsg("the conversation has no attachment %lld for you", (long long) id)));
	return info;
}

static void
TakeQuota(int64 account_id, int64 bytes)
{
	if (SpiRun(&take_quota, SpiArgs(SpiInt64(account_id), SpiInt64(bytes),
									SpiInt64((int64) quota_mb * 1024 * 1024))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_QUOTA_EXCEEDED),
						errmsg("your attachments would take more than %d MB", quota_mb)));
}

Datum
AttachmentBring(FunctionCallInfo fcinfo, int64 conversation_id, const char *name, const char *type,
				Datum data, NullableDatum sha256)
{
	int64 caller = IdentityRequire();
	bytea *bytes = DatumGetByteaPP(data);
	int64 id;

	AttachmentExpect(conversation_id, caller, name, type, VARSIZE_ANY_EXHDR(bytes));
	type = asc_tolower(type, strlen(type));
	CheckBytes(type, bytes);
	data = PointerGetDatum(bytes);
	RateLimitRequire(RATE_ATTACH, caller);

	SpiBegin();
	TakeQuota(caller, VARSIZE_ANY_EXHDR(bytes));
	if (SpiRun(&insert_attachment,
			   SpiArgs(SpiInt64(conversation_id), SpiInt64(caller), SpiText(name), SpiText(type),
					   SpiDatum(data, false), sha256)) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ATTACHMENT),
						errmsg("the bytes do not have this SHA-256")));
	id = SpiGetInt64(0, 1);
	SpiRun(&insert_data, SpiArgs(SpiInt64(conversation_id), SpiInt64(id), SpiDatum(data, false)));
	SpiEnd();
	return Show(fcinfo, conversation_id, id, caller);
}

Datum
chat_attach(PG_FUNCTION_ARGS)
{
	int64 conversation_id;
	char *name;
	char *type;

	(void) IdentityRequire();
	conversation_id = ArgumentRequireInt64(fcinfo, 0, "conversation_id");
	name = ArgumentRequireText(fcinfo, 1, "name");
	type = ArgumentRequireText(fcinfo, 2, "media_type");
	ArgumentRequire(fcinfo, 3, "data");
	return AttachmentBring(fcinfo, conversation_id, name, type, PG_GETARG_DATUM(3),
						   SpiFunctionArg(fcinfo, 4));
}

/* ---- sending ------------------------------------------------------------ */

ArrayType *
AttachmentList(FunctionCallInfo fcinfo, int n)
{
	ArrayType *ids;
	int count;

	if (PG_ARGISNULL(n))
		return NULL;
	ids = PG_GETARG_ARRAYTYPE_P(n);
	count = ArrayGetNItems(ARR_NDIM(ids), ARR_DIMS(ids));
	if (count > ATTACHMENTS_MAX || ARR_NDIM(ids) > 1 || array_contains_nulls(ids))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("a message can carry at most %d attachments", ATTACHMENTS_MAX)));
	return count > 0 ? ids : NULL;
}

/* Whole rows without their order in them; array_to_json() makes no line breaks. */
static SpiQuery describe = {
	.sql = "SELECT array_to_json(array_agg(i ORDER BY w.n)), count(DISTINCT a.id) "
		   "FROM unnest($3) WITH ORDINALITY AS w (id, n) "
		   "JOIN chat.attachment a ON a.conversation_id = $1 AND a.id = w.id "
		   "CROSS JOIN LATERAL (SELECT a.id, a.name, a.media_type, a.size, "
		   "encode(a.sha256, 'hex') AS sha256) i "
		   "WHERE a.account_id = $2 AND a.seq IS NULL",
	.argtypes = {INT8OID, INT8OID, INT8ARRAYOID},
};

static SpiQuery claim = {
	.sql = "UPDATE chat.attachment SET seq = $4 "
		   "WHERE conversation_id = $1 AND account_id = $2 AND id = ANY ($3) AND seq IS NULL",
	.argtypes = {INT8OID, INT8OID, INT8ARRAYOID, INT8OID},
};

static void
RequireAll(int64 found, ArrayType *ids)
{
	if (found != ArrayGetNItems(ARR_NDIM(ids), ARR_DIMS(ids)))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_ATTACHMENT_NOT_FOUND),
						errmsg("not every attachment is there to be sent"),
						errhint("An attachment is sent once, by who brought it, to the "
								"conversation it was brought to.")));
}

NullableDatum
AttachmentDescribe(int64 conversation_id, int64 sender_id, ArrayType *ids)
{
	NullableDatum json;

	SpiRun(&describe, SpiArgs(SpiInt64(conversation_id), SpiInt64(sender_id),
							  SpiDatum(PointerGetDatum(ids), false)));
	RequireAll(SpiGetInt64(0, 2), ids);
	json.value = SpiGetDatum(0, 1, &json.isnull);
	return json;
}

/* Counts again: an owner may have taken one back since, which no lock of ours prevents. */
void
AttachmentClaim(int64 conversation_id, int64 sender_id, int64 seq, ArrayType *ids)
{
	RequireAll(SpiRun(&claim, SpiArgs(SpiInt64(conversation_id), SpiInt64(sender_id),
									  SpiDatum(PointerGetDatum(ids), false), SpiInt64(seq))),
			   ids);
}

/* ---- reading ------------------------------------------------------------ */

Datum
chat_attachment(PG_FUNCTION_ARGS)
{
	return Show(fcinfo, PG_GETARG_INT64(0), PG_GETARG_INT64(1), IdentityRequire());
}

/* A part is cut from the stored value without reading the rest: it is not compressed. */
static SpiQuery read_data = {
	.sql = "SELECT substring(d.bytes FROM $3 + 1 FOR $4) FROM chat.attachment_data d "
		   "WHERE d.conversation_id = $1 AND d.id = $2",
	.argtypes = {INT8OID, INT8OID, INT4OID, INT4OID},
};

Datum
chat_download(PG_FUNCTION_ARGS)
{
	int32 from = PG_GETARG_INT32(2);
	int32 count = PG_GETARG_INT32(3);

	if (from < 0 || count < 0 || from == PG_INT32_MAX)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("the place and the number of bytes must not be negative")));
	Show(fcinfo, PG_GETARG_INT64(0), PG_GETARG_INT64(1), IdentityRequire());
	return SpiReturnValue(fcinfo, &read_data,
						  SpiArgs(SpiFunctionArg(fcinfo, 0), SpiFunctionArg(fcinfo, 1),
								  SpiInt32(from), SpiInt32(Min(count, PG_INT32_MAX - from - 1))));
}

/* ---- taking away -------------------------------------------------------- */

/* The bytes go by the foreign key; each owner's sum goes down in the same statement. */
#define REMOVE_ATTACHMENTS(condition) \
	"WITH gone AS (DELETE FROM chat.attachment " condition " RETURNING account_id, size), " \
	"freed AS (UPDATE chat.attachment_usage u SET bytes = u.bytes - g.bytes " \
	"FROM (SELECT account_id, sum(size)::bigint AS bytes FROM gone GROUP BY account_id) g " \
	"WHERE u.account_id = g.account_id) " \
	"SELECT count(*) FROM gone"

static SpiQuery remove_sent = {
	.sql = REMOVE_ATTACHMENTS("WHERE conversation_id = $1 AND seq = $2"),
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery remove_up_to = {
	.sql = REMOVE_ATTACHMENTS("WHERE conversation_id = $1 AND seq <= $2"),
	.argtypes = {INT8OID, INT8OID},
};

static SpiQuery remove_all = {
	.sql = REMOVE_ATTACHMENTS("WHERE conversation_id = $1"),
	.argtypes = {INT8OID},
};

static SpiQuery remove_unsent = {
	.sql = REMOVE_ATTACHMENTS("WHERE conversation_id = $1 AND id = $2 AND account_id = $3 "
							  "AND seq IS NULL"),
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

/* Whoever holds one is about to send it. */
static SpiQuery remove_orphans = {
	.sql = REMOVE_ATTACHMENTS("WHERE (conversation_id, id) IN (SELECT conversation_id, id "
							  "FROM chat.attachment WHERE seq IS NULL "
							  "AND created_at < now() - $1 ORDER BY created_at LIMIT $2 "
							  "FOR UPDATE SKIP LOCKED)"),
	.argtypes = {INTERVALOID, INT4OID},
};

void
AttachmentForget(int64 conversation_id, int64 seq)
{
	SpiRun(&remove_sent, SpiArgs(SpiInt64(conversation_id), SpiInt64(seq)));
}

void
AttachmentForgetUpTo(int64 conversation_id, int64 seq)
{
	SpiRun(seq == PG_INT64_MAX ? &remove_all : &remove_up_to,
		   SpiArgs(SpiInt64(conversation_id), SpiInt64(seq)));
}

Datum
chat_detach(PG_FUNCTION_ARGS)
{
	int64 caller = IdentityRequire();
	int64 removed =
		DatumGetInt64(SpiReturnValue(fcinfo, &remove_unsent,
									 SpiArgs(SpiFunctionArg(fcinfo, 0), SpiFunctionArg(fcinfo, 1),
											 SpiInt64(caller))));

	if (removed == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_ATTACHMENT_NOT_FOUND),
						errmsg("you have no attachment %lld that was not sent",
							   (long long) PG_GETARG_INT64(1))));
	PG_RETURN_VOID();
}

static SpiQuery remove_uploads = {
	.sql = "DELETE FROM chat.upload WHERE created_at < now() - $1",
	.argtypes = {INTERVALOID},
};

/* What came in part only goes along: it was never an attachment, and is not counted. */
Datum
chat_clean_attachments(PG_FUNCTION_ARGS)
{
	int limit = CheckLimit(PG_GETARG_INT32(1), PG_INT32_MAX);

	CheckAge("older_than", PG_GETARG_INTERVAL_P(0));
	SpiBegin();
	SpiRun(&remove_uploads, SpiArgs(SpiFunctionArg(fcinfo, 0)));
	SpiEnd();
	return SpiReturnValue(fcinfo, &remove_orphans,
						  SpiArgs(SpiFunctionArg(fcinfo, 0), SpiInt32(limit)));
}
