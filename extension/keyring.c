/*
 * keyring.c
 *	  Signing keys.  The newest signs; every key in the table verifies, so that a
 *	  rotation invalidates nothing, and deleting a row invalidates its tokens.
 */
#include "postgres.h"

#include "keyring.h"

#include "fmgr.h"

#include "audit.h"
#include "codec.h"
#include "crypto.h"
#include "errors.h"
#include "spi.h"

#define KID_BYTES 9 /* 12 characters of base64url */

PG_FUNCTION_INFO_V1(chat_rotate_key);

static SpiQuery newest_key = {
	.sql = "SELECT kid, algorithm, secret, public_key FROM chat.jwt_key "
		   "ORDER BY created_at DESC, kid LIMIT 1",
};

static SpiQuery find_key = {
	.sql = "SELECT kid, algorithm, secret, public_key FROM chat.jwt_key WHERE kid = $1",
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
	JwtKey *key = SPI_palloc(sizeof(JwtKey));
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

Datum
chat_rotate_key(PG_FUNCTION_ARGS)
{
	char *algorithm = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *kid = MakeKid();
	bytea *secret;
	bytea *public_key;

	JwtKeyGenerate(algorithm, &secret, &public_key);
	SpiBegin();
	SpiRun(&insert_key,
		   SpiArgs(SpiText(kid), SpiText(algorithm), SpiDatum(PointerGetDatum(secret), false),
				   SpiDatum(PointerGetDatum(public_key), public_key == NULL)));
	SpiEnd();
	AuditWrite(.kind = AUDIT_KEY_ROTATED, .detail = kid);
	PG_RETURN_TEXT_P(cstring_to_text(kid));
}
