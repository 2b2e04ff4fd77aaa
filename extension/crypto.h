/*
 * crypto.h
 *	  The few primitives that tokens, sessions and passwords need, on OpenSSL 3.
 *
 *	  All output goes to buffers of the caller.  A failure inside OpenSSL, which
 *	  only lack of memory or a broken configuration can cause, raises
 *	  ERRCODE_EXTERNAL_ROUTINE_EXCEPTION.  A wrong signature is an answer, not a
 *	  failure.
 */
#ifndef PARLEY_CRYPTO_H
#define PARLEY_CRYPTO_H

#include "postgres.h"

#define CRYPTO_SHA256_SIZE 32
#define CRYPTO_MAX_SIGNATURE_SIZE 2048 /* RSA with 16384 bits */

/* Bytes of somebody else. */
typedef struct CryptoBytes
{
	const void *data;
	size_t size;
} CryptoBytes;

static inline CryptoBytes
CryptoBytesOf(const void *data, size_t size)
{
	return (CryptoBytes){.data = data, .size = size};
}

/* Random bytes fit for keys. */
extern void CryptoRandom(void *to, size_t size);

/* Compares in a time that does not depend on where the difference is. */
extern bool CryptoEqual(const void *a, const void *b, size_t size);

extern void CryptoSha256(CryptoBytes data, uint8 digest[CRYPTO_SHA256_SIZE]);

/* ---- signatures, as JOSE has them (RFC 7518, RFC 8037) ------------------ */

/*
 * HS256, HS384, HS512, EdDSA, ES256 and RS256.  The form of a key depends on the
 * algorithm:
 *
 *	 HS*	any bytes; the same key signs and verifies
 *	 EdDSA	32 raw bytes (the Ed25519 seed signs, the public key verifies), or PEM
 *	 ES256	PEM, curve P-256
 *	 RS256	PEM, 2048 bits at least
 *
 * PEM is "PRIVATE KEY" (PKCS #8, not encrypted), "PUBLIC KEY" (SPKI) or one of
 * OpenSSL's older forms; a private key verifies too.
 */
typedef struct CryptoAlgorithm CryptoAlgorithm;

/* NULL for a name that is not one of these, to the letter. */
extern const CryptoAlgorithm *CryptoFindAlgorithm(const char *name);

extern const char *CryptoAlgorithmName(const CryptoAlgorithm *algorithm);
extern bool CryptoIsSymmetric(const CryptoAlgorithm *algorithm);

/* The size of the keys that CryptoGenerate makes; 0 if keys are PEM only. */
extern size_t CryptoKeySize(const CryptoAlgorithm *algorithm);

/*
 * A new key of CryptoKeySize() bytes, which must not be 0, and, where the
 * algorithm has one, its public key of the same size.
 */
extern void CryptoGenerate(const CryptoAlgorithm *algorithm, uint8 *secret, uint8 *public_key);

/*
 * CryptoSign returns the size of the signature.  Bytes that are no key for the
 * algorithm raise ERRCODE_INVALID_PARAMETER_VALUE.  Parsed keys are kept for the
 * backend's life, found by what they are made of, so that a later use costs the
 * signature alone.
 */
extern size_t CryptoSign(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message,
						 uint8 signature[CRYPTO_MAX_SIGNATURE_SIZE]);
extern bool CryptoVerify(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message,
						 CryptoBytes signature);

#endif /* PARLEY_CRYPTO_H */
