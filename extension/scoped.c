/*
 * scoped.c
 *	  Values that last as long as the transaction.
 *
 * Each is the top of a stack in TopTransactionContext, which the end of the
 * transaction frees.  An entry remembers the subtransaction that set it, so that
 * its rollback uncovers the value from before.
 */
#include "compat.h"

#include "scoped.h"

#include "access/xact.h"
#include "utils/memutils.h"

typedef struct ScopedEntry
{
	SubTransactionId set_by;
	struct ScopedEntry *below;
	char value[FLEXIBLE_ARRAY_MEMBER];
} ScopedEntry;

#define VALUE_OFFSET MAXALIGN(offsetof(ScopedEntry, value))

static Scoped *all = NULL;

static void
ForgetAtTransactionEnd(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			for (Scoped *scoped = all; scoped; scoped = scoped->next)
				scoped->top = NULL;
			break;
		default:
			break;
	}
}

static void
FollowSubtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	for (Scoped *scoped = all; scoped; scoped = scoped->next)
	{
		if (event == SUBXACT_EVENT_ABORT_SUB)
		{
			while (scoped->top && scoped->top->set_by == mine)
				scoped->top = scoped->top->below;
		}
		else if (event == SUBXACT_EVENT_COMMIT_SUB)
		{
			for (ScopedEntry *e = scoped->top; e && e->set_by == mine; e = e->below)
				e->set_by = parent;
		}
	}
}

static bool
IsRegistered(const Scoped *scoped)
{
	for (const Scoped *known = all; known; known = known->next)
	{
		if (known == scoped)
			return true;
	}
	return false;
}

/* An initialisation that failed is tried again at the next use of the library. */
void
ScopedInit(Scoped *scoped)
{
	if (IsRegistered(scoped))
		return;
	if (all == NULL)
	{
		RegisterXactCallback(ForgetAtTransactionEnd, NULL);
		RegisterSubXactCallback(FollowSubtransaction, NULL);
	}
	scoped->next = all;
	all = scoped;
}

void *
ScopedGet(const Scoped *scoped)
{
	return scoped->top ? (char *) scoped->top + VALUE_OFFSET : NULL;
}

void *
ScopedSet(Scoped *scoped)
{
	SubTransactionId current = GetCurrentSubTransactionId();

	if (scoped->top == NULL || scoped->top->set_by != current)
	{
		ScopedEntry *entry = MemoryContextAlloc(TopTransactionContext, VALUE_OFFSET + scoped->size);

		entry->set_by = current;
		entry->below = scoped->top;
		scoped->top = entry;
	}
	return ScopedGet(scoped);
}
