/*
 * pgpool.h
 *	  A few pipelined connections that run requests; a request is one to four
 *	  prepared statements and one Sync, so one implicit transaction.
 *
 * Statements are prepared when a connection first needs them.  Requests go to the
 * connection with the fewest in flight; when all are full or none is up they wait in
 * a bounded queue for a bounded time.  Parameters and results may be secrets: nothing
 * here logs them, and parameters are wiped when their request is over.
 */
#ifndef PARLEY_PGPOOL_H
#define PARLEY_PGPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "pgparam.h"
#include "timerwheel.h"
#include "util.h"

typedef struct PgPool PgPool;
typedef struct PgRequest PgRequest;
typedef struct PgReply PgReply;

#define PGPOOL_MAX_CALLS 4
#define PGPOOL_MAX_PARAMS 16

/* One row of a caller's table of statements; static, for the pool keeps the pointer
 * and knows the statement by it. */
typedef struct PgStatement
{
	const char *name; /* short, unique; becomes part of the server's statement name */
	const char *sql;
	int nparams; /* at most PGPOOL_MAX_PARAMS */
} PgStatement;

/* One statement with its parameters (statement->nparams of them). */
typedef struct PgCall
{
	const PgStatement *statement;
	const PgParam *params;
} PgCall;

typedef void (*PgDone)(void *arg, const PgReply *reply);

typedef struct PgPoolOptions
{
	const char *conninfo;
	int size;					  /* connections */
	int queue;					  /* requests that may wait */
	int64_t wait_ms;			  /* how long they may */
	int64_t statement_timeout_ms; /* per statement, enforced by the server */
	int64_t lock_timeout_ms;	  /* per lock, likewise; 0: none but that */
} PgPoolOptions;

/* `options` is copied. Connects from the first turn of the loop on, and for ever. */
PgPool *pgpool_create(Loop *loop, TimerWheel *wheel, const PgPoolOptions *options) MUST_CHECK;

/*
 * Answers every request that is not done (with PG_UNAVAILABLE or PG_UNKNOWN, from
 * within this call), then closes; requests made by those answers are refused as well.
 * The pool must not be used afterwards: its memory goes in a turn of the loop.
 */
void pgpool_close(PgPool *pool);

/* How many requests may wait, and how long; also for those that do. */
void pgpool_set_patience(PgPool *pool, int queue, int64_t wait_ms);

/* Connections that are up now: 0 means that requests have to wait. */
int pgpool_connections(const PgPool *pool);

/*
 * Runs the calls as one transaction.  All that `calls` points to is copied except the
 * PgStatements.  `done` is called exactly once, from the loop and never from within
 * this call, unless the request is cancelled.  The request belongs to the pool; the
 * pointer is good until `done` is called or pgpool_cancel().
 */
PgRequest *pgpool_request(PgPool *pool, const PgCall *calls, int ncalls, PgDone done, void *arg);

/* `done` will not be called.  What was not sent never will be; what was still runs. */
void pgpool_cancel(PgRequest *request);

/* ---- replies (valid only within `done`) --------------------------------- */

typedef enum PgOutcome
{
	PG_OK,			/* committed; the rows are those of the last statement */
	PG_ERROR,		/* the server refused; nothing of the request took effect */
	PG_UNAVAILABLE, /* never sent: no connection in time, or the queue is full */
	PG_UNKNOWN		/* sent, but the connection was lost before the answer */
} PgOutcome;

bool pgreply_ok(const PgReply *reply);

/*
 * Of the first error.  sqlstate is five characters: of the server for PG_ERROR, else
 * 57P03 (unavailable) or 08007 (unknown); "00000" for PG_OK.  Never NULL.
 */
const char *pgreply_sqlstate(const PgReply *reply);
const char *pgreply_message(const PgReply *reply);

/* The DETAIL of an error of the server, else "". */
const char *pgreply_detail(const PgReply *reply);

/* 0 unless PG_OK. */
int pgreply_rows(const PgReply *reply);
int pgreply_columns(const PgReply *reply);

/* Text form, terminated; "" for NULL and for what is out of range. */
const char *pgreply_value(const PgReply *reply, int row, int column);
size_t pgreply_length(const PgReply *reply, int row, int column);
bool pgreply_is_null(const PgReply *reply, int row, int column);

/* The value as a number; `otherwise` when it is NULL or not a number. */
int64_t pgreply_int64(const PgReply *reply, int row, int column, int64_t otherwise);

#endif /* PARLEY_PGPOOL_H */
