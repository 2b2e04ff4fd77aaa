/*
 * catchup.c
 *	  Brings a client from its cursors to now, and joins the live feed without a seam.
 *
 * A Client is the guard of one session, from its first sync until nothing is left to do or
 * the session ends.  It owns its syncs (the first is under way) and its items, one for each
 * conversation of that sync or with a tail; an item owns the events that it keeps.
 */
#include "catchup.h"

#include <stdlib.h>
#include <string.h>

#include "eventlist.h"
#include "metrics.h"
#include "syncquery.h"

#define ASKED_MAX 100		/* conversations of one client in a query */
#define AGAIN_MS 10			/* until a snapshot that was too old is taken again */
#define BEHIND_MAX_MS 10000 /* then the client is told */
#define TAIL_MAX_MS 60000	/* where the feed does not tell how far it is */
#define SWEEP_MS 1000

typedef enum ItemState
{
	ITEM_WAITING,
	ITEM_ASKED,
	ITEM_FLUSHING,
	ITEM_TAIL
} ItemState;

typedef struct Client Client;

typedef struct Item
{
	SyncQuestion question; /* with the cursor: how far the frames have come */
	Client *client;
	ListNode node; /* of client->waiting, ->flushing, ->tails or catchup->behind */
	ItemState state;
	const char *status;		/* for `synced` */
	RingCursor floor;		/* a snapshot has to show at least this */
	RingCursor asked_floor; /* the one that is asked for */
	EventList kept;
	bool again;		  /* wait once more when all is flushed */
	bool has_tail;	  /* the client is ahead of the feed */
	uint64_t lsn;	  /* of the snapshot that it has */
	int64_t gone_ver; /* the client was told that its membership ended with this version; 0: not */
	int64_t since_ms; /* behind, or in the tail; 0: not */
} Item;

typedef struct Sync
{
	ListNode node;
	char *id;		/* or NULL */
	char *timeline; /* or NULL */
	bool only;
	bool asked; /* the database */
	bool failed;
	ProblemId problem; /* if failed */
	Buffer summary;
	size_t count;
	CatchupCursor cursors[];
} Sync;

struct Client
{
	SessionGuard guard;
	ListNode node; /* of catchup->clients */
	Catchup *owner;
	Session *session;
	ListNode syncs;
	bool begun; /* the first of them */
	Map items;
	ListNode waiting;
	ListNode flushing;
	ListNode tails;
	size_t asked;
	size_t behind;
	size_t kept_bytes;
	bool pumping;
	bool ended;
};

struct Catchup
{
	CatchupOptions options;
	SyncQuery *query;
	ListNode clients;
	ListNode behind; /* Item.node */
	TimerEntry again;
	TimerEntry sweep;
};

static void client_pump(Client *client);

/* ---- items -------------------------------------------------------------- */

static Item *
item_need(Client *client, int64_t conversation_id)
{
	Item *item = map_get(&client->items, conversation_id);

	if (!item)
	{
		item = xcalloc(1, sizeof(Item));
		item->client = client;
		item->question.conversation_id = conversation_id;
		list_init(&item->node);
		map_put(&client->items, conversation_id, item);
	}
	return item;
}

static void
item_add(Item *item, Event *event)
{
	eventlist_add(&item->kept, event);
	item->client->kept_bytes += event->length;
}

static void
item_forget_kept(Item *item)
{
	item->client->kept_bytes -= item->kept.bytes;
	eventlist_clear(&item->kept);
}

static void
item_free(Item *item)
{
	if (item->state == ITEM_ASKED)
		item->client->asked--;
	syncquery_cancel(&item->question);
	list_remove(&item->node);
	item_forget_kept(item);
	map_remove(&item->client->items, item->question.conversation_id);
	free(item);
}

static void
item_move(Item *item, ItemState to, ListNode *list)
{
	list_remove(&item->node);
	item->state = to;
	if (list)
		list_push_back(list, &item->node);
}

static void
item_wait(Item *item)
{
	item->again = false;
	item_move(item, ITEM_WAITING, &item->client->waiting);
}

/* Whether whoever is at the cursor has the event; of positions nobody can tell. */
static bool
cursor_has(RingCursor cursor, const Event *event)
{
	return event->kind == PARLEY_EVENT_MESSAGE ? event->number <= cursor.seq
											   : event->ver != 0 && event->ver <= cursor.ver;
}

static void
cursor_raise(RingCursor *cursor, const Event *event)
{
	if (event->kind == PARLEY_EVENT_MESSAGE && event->number > cursor->seq)
		cursor->seq = event->number;
	if (event->ver > cursor->ver)
		cursor->ver = event->ver;
}

static void
cursor_raise_to(RingCursor *cursor, RingCursor to)
{
	if (to.seq > cursor->seq)
		cursor->seq = to.seq;
	if (to.ver > cursor->ver)
		cursor->ver = to.ver;
}

/* ---- events of the hub -------------------------------------------------- */

static bool
has_cursor(const Event *event)
{
	return event->kind == PARLEY_EVENT_MESSAGE || event->ver != 0;
}

static void
item_drop(Item *item, const Event *event)
{
	cursor_raise(&item->floor, event);
}

/*
 * Whether the feed still tells of a membership that has ended for the client: a snapshot said so
 * that was ahead of the feed.  What comes until it is there, the client has, or is too late.
 */
static bool
is_before_end(const Item *item)
{
	const SyncQuestion *question = &item->question;
	int64_t ver = hub_membership_ver(item->client->owner->options.hub, question->account_id,
									 question->conversation_id);

	return ver > 0 && ver < item->gone_ver;
}

/* A conversation that does not fit waits again: nothing of it is kept until then. */
static void
item_keep(Item *item, Event *event)
{
	Client *client = item->client;

	if (item->state == ITEM_FLUSHING &&
		(is_before_end(item) || cursor_has(item->question.cursor, event)))
		return; /* the feed is not yet where the snapshot was */
	if (!item->again && client->kept_bytes + event->length <= client->owner->options.max_kept_bytes)
	{
		item_add(item, event);
		if (item->state == ITEM_FLUSHING)
			cursor_raise(&item->question.cursor, event);
		return;
	}
	item->again |= has_cursor(event);
	item_drop(item, event);
}

static bool
tail_is_over(const Item *item)
{
	const Catchup *catchup = item->client->owner;
	RingCursor fed = hub_fed(catchup->options.hub, item->question.conversation_id);

	if (item->gone_ver > 0)
		return !is_before_end(item);
	return syncquery_feed_passed(catchup->query, item->lsn) ||
		   (fed.seq >= item->question.cursor.seq && fed.ver >= item->question.cursor.ver) ||
		   clock_ms() - item->since_ms > TAIL_MAX_MS;
}

static void client_leave_if_done(Client *client);

static bool
take_in_tail(Item *item, const Event *event)
{
	Client *client = item->client;

	if (is_before_end(item) || (item->gone_ver == 0 && cursor_has(item->question.cursor, event)))
		return true;
	if (tail_is_over(item))
	{
		item_free(item);
		client_leave_if_done(client);
	}
	return false;
}

static bool
on_take(SessionGuard *guard, Event *event)
{
	Client *client = container_of(guard, Client, guard);
	Item *item = map_get(&client->items, event->conversation_id);

	if (!item)
		return false;
	switch (item->state)
	{
		case ITEM_WAITING:
			if (has_cursor(event))
				item_drop(item, event);
			else
				item_keep(item, event);
			return true;
		case ITEM_ASKED:
		case ITEM_FLUSHING:
			item_keep(item, event);
			return true;
		case ITEM_TAIL:
			return take_in_tail(item, event);
	}
	return false;
}

/* ---- from the ring ------------------------------------------------------ */

static void
take_from_ring(void *arg, Event *event)
{
	item_add(arg, event);
}

/* True when the ring had it all: hub and ring are as one, so there is no seam. */
static bool
item_use_ring(Item *item)
{
	const CatchupOptions *options = &item->client->owner->options;
	SyncQuestion *question = &item->question;
	EventList kept = item->kept;

	if (!question->has_cursor ||
		hub_membership_ver(options->hub, question->account_id, question->conversation_id) == 0)
		return false;
	item->kept = (EventList){0};
	if (!ring_since(options->ring, question->conversation_id, question->cursor, take_from_ring,
					item))
	{
		item->kept = kept;
		return false;
	}
	item->client->kept_bytes -= kept.bytes;
	eventlist_clear(&kept); /* the ring had them, too */
	question->cursor = ring_last(options->ring, question->conversation_id);
	item_move(item, ITEM_FLUSHING, &item->client->flushing);
	return true;
}

/* ---- from the tables ---------------------------------------------------- */

/* Messages and changes: those ahead of them are missing. */
static void
item_drop_numbered(Item *item)
{
	EventList kept = item->kept;
	Event *event;

	item->client->kept_bytes -= kept.bytes;
	item->kept = (EventList){0};
	while ((event = eventlist_pop(&kept)))
	{
		if (!has_cursor(event))
			item_add(item, event);
		event_unref(event);
	}
	eventlist_clear(&kept);
}

/* The client has to ask again.  Until then it gets nothing that it said to have. */
static void
item_fail(Item *item, ProblemId problem)
{
	Sync *sync = list_entry(list_first(&item->client->syncs), Sync, node);

	sync->failed = true;
	sync->problem = problem;
	item_drop_numbered(item);
	item->status = NULL;
	item->has_tail = item->question.has_cursor;
	item->lsn = UINT64_MAX; /* not known: until the feed has come to the cursor */
	item_move(item, ITEM_FLUSHING, &item->client->flushing);
}

/* The snapshot does not show what the feed has told: a moment later it will, and what has
 * been kept, too. */
static void
item_ask_later(Item *item)
{
	Client *client = item->client;
	Catchup *catchup = client->owner;

	for (size_t i = item->kept.first; i < item->kept.end; i++)
		cursor_raise(&item->floor, item->kept.events[i]);
	item_forget_kept(item);
	if (item->since_ms == 0)
		item->since_ms = clock_ms();
	if (clock_ms() - item->since_ms > BEHIND_MAX_MS)
	{
		item_fail(item, PROBLEM_UNAVAILABLE);
		return;
	}
	item_move(item, ITEM_WAITING, &catchup->behind);
	client->behind++;
	timer_arm(catchup->options.wheel, &catchup->again, AGAIN_MS);
}

static void
on_again(TimerEntry *entry)
{
	Catchup *catchup = container_of(entry, Catchup, again);
	ListNode *node;

	while ((node = list_first(&catchup->behind)))
	{
		Item *item = list_entry(node, Item, node);

		item->client->behind--;
		item_wait(item);
		client_pump(item->client);
	}
}

/* Where the feed has said more than the snapshot shows. */
static bool
is_behind(const Item *item, const SyncAnswer *answer)
{
	const SyncQuestion *question = &item->question;

	if (answer->status == SYNC_GONE)
		return hub_membership_ver(item->client->owner->options.hub, question->account_id,
								  question->conversation_id) > answer->membership_ver;
	if (answer->status == SYNC_MORE)
		return false;
	return answer->cursor.seq < item->asked_floor.seq || answer->cursor.ver < item->asked_floor.ver;
}

/* The frames, then what was kept meanwhile and is not in them. */
static void
item_join(Item *item, const SyncAnswer *answer)
{
	EventList kept = item->kept;
	bool live = !item->again && answer->status != SYNC_MORE;
	Event *event;

	item->client->kept_bytes -= kept.bytes;
	item->kept = (EventList){0};
	item->question.cursor = answer->cursor;
	item->question.has_cursor = true;
	for (size_t i = answer->frames->first; i < answer->frames->end; i++)
		item_add(item, answer->frames->events[i]);
	if (answer->own)
		item_add(item, answer->own);
	while ((event = eventlist_pop(&kept)))
	{
		if (!has_cursor(event) || (live && !cursor_has(answer->cursor, event)))
		{
			item_add(item, event);
			cursor_raise(&item->question.cursor, event);
		}
		else
			item_drop(item, event);
		event_unref(event);
	}
	eventlist_clear(&kept);
}

static void
item_use_snapshot(Item *item, const SyncAnswer *answer)
{
	item_join(item, answer);
	item->again |= answer->status == SYNC_MORE;
	item->since_ms = 0;
	item->has_tail = true;
	item->lsn = answer->lsn;
	if (answer->status == SYNC_RESET)
		item->status = "reset";
	item_move(item, ITEM_FLUSHING, &item->client->flushing);
}

/* What was kept was committed before the end of the membership, but is of no use any more. */
static void
item_be_gone(Item *item, const SyncAnswer *answer)
{
	Buffer text = BUFFER_EMPTY;
	Event *frame;

	item_forget_kept(item);
	buffer_printf(&text, "{\"type\":\"gone\",\"conversation_id\":%lld}",
				  (long long) item->question.conversation_id);
	frame = event_reply(&text);
	item_add(item, frame);
	event_unref(frame);
	buffer_free(&text);
	item->again = false;
	item->gone_ver = answer->membership_ver;
	item->has_tail = is_before_end(item);
	item->status = "gone";
	item_move(item, ITEM_FLUSHING, &item->client->flushing);
}

static void
on_answered(SyncQuestion *question, const SyncAnswer *answer)
{
	Item *item = container_of(question, Item, question);
	Client *client = item->client;

	client->asked--;
	if (answer->status == SYNC_FAILED)
		item_fail(item, answer->problem);
	else if (is_behind(item, answer))
		item_ask_later(item);
	else if (answer->status == SYNC_GONE)
		item_be_gone(item, answer);
	else
		item_use_snapshot(item, answer);
	client_pump(client);
}

static void
item_ask(Item *item)
{
	Client *client = item->client;
	const Catchup *catchup = client->owner;

	item_move(item, ITEM_ASKED, NULL);
	item->again = false;
	cursor_raise_to(&item->floor, hub_fed(catchup->options.hub, item->question.conversation_id));
	item->asked_floor = item->floor;
	client->asked++;
	list_entry(list_first(&client->syncs), Sync, node)->asked = true;
	syncquery_ask(catchup->query, &item->question);
}

/* ---- to the client ------------------------------------------------------ */

static void
summarize(Sync *sync, const Item *item)
{
	const SyncQuestion *question = &item->question;

	buffer_append_string(&sync->summary, sync->summary.length > 0 ? ",\"" : "\"");
	buffer_append_int64(&sync->summary, question->conversation_id);
	buffer_printf(&sync->summary, "\":{\"seq\":%lld,\"ver\":%lld,\"status\":\"%s\"}",
				  (long long) question->cursor.seq, (long long) question->cursor.ver, item->status);
}

static void
item_flushed(Item *item)
{
	Client *client = item->client;

	if (item->again && item->status)
	{
		item_wait(item);
		return;
	}
	if (item->status)
		summarize(list_entry(list_first(&client->syncs), Sync, node), item);
	item->since_ms = clock_ms();
	if (!item->has_tail || tail_is_over(item))
	{
		item_free(item);
		return;
	}
	item_move(item, ITEM_TAIL, &client->tails);
}

/* False when the client has to take something first. */
static bool
client_flush(Client *client)
{
	ListNode *node;

	while ((node = list_first(&client->flushing)))
	{
		Item *item = list_entry(node, Item, node);
		Event *event = NULL;

		while (!client->ended && session_has_room(client->session) &&
			   (event = eventlist_pop(&item->kept)))
		{
			client->kept_bytes -= event->length;
			session_queue(client->session, event);
			event_unref(event);
		}
		if (client->ended || eventlist_count(&item->kept) > 0)
			return false;
		item_flushed(item);
	}
	return !client->ended && session_has_room(client->session);
}

/* ---- syncs -------------------------------------------------------------- */

static void
sync_free(Sync *sync)
{
	list_remove(&sync->node);
	buffer_free(&sync->summary);
	free(sync->id);
	free(sync->timeline);
	free(sync);
}

static void
item_begin(Client *client, int64_t conversation_id, const RingCursor *cursor)
{
	Item *item = item_need(client, conversation_id);

	item_forget_kept(item);
	cursor_raise_to(&item->floor, item->question.cursor); /* of a tail */
	item->question.account_id = session_account_id(client->session);
	item->question.answered = on_answered;
	item->question.has_cursor = cursor != NULL;
	item->question.cursor = cursor ? *cursor : (RingCursor){0, 0};
	item->status = "complete";
	item->has_tail = false;
	item->gone_ver = 0;
	item->since_ms = 0;
	item_wait(item);
}

/* All conversations that the client did not name. */
static void
sync_add_others(Client *client)
{
	int64_t scope = session_scope(client->session);
	Buffer ids = BUFFER_EMPTY;

	hub_conversations_of(client->owner->options.hub, session_account_id(client->session), &ids);
	for (size_t at = 0; at < ids.length; at += sizeof(int64_t))
	{
		const Item *known;
		int64_t id;

		memcpy(&id, ids.data + at, sizeof(id));
		known = map_get(&client->items, id);
		if ((scope == 0 || scope == id) && (!known || known->state == ITEM_TAIL))
			item_begin(client, id, NULL);
	}
	buffer_free(&ids);
}

/* Numbers of another timeline may be those of other messages here, ahead or not. */
static bool
cursors_are_good(const Client *client, const Sync *sync)
{
	return !sync->timeline || strcmp(sync->timeline, session_timeline(client->session)) == 0;
}

static void
sync_begin(Client *client, const Sync *sync)
{
	bool good = cursors_are_good(client, sync);

	client->begun = true;
	for (size_t i = 0; i < sync->count; i++)
		item_begin(client, sync->cursors[i].conversation_id,
				   good ? &sync->cursors[i].cursor : NULL);
	if (!sync->only)
		sync_add_others(client);
}

static void
sync_answer(Client *client, Sync *sync)
{
	Buffer text = BUFFER_EMPTY;
	Event *event;

	metric_add(sync->asked ? METRIC_RESUMES_MISS : METRIC_RESUMES_HIT, 1);
	if (sync->failed)
	{
		session_problem(client->session, sync->problem, sync->id,
						problem_get(sync->problem)->title);
		return;
	}
	buffer_append_string(&text, "{\"type\":\"synced\",\"id\":");
	buffer_append_json_or_null(&text, sync->id);
	buffer_append_string(&text, ",\"conversations\":{");
	buffer_append(&text, sync->summary.data, sync->summary.length);
	buffer_append_string(&text, "}}");
	event = event_reply(&text);
	session_queue(client->session, event);
	event_unref(event);
	buffer_free(&text);
}

static void
sync_end(Client *client, Sync *sync)
{
	sync_answer(client, sync);
	sync_free(sync);
	client->begun = false;
	session_request_end(client->session);
}

/* ---- clients ------------------------------------------------------------ */

static void
client_free(Client *client)
{
	size_t cursor = 0;
	Item *item;
	ListNode *node;

	while ((item = map_next(&client->items, &cursor, NULL)))
	{
		item_free(item);
		cursor = 0; /* the map has changed */
	}
	map_free(&client->items);
	while ((node = list_first(&client->syncs)))
	{
		sync_free(list_entry(node, Sync, node));
		session_request_end(client->session);
	}
	list_remove(&client->node);
	free(client);
}

static void
client_leave_if_done(Client *client)
{
	if (!list_is_empty(&client->syncs) || client->items.count > 0 || client->pumping)
		return;
	session_set_guard(client->session, NULL);
	client_free(client);
}

/* Resolves what waits, as much as one query may hold; true when something can go out. */
static bool
client_resolve(Client *client)
{
	ListNode *node;

	syncquery_settle(client->owner->query);
	while (client->asked < ASKED_MAX && (node = list_first(&client->waiting)))
	{
		Item *item = list_entry(node, Item, node);

		if (item_use_ring(item))
			return true;
		item_ask(item);
	}
	return false;
}

static bool
client_is_idle(const Client *client)
{
	return list_is_empty(&client->waiting) && list_is_empty(&client->flushing) &&
		   client->asked == 0 && client->behind == 0;
}

/* One step towards the end of the syncs; false when something has to happen first. */
static bool
client_step(Client *client)
{
	ListNode *first = list_first(&client->syncs);

	if (client->ended || !first || session_state(client->session) != SESSION_LIVE)
		return false;
	if (!client->begun)
		sync_begin(client, list_entry(first, Sync, node));
	if (!client_flush(client))
		return false;
	if (client_resolve(client))
		return true;
	if (!client_is_idle(client))
		return false;
	sync_end(client, list_entry(first, Sync, node));
	return true;
}

/* Called whenever something may have become possible. */
static void
client_pump(Client *client)
{
	if (client->pumping)
		return;
	client->pumping = true;
	while (client_step(client))
		;
	client->pumping = false;
	if (client->ended)
		client_free(client);
	else
		client_leave_if_done(client);
}

static void
on_progress(SessionGuard *guard)
{
	client_pump(container_of(guard, Client, guard));
}

static void
on_ended(SessionGuard *guard)
{
	Client *client = container_of(guard, Client, guard);

	client->ended = true;
	if (!client->pumping)
		client_free(client);
}

static Client *
client_need(Catchup *catchup, Session *session)
{
	SessionGuard *guard = session_guard(session);
	Client *client;

	if (guard)
		return container_of(guard, Client, guard);
	client = xcalloc(1, sizeof(Client));
	client->guard = (SessionGuard){on_take, on_progress, on_progress, on_ended};
	client->owner = catchup;
	client->session = session;
	list_init(&client->node);
	list_init(&client->syncs);
	list_init(&client->waiting);
	list_init(&client->flushing);
	list_init(&client->tails);
	list_push_back(&catchup->clients, &client->node);
	session_set_guard(session, &client->guard);
	return client;
}

void
catchup_sync(Catchup *catchup, Session *session, const CatchupSync *sync)
{
	Sync *copy = xcalloc(1, sizeof(Sync) + sync->count * sizeof(CatchupCursor));
	Client *client;

	if (session_state(session) >= SESSION_CLOSING)
	{
		free(copy);
		return;
	}
	copy->id = sync->id ? xstrdup(sync->id) : NULL;
	copy->timeline = sync->timeline ? xstrdup(sync->timeline) : NULL;
	copy->only = sync->only;
	copy->count = sync->count;
	if (sync->count > 0)
		memcpy(copy->cursors, sync->cursors, sync->count * sizeof(CatchupCursor));
	list_init(&copy->node);
	session_request_begin(session);
	client = client_need(catchup, session);
	list_push_back(&client->syncs, &copy->node);
	client_pump(client);
}

/* ---- the whole ---------------------------------------------------------- */

/* Tails of conversations in which nothing happens. */
static void
sweep_client(Client *client)
{
	LIST_FOREACH(&client->tails, node)
	{
		Item *item = list_entry(node, Item, node);

		if (tail_is_over(item))
			item_free(item);
	}
	client_leave_if_done(client);
}

static void
on_sweep(TimerEntry *entry)
{
	Catchup *catchup = container_of(entry, Catchup, sweep);

	LIST_FOREACH(&catchup->clients, node)
	{
		sweep_client(list_entry(node, Client, node));
	}
	timer_arm(catchup->options.wheel, entry, SWEEP_MS);
}

Catchup *
catchup_create(const CatchupOptions *options)
{
	Catchup *catchup = xcalloc(1, sizeof(Catchup));
	SyncQueryOptions query = {.loop = options->loop,
							  .pool = options->pool,
							  .ring = options->ring,
							  .feed_lsn = options->feed_lsn,
							  .arg = options->arg};

	catchup->options = *options;
	catchup->query = syncquery_create(&query);
	list_init(&catchup->clients);
	list_init(&catchup->behind);
	timer_init(&catchup->again, on_again);
	timer_init(&catchup->sweep, on_sweep);
	timer_arm(options->wheel, &catchup->sweep, SWEEP_MS);
	return catchup;
}

void
catchup_free(Catchup *catchup)
{
	timer_cancel(&catchup->again);
	timer_cancel(&catchup->sweep);
	syncquery_free(catchup->query);
	free(catchup);
}
