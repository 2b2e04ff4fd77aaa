/*
 * session.h
 *	  One WebSocket client: its state, its deadlines, its life.
 *
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
#include "closecode.h"
#include "credential.h"
#include "event.h"
#include "hub.h"
#include "login.h"
#include "loop.h"
#include "outlet.h"
#include "pgpool.h"
#include "problem.h"
#include "timerwheel.h"
#include "util.h"

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

#define SESSION_TIMELINE_SIZE 48

/* May change at run time: the first for what begins from then on. */
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

/* What all sessions of a process have in common; sessions.c makes it. */
typedef struct SessionHost
{
	SessionsOptions options;
	LoginOptions login;
	bool streaming; /* the feed does: a client with a token may ask */
	char timeline[SESSION_TIMELINE_SIZE];
	Outlets outlets;
	ListNode sessions; /* Session.node */
	size_t count;
	uint64_t last_id;
} SessionHost;

/* What becomes of a login: for SessionHost.login. */
extern const LoginHandlers session_login_handlers;

/* ---- for sessions.c ------------------------------------------------------ */

void session_each(const SessionHost *host, void (*visit)(Session *session, void *arg), void *arg);

/* The feed streams: one that waited for it goes on. */
void session_go_on(Session *session);

/* Heartbeat and expiry notice have changed. */
void session_follow_limits(Session *session);

/* Tells the client to come back after this time (`reconnect`); session_leave_when_due() closes
 * it then. */
void session_leave_in(Session *session, int64_t after_ms);
void session_leave_when_due(Session *session, int64_t now_ms);

/* ---- for the transport -------------------------------------------------- */

/* A new socket; `scope` is a conversation id or 0.  The transport owns the reference. */
Session *session_open(SessionHost *host, const SessionTransport *transport, void *socket,
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

/*
 * The same for a call, whose answer may be large: few are under way at once, and an answer
 * that would have to wait in the outbox waits for it to be empty, so that nobody is slow by
 * asking.  An answer ends the call.
 */
void session_call_begin(Session *session);
void session_call_answer(Session *session, const Buffer *payload);
void session_call_end(Session *session);

/* Behind what waits, to be joined in larger frames; a session with room has a place for one
 * more without leaving anything out. */
void session_queue(Session *session, Event *event);
bool session_has_room(const Session *session);

/*
 * A frame that came behind a token, but ahead of the answer to it: `take` gets it, in order,
 * right behind the `welcome`; if the login fails it is dropped.  It counts as a request (or as a
 * call) and by its length, so a client that says too much too early is not read meanwhile.
 * `text` is copied; `take` and `arg` are the same for all frames of a session.
 */
typedef void (*SessionTake)(const void *arg, Session *session, const char *text, size_t length);

void session_defer(Session *session, const char *text, size_t length, bool is_call,
				   SessionTake take, const void *arg);

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
int64_t session_login_id(const Session *session); /* chat.session.id */
int64_t session_scope(const Session *session);

/* Whose numbers and versions the cursors of a live session are: see chat.timeline().  The same
 * for all, for when it changes, the feed is lost. */
const char *session_timeline(const Session *session);
const Address *session_client(const Session *session);
uint64_t session_id(const Session *session); /* for the log */

#endif /* PARLEY_SESSION_H */
