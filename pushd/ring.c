/*
 * ring.c
 *	  The recent past of active conversations, in memory.
 *
 * The ring owns its conversations and their entries; an entry holds a reference to its
 * event.  Both lie in `by_age`, a conversation at the place of its last event: so what is
 * at the front is the oldest, and a conversation that comes to the front has no entry left.
 */
#include "ring.h"

#include <stdlib.h>

#include "metrics.h"

#define UNKNOWN (-1) /* of a base: no cursor is covered */

/* Of the list by_age: an entry, or a whole conversation. */
typedef struct Aged
{
	ListNode node;
	bool is_conversation;
} Aged;

typedef struct RingConversation
{
	Aged aged;
	int64_t id;
	ListNode entries; /* in the feed's order */
	Map positions;	  /* position_key() → its newest entry */
	RingCursor base;  /* nothing after it is missing */
	RingCursor last;
	bool base_is_bare; /* positions that followed the base may be missing */
	uint32_t xid;	   /* of the last event */
	size_t bytes;
} RingConversation;

typedef struct RingEntry
{
	Aged aged;
	ListNode of_conversation;
	RingConversation *conversation;
	Event *event;
	int64_t added_us;
	bool is_position;
} RingEntry;

struct Ring
{
	RingOptions options;
	Map conversations;
	ListNode by_age;
	size_t bytes;
	uint64_t epoch;
	bool has_dropped;	  /* a whole conversation, whose last event was of: */
	uint32_t dropped_xid; /* the newest of those */
};

Ring *
ring_create(const RingOptions *options)
{
	Ring *ring = xcalloc(1, sizeof(Ring));

	ring->options = *options;
	list_init(&ring->by_age);
	return ring;
}

static bool
is_position(const Event *event)
{
	return event->kind == PARLEY_EVENT_READ || event->kind == PARLEY_EVENT_DELIVERED;
}

static int64_t
position_key(const Event *event)
{
	return event->account_id * 2 + (event->kind == PARLEY_EVENT_READ);
}

/* xids are 32 bits and go round. */
static bool
xid_precedes(uint32_t a, uint32_t b)
{
	return (int32_t) (a - b) < 0;
}

static size_t
entry_size(const Event *event)
{
	return sizeof(RingEntry) + sizeof(Event) + EVENT_HEADROOM + event->length;
}

static void
account_bytes(Ring *ring, int64_t delta)
{
	ring->bytes = (size_t) ((int64_t) ring->bytes + delta);
	metric_add(METRIC_RING_BYTES, delta);
}

/* ---- what goes ---------------------------------------------------------- */

static void
entry_free(Ring *ring, RingEntry *entry)
{
	RingConversation *conversation = entry->conversation;
	size_t size = entry_size(entry->event);

	if (entry->is_position &&
		map_get(&conversation->positions, position_key(entry->event)) == entry)
		(void) map_remove(&conversation->positions, position_key(entry->event));
	list_remove(&entry->aged.node);
	list_remove(&entry->of_conversation);
	conversation->bytes -= size;
	account_bytes(ring, -(int64_t) size);
	event_unref(entry->event);
	free(entry);
}

/* The oldest of its conversation: from now on the base is behind it. */
static void
entry_evict(Ring *ring, RingEntry *entry)
{
	RingConversation *conversation = entry->conversation;
	const Event *event = entry->event;

	if (event->kind == PARLEY_EVENT_MESSAGE)
		conversation->base.seq = event->number;
	else if (event->ver > conversation->base.ver)
		conversation->base.ver = event->ver;
	conversation->base_is_bare = entry->is_position || is_position(event);
	entry_free(ring, entry);
}

static void
conversation_clear(Ring *ring, RingConversation *conversation)
{
	ListNode *first;

	while ((first = list_first(&conversation->entries)))
		entry_free(ring, list_entry(first, RingEntry, of_conversation));
}

static void
conversation_free(Ring *ring, RingConversation *conversation)
{
	conversation_clear(ring, conversation);
	map_free(&conversation->positions);
	map_remove(&ring->conversations, conversation->id);
	list_remove(&conversation->aged.node);
	account_bytes(ring, -(int64_t) sizeof(RingConversation));
	metric_add(METRIC_RING_CONVERSATIONS, -1);
	free(conversation);
}

static void
conversation_evict(Ring *ring, RingConversation *conversation)
{
	if (!ring->has_dropped || xid_precedes(ring->dropped_xid, conversation->xid))
		ring->dropped_xid = conversation->xid;
	ring->has_dropped = true;
	conversation_free(ring, conversation);
}

static void
shrink(Ring *ring)
{
	while (ring->bytes > ring->options.max_bytes)
	{
		Aged *oldest = list_entry(list_first(&ring->by_age), Aged, node);

		if (oldest->is_conversation)
			conversation_evict(ring, container_of(oldest, RingConversation, aged));
		else
			entry_evict(ring, container_of(oldest, RingEntry, aged));
	}
}

static void
shrink_conversation(Ring *ring, RingConversation *conversation)
{
	while (conversation->bytes > ring->options.max_conversation_bytes)
		entry_evict(ring,
					list_entry(list_first(&conversation->entries), RingEntry, of_conversation));
}

void
ring_set_options(Ring *ring, const RingOptions *options)
{
	ring->options = *options;
	shrink(ring);
}

/* ---- what comes --------------------------------------------------------- */

static RingConversation *
conversation_need(Ring *ring, int64_t id)
{
	RingConversation *conversation = map_get(&ring->conversations, id);

	if (!conversation)
	{
		conversation = xcalloc(1, sizeof(RingConversation));
		conversation->aged.is_conversation = true;
		conversation->id = id;
		conversation->base = (RingCursor){UNKNOWN, UNKNOWN};
		conversation->base_is_bare = true;
		list_init(&conversation->aged.node);
		list_init(&conversation->entries);
		map_put(&ring->conversations, id, conversation);
		account_bytes(ring, sizeof(RingConversation));
		metric_add(METRIC_RING_CONVERSATIONS, 1);
	}
	return conversation;
}

static void
age(Ring *ring, Aged *aged)
{
	list_remove(&aged->node);
	list_push_back(&ring->by_age, &aged->node);
}

static RingEntry *
entry_add(Ring *ring, RingConversation *conversation, Event *event)
{
	RingEntry *entry = xcalloc(1, sizeof(RingEntry));

	entry->conversation = conversation;
	entry->event = event_ref(event);
	entry->added_us = clock_us();
	list_init(&entry->aged.node);
	list_init(&entry->of_conversation);
	conversation->bytes += entry_size(event);
	account_bytes(ring, (int64_t) entry_size(event));
	return entry;
}

/* Only the newest position of a member is of interest. */
static void
supersede_position(Ring *ring, RingConversation *conversation, RingEntry *entry)
{
	RingEntry *older;

	entry->is_position = true;
	older = map_put(&conversation->positions, position_key(entry->event), entry);
	if (older)
		entry_free(ring, older);
}

/* Moves the cursors of the conversation; false when the event does not follow them. */
static bool
follow(RingConversation *conversation, const Event *event)
{
	if (event->kind == PARLEY_EVENT_MESSAGE)
	{
		bool follows = conversation->last.seq == 0 || event->number == conversation->last.seq + 1;

		if (conversation->base.seq == UNKNOWN)
			conversation->base.seq = event->number - 1;
		conversation->last.seq = event->number;
		return follows;
	}
	if (event->ver == 0)
		return true;
	if (conversation->base.ver == UNKNOWN)
		conversation->base.ver = event->ver - 1;
	if (event->ver > conversation->last.ver)
		conversation->last.ver = event->ver;
	return true;
}

/* Begins anew behind a hole. */
static void
conversation_void(Ring *ring, RingConversation *conversation)
{
	conversation_clear(ring, conversation);
	conversation->base = (RingCursor){UNKNOWN, UNKNOWN};
	conversation->last = (RingCursor){0, 0};
	conversation->base_is_bare = true;
}

static bool
has_content(const Event *event)
{
	return event->kind == PARLEY_EVENT_MESSAGE || event->kind == PARLEY_EVENT_MESSAGE_UPDATED;
}

/* `last` is of the conversation, or NULL. */
static void
evict_up_to(Ring *ring, RingConversation *conversation, const ListNode *last)
{
	for (ListNode *first = NULL; last && first != last;)
	{
		first = list_first(&conversation->entries);
		entry_evict(ring, list_entry(first, RingEntry, of_conversation));
	}
}

/* What was taken back is not said again, not even for a moment: whoever lacks it asks the
 * tables, which know only that it is gone. */
static void
forget_message(Ring *ring, RingConversation *conversation, int64_t seq)
{
	const ListNode *last = NULL;

	LIST_FOREACH(&conversation->entries, node)
	{
		const Event *event = list_entry(node, RingEntry, of_conversation)->event;

		if (event->number == seq && has_content(event))
			last = node;
	}
	evict_up_to(ring, conversation, last);
}

/* A purge is no event.  So nothing that was said is told from here when it is older than that. */
static void
forget_old(Ring *ring, RingConversation *conversation)
{
	int64_t oldest_us = clock_us() - ring->options.max_age_us;
	const ListNode *last = NULL;

	if (ring->options.max_age_us == 0)
		return;
	LIST_FOREACH(&conversation->entries, node)
	{
		const RingEntry *entry = list_entry(node, RingEntry, of_conversation);

		if (entry->added_us < oldest_us && has_content(entry->event))
			last = node;
	}
	evict_up_to(ring, conversation, last);
}

RingResult
ring_add(Ring *ring, uint32_t xid, Event *event)
{
	RingConversation *conversation = conversation_need(ring, event->conversation_id);
	RingResult result = RING_KEPT;
	RingEntry *entry;

	if (!follow(conversation, event))
	{
		result = RING_HOLE;
		conversation_void(ring, conversation);
		(void) follow(conversation, event);
	}
	if (event->kind == PARLEY_EVENT_MESSAGE_DELETED)
		forget_message(ring, conversation, event->number);
	conversation->xid = xid;
	entry = entry_add(ring, conversation, event);
	list_push_back(&conversation->entries, &entry->of_conversation);
	age(ring, &entry->aged);
	age(ring, &conversation->aged);
	if (is_position(event))
		supersede_position(ring, conversation, entry);
	shrink_conversation(ring, conversation);
	shrink(ring);
	return result;
}

void
ring_forget(Ring *ring, int64_t conversation_id)
{
	RingConversation *conversation = map_get(&ring->conversations, conversation_id);

	if (conversation)
		conversation_void(ring, conversation);
}

void
ring_reset(Ring *ring)
{
	ListNode *first;

	while ((first = list_first(&ring->by_age)))
	{
		Aged *aged = list_entry(first, Aged, node);

		if (aged->is_conversation)
			conversation_free(ring, container_of(aged, RingConversation, aged));
		else
			entry_free(ring, container_of(aged, RingEntry, aged));
	}
	ring->has_dropped = false;
	ring->epoch++;
}

void
ring_free(Ring *ring)
{
	ring_reset(ring);
	map_free(&ring->conversations);
	free(ring);
}

uint64_t
ring_epoch(const Ring *ring)
{
	return ring->epoch;
}

/* ---- snapshots ---------------------------------------------------------- */

/* Puts the positions before all that is kept: they hold from the base on. */
static void
learn_positions(Ring *ring, RingConversation *conversation, Event *positions)
{
	conversation->base_is_bare = false;
	if (positions)
	{
		RingEntry *entry = entry_add(ring, conversation, positions);

		list_push_front(&conversation->entries, &entry->of_conversation);
		list_push_front(&ring->by_age, &entry->aged.node); /* ahead of its followers */
	}
}

/*
 * A transaction that was fed and dropped again may be missing from the snapshot, for a
 * commit is in the WAL before it is visible; one that has ended for the snapshot is not.
 */
void
ring_learn(Ring *ring, const RingLesson *lesson)
{
	RingConversation *conversation;

	if (ring->has_dropped && !xid_precedes(ring->dropped_xid, lesson->xmin))
		return;
	conversation = conversation_need(ring, lesson->conversation_id);
	if (conversation->base.seq == UNKNOWN)
		conversation->base.seq = lesson->cursor.seq;
	if (conversation->base.ver == UNKNOWN)
		conversation->base.ver = lesson->cursor.ver;
	if (conversation->last.seq == 0)
		conversation->last.seq = lesson->cursor.seq;
	if (conversation->last.ver == 0)
		conversation->last.ver = lesson->cursor.ver;
	age(ring, &conversation->aged);
	if (conversation->base_is_bare && lesson->knows_positions)
		learn_positions(ring, conversation, lesson->positions);
	shrink_conversation(ring, conversation);
	shrink(ring);
}

/* ---- what a client lacks ------------------------------------------------ */

static bool
cursor_has(RingCursor cursor, const Event *event)
{
	return event->kind == PARLEY_EVENT_MESSAGE ? event->number <= cursor.seq
											   : event->ver != 0 && event->ver <= cursor.ver;
}

/* The last entry that the client has, or the head of the list. */
static const ListNode *
find_last_known(const RingConversation *conversation, RingCursor cursor)
{
	const ListNode *known = conversation->entries.prev;

	while (known != &conversation->entries &&
		   !cursor_has(cursor, list_entry(known, RingEntry, of_conversation)->event))
		known = known->prev;
	return known;
}

static bool
covers(const RingConversation *conversation, RingCursor cursor, const ListNode *known)
{
	if (conversation->base.seq == UNKNOWN || conversation->base.ver == UNKNOWN ||
		cursor.seq < conversation->base.seq || cursor.ver < conversation->base.ver ||
		cursor.seq > conversation->last.seq || cursor.ver > conversation->last.ver)
		return false;
	return known != &conversation->entries || !conversation->base_is_bare;
}

bool
ring_since(Ring *ring, int64_t conversation_id, RingCursor cursor,
		   void (*take)(void *arg, Event *event), void *arg)
{
	RingConversation *conversation = map_get(&ring->conversations, conversation_id);
	const ListNode *known;
	bool behind_known = false;

	if (!conversation)
		return false;
	forget_old(ring, conversation);
	known = find_last_known(conversation, cursor);
	if (!covers(conversation, cursor, known))
		return false;
	if (known == &conversation->entries)
		behind_known = true;
	LIST_FOREACH(&conversation->entries, node)
	{
		Event *event = list_entry(node, RingEntry, of_conversation)->event;

		if (is_position(event) ? behind_known : !cursor_has(cursor, event))
			take(arg, event);
		behind_known |= node == known;
	}
	return true;
}

RingCursor
ring_last(const Ring *ring, int64_t conversation_id)
{
	const RingConversation *conversation = map_get(&ring->conversations, conversation_id);

	return conversation ? conversation->last : (RingCursor){0, 0};
}

size_t
ring_bytes(const Ring *ring)
{
	return ring->bytes;
}

size_t
ring_conversations(const Ring *ring)
{
	return ring->conversations.count;
}
