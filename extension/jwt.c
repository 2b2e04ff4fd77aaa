/*
 * jwt.c
 *	  The access tokens of sessions, and what all tokens have in common.
 *
 * What a check allocates is small and left to the caller's memory context.
 */
#include "compat.h"

#include "common/int.h"
#include "utils/memutils.h"

#include "codec.h"
#include "jwt.h"

#define MAX_MEMBERS 32
#define LEEWAY_S 5							/* clocks of two servers differ by less */
#define MAX_TIME_S INT64CONST(253402300799) /* the end of the year 9999 */

/* A member of a JSON object that has no objects or arrays inside. */
typedef struct JsonMember
{
	char *name;
	JsonTokenType type;
	char *value; /* as it is written, a string without its quotes */
} JsonMember;

typedef struct JsonRecord
{
	int count;
	JsonMember members[MAX_MEMBERS];
} JsonRecord;

/* ---- compact serialization (RFC 7515, 7.1) ------------------------------ */

bool
JwtSplit(const char *token, size_t length, JwtParts *parts)
{
	const char *end = token + length;
	const char *first = memchr(token, '.', length);
	const char *second = first ? memchr(first + 1, '.', end - first - 1) : NULL;

	if (second == NULL || memchr(second + 1, '.', end - second - 1))
		return false;
	parts->header = CryptoBytesOf(token, first - token);
	parts->payload = CryptoBytesOf(first + 1, second - first - 1);
	parts->signature = CryptoBytesOf(second + 1, end - second - 1);
	parts->signed_part = CryptoBytesOf(token, second - token);
	return true;
}

bool
JwtDecodePart(CryptoBytes part, CryptoBytes *bytes)
{
	size_t size = CODEC_BASE64URL_SIZE(part.size);
	char *data = palloc(size + 1);

	if (!CodecBase64UrlDecode((uint8 *) data, part.data, part.size))
		return false;
	data[size] = '\0';
	*bytes = CryptoBytesOf(data, size);
	return true;
}

void
JwtAppendPart(StringInfo token, CryptoBytes bytes)
{
	size_t length = CODEC_BASE64URL_LENGTH(bytes.size);

	if (length > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the token would be too long")));
	enlargeStringInfo(token, (int) length);
	CodecBase64UrlEncode(token->data + token->len, bytes.data, bytes.size);
	token->len += (int) length;
	token->data[token->len] = '\0';
}

bool
JwtSignatureFits(const JwtParts *parts, const CryptoAlgorithm *algorithm, CryptoBytes key)
{
	CryptoBytes signature;

	return JwtDecodePart(parts->signature, &signature) &&
		   CryptoVerify(algorithm, key, parts->signed_part, signature);
}

char *
JwtCompose(CryptoBytes header, CryptoBytes payload, const CryptoAlgorithm *algorithm,
		   CryptoBytes key)
{
	uint8 signature[CRYPTO_MAX_SIGNATURE_SIZE];
	StringInfoData token;
	size_t size;

	initStringInfo(&token);
	JwtAppendPart(&token, header);
	appendStringInfoChar(&token, '.');
	JwtAppendPart(&token, payload);
	size = CryptoSign(algorithm, key, CryptoBytesOf(token.data, token.len), signature);
	appendStringInfoChar(&token, '.');
	JwtAppendPart(&token, CryptoBytesOf(signature, size));
	return token.data;
}

/* ---- JSON --------------------------------------------------------------- */

/*
 * The server's lexer reads the tokens.  Its parser is not used: on a deep array
 * it raises an error, and before the signature is checked the text is anyone's.
 * For the same reason there are no escapes: to decode one can raise, too.
 */
static bool
NextToken(JsonLexContext *lex, JsonTokenType expected)
{
	return json_lex(lex) == JSON_SUCCESS && lex->token_type == expected;
}

static const JsonMember *
FindMember(const JsonRecord *record, const char *name)
{
	for (int i = 0; i < record->count; i++)
	{
		if (strcmp(record->members[i].name, name) == 0)
			return &record->members[i];
	}
	return NULL;
}

/* The lexer's token; of a string what is between the quotes. */
static char *
TokenText(const JsonLexContext *lex)
{
	size_t quotes = lex->token_type == JSON_TOKEN_STRING ? 1 : 0;

	return pnstrdup(lex->token_start + quotes,
					lex->token_terminator - lex->token_start - 2 * quotes);
}

static bool
ReadValue(JsonLexContext *lex, JsonMember *member)
{
	if (json_lex(lex) != JSON_SUCCESS)
		return false;
	member->type = lex->token_type;
	switch (member->type)
	{
		case JSON_TOKEN_STRING:
		case JSON_TOKEN_NUMBER:
		case JSON_TOKEN_TRUE:
		case JSON_TOKEN_FALSE:
		case JSON_TOKEN_NULL:
			member->value = TokenText(lex);
			return true;
		default:
			return false;
	}
}

/* Reads the rest of a member whose name is the lexer's token. */
static bool
ReadMember(JsonLexContext *lex, JsonRecord *record)
{
	JsonMember *member;

	if (lex->token_type != JSON_TOKEN_STRING || record->count == MAX_MEMBERS)
		return false;
	member = &record->members[record->count];
	member->name = TokenText(lex);
	if (FindMember(record, member->name) || !NextToken(lex, JSON_TOKEN_COLON) ||
		!ReadValue(lex, member))
		return false;
	record->count++;
	return true;
}

static bool
ReadMembers(JsonLexContext *lex, JsonRecord *record)
{
	if (json_lex(lex) != JSON_SUCCESS)
		return false;
	if (lex->token_type == JSON_TOKEN_OBJECT_END)
		return true;
	for (;;)
	{
		if (!ReadMember(lex, record) || json_lex(lex) != JSON_SUCCESS)
			return false;
		if (lex->token_type == JSON_TOKEN_OBJECT_END)
			return true;
		if (lex->token_type != JSON_TOKEN_COMMA || json_lex(lex) != JSON_SUCCESS)
			return false;
	}
}

/* Reads a whole part of a token; false if it is not one flat JSON object. */
static bool
ReadRecord(CryptoBytes part, JsonRecord *record)
{
	CryptoBytes json;
	JsonLexContext *lex;

	record->count = 0;
	if (!JwtDecodePart(part, &json) || memchr(json.data, '\\', json.size) ||
		!pg_verify_mbstr(PG_UTF8, json.data, (int) json.size, true))
		return false;
	lex = ParleyJsonLexer((char *) json.data, (int) json.size);
	return NextToken(lex, JSON_TOKEN_OBJECT_START) && ReadMembers(lex, record) &&
		   NextToken(lex, JSON_TOKEN_END);
}

/* The value of a member that is a string, else NULL. */
static const char *
StringMember(const JsonRecord *record, const char *name)
{
	const JsonMember *member = FindMember(record, name);

	return member && member->type == JSON_TOKEN_STRING ? member->value : NULL;
}

/* Decimal digits only, without leading zeros, min … max. */
static bool
ReadInteger(const char *digits, int64 min, int64 max, int64 *value)
{
	*value = 0;
	if (*digits == '\0' || (digits[0] == '0' && digits[1] != '\0'))
		return false;
	for (; *digits; digits++)
	{
		if (*digits < '0' || *digits > '9' || pg_mul_s64_overflow(*value, 10, value) ||
			pg_add_s64_overflow(*value, *digits - '0', value))
			return false;
	}
	return *value >= min && *value <= max;
}

static bool
IntegerMember(const JsonRecord *record, const char *name, int64 min, int64 max, int64 *value)
{
	const JsonMember *member = FindMember(record, name);

	return member && member->type == JSON_TOKEN_NUMBER &&
		   ReadInteger(member->value, min, max, value);
}

/* ---- checking ----------------------------------------------------------- */

static bool
KidIsWellFormed(const char *kid)
{
	size_t length =
		strspn(kid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return length > 0 && length <= JWT_MAX_KID_LENGTH && kid[length] == '\0';
}

/* The key that the header names, if header and key agree on the algorithm. */
static const JwtKey *
FindKey(const JsonRecord *header, JwtKeyLookup lookup, void *arg)
{
	const char *algorithm = StringMember(header, "alg");
	const char *kid = StringMember(header, "kid");
	const JsonMember *type = FindMember(header, "typ");
	const JwtKey *key;

	if (algorithm == NULL || kid == NULL || !KidIsWellFormed(kid) || FindMember(header, "crit"))
		return NULL;
	if (type && (type->type != JSON_TOKEN_STRING || pg_strcasecmp(type->value, "JWT") != 0))
		return NULL;
	key = lookup(kid, arg);
	return key && strcmp(key->algorithm, algorithm) == 0 ? key : NULL;
}

static CryptoBytes
BytesOf(const bytea *bytes)
{
	return CryptoBytesOf(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

static bool
IsGenuine(const JwtParts *parts, const JwtKey *key)
{
	const CryptoAlgorithm *algorithm = CryptoFindAlgorithm(key->algorithm);
	const bytea *material;

	if (algorithm == NULL)
		return false;
	material = CryptoIsSymmetric(algorithm) ? key->secret : key->public_key;
	return material && JwtSignatureFits(parts, algorithm, BytesOf(material));
}

static bool
ReadClaims(const JsonRecord *payload, int64 now_s, JwtClaims *claims)
{
	const char *subject = StringMember(payload, "sub");
	int64 not_before_s = 0;

	if (FindMember(payload, "nbf") && !IntegerMember(payload, "nbf", 0, MAX_TIME_S, &not_before_s))
		return false;
	return subject && ReadInteger(subject, 1, PG_INT64_MAX, &claims->account_id) &&
		   IntegerMember(payload, "sid", 1, PG_INT64_MAX, &claims->session_id) &&
		   IntegerMember(payload, "iat", 0, MAX_TIME_S, &claims->issued_at_s) &&
		   IntegerMember(payload, "exp", 0, MAX_TIME_S, &claims->expires_at_s) &&
		   claims->issued_at_s <= now_s + LEEWAY_S && not_before_s <= now_s + LEEWAY_S;
}

JwtVerdict
JwtCheck(const char *token, size_t length, JwtKeyLookup lookup, void *arg, int64 now_s,
		 JwtClaims *claims)
{
	JwtParts parts;
	JsonRecord record;
	const JwtKey *key;

	if (length > JWT_MAX_LENGTH || !JwtSplit(token, length, &parts) ||
		!ReadRecord(parts.header, &record))
		return JWT_INVALID;
	key = FindKey(&record, lookup, arg);
	if (key == NULL || !IsGenuine(&parts, key))
		return JWT_INVALID;
	if (!ReadRecord(parts.payload, &record) || !ReadClaims(&record, now_s, claims))
		return JWT_INVALID;
	return now_s < claims->expires_at_s ? JWT_OK : JWT_EXPIRED;
}

/* ---- issuing ------------------------------------------------------------ */

/* The algorithm of one of our own keys. */
static const CryptoAlgorithm *
RequireAlgorithm(const char *name)
{
	const CryptoAlgorithm *algorithm = CryptoFindAlgorithm(name);

	if (algorithm == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown signature algorithm \"%s\"", name)));
	return algorithm;
}

char *
JwtIssue(const JwtKey *key, const JwtClaims *claims)
{
	const CryptoAlgorithm *algorithm = RequireAlgorithm(key->algorithm);
	char *header;
	char *payload;

	if (key->secret == NULL || !KidIsWellFormed(key->kid))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("key \"%s\" cannot sign", key->kid)));
	header = psprintf("{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
					  CryptoAlgorithmName(algorithm), key->kid);
	payload =
		psprintf("{\"sub\":\"" INT64_FORMAT "\",\"sid\":" INT64_FORMAT ",\"iat\":" INT64_FORMAT
				 ",\"exp\":" INT64_FORMAT "}",
				 claims->account_id, claims->session_id, claims->issued_at_s, claims->expires_at_s);
	return JwtCompose(CryptoBytesOf(header, strlen(header)),
					  CryptoBytesOf(payload, strlen(payload)), algorithm, BytesOf(key->secret));
}

static bytea *
NewBytes(size_t size)
{
	bytea *bytes = palloc(VARHDRSZ + size);

	SET_VARSIZE(bytes, VARHDRSZ + size);
	return bytes;
}

void
JwtKeyGenerate(const char *algorithm_name, bytea **secret, bytea **public_key)
{
	const CryptoAlgorithm *algorithm = RequireAlgorithm(algorithm_name);
	size_t size = CryptoKeySize(algorithm);

	if (size == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("keys for %s are made outside", algorithm_name)));
	*secret = NewBytes(size);
	*public_key = CryptoIsSymmetric(algorithm) ? NULL : NewBytes(size);
	CryptoGenerate(algorithm, (uint8 *) VARDATA(*secret),
				   *public_key ? (uint8 *) VARDATA(*public_key) : NULL);
}
