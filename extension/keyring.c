/*
 * keyring.c
 *	  Signing keys.  The newest that is not retired signs.  A rotation retires the others
 *	  after an overlap: until then they verify, so that no token in use is lost.  From
 *	  its retired_at on, or without its row, a key verifies nothing.
 *
 * Rotating and retiring lock the table against each other: there is always one key
 * that signs.  Readers never wait.
 */
#include "compat.h"

#include "keyring.h"

#include "fmgr.h"

#include "audit.h"
#include "codec.h"
#include "crypto.h"
#include "errors.h"
#include "guc.h"
#include "spi.h"

#define KID_BYTES 9 /* 12 characters of base64url */

static int overlap_s = 24 * 60 * 60; /* as long as an access token can be good */

static const IntSetting settings[] = {
	{"pg_parley.key_overlap", "How long a signing key goes on verifying after a newer one is made.",
	 &overlap_s, 0, 365 * 24 * 60 * 60, GUC_UNIT_S},
};

PG_FUNCTION_INFO_V1(chat_rotate_key);
PG_FUNCTION_INFO_V1(chat_retire_key);
PG_FUNCTION_INFO_V1(chat_jwks);

void
KeyringInit(void)
{
	DefineSettings(settings, lengthof(settings));
}

static SpiQuery newest_key = {
	.sql = "SELECT kid, algorithm, secret, public_key FROM chat.jwt_key "
		   "WHERE retired_at IS NULL ORDER BY created_at DESC, kid LIMIT 1",
};

/* The clock, not the time of the transaction: a key that is retired may be a stolen one. */
#define VERIFIES "(retired_at IS NULL OR retired_at > clock_timestamp())"

static SpiQuery find_key = {
	.sql = "SELECT kid, algorithm, secret, public_key FROM chat.jwt_key "
		   "WHERE kid = $1 AND " VERIFIES,
	.argtypes = {TEXTOID},
};

static SpiQuery insert_key = {
	.sql = "INSERT INTO chat.jwt_key (kid, algorithm, secret, public_key) "
		   "VALUES ($1, $2, $3, $4)",
	.argtypes = {TEXTOID, TEXTOID, BYTEAOID, BYTEAOID},
};

/* The row of the last SpiRun() as a key in memory that outlives SpiEnd(). */
static const JwtKey *
KeepKey(void)
{
	JwtKey *key = SpiKeepAlloc(sizeof(JwtKey));
	bool isnull;
	Datum public_key;

	key->kid = SpiKeepText(0, 1);
	key->algorithm = SpiKeepText(0, 2);
	key->secret = DatumGetByteaPP(SpiKeepDatum(0, 3, &isnull));
	public_key = SpiKeepDatum(0, 4, &isnull);
	key->public_key = isnull ? NULL : DatumGetByteaPP(public_key);
	return key;
}

const JwtKey *
KeyringSigner(void)
{
	const JwtKey *key;

	SpiBegin();
	if (SpiRun(&newest_key, SpiNoArgs) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_NO_SIGNING_KEY),
						errmsg("there is no key to sign tokens with"),
						errhint("Run: SELECT chat.rotate_key();")));
	key = KeepKey();
	SpiEnd();
	return key;
}

const JwtKey *
KeyringFind(const char *kid, void *arg)
{
	const JwtKey *key = NULL;

	SpiBegin();
	if (SpiRun(&find_key, SpiArgs(SpiText(kid))) > 0)
		key = KeepKey();
	SpiEnd();
	return key;
}

static char *
MakeKid(void)
{
	uint8 random[KID_BYTES];
	char *kid = palloc0(CODEC_BASE64URL_LENGTH(KID_BYTES) + 1);

	CryptoRandom(random, sizeof(random));
	CodecBase64UrlEncode(kid, random, sizeof(random));
	return kid;
}

/* ---- rotation ----------------------------------------------------------- */

static SpiQuery take_turns = {
	.sql = "LOCK TABLE chat.jwt_key IN SHARE ROW EXCLUSIVE MODE",
};

/* What verifies nothing any more is not kept. */
static SpiQuery delete_retired = {
	.sql = "DELETE FROM chat.jwt_key WHERE NOT " VERIFIES,
};

static SpiQuery retire_older = {
	.sql = "UPDATE chat.jwt_key SET retired_at = clock_timestamp() + make_interval(secs => $1) "
		   "WHERE retired_at IS NULL",
	.argtypes = {INT4OID},
};

static SpiQuery retire_now = {
	.sql = "UPDATE chat.jwt_key SET retired_at = clock_timestamp() WHERE kid = $1 AND " VERIFIES,
	.argtypes = {TEXTOID},
};

Datum
chat_rotate_key(PG_FUNCTION_ARGS)
{
	char *algorithm = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *kid = MakeKid();
	bytea *secret;
	bytea *public_key;

	JwtKeyGenerate(algorithm, &secret, &public_key);
	SpiBegin();
	SpiRun(&take_turns, SpiNoArgs);
	SpiRun(&delete_retired, SpiNoArgs);
	SpiRun(&retire_older, SpiArgs(SpiInt32(overlap_s)));
	SpiRun(&insert_key,
		   SpiArgs(SpiText(kid), SpiText(algorithm), SpiDatum(PointerGetDatum(secret), false),
				   SpiDatum(PointerGetDatum(public_key), public_key == NULL)));
	SpiEnd();
	AuditWrite(.kind = AUDIT_KEY_ROTATED, .detail = kid);
	PG_RETURN_TEXT_P(cstring_to_text(kid));
}

Datum
chat_retire_key(PG_FUNCTION_ARGS)
{
	char *kid = text_to_cstring(PG_GETARG_TEXT_PP(0));

	SpiBegin();
	SpiRun(&take_turns, SpiNoArgs);
	if (SpiRun(&retire_now, SpiArgs(SpiText(kid))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("there is no key \"%s\" that verifies tokens", kid)));
	if (SpiRun(&newest_key, SpiNoArgs) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_NO_SIGNING_KEY),
						errmsg("key \"%s\" is the one that signs", kid),
						errhint("Run first: SELECT chat.rotate_key();")));
	SpiEnd();
	AuditWrite(.kind = AUDIT_KEY_RETIRED, .detail = kid);
	PG_RETURN_VOID();
}

/* ---- public keys -------------------------------------------------------- */

/* RFC 7517; RFC 8037 for Ed25519, which is all the asymmetric keys that are made here. */
static SpiQuery show_jwks = {
	.sql = "SELECT json_build_object('keys', coalesce(json_agg(json_build_object("
		   "'kty', 'OKP', 'crv', 'Ed25519', 'use', 'sig', 'alg', algorithm, 'kid', kid, "
		   "'x', jwt.url_encode(public_key)) ORDER BY created_at DESC, kid), '[]')) "
		   "FROM chat.jwt_key "
		   "WHERE algorithm = 'EdDSA' AND octet_length(public_key) = 32 AND " VERIFIES,
	.read_only = true,
};

Datum
chat_jwks(PG_FUNCTION_ARGS)
{
	return SpiReturnValue(fcinfo, &show_jwks, SpiNoArgs);
}
