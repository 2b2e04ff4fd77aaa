/*
 * token.h
 *	  Opaque tokens: 256 random bits as text for the client, of which only the
 *	  SHA-256 is stored.  No salt: there is nothing to guess in random bits.
 */
#ifndef PARLEY_TOKEN_H
#define PARLEY_TOKEN_H

#include "postgres.h"

/* A new token in base64url, palloc'd. */
extern char *TokenMake(void);

/* What is stored of it, palloc'd; any text has one. */
extern bytea *TokenHash(const char *token);

#endif /* PARLEY_TOKEN_H */
