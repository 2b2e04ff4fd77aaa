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
#define CRYPTO_ED25519_KEY_SIZE 32	   /* the seed, and the public key */
#define CRYPTO_MAX_SIGNATURE_SIZE 2048 /* RSA with 16384 bits */

/* Random bytes fit for keys. */
extern void CryptoRandom(void *to, size_t size);

/* Compares in a time that does not depend on where the difference is. */
extern bool CryptoEqual(const void *a, const void *b, size_t size);

extern void CryptoSha256(const void *data, size_t size, uint8 digest[CRYPTO_SHA256_SIZE]);

/* A new Ed25519 key pair (RFC 8032). */
extern void CryptoEd25519Generate(uint8 seed[CRYPTO_ED25519_KEY_SIZE],
								  uint8 public_key[CRYPTO_ED25519_KEY_SIZE]);

/* ---- signatures, as JOSE has them (RFC 7518, RFC 8037) ---- */

typedef struct CryptoAlgorithm CryptoAlgorithm;

/* HS256, HS384, HS512, EdDSA, ES256 or RS256; NULL for any other name. */
extern const CryptoAlgorithm *CryptoFindAlgorithm(const char *name);

/* The name in static storage. */
extern const char *CryptoAlgorithmName(const CryptoAlgorithm *algorithm);

/* One secret both signs and verifies (HMAC). */
extern bool CryptoIsSymmetric(const CryptoAlgorithm *algorithm);

/*
 * Key material is bytes whose form depends on the algorithm:
 *
 *	 HS*	any bytes
 *	 EdDSA	32 raw bytes (to sign: the seed; to verify: the public key), or PEM
 *	 ES256	PEM, curve P-256
 *	 RS256	PEM, at least 2048 bits
 *
 * PEM is "PRIVATE KEY" (PKCS #8, unencrypted), "PUBLIC KEY" (SPKI) or one of
 * OpenSSL's traditional forms; a private key verifies too.  Material that is no
 * such key raises ERRCODE_INVALID_PARAMETER_VALUE.
 *
 * Parsed keys are kept for the life of the backend, found by what they are
 * made of, so that a second use costs the signature alone.
 */
extern size_t CryptoSign(const CryptoAlgorithm *algorithm, const void *key, size_t key_size,
						 const void *message, size_t message_size,
						 uint8 signature[CRYPTO_MAX_SIGNATURE_SIZE]);
extern bool CryptoVerify(const CryptoAlgorithm *algorithm, const void *key, size_t key_size,
						 const void *message, size_t message_size, const uint8 *signature,
						 size_t signature_size);

#endif /* PARLEY_CRYPTO_H */
