/*
 * audit_chain.c
 *	  The hash chain of the audit log: sealing, verifying, and keeping hands off.
 *
 * Writers know nothing of the chain; sealings take turns by a lock on the table of
 * heads, which writers never touch.  What is hashed is written in
 * install/12_audit.sql.  A Chain is a place in the chain; it owns nothing.
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "argument.h"
#include "crypto.h"
#include "errors.h"
#include "result.h"
#include "spi.h"

#define SEAL_MAX 10000	 /* rows of one sealing */
#define VERIFY_PAGE 1000 /* rows read at a time */

PG_FUNCTION_INFO_V1(chat_audit_guard);
PG_FUNCTION_INFO_V1(chat_audit_seal);
PG_FUNCTION_INFO_V1(chat_audit_heads);
PG_FUNCTION_INFO_V1(chat_audit_verify);

/* ---- hands off ---------------------------------------------------------- */

static const char *
FiredBy(TriggerEvent event)
{
	if (TRIGGER_FIRED_BY_INSERT(event))
		return "INSERT";
	if (TRIGGER_FIRED_BY_DELETE(event))
		return "DELETE";
	return TRIGGER_FIRED_BY_UPDATE(event) ? "UPDATE" : "TRUNCATE";
}

static bool
OwnerMay(const Trigger *trigger, const char *command)
{
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		if (strcmp(trigger->tgargs[i], command) == 0)
			return true;
	}
	return false;
}

Datum
chat_audit_guard(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	const char *command;
	Relation relation;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this is a trigger function")));
	command = FiredBy(data->tg_event);
	relation = data->tg_relation;
	if (!OwnerMay(data->tg_trigger, command) ||
		!has_privs_of_role(GetUserId(), RelationGetForm(relation)->relowner))
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_FORBIDDEN),
				 errmsg("%s is not allowed on \"%s\"", command, RelationGetRelationName(relation)),
				 errdetail("The audit log is only added to.")));
	PG_RETURN_POINTER(NULL); /* as a statement trigger must */
}

/* ---- the chain ---------------------------------------------------------- */

typedef struct Chain
{
	int64 place; /* of the last row, 0 before the first */
	uint8 hash[CRYPTO_SHA256_SIZE];
} Chain;

/* The columns that the tables of pending and of sealed rows share. */
#define COLUMNS \
	"id, at, kind, account_id, actor_id, session_id, conversation_id, role_name, address, " \
	"agent, detail"

/*
 * What a row adds to the hash: record_send(ROW(<place>, RECORD_COLUMNS)).  Text as
 * bytes, because record_send would obey client_encoding.
 */
#define RECORD_COLUMNS \
	"id, at, convert_to(kind, 'UTF8'), account_id, actor_id, session_id, conversation_id, " \
	"convert_to(role_name, 'UTF8'), address, convert_to(agent, 'UTF8'), " \
	"convert_to(detail, 'UTF8')"

/* NULL as no bytes. */
static CryptoBytes
BytesOf(uint64 row, int column)
{
	bool isnull;
	Datum value = SpiGetDatum(row, column, &isnull);
	bytea *bytes = isnull ? NULL : DatumGetByteaPP(value);

	return isnull ? CryptoBytesOf("", 0)
				  : CryptoBytesOf(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

/* The hash of a row that follows. */
static void
Link(const Chain *chain, CryptoBytes record, uint8 hash[CRYPTO_SHA256_SIZE])
{
	size_t before = chain->place == 0 ? 0 : CRYPTO_SHA256_SIZE;
	uint8 *buffer = palloc(before + record.size);

	memcpy(buffer, chain->hash, before);
	memcpy(buffer + before, record.data, record.size);
	CryptoSha256(CryptoBytesOf(buffer, before + record.size), hash);
	pfree(buffer);
}

/* What is stored as a hash may be of any size, after somebody was there. */
static void
MoveTo(Chain *chain, int64 place, CryptoBytes hash)
{
	chain->place = place;
	memset(chain->hash, 0, CRYPTO_SHA256_SIZE);
	memcpy(chain->hash, hash.data, Min(hash.size, CRYPTO_SHA256_SIZE));
}

/* ---- sealing ------------------------------------------------------------ */

static SpiQuery take_turns = {
	.sql = "LOCK TABLE chat.audit_head IN SHARE ROW EXCLUSIVE MODE",
};

/*
 * Where to go on: behind the last row, from the last head.  The two are not of one
 * place only if somebody has been at the tables; a row that was added then does not
 * become part of the chain, and what is sealed next keeps showing that.
 */
static SpiQuery find_end = {
	.sql = "SELECT greatest(l.place, h.place), h.hash "
		   "FROM (SELECT max(place) AS place FROM chat.audit_log) l LEFT JOIN "
		   "(SELECT place, hash FROM chat.audit_head ORDER BY place DESC LIMIT 1) h ON true",
};

/* $1 where the chain ends, $2 how many. */
static SpiQuery find_pending = {
	.sql = "SELECT id, record_send(ROW($1 + row_number() OVER (ORDER BY id), " RECORD_COLUMNS ")) "
		   "FROM chat.audit_pending ORDER BY id LIMIT $2",
	.argtypes = {INT8OID, INT4OID},
};

/* $1 ids, $2 hashes, $3 where the chain ends. */
static SpiQuery move_rows = {
	.sql = "WITH taken AS (DELETE FROM chat.audit_pending WHERE id = ANY ($1) RETURNING *) "
		   "INSERT INTO chat.audit_log (place, " COLUMNS ", hash) "
		   "SELECT $3 + n, " COLUMNS ", hash FROM taken "
		   "JOIN unnest($1, $2) WITH ORDINALITY AS link (id, hash, n) USING (id) ORDER BY n",
	.argtypes = {INT8ARRAYOID, BYTEAARRAYOID, INT8OID},
};

static SpiQuery insert_head = {
	.sql = "INSERT INTO chat.audit_head (place, hash) VALUES ($1, $2)",
	.argtypes = {INT8OID, BYTEAOID},
};

static Datum
HashDatum(const uint8 hash[CRYPTO_SHA256_SIZE])
{
	bytea *value = palloc(VARHDRSZ + CRYPTO_SHA256_SIZE);

	SET_VARSIZE(value, VARHDRSZ + CRYPTO_SHA256_SIZE);
	memcpy(VARDATA(value), hash, CRYPTO_SHA256_SIZE);
	return PointerGetDatum(value);
}

/* Moves the chain over the rows of find_pending and stores them. */
static void
SealRows(Chain *chain, int count)
{
	int64 end = chain->place;
	Datum *ids = palloc(count * sizeof(Datum));
	Datum *hashes = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
	{
		Link(chain, BytesOf(i, 2), chain->hash);
		chain->place++;
		ids[i] = Int64GetDatum(SpiGetInt64(i, 1));
		hashes[i] = HashDatum(chain->hash);
	}
	if (SpiRun(&move_rows, SpiArgs(SpiArray(ids, count, INT8OID), SpiArray(hashes, count, BYTEAOID),
								   SpiInt64(end))) != (uint64) count)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("rows of the audit log went away while they were sealed")));
	SpiRun(&insert_head, SpiArgs(SpiInt64(chain->place), SpiDatum(HashDatum(chain->hash), false)));
}

static int
Seal(int max_rows)
{
	Chain chain = {0};
	int count;

	SpiBegin();
	SpiRun(&take_turns, SpiNoArgs);
	SpiRun(&find_end, SpiNoArgs);
	MoveTo(&chain, SpiGetInt64(0, 1), BytesOf(0, 2));
	count = (int) SpiRun(&find_pending, SpiArgs(SpiInt64(chain.place), SpiInt32(max_rows)));
	if (count > 0)
		SealRows(&chain, count);
	SpiEnd();
	return count;
}

Datum
chat_audit_seal(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(Seal(CheckLimit(PG_GETARG_INT32(0), SEAL_MAX)));
}

static SpiQuery list_heads = {
	.sql = "SELECT place, hash, sealed_at FROM chat.audit_head WHERE place > $1 "
		   "ORDER BY place",
	.argtypes = {INT8OID},
	.read_only = true,
};

Datum
chat_audit_heads(PG_FUNCTION_ARGS)
{
	return SpiReturnRows(fcinfo, &list_heads, SpiArgs(SpiFunctionArg(fcinfo, 0)));
}

/* ---- verifying ---------------------------------------------------------- */

/* All of these are read-only: one snapshot for the whole, whatever is sealed meanwhile. */
static SpiQuery read_page = {
	.sql = "SELECT place, hash, id, record_send(ROW(place, " RECORD_COLUMNS ")) "
		   "FROM chat.audit_log WHERE place > $1 ORDER BY place LIMIT $2",
	.argtypes = {INT8OID, INT4OID},
	.read_only = true,
};

#define KEPT_HEADS "jsonb_to_recordset($1) AS k (place bigint, hash bytea)"

/* An entry is as to_jsonb() shows a row of audit_head: the bytes in either form of bytea. */
static SpiQuery find_bad_heads = {
	.sql = "SELECT FROM jsonb_array_elements(CASE jsonb_typeof($1) WHEN 'array' THEN $1 "
		   "ELSE '[null]' END) k WHERE (jsonb_typeof(k) = 'object' "
		   "AND k ->> 'place' ~ '^[0-9]{1,18}$' "
		   "AND k ->> 'hash' ~ "
		   "'^(\\\\x([0-9a-fA-F]{2})*|([^\\\\]|\\\\\\\\|\\\\[0-3][0-7]{2})*)$') IS NOT TRUE",
	.argtypes = {JSONBOID},
	.read_only = true,
};

/* sound: the last row before that a head of the same origin vouches for. */
static SpiQuery compare_heads = {
	.sql = "SELECT place, id, kept, sound FROM (SELECT l.place, l.id, h.kept, "
		   "l.hash IS DISTINCT FROM h.hash AS differs, max(l.place) FILTER "
		   "(WHERE l.hash = h.hash) OVER (PARTITION BY h.kept ORDER BY l.place) AS sound "
		   "FROM (SELECT place, hash, false AS kept FROM chat.audit_head UNION ALL "
		   "SELECT k.place, k.hash, true FROM " KEPT_HEADS ") h "
		   "JOIN chat.audit_log l USING (place)) c WHERE differs ORDER BY place, kept",
	.argtypes = {JSONBOID},
	.read_only = true,
};

static SpiQuery find_last_heads = {
	.sql = "SELECT (SELECT max(place) FROM chat.audit_head), "
		   "(SELECT max(k.place) FROM " KEPT_HEADS ")",
	.argtypes = {JSONBOID},
	.read_only = true,
};

typedef enum Finding
{
	FINDING_CHANGED,
	FINDING_MISSING,
	FINDING_ADDED,
	FINDING_REWRITTEN
} Finding;

static const char *const finding_names[] = {
	[FINDING_CHANGED] = "changed",
	[FINDING_MISSING] = "missing",
	[FINDING_ADDED] = "added",
	[FINDING_REWRITTEN] = "rewritten",
};

/* Where the findings go. */
typedef struct Report
{
	Tuplestorestate *store;
	TupleDesc description;
} Report;

/* id 0: of no one row. */
static void
Find(Report *report, Finding finding, int64 place, int64 id, const char *detail)
{
	Datum values[] = {Int64GetDatum(place), Int64GetDatum(id),
					  CStringGetTextDatum(finding_names[finding]), CStringGetTextDatum(detail)};
	bool nulls[lengthof(values)] = {false, id == 0};

	tuplestore_putvalues(report->store, report->description, values, nulls);
}

static void
FindRange(Report *report, Finding finding, int64 first, int64 last, const char *what)
{
	Find(report, finding, first, 0,
		 psprintf("rows %lld to %lld %s", (long long) first, (long long) last, what));
}

/* A head that says nothing would find nothing wrong. */
static void
CheckHeads(NullableDatum kept)
{
	SpiBegin();
	if (SpiRun(&find_bad_heads, SpiArgs(kept)) > 0)
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
				 errmsg("the heads must be an array of objects with \"place\" and \"hash\"")));
	SpiEnd();
}

/*
 * A row that does not follow from the one before is reported, and then believed:
 * one change is one finding, and so is one hole, though it hides the row behind it.
 */
static void
VerifyRow(Report *report, Chain *chain, uint64 row)
{
	int64 place = SpiGetInt64(row, 1);
	CryptoBytes hash = BytesOf(row, 2);
	int64 id = SpiGetInt64(row, 3);
	uint8 expected[CRYPTO_SHA256_SIZE];

	if (place > chain->place + 1)
		FindRange(report, FINDING_MISSING, chain->place + 1, place - 1, "are not there");
	else
	{
		Link(chain, BytesOf(row, 4), expected);
		if (hash.size != sizeof(expected) || !CryptoEqual(hash.data, expected, sizeof(expected)))
			Find(report, FINDING_CHANGED, place, id,
				 "the row, or its hash, is not what was sealed after the row before");
	}
	MoveTo(chain, place, hash);
}

static void
VerifyChain(Report *report, Chain *chain)
{
	uint64 count;

	do
	{
		CHECK_FOR_INTERRUPTS();
		SpiBegin();
		count = SpiRun(&read_page, SpiArgs(SpiInt64(chain->place), SpiInt32(VERIFY_PAGE)));
		for (uint64 row = 0; row < count; row++)
			VerifyRow(report, chain, row);
		SpiEnd();
	} while (count == VERIFY_PAGE);
}

/* A chain made anew from some row on is sound in itself, but fits no head from before. */
static void
VerifyHeads(Report *report, NullableDatum kept)
{
	uint64 count;

	SpiBegin();
	count = SpiRun(&compare_heads, SpiArgs(kept));
	for (uint64 row = 0; row < count; row++)
	{
		int64 place = SpiGetInt64(row, 1);

		Find(report, FINDING_REWRITTEN, place, SpiGetInt64(row, 2),
			 psprintf("rows %lld to %lld are not those of the head %s",
					  (long long) SpiGetInt64(row, 4) + 1, (long long) place,
					  SpiGetBool(row, 3) ? "given" : "in audit_head"));
	}
	SpiEnd();
}

/* `end`: the last row there is. */
static void
VerifyEnd(Report *report, int64 end, NullableDatum kept)
{
	int64 sealed;
	int64 known;

	SpiBegin();
	SpiRun(&find_last_heads, SpiArgs(kept));
	sealed = SpiGetInt64(0, 1);
	known = Max(sealed, SpiGetInt64(0, 2));
	if (end < known)
		FindRange(report, FINDING_MISSING, end + 1, known, "are not there");
	if (end > sealed)
		FindRange(report, FINDING_ADDED, sealed + 1, end, "are of no sealing");
	SpiEnd();
}

Datum
chat_audit_verify(PG_FUNCTION_ARGS)
{
	Report report;
	Chain chain = {0};

	CheckHeads(SpiFunctionArg(fcinfo, 0));
	report.store = ResultStore(fcinfo, &report.description);
	VerifyChain(&report, &chain);
	VerifyHeads(&report, SpiFunctionArg(fcinfo, 0));
	VerifyEnd(&report, chain.place, SpiFunctionArg(fcinfo, 0));

	/* A standby can verify, but not seal. */
	while (!XactReadOnly && Seal(SEAL_MAX) == SEAL_MAX)
		CHECK_FOR_INTERRUPTS();
	return (Datum) 0;
}
