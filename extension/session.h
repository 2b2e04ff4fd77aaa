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

/* The same as a verdict, and without asking whether its session goes on. */
extern JwtVerdict SessionReadToken(text *token, JwtClaims *claims);

/* Does the session go on, and is the account open? */
extern bool SessionLives(int64 session_id, int64 account_id);

/* When an access token made now would expire, in Unix seconds. */
extern int64 SessionTokenExpiry(void);

/* Ends the account's sessions, all but session_id; 0 ends all.  The reason is one of the table's. */
extern void SessionEndOthers(int64 account_id, int64 session_id, const char *reason);

/* ---- parts of statements ------------------------------------------------ */

/*
 * Is this row of chat.session, alone or under the name s, one that goes on?  The
 * parameter named gets SessionIdleDays(), an int4.
 */
#define SESSION_LIVES(idle_days) \
	"ended_at IS NULL AND expires_at > now() " \
	"AND last_used_at > now() - make_interval(days => " idle_days ")"

extern NullableDatum SessionIdleDays(void);

#endif /* PARLEY_SESSION_H */
