/*
 * pgconn.h
 *	  One non-blocking libpq connection on the loop that reconnects by itself.
 *
 * The owner gets the PGconn when it is up, queues output on it with libpq's own
 * calls and then calls pgconn_flush(); it takes results in on_input.  Name
 * resolution of libpq blocks: give hostaddr or a Unix socket where that matters.
 * Passwords never reach the log: error texts are libpq's, which hold none, and
 * conninfo is not logged at all.
 */
#ifndef PARLEY_PGCONN_H
#define PARLEY_PGCONN_H

#include <stdbool.h>

#include "loop.h"
#include "timerwheel.h"
#include "util.h"

typedef struct pg_conn PGconn; /* libpq-fe.h */
typedef struct PgConn PgConn;

typedef struct PgConnOptions
{
	const char *name;	  /* for the log, e.g. "feed" or "pool 1" */
	const char *conninfo; /* as the user gave it: conninfo string, URI or database name */
	const char *settings; /* "-c name=value …" for the server, or NULL; the user's own win */
	bool replication;	  /* a walsender on that database */
} PgConnOptions;

typedef struct PgConnHandlers
{
	/* Connected and logged in; the PGconn is non-blocking. */
	void (*on_up)(void *arg, PGconn *pq);

	/* PQconsumeInput has been done: take what is complete. */
	void (*on_input)(void *arg, PGconn *pq);

	/*
	 * An attempt failed or an established connection (`was_up`) was lost.  `why` is
	 * one line for people.  The PGconn is gone already, and so are its results; the
	 * next attempt is scheduled.
	 */
	void (*on_down)(void *arg, bool was_up, const char *why);
} PgConnHandlers;

/*
 * Whether libpq can read the connection string: for one clear line at start.  libpq's own
 * error text is withheld because it quotes parts of the string, perhaps the password.
 */
bool pgconn_check_conninfo(const char *conninfo) MUST_CHECK;

/* Strings are copied; `handlers` must outlive the connection.  Starts nothing. */
PgConn *pgconn_create(Loop *loop, TimerWheel *wheel, const PgConnOptions *options,
					  const PgConnHandlers *handlers, void *arg) MUST_CHECK;

/* Callbacks come from the loop, never from within this call. */
void pgconn_start(PgConn *conn);

/* No callback any more; also from within one.  The memory goes in a turn of the loop. */
void pgconn_close(PgConn *conn);

bool pgconn_is_up(const PgConn *conn);

/* NULL unless up. */
PGconn *pgconn_pq(PgConn *conn);

/*
 * Sends what libpq has buffered, the rest as soon as the socket takes it.  Failure
 * is reported by on_down, from the loop.
 */
void pgconn_flush(PgConn *conn);

/* Off: the socket is not read, so that a server that talks faster than its owner
 * works through it is held back by TCP. */
void pgconn_set_reading(PgConn *conn, bool on);

/*
 * The owner cannot go on with this connection: drops it and schedules the next attempt.
 * on_down comes from within this call.  For a failure after which trying again at once
 * would fail the same way, do not call pgconn_settled() before: the pauses then grow.
 */
void pgconn_fail(PgConn *conn, const char *why);

/*
 * Tells that the connection did its work: the next failure starts again with the
 * shortest pause.  (Logging in is not enough for that: a server may let us in and
 * refuse what we ask for.  That is then logged once, not at every attempt.)
 */
void pgconn_settled(PgConn *conn);

#endif /* PARLEY_PGCONN_H */
