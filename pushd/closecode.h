/*
 * closecode.h
 *	  Why the server closes a WebSocket: the published codes, their names, and which of
 *	  them it is.
 */
#ifndef PARLEY_CLOSECODE_H
#define PARLEY_CLOSECODE_H

#include "hub.h"
#include "problem.h"

/*
 * X(symbol, close code, reason).  RFC 6455 leaves 4000–4999 to applications; ours:
 * up to 4499 the client is to reconnect, from 4500 on it must not without a change.
 */
#define SESSION_CLOSES(X) \
	X(SERVER_SHUTDOWN, 4000, "server_shutdown") \
	X(AUTH_TIMEOUT, 4001, "auth_timeout") \
	X(TOKEN_EXPIRED, 4002, "token_expired") \
	X(SLOW_CONSUMER, 4003, "slow_consumer") \
	X(FEED_RESET, 4004, "feed_reset") \
	X(UNAVAILABLE, 4005, "unavailable") \
	X(UNAUTHENTICATED, 4500, "unauthenticated") \
	X(SESSION_REVOKED, 4501, "session_revoked") \
	X(ACCOUNT_CLOSED, 4502, "account_closed") \
	X(NOT_A_MEMBER, 4503, "not_a_member") \
	X(TOO_MANY_CONNECTIONS, 4504, "too_many_connections") \
	X(INVALID_FRAGMENT, 1002, "invalid_fragment") \
	X(INVALID_UTF8, 1007, "invalid_utf8") \
	X(INVALID_DEFLATE, 1007, "invalid_deflate") \
	X(MESSAGE_TOO_BIG, 1009, "message_too_big")

typedef enum SessionClose
{
#define SESSION_CLOSE_ENUM(symbol, code, reason) SESSION_CLOSE_##symbol,
	SESSION_CLOSES(SESSION_CLOSE_ENUM)
#undef SESSION_CLOSE_ENUM
	SESSION_CLOSE_COUNT
} SessionClose;

#define SESSION_CLOSE_NONE SESSION_CLOSE_COUNT /* the server does not close it */

int session_close_code(SessionClose close);
const char *session_close_reason(SessionClose close);

/* For a login that was refused. */
SessionClose session_close_of_problem(ProblemId id);

/* For what the feed says of an account, a session or a membership. */
SessionClose session_close_of_end(HubEnd why);

/* Counts one that has gone, for this reason or, SESSION_CLOSE_NONE, by itself. */
void session_close_observe(SessionClose close);

#endif /* PARLEY_CLOSECODE_H */
