/*
 * test_journal.c
 *	  The journal alone: what it keeps, for whom, and for how long.  How the hub corrects
 *	  snapshots by it is in test_hub.c.
 */
#include "journal.h"

#include "tap.h"
#include "wire.h"

static void
say_member(Journal *journal, uint32_t xid, int64_t account_id, int64_t conversation_id, int64_t ver,
		   bool active)
{
	journal_add(journal, &(JournalEntry){.xid = xid,
										 .kind = PARLEY_EVENT_MEMBER,
										 .active = active,
										 .account_id = account_id,
										 .subject = conversation_id,
										 .ver = ver});
}

static void
say_session(Journal *journal, uint32_t xid, int64_t account_id, int64_t session_id)
{
	journal_add(journal, &(JournalEntry){.xid = xid,
										 .kind = PARLEY_EVENT_SESSION,
										 .account_id = account_id,
										 .subject = session_id});
}

/* A question that is asked and answered at once. */
static void
see(Journal *journal, int64_t xmin)
{
	Snapshot snapshot;

	journal_snapshot_begin(journal, &snapshot);
	journal_learn_xmin(journal, xmin);
	journal_snapshot_end(journal, &snapshot);
}

static void
test_entries(void)
{
	Journal *journal = journal_create();
	const JournalEntry *entry;

	ok(!journal_membership(journal, 1, 7) && !journal_next(journal, 1, NULL), "nothing is known");
	say_member(journal, 100, 1, 7, 5, true);
	say_session(journal, 101, 1, 10);
	say_member(journal, 102, 2, 7, 1, true);
	entry = journal_next(journal, 1, NULL);
	ok(entry && entry->kind == PARLEY_EVENT_MEMBER && entry->subject == 7, "the oldest");
	entry = journal_next(journal, 1, entry);
	ok(entry && entry->kind == PARLEY_EVENT_SESSION && entry->subject == 10, "the next");
	ok(!journal_next(journal, 1, entry), "nothing of others");

	say_member(journal, 103, 1, 7, 6, false);
	entry = journal_membership(journal, 1, 7);
	ok(entry && entry->ver == 6 && !entry->active, "what is newer takes the place");
	say_member(journal, 104, 1, 7, 4, true);
	entry = journal_membership(journal, 1, 7);
	ok(entry && entry->ver == 6, "what is older does not");
	is_number((int64_t) journal_count(journal), 3, "one entry a membership");
	journal_clear(journal);
	ok(journal_count(journal) == 0 && !journal_membership(journal, 2, 7), "all is forgotten");
	journal_free(journal);
}

static void
test_pruning(void)
{
	Journal *journal = journal_create();
	Snapshot old;

	say_session(journal, 100, 1, 10);
	say_session(journal, 200, 2, 20);
	see(journal, 100);
	is_number((int64_t) journal_count(journal), 2, "a snapshot that may not show them");
	see(journal, 150);
	is_number((int64_t) journal_count(journal), 1, "one that shows the first");
	ok(!journal_next(journal, 1, NULL) && journal_next(journal, 2, NULL), "which goes");

	journal_snapshot_begin(journal, &old);
	see(journal, 300);
	is_number((int64_t) journal_count(journal), 1, "an older question is still under way");
	journal_snapshot_end(journal, &old);
	is_number((int64_t) journal_count(journal), 0, "and is not any more");
	journal_snapshot_end(journal, &old);
	ok(true, "to end it again does no harm");

	say_session(journal, UINT32_C(0xfffffff0), 1, 10);
	see(journal, 5 + (INT64_C(1) << 32));
	is_number((int64_t) journal_count(journal), 0, "transaction ids that have gone round");
	journal_free(journal);
}

static void
test_distrust(void)
{
	Journal *journal = journal_create();
	Snapshot before;
	Snapshot after;

	journal_snapshot_begin(journal, &before);
	journal_distrust_snapshots(journal);
	journal_snapshot_begin(journal, &after);
	ok(before.stale && !after.stale, "those under way are stale, later ones are not");
	journal_snapshot_end(journal, &before);
	journal_snapshot_end(journal, &after);
	journal_free(journal);
}

int
main(void)
{
	test_entries();
	test_pruning();
	test_distrust();
	return done_testing();
}
