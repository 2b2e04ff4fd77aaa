/*
 * session.h
 *	  One WebSocket client: its state, its deadlines, its life.
 *
 * The socket is behind a SessionTransport, so this file knows no libwebsockets.
 * Every change of state goes through one function (session_move in session.c):
 *
 *	 OPEN ──token──> WAITING ──feed streams──> ASKING ──welcome──> LIVE
 *	 any ──> CLOSING (what is queued goes out, then a close frame) ──> CLOSED
 *
 * A session is counted by reference: the transport holds one, and so does everything
 * that answers later (a send in a batch, a request to the database).
 */
#ifndef PARLEY_SESSION_H
#define PARLEY_SESSION_H

#include "address.h"
#include "credential.h"
#include "event.h"
#include "hub.h"
#include "loop.h"
#include "pgpool.h"
#include "problem.h"
#include "timerwheel.h"
#include "util.h"

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

int session_close_code(SessionClose close);
const char *session_close_reason(SessionClose close);

typedef enum SessionState
{
	SESSION_OPEN,	 /* no token yet */
	SESSION_WAITING, /* has a token; waits until the feed streams */
	SESSION_ASKING,	 /* the database is looking at the token */
	SESSION_LIVE,	 /* welcomed; gets events */
	SESSION_CLOSING, /* will be closed when the outbox is empty */
	SESSION_CLOSED	 /* the socket is gone */
} SessionState;

typedef struct Session Session;
typedef struct Sessions Sessions;

/* What a session needs of its socket; `socket` is what sessions_open() was given. */
typedef struct SessionTransport
{
	/* Sends a frame; the socket keeps (copies) what it cannot send. False: broken. */
	bool (*write)(void *socket, Event *frame);

	/* Whether the socket still holds something unsent. */
	bool (*is_choked)(void *socket);

	/* Asks for a call of session_writable(). */
	void (*want_writable)(void *socket);

	/* Sends a ping; false: broken.  Only when it is not choked. */
	bool (*ping)(void *socket);

	/* Off: frames of the client are left in the kernel. */
	void (*set_reading)(void *socket, bool on);

	/* Drops the connection without a close frame, from a later turn of the loop. */
	void (*abort)(void *socket);
} SessionTransport;

/* May change at run time: for what begins from then on. */
typedef struct SessionLimits
{
	int64_t auth_timeout_ms;
	int64_t heartbeat_ms;
	int64_t expiry_notice_ms; /* before a token ends; 0: none */
	size_t max_outbox_bytes;
	size_t max_per_account; /* 0: no limit */
} SessionLimits;

typedef struct SessionsOptions
{
	Loop *loop;
	TimerWheel *wheel;
	PgPool *pool;
	Hub *hub;
	SessionLimits limits;
} SessionsOptions;

Sessions *sessions_create(const SessionsOptions *options) MUST_CHECK;

void sessions_set_limits(Sessions *sessions, const SessionLimits *limits);

/* All sessions must have gone. */
void sessions_free(Sessions *sessions);

/* While the feed does not stream, clients with a token wait for it. */
void sessions_set_feed(Sessions *sessions, bool streaming);

/*
 * Sends everybody elsewhere: tells each client (`reconnect`) after how long to come back,
 * at a time of its own within `over_ms`, and closes it then.  One that comes later, too.
 */
void sessions_drain(Sessions *sessions, int64_t over_ms);

/*
 * Between the two, events are kept until the end, so that all that one commit has for a
 * client goes out as one frame.
 */
void sessions_cork(Sessions *sessions);
void sessions_uncork(Sessions *sessions);

void sessions_close_all(Sessions *sessions, SessionClose why);
size_t sessions_count(const Sessions *sessions);

/* ---- for the transport -------------------------------------------------- */

/* A new socket; `scope` is a conversation id or 0.  The transport owns the reference. */
Session *sessions_open(Sessions *sessions, const SessionTransport *transport, void *socket,
					   int64_t scope) MUST_CHECK;

/* Whose address it is; before a token comes. */
void session_set_client(Session *session, const Address *client);

/* The socket takes data again: drains the outbox. */
void session_writable(Session *session);

/* True when the close frame is to be sent now. */
bool session_wants_close(const Session *session, SessionClose *why);

/* Anything came in: the client is alive. */
void session_heard(Session *session);

/* The socket is gone; takes the transport's reference. */
void session_closed(Session *session);

/* ---- for what the client asks ------------------------------------------- */

/*
 * Starts (or, when live, renews) the login.  The answer is a `welcome`, or an `error`
 * and a close.  `request_id` may be NULL.
 */
void session_authenticate(Session *session, const Credential *credential, const char *request_id);

/* Takes what is in the buffer as one frame; replies are never dropped silently: a
 * client that does not read them is closed as slow_consumer. */
void session_reply(Session *session, const Buffer *payload);
void session_problem(Session *session, ProblemId id, const char *request_id, const char *message);

/* From the first call on that counts, all others are ignored. */
void session_close(Session *session, SessionClose why);

/*
 * One more (or one less) request of this client is under way; a client with too
 * many is not read until some are answered.
 */
void session_request_begin(Session *session);
void session_request_end(Session *session);

/* Behind what waits, to be joined in larger frames; a session with room has a place for one
 * more without leaving anything out. */
void session_queue(Session *session, Event *event);
bool session_has_room(const Session *session);

/*
 * Who takes part in a session for a time (catchup.c) sees the events of the hub before they
 * are sent.  There is one at most.  `take` must not call the hub.
 */
typedef struct SessionGuard
{
	/* True: the session does not send the event. */
	bool (*take)(struct SessionGuard *guard, Event *event);

	/* The first welcome has been sent, and nothing of the feed yet. */
	void (*welcomed)(struct SessionGuard *guard);

	/* What waited for the client has gone out. */
	void (*drained)(struct SessionGuard *guard);

	/* The session is being closed; it has let go of the guard. */
	void (*ended)(struct SessionGuard *guard);
} SessionGuard;

/* NULL: nobody any more. */
void session_set_guard(Session *session, SessionGuard *guard);
SessionGuard *session_guard(const Session *session);

Session *session_ref(Session *session);
void session_unref(Session *session);

SessionState session_state(const Session *session);
int64_t session_account_id(const Session *session);
int64_t session_scope(const Session *session);
const Address *session_client(const Session *session);
uint64_t session_id(const Session *session); /* for the log */

#endif /* PARLEY_SESSION_H */
