/*
 * typing.h
 *	  Who is typing where: taken from one client, told to the other members, here and at
 *	  the other processes.
 *
 * It ends by the client's word, by the member's message, with the member's last
 * connection, or by itself; the end is always told.  Whether an account may be seen
 * typing (a member, not muted, not blocked) is asked of the database when it begins,
 * and again every few seconds while it goes on.
 */
#ifndef PARLEY_TYPING_H
#define PARLEY_TYPING_H

#include "exchange.h"
#include "hub.h"
#include "loop.h"
#include "pgpool.h"
#include "session.h"
#include "timerwheel.h"

/* Frames of one account: so many at once, and then so many a second. */
#define TYPING_BURST 20
#define TYPING_PER_S 5

typedef struct Typing Typing;

typedef struct TypingOptions
{
	TimerWheel *wheel;
	PgPool *pool;
	Hub *hub;
	Exchange *exchange;
	int64_t timeout_ms; /* without another word */
} TypingOptions;

Typing *typing_create(const TypingOptions *options) MUST_CHECK;

/* For what is said from now on. */
void typing_set_timeout(Typing *typing, int64_t timeout_ms);

/*
 * A client's frame.  Answered only when it is refused: conversation_not_found, muted,
 * blocked, banned, throttled.
 */
void typing_frame(Typing *typing, Session *session, const char *request_id, int64_t conversation_id,
				  bool is_typing);

/* What another process tells: BULLETIN_TYPING. */
void typing_take(Typing *typing, const BulletinItem *item);

/* The account's message was committed. */
void typing_message(Typing *typing, int64_t conversation_id, int64_t account_id);

/* The account's last connection here has gone. */
void typing_offline(Typing *typing, int64_t account_id);

/* Before the pool goes. */
void typing_stop(Typing *typing);
void typing_free(Typing *typing);

#endif /* PARLEY_TYPING_H */
