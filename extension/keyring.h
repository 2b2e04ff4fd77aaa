/*
 * keyring.h
 *	  The keys that sign and verify access tokens: table chat.jwt_key.
 */
#ifndef PARLEY_KEYRING_H
#define PARLEY_KEYRING_H

#include "postgres.h"

#include "jwt.h"

/* The newest key, or the error NO_SIGNING_KEY.  Palloc'd in the current context. */
extern const JwtKey *KeyringSigner(void);

/* A JwtKeyLookup; palloc'd in the current context. */
extern const JwtKey *KeyringFind(const char *kid, void *arg);

#endif /* PARLEY_KEYRING_H */
