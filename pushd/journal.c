/*
 * journal.c
 *	  What the feed has said of accounts and a snapshot of the tables may not know yet.
 *
 * An entry is in the list of all, in the order of the feed, and in that of its account; the
 * journal owns it.  A list of an account lives as long as it has an entry.  Snapshots belong
 * to those who ask.
 */
#include "journal.h"

#include <stdlib.h>

#include "wire.h"

typedef struct Entry
{
	JournalEntry said;
	ListNode in_order;
	ListNode of_account;
} Entry;

typedef struct EntryList
{
	ListNode entries;
	Map members; /* conversation id → the one Entry about it, which is the newest */
} EntryList;

struct Journal
{
	ListNode in_order; /* Entry.in_order */
	Map by_account;	   /* account id → EntryList */
	size_t count;
	ListNode snapshots;		  /* under way, oldest first */
	uint64_t snapshot_number; /* of the newest */
	bool have_xmin;			  /* safe_xmin is waiting for older snapshots to end */
	uint32_t safe_xmin;		  /* finished before every snapshot after safe_number */
	uint64_t safe_number;
};

/* ---- entries ------------------------------------------------------------ */

static EntryList *
list_need(Journal *journal, int64_t account_id)
{
	EntryList *list = map_get(&journal->by_account, account_id);

	if (!list)
	{
		list = xcalloc(1, sizeof(EntryList));
		list_init(&list->entries);
		map_put(&journal->by_account, account_id, list);
	}
	return list;
}

static void
entry_free(Journal *journal, Entry *entry)
{
	EntryList *list = map_get(&journal->by_account, entry->said.account_id);

	list_remove(&entry->in_order);
	list_remove(&entry->of_account);
	if (entry->said.kind == PARLEY_EVENT_MEMBER)
		(void) map_remove(&list->members, entry->said.subject);
	if (list_is_empty(&list->entries))
	{
		map_free(&list->members);
		free(map_remove(&journal->by_account, entry->said.account_id));
	}
	free(entry);
	journal->count--;
}

static void
entry_add(Journal *journal, const JournalEntry *said)
{
	Entry *entry = xcalloc(1, sizeof(Entry));
	EntryList *list = list_need(journal, said->account_id);

	entry->said = *said;
	list_init(&entry->in_order);
	list_init(&entry->of_account);
	list_push_back(&journal->in_order, &entry->in_order);
	list_push_back(&list->entries, &entry->of_account);
	journal->count++;
	if (said->kind == PARLEY_EVENT_MEMBER)
		map_put(&list->members, said->subject, entry);
}

static Entry *
find_membership(const Journal *journal, int64_t account_id, int64_t conversation_id)
{
	const EntryList *list = map_get(&journal->by_account, account_id);

	return list ? map_get(&list->members, conversation_id) : NULL;
}

void
journal_add(Journal *journal, const JournalEntry *said)
{
	Entry *known = said->kind == PARLEY_EVENT_MEMBER
					   ? find_membership(journal, said->account_id, said->subject)
					   : NULL;

	if (known && known->said.ver > said->ver)
		return;
	if (known)
		entry_free(journal, known);
	entry_add(journal, said);
}

const JournalEntry *
journal_membership(const Journal *journal, int64_t account_id, int64_t conversation_id)
{
	const Entry *entry = find_membership(journal, account_id, conversation_id);

	return entry ? &entry->said : NULL;
}

const JournalEntry *
journal_next(const Journal *journal, int64_t account_id, const JournalEntry *previous)
{
	const EntryList *list = map_get(&journal->by_account, account_id);
	const ListNode *node;

	if (!list)
		return NULL;
	node = previous ? &container_of(previous, const Entry, said)->of_account : &list->entries;
	return node->next == &list->entries ? NULL : &list_entry(node->next, Entry, of_account)->said;
}

size_t
journal_count(const Journal *journal)
{
	return journal->count;
}

void
journal_clear(Journal *journal)
{
	ListNode *first;

	while ((first = list_first(&journal->in_order)))
		entry_free(journal, list_entry(first, Entry, in_order));
	journal->have_xmin = false;
}

/* ---- snapshots ---------------------------------------------------------- */

/* xids are 32 bits and go round. */
static bool
xid_precedes(uint32_t a, uint32_t b)
{
	return (int32_t) (a - b) < 0;
}

/*
 * All transactions before safe_xmin had ended for a snapshot that began before
 * number safe_number; so had they for all later ones.  Once the older ones are
 * done, nobody needs the entries any more.
 */
static void
prune(Journal *journal)
{
	ListNode *oldest = list_first(&journal->snapshots);
	ListNode *first;

	if (!journal->have_xmin ||
		(oldest && list_entry(oldest, Snapshot, node)->number <= journal->safe_number))
		return;
	journal->have_xmin = false;
	while ((first = list_first(&journal->in_order)))
	{
		Entry *entry = list_entry(first, Entry, in_order);

		if (!xid_precedes(entry->said.xid, journal->safe_xmin))
			break;
		entry_free(journal, entry);
	}
}

void
journal_snapshot_begin(Journal *journal, Snapshot *snapshot)
{
	snapshot->number = ++journal->snapshot_number;
	snapshot->stale = false;
	list_init(&snapshot->node);
	list_push_back(&journal->snapshots, &snapshot->node);
}

void
journal_snapshot_end(Journal *journal, Snapshot *snapshot)
{
	list_remove(&snapshot->node);
	prune(journal);
}

void
journal_distrust_snapshots(Journal *journal)
{
	LIST_FOREACH(&journal->snapshots, node)
	{
		list_entry(node, Snapshot, node)->stale = true;
	}
}

void
journal_learn_xmin(Journal *journal, int64_t xmin)
{
	if (journal->have_xmin || list_is_empty(&journal->in_order))
		return;
	journal->have_xmin = true;
	journal->safe_xmin = (uint32_t) xmin;
	journal->safe_number = journal->snapshot_number;
}

/* ---- the whole ---------------------------------------------------------- */

Journal *
journal_create(void)
{
	Journal *journal = xcalloc(1, sizeof(Journal));

	list_init(&journal->in_order);
	list_init(&journal->snapshots);
	return journal;
}

void
journal_free(Journal *journal)
{
	journal_clear(journal);
	map_free(&journal->by_account);
	free(journal);
}
