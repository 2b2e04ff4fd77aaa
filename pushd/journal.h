/*
 * journal.h
 *	  What the feed has said of accounts and a snapshot of the tables may not know yet.
 *
 * A commit is in the WAL a moment before it is visible, so a snapshot may be older than what
 * the feed has said already.  The output plugin mostly waits for that moment
 * (extension/visible.h), for the sake of clients that query at once what they were notified of.
 * We can't rely on it: that wait is bounded, can be turned off, and does not happen where commits
 * wait for a standby; and the feed of the tables and a pool of connections to several servers
 * have snapshots of their own time anyhow.  The journal keeps member, session and account events until no
 * snapshot can be older than they are (its xmin is past their xid), so that each can be
 * corrected by them.
 */
#ifndef PARLEY_JOURNAL_H
#define PARLEY_JOURNAL_H

#include "util.h"

typedef struct Journal Journal;

typedef struct JournalEntry
{
	uint32_t xid;
	uint8_t kind; /* PARLEY_EVENT_MEMBER, _SESSION or _ACCOUNT */
	bool active;  /* MEMBER: belongs to the conversation from now on */
	int64_t account_id;
	int64_t subject; /* MEMBER: conversation, SESSION: session id */
	int64_t ver;	 /* MEMBER: of the membership */
} JournalEntry;

/*
 * A question to the database whose answer tells of memberships.  Begin it before asking, end
 * it when the answer is used or thrown away.
 */
typedef struct Snapshot
{
	ListNode node;
	uint64_t number;
	bool stale; /* the feed was lost meanwhile: ask again */
} Snapshot;

Journal *journal_create(void) MUST_CHECK;
void journal_free(Journal *journal);

/* Of a membership only what has the greatest version is kept. */
void journal_add(Journal *journal, const JournalEntry *entry);

/* What is known about the membership, or NULL. */
const JournalEntry *journal_membership(const Journal *journal, int64_t account_id,
									   int64_t conversation_id);

/* All about an account, oldest first: begin with NULL, ends with NULL.  Nothing may be added
 * meanwhile. */
const JournalEntry *journal_next(const Journal *journal, int64_t account_id,
								 const JournalEntry *previous);

size_t journal_count(const Journal *journal);

/* Forgets all entries. */
void journal_clear(Journal *journal);

void journal_snapshot_begin(Journal *journal, Snapshot *snapshot);

/* Safe to repeat, and when it was never begun but for list_init() of its node. */
void journal_snapshot_end(Journal *journal, Snapshot *snapshot);

/* Makes the snapshots that are under way stale. */
void journal_distrust_snapshots(Journal *journal);

/* A snapshot that is answered has this xmin: all transactions before it had ended. */
void journal_learn_xmin(Journal *journal, int64_t xmin);

#endif /* PARLEY_JOURNAL_H */
