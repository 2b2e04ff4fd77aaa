/*
 * token.c
 *	  Opaque tokens and their hashes.
 */
#include "compat.h"

#include "token.h"

#include "codec.h"
#include "crypto.h"

#define TOKEN_BYTES 32
#define TOKEN_LENGTH CODEC_BASE64URL_LENGTH(TOKEN_BYTES)

char *
TokenMake(void)
{
	uint8 random[TOKEN_BYTES];
	char *token = palloc0(TOKEN_LENGTH + 1);

	CryptoRandom(random, sizeof(random));
	CodecBase64UrlEncode(token, random, sizeof(random));
	return token;
}

bytea *
TokenHash(const char *token)
{
	bytea *hash = palloc(VARHDRSZ + CRYPTO_SHA256_SIZE);

	SET_VARSIZE(hash, VARHDRSZ + CRYPTO_SHA256_SIZE);
	CryptoSha256(CryptoBytesOf(token, strlen(token)), (uint8 *) VARDATA(hash));
	return hash;
}
