/*
 * jwt_sql.c
 *	  The SQL functions of schema jwt.
 *
 *	  Arguments, defaults and results are those of pgjwt, down to the spelling of
 *	  the JSON.  Where pgjwt is lenient with a token these functions are not; the
 *	  differences are listed in install/10_jwt.sql.
 */
#include "compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "codec.h"
#include "crypto.h"
#include "jwt.h"

/* Microseconds from the Unix epoch to that of PostgreSQL. */
#define EPOCH_OFFSET_US ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

PG_FUNCTION_INFO_V1(jwt_url_encode);
PG_FUNCTION_INFO_V1(jwt_url_decode);
PG_FUNCTION_INFO_V1(jwt_try_cast_double);
PG_FUNCTION_INFO_V1(jwt_algorithm_sign);
PG_FUNCTION_INFO_V1(jwt_sign);
PG_FUNCTION_INFO_V1(jwt_verify);

/* ---- arguments ---------------------------------------------------------- */

static CryptoBytes
TextBytes(const text *value)
{
	return CryptoBytesOf(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

static const CryptoAlgorithm *
AlgorithmFromText(const text *name)
{
	const char *wanted = text_to_cstring(name);
	const CryptoAlgorithm *algorithm = CryptoFindAlgorithm(wanted);

	if (algorithm == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown signature algorithm \"%s\"", wanted)));
	return algorithm;
}

/*
 * For HMAC the text is the key.  Another algorithm's key is PEM or, where raw
 * bytes can be a key, their base64url (the members d and x of RFC 8037's JWK).
 */
static CryptoBytes
KeyFromText(const CryptoAlgorithm *algorithm, const text *secret)
{
	CryptoBytes key = TextBytes(secret);
	size_t raw_size = CryptoKeySize(algorithm);

	if (CryptoIsSymmetric(algorithm) || raw_size == 0)
		return key;
	if (key.size == CODEC_BASE64URL_LENGTH(raw_size) && JwtDecodePart(key, &key))
		return key;
	if (key.size == raw_size)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a key for algorithm %s is base64url or PEM",
							   CryptoAlgorithmName(algorithm))));
	return key;
}

/* ---- base64url and numbers ---------------------------------------------- */

Datum
jwt_url_encode(PG_FUNCTION_ARGS)
{
	const bytea *data = PG_GETARG_BYTEA_PP(0);
	StringInfoData encoded;

	initStringInfo(&encoded);
	JwtAppendPart(&encoded, TextBytes((const text *) data));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(encoded.data, encoded.len));
}

/* The length without padding, or the same one if that is no proper padding. */
static size_t
UnpaddedLength(const char *text, size_t length)
{
	size_t unpadded = length;

	while (unpadded > 0 && text[unpadded - 1] == '=')
		unpadded--;
	if (unpadded % 4 < 2 || length - unpadded > 4 - unpadded % 4)
		return length;
	return unpadded;
}

/*
 * What a base64 decoder lets pass, in the form that ours wants: no white space,
 * the URL alphabet, no padding.
 */
static CryptoBytes
NormalizeBase64(CryptoBytes text)
{
	const char *from = text.data;
	char *to = palloc(text.size + 1);
	size_t length = 0;

	for (size_t i = 0; i < text.size; i++)
	{
		if (strchr(" \t\r\n", from[i]) == NULL)
			to[length++] = from[i] == '+' ? '-' : from[i] == '/' ? '_' : from[i];
	}
	return CryptoBytesOf(to, UnpaddedLength(to, length));
}

Datum
jwt_url_decode(PG_FUNCTION_ARGS)
{
	CryptoBytes encoded = NormalizeBase64(TextBytes(PG_GETARG_TEXT_PP(0)));
	CryptoBytes bytes;

	if (!JwtDecodePart(encoded, &bytes))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the text is not base64url")));
	PG_RETURN_BYTEA_P(cstring_to_text_with_len(bytes.data, (int) bytes.size));
}

Datum
jwt_try_cast_double(PG_FUNCTION_ARGS)
{
	float8 value;

	if (!ParleyTryFloat8(text_to_cstring(PG_GETARG_TEXT_PP(0)), &value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

/* ---- signing ------------------------------------------------------------ */

Datum
jwt_algorithm_sign(PG_FUNCTION_ARGS)
{
	const CryptoAlgorithm *algorithm = AlgorithmFromText(PG_GETARG_TEXT_PP(2));
	CryptoBytes key = KeyFromText(algorithm, PG_GETARG_TEXT_PP(1));
	uint8 signature[CRYPTO_MAX_SIGNATURE_SIZE];
	size_t size = CryptoSign(algorithm, key, TextBytes(PG_GETARG_TEXT_PP(0)), signature);
	StringInfoData encoded;

	initStringInfo(&encoded);
	JwtAppendPart(&encoded, CryptoBytesOf(signature, size));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(encoded.data, encoded.len));
}

Datum
jwt_sign(PG_FUNCTION_ARGS)
{
	const CryptoAlgorithm *algorithm = AlgorithmFromText(PG_GETARG_TEXT_PP(2));
	CryptoBytes key = KeyFromText(algorithm, PG_GETARG_TEXT_PP(1));
	char *header = psprintf("{\"alg\":\"%s\",\"typ\":\"JWT\"}", CryptoAlgorithmName(algorithm));
	char *token = JwtCompose(CryptoBytesOf(header, strlen(header)), TextBytes(PG_GETARG_TEXT_PP(0)),
							 algorithm, key);

	PG_RETURN_TEXT_P(cstring_to_text(token));
}

/* ---- verifying ---------------------------------------------------------- */

/* The json value in a part; raises what decoding or reading it raises. */
static Datum
JsonFromPart(CryptoBytes part)
{
	CryptoBytes bytes;
	char *json;

	if (!JwtDecodePart(part, &bytes))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a part of the token is not base64url")));
	json = pg_any_to_server(bytes.data, (int) bytes.size, PG_UTF8);
	return DirectFunctionCall1(json_in, CStringGetDatum(json));
}

/* Calls one of the server's functions behind -> and ->>; false where it gives NULL. */
static bool
JsonGet(PGFunction getter, Datum json, const char *name, Datum *value)
{
	LOCAL_FCINFO(call, 2);

	InitFunctionCallInfoData(*call, NULL, 2, InvalidOid, NULL, NULL);
	call->args[0].value = json;
	call->args[0].isnull = false;
	call->args[1].value = CStringGetTextDatum(name);
	call->args[1].isnull = false;
	*value = getter(call);
	return !call->isnull;
}

/* Does the header name the algorithm that the caller insists on, and no more? */
static bool
HeaderFits(Datum header, const CryptoAlgorithm *algorithm)
{
	Datum value;

	if (JsonGet(json_object_field, header, "crit", &value) ||
		!JsonGet(json_object_field_text, header, "alg", &value))
		return false;
	return strcmp(TextDatumGetCString(value), CryptoAlgorithmName(algorithm)) == 0;
}

/*
 * The time in a claim, in seconds since 1970; `otherwise` where the payload has no such
 * claim.  A claim that is there is a finite number (RFC 7519, 2: NumericDate), or as in
 * pgjwt a string that spells one: of another value nobody can say what it limits.
 */
static bool
TimeClaim(Datum payload, const char *name, double otherwise, double *seconds)
{
	Datum value;

	*seconds = otherwise;
	if (!JsonGet(json_object_field, payload, name, &value))
		return true;
	return JsonGet(json_object_field_text, payload, name, &value) &&
		   ParleyTryFloat8(TextDatumGetCString(value), seconds) && isfinite(*seconds);
}

/* A set of claims is an object: in another value claims would be overlooked (RFC 7519, 7.2). */
static bool
IsObject(Datum json)
{
	return strcmp(TextDatumGetCString(DirectFunctionCall1(json_typeof, json)), "object") == 0;
}

/*
 * nbf <= now < exp.  One division of whole microseconds rounds as reading the same time
 * from a text does: equal times compare equal.
 */
static bool
InForce(Datum payload)
{
	TimestampTz start = GetCurrentTransactionStartTimestamp();
	double now = (double) (start + EPOCH_OFFSET_US) / USECS_PER_SEC;
	double not_before;
	double expires;
	double issued;

	return IsObject(payload) && TimeClaim(payload, "nbf", -INFINITY, &not_before) &&
		   TimeClaim(payload, "exp", INFINITY, &expires) && TimeClaim(payload, "iat", 0, &issued) &&
		   not_before <= now && now < expires;
}

static void
VerifyToken(const text *token, const text *secret, const CryptoAlgorithm *algorithm,
			Datum values[3])
{
	CryptoBytes bytes = TextBytes(token);
	JwtParts parts;

	if (!JwtSplit(bytes.data, bytes.size, &parts))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a token has three parts, separated by dots")));
	values[0] = JsonFromPart(parts.header);
	values[1] = JsonFromPart(parts.payload);
	values[2] = BoolGetDatum(secret && HeaderFits(values[0], algorithm) &&
							 JwtSignatureFits(&parts, algorithm, KeyFromText(algorithm, secret)) &&
							 InForce(values[1]));
}

/*
 * Gives one row, by the protocol of functions that give a row at a time: a result
 * that is not announced as one of many is the only one.  Not strict: NULL must
 * give a row that says false.
 */
Datum
jwt_verify(PG_FUNCTION_ARGS)
{
	Datum values[3] = {0, 0, BoolGetDatum(false)};
	bool nulls[3] = {PG_ARGISNULL(0), PG_ARGISNULL(0), false};
	const text *secret = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	const CryptoAlgorithm *algorithm;
	TupleDesc descriptor;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("jwt.verify returns a row, and the caller takes none")));
	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the signature algorithm is missing")));
	algorithm = AlgorithmFromText(PG_GETARG_TEXT_PP(2));
	if (!PG_ARGISNULL(0))
		VerifyToken(PG_GETARG_TEXT_PP(0), secret, algorithm, values);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
