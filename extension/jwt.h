/*
 * jwt.h
 *	  The access tokens of chat sessions: JSON Web Tokens (RFC 7519) in compact
 *	  serialization (RFC 7515).
 *
 *	  header  {"alg":"EdDSA","typ":"JWT","kid":"…"}
 *	  payload {"sub":"<account id>","sid":<session id>,"iat":<s>,"exp":<s>}
 *
 *	  The SQL functions of schema jwt are in the same room, see install/10_jwt.sql.
 */
#ifndef PARLEY_JWT_H
#define PARLEY_JWT_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "crypto.h"

/* ---- tokens of sessions ------------------------------------------------- */

#define JWT_MAX_LENGTH 8192	  /* characters of a token; longer is invalid */
#define JWT_MAX_KID_LENGTH 64 /* of A-Z a-z 0-9 . _ - */

typedef struct JwtKey
{
	const char *kid;
	const char *algorithm; /* "EdDSA", "HS256", …: see crypto.h */
	bytea *secret;		   /* signs; NULL where the key only verifies */
	bytea *public_key;	   /* verifies; NULL for HMAC, which verifies by the secret */
} JwtKey;

typedef struct JwtClaims
{
	int64 account_id;
	int64 session_id;
	int64 issued_at_s; /* Unix seconds */
	int64 expires_at_s;
} JwtClaims;

typedef enum JwtVerdict
{
	JWT_OK,
	JWT_INVALID,
	JWT_EXPIRED /* genuine, but now_s >= exp */
} JwtVerdict;

/*
 * Gives the key of that kid, or NULL.  A kid is at most JWT_MAX_KID_LENGTH of the
 * characters above; it comes from an unverified token.  The key must last until
 * JwtCheck() returns.
 */
typedef const JwtKey *(*JwtKeyLookup)(const char *kid, void *arg);

/*
 * A new token, palloc'd and terminated.  Raises ERRCODE_INVALID_PARAMETER_VALUE
 * for a key that can't sign.
 */
extern char *JwtIssue(const JwtKey *key, const JwtClaims *claims);

/*
 * Is this token one of ours?  Never raises on account of the token (`token` needs
 * no terminator).  *claims is filled for JWT_OK and JWT_EXPIRED.
 *
 * Refused are: an alg that is not the key's own, an unknown kid, crit, members
 * twice, objects or arrays as values, escapes in strings, ids outside 1 … 2^63-1, times that are no
 * integers of seconds up to the year 9999, nbf or iat in the future (with a
 * leeway for clocks that differ; exp has none).  Unknown scalar members pass.
 */
extern JwtVerdict JwtCheck(const char *token, size_t length, JwtKeyLookup lookup, void *arg,
						   int64 now_s, JwtClaims *claims);

/*
 * New key material for an algorithm of which keys can be made here: HS256, HS384,
 * HS512 (*public_key is then NULL) or EdDSA.  Palloc'd.  Raises
 * ERRCODE_INVALID_PARAMETER_VALUE for others.
 */
extern void JwtKeyGenerate(const char *algorithm, bytea **secret, bytea **public_key);

/* ---- any token, for jwt_sql.c ------------------------------------------- */

/* The three parts of a compact token, still encoded; they point into it. */
typedef struct JwtParts
{
	CryptoBytes header;
	CryptoBytes payload;
	CryptoBytes signature;
	CryptoBytes signed_part; /* header, dot and payload */
} JwtParts;

/* False if there are not exactly two dots. */
extern bool JwtSplit(const char *token, size_t length, JwtParts *parts);

/* The bytes of a part, palloc'd and terminated; false if it is not base64url. */
extern bool JwtDecodePart(CryptoBytes part, CryptoBytes *bytes);

extern void JwtAppendPart(StringInfo token, CryptoBytes bytes);

/* Is the signature that of the key?  One that is not base64url is not. */
extern bool JwtSignatureFits(const JwtParts *parts, const CryptoAlgorithm *algorithm,
							 CryptoBytes key);

/* The compact token, palloc'd and terminated. */
extern char *JwtCompose(CryptoBytes header, CryptoBytes payload, const CryptoAlgorithm *algorithm,
						CryptoBytes key);

#endif /* PARLEY_JWT_H */
