/*
 * compat.h
 *	  Everything that differs between PostgreSQL 14 and 18: the one place where
 *	  PG_VERSION_NUM is read.
 *
 * Each file that is of the server includes it first, in place of postgres.h: which header brings another
 * along differs between versions, too.
 */
#ifndef PARLEY_COMPAT_H
#define PARLEY_COMPAT_H

#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "replication/logical.h"
#include "utils/float.h"

#if PG_VERSION_NUM < 140000
#error "pg_parley needs PostgreSQL 14 or later"
#endif

#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif

#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#include "varatt.h"
#endif

/* PostgreSQL 15 brought this name for the function that reads an int64, whatever type that is. */
#if PG_VERSION_NUM < 150000
#define strtoi64(text, end, base) ((int64) strtoll(text, end, base))
#endif

/* PostgreSQL 15 added the argument that says the transaction was skipped. */
#if PG_VERSION_NUM >= 150000
#define ParleyUpdateProgress(ctx) OutputPluginUpdateProgress(ctx, true)
#else
#define ParleyUpdateProgress(ctx) OutputPluginUpdateProgress(ctx)
#endif

/*
 * Within a transaction of which nothing is sent: answers the client, and asks it whether it is
 * there.  From 16 on the reorder buffer does that by itself (update_progress_txn_cb).
 */
#if PG_VERSION_NUM >= 160000
#define ParleyTellProgress(ctx) ((void) (ctx))
#elif PG_VERSION_NUM >= 150000
#define ParleyTellProgress(ctx) OutputPluginUpdateProgress(ctx, false)
#else
#define ParleyTellProgress(ctx) OutputPluginUpdateProgress(ctx)
#endif

/* PostgreSQL 18 can log that the lock was not available. */
#if PG_VERSION_NUM >= 180000
#define ParleyTransactionHasEnded(xid) ConditionalXactLockTableWait(xid, false)
#else
#define ParleyTransactionHasEnded(xid) ConditionalXactLockTableWait(xid)
#endif

/* PostgreSQL 17 lets an extension name what it waits for; before, all are "Extension". */
#if PG_VERSION_NUM >= 170000
#define ParleyWaitEvent(name) WaitEventExtensionNew(name)
#else
#define ParleyWaitEvent(name) PG_WAIT_EXTENSION
#endif

/*
 * PostgreSQL 15 wants shared memory asked for in a hook, before it in _PG_init:
 * calls `ask` at the right time, and keeps who was there first in `previous`.
 */
#if PG_VERSION_NUM >= 150000
typedef shmem_request_hook_type ParleyShmemRequestHook;
#define ParleyHookShmemRequest(ask, previous) \
	((previous) = shmem_request_hook, shmem_request_hook = (ask))
#else
typedef void (*ParleyShmemRequestHook)(void);
#define ParleyHookShmemRequest(ask, previous) ((previous) = NULL, (ask) ())
#endif

/* The timeline that is written to, or replayed; PostgreSQL 15 keeps it for backends to ask. */
static inline TimeLineID
ParleyTimeline(void)
{
	TimeLineID replayed;

	if (!RecoveryInProgress())
#if PG_VERSION_NUM >= 150000
		return GetWALInsertionTimeLine();
#else
		return ThisTimeLineID;
#endif
	(void) GetXLogReplayRecPtr(&replayed);
	return replayed;
}

/* PostgreSQL 15 took the commit time out of the transaction's end fields. */
#if PG_VERSION_NUM >= 150000
#define ParleyCommitTime(txn) ((txn)->xact_time.commit_time)
#else
#define ParleyCommitTime(txn) ((txn)->commit_time)
#endif

/* PostgreSQL 17 passes the changed tuples without their buffer wrapper. */
#if PG_VERSION_NUM >= 170000
#define ParleyNewTuple(change) ((change)->data.tp.newtuple)
#define ParleyOldTuple(change) ((change)->data.tp.oldtuple)
#else
#define ParleyNewTuple(change) \
	((change)->data.tp.newtuple ? &(change)->data.tp.newtuple->tuple : NULL)
#define ParleyOldTuple(change) \
	((change)->data.tp.oldtuple ? &(change)->data.tp.oldtuple->tuple : NULL)
#endif

/* PostgreSQL 15 reserves the prefix of a library's settings under a new name. */
#if PG_VERSION_NUM >= 150000
#define ParleyReservePrefix(prefix) MarkGUCPrefixReserved(prefix)
#else
#define ParleyReservePrefix(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* PostgreSQL 17 lets the caller of the JSON lexer bring its memory. */
#if PG_VERSION_NUM >= 170000
#define ParleyJsonLexer(json, size) makeJsonLexContextCstringLen(NULL, json, size, PG_UTF8, false)
#else
#define ParleyJsonLexer(json, size) makeJsonLexContextCstringLen(json, size, PG_UTF8, false)
#endif

/* PostgreSQL 16 has a general way to get input errors without raising them. */
static inline bool
ParleyTryFloat8(char *text, float8 *value)
{
#if PG_VERSION_NUM >= 160000
	ErrorSaveContext errors = {.type = T_ErrorSaveContext};

	*value = float8in_internal(text, NULL, "double precision", text, (struct Node *) &errors);
	return !errors.error_occurred;
#else
	bool failed = false;

	*value = float8in_internal_opt_error(text, NULL, "double precision", text, &failed);
	return !failed;
#endif
}

#endif /* PARLEY_COMPAT_H */
