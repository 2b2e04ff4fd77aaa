/*
 * session.h
 *	  Sessions: one login, its refresh tokens, and the access tokens that speak for it.
 */
#ifndef PARLEY_SESSION_H
#define PARLEY_SESSION_H

#include "postgres.h"

#include "jwt.h"

/* Defines the settings; called once, from _PG_init. */
extern void SessionInit(void);

/*
 * What a token claims, once it is sure that it is genuine, has not expired and its
 * session goes on; else TOKEN_INVALID, TOKEN_EXPIRED or SESSION_REVOKED.
 */
extern JwtClaims SessionVerify(text *token);

#endif /* PARLEY_SESSION_H */
