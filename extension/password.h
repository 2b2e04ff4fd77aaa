/*
 * password.h
 *	  Passwords: what is acceptable, and their Argon2id hashes (RFC 9106) as PHC
 *	  strings, "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>".
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

/*
 * Does the password belong to the hash?  With phc NULL, or a string that is no
 * Argon2id hash, the answer is no after the time that a real one would have
 * taken: unknown users must look like known ones.
 */
extern bool PasswordVerify(const char *phc, const char *password);

/* The hash was made at other costs than today's: hash again at the next login. */
extern bool PasswordNeedsRehash(const char *phc);

#endif /* PARLEY_PASSWORD_H */
