/*
 * password.h
 *	  Passwords: what is acceptable, and their Argon2id hashes (RFC 9106) as PHC
 *	  strings, "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>".
 *
 *	  A password typed on another keyboard is other bytes and the same password.  What is
 *	  hashed is therefore its form by NFKC, as NIST SP 800-63B (5.1.1.2) asks for, with
 *	  the rules of PRECIS' OpaqueString (RFC 8265, 4.2): every space is U+0020; case, and
 *	  spaces at the ends, count; none may be empty.  RFC 8265 itself has NFC; NFKC also
 *	  takes the wide letters and digits of East Asian keyboards for those they look like.
 *	  A hash that was made of the bytes as they came stays good.
 *
 *	  A hash costs what the settings pg_parley.argon2_memory, argon2_iterations and
 *	  argon2_parallelism say; by default 19 MiB and tens of milliseconds.  Only so many
 *	  run at once (hashslot.h).  Whoever calls these on behalf of a stranger throttles
 *	  first.
 */
#ifndef PARLEY_PASSWORD_H
#define PARLEY_PASSWORD_H

#include "postgres.h"

#define PASSWORD_MIN_CHARACTERS 8
#define PASSWORD_MAX_CHARACTERS 256
#define PASSWORD_MAX_BYTES 1024

/* Defines the settings; called once, from _PG_init. */
extern void PasswordInit(void);

/* Raises PARLEY_ERROR_INVALID_PASSWORD for a password that can't be chosen. */
extern void PasswordCheck(const char *password);

/* A PHC string with a fresh salt, palloc'd. */
extern char *PasswordHash(const char *password);

typedef enum PasswordVerdict
{
	PASSWORD_WRONG,
	PASSWORD_RIGHT,
	PASSWORD_RIGHT_AS_TYPED /* the hash is of the bytes as they came: hash again */
} PasswordVerdict;

/*
 * Does the password belong to the hash?  With phc NULL, or a string that is not an
 * Argon2id hash, the answer is no after the time that a real one would have taken:
 * unknown users must look like known ones.  A wrong password is hashed once, or twice
 * if normalizing changes it: that is known to whoever typed it, and no more is told.
 */
extern PasswordVerdict PasswordVerify(const char *phc, const char *password);

/* The hash was made at other costs than today's: hash again at the next login. */
extern bool PasswordNeedsRehash(const char *phc);

#endif /* PARLEY_PASSWORD_H */
