/*
 * crypto.c
 *	  OpenSSL behind a small door: the only file of the library that knows it.
 *
 * OpenSSL objects are freed before anything is raised.  The exception are parsed
 * keys: they live in a hash table in TopMemoryContext for as long as the backend,
 * at most MAX_CACHED_KEYS of them.
 */
#include "compat.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "crypto.h"

#define MAX_CACHED_KEYS 64
#define MAX_PEM_SIZE 16384
#define MIN_RSA_BITS 2048
#define P256_FIELD_SIZE 32
#define P256_MAX_DER_SIZE 72	/* a sequence of two integers of 33 bytes */
#define P256_GROUP "prime256v1" /* OpenSSL's name of P-256 */

typedef enum KeyUse
{
	KEY_SIGNS,
	KEY_VERIFIES
} KeyUse;

struct CryptoAlgorithm
{
	const char *name;
	size_t key_size;				/* raw, 0: PEM only */
	const EVP_MD *(*digest)(void);	/* NULL where the scheme has its own */
	bool (*fits)(const EVP_PKEY *); /* is this a key for it?  NULL: HMAC */
	size_t (*sign)(const CryptoAlgorithm *, CryptoBytes key, CryptoBytes message, uint8 *signature);
	bool (*verify)(const CryptoAlgorithm *, CryptoBytes key, CryptoBytes message,
				   CryptoBytes signature);
};

typedef struct CachedKey
{
	uint8 fingerprint[CRYPTO_SHA256_SIZE];
	EVP_PKEY *pkey;
} CachedKey;

static HTAB *cached_keys = NULL;

/* Raises what OpenSSL has to say, and empties its queue for the next user. */
static void
pg_attribute_noreturn() Fail(const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	ereport(ERROR, (errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION), errmsg("could not %s", what),
					reason ? errdetail("OpenSSL: %s.", reason) : 0));
}

/* ---- primitives --------------------------------------------------------- */

void
CryptoRandom(void *to, size_t size)
{
	if (!pg_strong_random(to, size))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes")));
}

bool
CryptoEqual(const void *a, const void *b, size_t size)
{
	return CRYPTO_memcmp(a, b, size) == 0;
}

void
CryptoSha256(CryptoBytes data, uint8 digest[CRYPTO_SHA256_SIZE])
{
	if (EVP_Digest(data.data, data.size, digest, NULL, EVP_sha256(), NULL) != 1)
		Fail("compute SHA-256");
}

/* ---- keys --------------------------------------------------------------- */

static bool
FitsEd25519(const EVP_PKEY *pkey)
{
	return EVP_PKEY_is_a(pkey, "ED25519");
}

static bool
FitsP256(const EVP_PKEY *pkey)
{
	char group[32];

	return EVP_PKEY_is_a(pkey, "EC") &&
		   EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
										  NULL) == 1 &&
		   strcmp(group, P256_GROUP) == 0;
}

static bool
FitsRsa(const EVP_PKEY *pkey)
{
	return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= MIN_RSA_BITS &&
		   EVP_PKEY_get_size(pkey) <= CRYPTO_MAX_SIGNATURE_SIZE;
}

/* An encrypted PEM key is refused; without this OpenSSL asks at the terminal. */
static int
NoPassphrase(char *buf, int size, int rwflag, void *arg)
{
	return -1;
}

static EVP_PKEY *
ReadPem(EVP_PKEY *(*reader)(BIO *, EVP_PKEY **, pem_password_cb *, void *), CryptoBytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.data, (int) pem.size);
	EVP_PKEY *pkey = bio ? reader(bio, NULL, NoPassphrase, NULL) : NULL;

	BIO_free(bio);
	return pkey;
}

static EVP_PKEY *
ParsePem(KeyUse use, CryptoBytes pem)
{
	EVP_PKEY *pkey = NULL;

	if (pem.size > MAX_PEM_SIZE)
		return NULL;
	if (use == KEY_VERIFIES)
		pkey = ReadPem(PEM_read_bio_PUBKEY, pem);
	return pkey ? pkey : ReadPem(PEM_read_bio_PrivateKey, pem);
}

/* Raw bytes are Ed25519's: no other algorithm of the table has such keys. */
static EVP_PKEY *
ParseRaw(KeyUse use, CryptoBytes raw)
{
	if (use == KEY_SIGNS)
		return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw.data, raw.size);
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw.data, raw.size);
}

static EVP_PKEY *
ParseKey(const CryptoAlgorithm *algorithm, KeyUse use, CryptoBytes key)
{
	EVP_PKEY *pkey = algorithm->key_size == key.size ? ParseRaw(use, key) : ParsePem(use, key);

	if (pkey && algorithm->fits(pkey))
		return pkey;
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg(use == KEY_SIGNS ? "not a private key for algorithm %s"
											: "not a key for algorithm %s",
						   algorithm->name)));
}

static void
ForgetKeys(void)
{
	HASH_SEQ_STATUS scan;
	CachedKey *entry;

	hash_seq_init(&scan, cached_keys);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		EVP_PKEY_free(entry->pkey);
		hash_search(cached_keys, entry->fingerprint, HASH_REMOVE, NULL);
	}
}

/* The same bytes mean different keys to different algorithms and uses. */
static void
Fingerprint(const CryptoAlgorithm *algorithm, KeyUse use, CryptoBytes key,
			uint8 fingerprint[CRYPTO_SHA256_SIZE])
{
	const char use_byte = use == KEY_SIGNS ? 's' : 'v';
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
			  EVP_DigestUpdate(ctx, algorithm->name, strlen(algorithm->name)) == 1 &&
			  EVP_DigestUpdate(ctx, &use_byte, 1) == 1 &&
			  EVP_DigestUpdate(ctx, key.data, key.size) == 1 &&
			  EVP_DigestFinal_ex(ctx, fingerprint, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		Fail("compute SHA-256");
}

static void
CreateKeyCache(void)
{
	HASHCTL control = {.keysize = CRYPTO_SHA256_SIZE,
					   .entrysize = sizeof(CachedKey),
					   .hcxt = TopMemoryContext};

	cached_keys = hash_create("pg_parley keys", MAX_CACHED_KEYS, &control,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The key as OpenSSL wants it; good until the next call. */
static EVP_PKEY *
GetKey(const CryptoAlgorithm *algorithm, KeyUse use, CryptoBytes key)
{
	uint8 fingerprint[CRYPTO_SHA256_SIZE];
	CachedKey *entry;
	EVP_PKEY *pkey;

	if (cached_keys == NULL)
		CreateKeyCache();
	Fingerprint(algorithm, use, key, fingerprint);
	entry = hash_search(cached_keys, fingerprint, HASH_FIND, NULL);
	if (entry)
		return entry->pkey;

	if (hash_get_num_entries(cached_keys) >= MAX_CACHED_KEYS)
		ForgetKeys();
	pkey = ParseKey(algorithm, use, key);
	entry = hash_search(cached_keys, fingerprint, HASH_ENTER_NULL, NULL);
	if (entry == NULL)
	{
		EVP_PKEY_free(pkey);
		Fail("keep a key");
	}
	entry->pkey = pkey;
	return pkey;
}

/* ---- HMAC --------------------------------------------------------------- */

static size_t
SignHmac(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message, uint8 *signature)
{
	unsigned int size;

	if (key.size > INT_MAX || HMAC(algorithm->digest(), key.data, (int) key.size, message.data,
								   message.size, signature, &size) == NULL)
		Fail("compute an HMAC");
	return size;
}

static bool
VerifyHmac(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message,
		   CryptoBytes signature)
{
	uint8 expected[EVP_MAX_MD_SIZE];
	size_t size = SignHmac(algorithm, key, message, expected);

	return signature.size == size && CryptoEqual(signature.data, expected, size);
}

/* ---- public keys -------------------------------------------------------- */

static size_t
SignByKey(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message, uint8 *signature)
{
	EVP_PKEY *pkey = GetKey(algorithm, KEY_SIGNS, key);
	const EVP_MD *digest = algorithm->digest ? algorithm->digest() : NULL;
	size_t size = CRYPTO_MAX_SIGNATURE_SIZE;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, digest, NULL, pkey) == 1 &&
			  EVP_DigestSign(ctx, signature, &size, message.data, message.size) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		Fail("sign");
	return size;
}

static bool
VerifyByKey(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message,
			CryptoBytes signature)
{
	EVP_PKEY *pkey = GetKey(algorithm, KEY_VERIFIES, key);
	const EVP_MD *digest = algorithm->digest ? algorithm->digest() : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ready = ctx && EVP_DigestVerifyInit(ctx, NULL, digest, NULL, pkey) == 1;
	bool genuine = ready && EVP_DigestVerify(ctx, signature.data, signature.size, message.data,
											 message.size) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ready)
		Fail("verify a signature");
	ERR_clear_error();
	return genuine;
}

/* JOSE wants r and s side by side (RFC 7518, 3.4) where OpenSSL has them in DER. */
static size_t
SignEcdsa(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message, uint8 *signature)
{
	size_t size = SignByKey(algorithm, key, message, signature);
	const uint8 *der = signature;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long) size);
	bool ok =
		pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, P256_FIELD_SIZE) >= 0 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + P256_FIELD_SIZE, P256_FIELD_SIZE) >= 0;

	ECDSA_SIG_free(pair);
	if (!ok)
		Fail("encode a signature");
	return 2 * P256_FIELD_SIZE;
}

/* Writes the DER form of r and s; returns its size, or -1. */
static int
EncodeEcdsa(const uint8 *signature, uint8 der[P256_MAX_DER_SIZE])
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, P256_FIELD_SIZE, NULL);
	BIGNUM *s = BN_bin2bn(signature + P256_FIELD_SIZE, P256_FIELD_SIZE, NULL);
	int size = -1;

	if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1)
		size = i2d_ECDSA_SIG(pair, &der); /* the pair owns r and s now */
	else
	{
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(pair);
	return size;
}

static bool
VerifyEcdsa(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message,
			CryptoBytes signature)
{
	uint8 der[P256_MAX_DER_SIZE];
	int size;

	if (signature.size != 2 * P256_FIELD_SIZE)
		return false;
	size = EncodeEcdsa(signature.data, der);
	if (size <= 0)
		Fail("encode a signature");
	return VerifyByKey(algorithm, key, message, CryptoBytesOf(der, size));
}

/* ---- the table ---------------------------------------------------------- */

static const CryptoAlgorithm algorithms[] = {
	{"HS256", 32, EVP_sha256, NULL, SignHmac, VerifyHmac},
	{"HS384", 48, EVP_sha384, NULL, SignHmac, VerifyHmac},
	{"HS512", 64, EVP_sha512, NULL, SignHmac, VerifyHmac},
	{"EdDSA", 32, NULL, FitsEd25519, SignByKey, VerifyByKey},
	{"ES256", 0, EVP_sha256, FitsP256, SignEcdsa, VerifyEcdsa},
	{"RS256", 0, EVP_sha256, FitsRsa, SignByKey, VerifyByKey},
};

const CryptoAlgorithm *
CryptoFindAlgorithm(const char *name)
{
	for (size_t i = 0; i < lengthof(algorithms); i++)
	{
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	}
	return NULL;
}

const char *
CryptoAlgorithmName(const CryptoAlgorithm *algorithm)
{
	return algorithm->name;
}

bool
CryptoIsSymmetric(const CryptoAlgorithm *algorithm)
{
	return algorithm->fits == NULL;
}

size_t
CryptoKeySize(const CryptoAlgorithm *algorithm)
{
	return algorithm->key_size;
}

static void
DerivePublicKey(CryptoBytes secret, uint8 *public_key)
{
	EVP_PKEY *pkey = ParseRaw(KEY_SIGNS, secret);
	size_t size = secret.size;
	bool ok = pkey && EVP_PKEY_get_raw_public_key(pkey, public_key, &size) == 1;

	EVP_PKEY_free(pkey);
	if (!ok)
		Fail("make a key");
}

void
CryptoGenerate(const CryptoAlgorithm *algorithm, uint8 *secret, uint8 *public_key)
{
	CryptoRandom(secret, algorithm->key_size);
	if (!CryptoIsSymmetric(algorithm))
		DerivePublicKey(CryptoBytesOf(secret, algorithm->key_size), public_key);
}

size_t
CryptoSign(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message,
		   uint8 signature[CRYPTO_MAX_SIGNATURE_SIZE])
{
	return algorithm->sign(algorithm, key, message, signature);
}

bool
CryptoVerify(const CryptoAlgorithm *algorithm, CryptoBytes key, CryptoBytes message,
			 CryptoBytes signature)
{
	return algorithm->verify(algorithm, key, message, signature);
}
