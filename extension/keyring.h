/*
 * keyring.h
 *	  The keys that sign and verify access tokens: table chat.jwt_key.
 */
#ifndef PARLEY_KEYRING_H
#define PARLEY_KEYRING_H

#include "postgres.h"

#include "jwt.h"

/* Defines the settings; called once, from _PG_init. */
extern void KeyringInit(void);

/* The newest key that is not retired, or the error NO_SIGNING_KEY.  Palloc'd in the current context. */
extern const JwtKey *KeyringSigner(void);

/* A JwtKeyLookup that gives no retired key; palloc'd in the current context. */
extern const JwtKey *KeyringFind(const char *kid, void *arg);

#endif /* PARLEY_KEYRING_H */
