/*
 * hub.c
 *	  Who gets which event: conversation → accounts → connections, kept right by the
 *	  feed itself (invariant I5).
 *
 * The hub owns accounts, conversations, memberships and the journal.  An account
 * lives while it has a connection, a conversation while it has a membership, a
 * membership while both its sides live and it is active.  Connections belong to
 * their owners.
 */
#include "hub.h"

#include <stdlib.h>

#include "log.h"
#include "metrics.h"

struct HubAccount
{
	int64_t id;
	ListNode connections;
	Map memberships;	/* conversation id → Membership */
	uint64_t last_sent; /* number of the last event sent to co-members: once each */
};

typedef struct Conversation
{
	int64_t id;
	struct Membership **members;
	size_t count;
	size_t capacity;
	int64_t seq; /* position of a feed of the tables, -1: not known */
	int64_t ver;
	bool is_told;	/* up to the position, by such a feed */
	RingCursor fed; /* the last message and change that came; 0: none did yet */
	bool repeats;	/* the last message that came was no new one */
} Conversation;

typedef struct Membership
{
	HubAccount *account;
	Conversation *conversation;
	int64_t ver;
	size_t position; /* in conversation->members */
} Membership;

struct Hub
{
	HubHandlers handlers;
	void *arg;
	Ring *ring;		 /* or NULL */
	bool is_partial; /* the feed tells of our conversations only */
	Map accounts;
	Map conversations;
	size_t memberships;
	uint64_t sent; /* events sent to co-members so far */

	Journal *journal;
};

Hub *
hub_create(const HubHandlers *handlers, void *arg)
{
	Hub *hub = xcalloc(1, sizeof(Hub));

	hub->handlers = *handlers;
	hub->arg = arg;
	hub->journal = journal_create();
	return hub;
}

void
hub_use_ring(Hub *hub, Ring *ring)
{
	hub->ring = ring;
}

/* ---- memberships -------------------------------------------------------- */

static Conversation *
conversation_need(Hub *hub, int64_t id)
{
	Conversation *conversation = map_get(&hub->conversations, id);

	if (!conversation)
	{
		conversation = xcalloc(1, sizeof(Conversation));
		conversation->id = id;
		conversation->seq = conversation->ver = -1;
		map_put(&hub->conversations, id, conversation);
	}
	return conversation;
}

static void
membership_add(Hub *hub, HubAccount *account, int64_t conversation_id, int64_t ver)
{
	Conversation *conversation = conversation_need(hub, conversation_id);
	Membership *membership = xmalloc(sizeof(Membership));

	*membership = (Membership){.account = account,
							   .conversation = conversation,
							   .ver = ver,
							   .position = conversation->count};
	if (conversation->count == conversation->capacity)
	{
		conversation->capacity = conversation->capacity ? conversation->capacity * 2 : 4;
		conversation->members =
			xreallocarray(conversation->members, conversation->capacity, sizeof(Membership *));
	}
	conversation->members[conversation->count++] = membership;
	map_put(&account->memberships, conversation_id, membership);
	hub->memberships++;
}

/* Takes it out of the conversation, not out of account->memberships. */
static void
membership_free(Hub *hub, Membership *membership)
{
	Conversation *conversation = membership->conversation;
	Membership *last = conversation->members[--conversation->count];

	conversation->members[membership->position] = last;
	last->position = membership->position;
	if (conversation->count == 0)
	{
		map_remove(&hub->conversations, conversation->id);
		if (hub->ring && hub->is_partial)
			ring_forget(hub->ring, conversation->id);
		free(conversation->members);
		free(conversation);
	}
	free(membership);
	hub->memberships--;
}

/* The greater ver counts; equal ones say the same. */
static void
membership_apply(Hub *hub, HubAccount *account, int64_t conversation_id, int64_t ver, bool active)
{
	Membership *membership = map_get(&account->memberships, conversation_id);

	if (membership && membership->ver >= ver)
		return;
	if (active && membership)
		membership->ver = ver;
	else if (active)
		membership_add(hub, account, conversation_id, ver);
	else if (membership)
	{
		map_remove(&account->memberships, conversation_id);
		membership_free(hub, membership);
	}
}

/* ---- accounts ----------------------------------------------------------- */

static HubAccount *
account_need(Hub *hub, int64_t id)
{
	HubAccount *account = map_get(&hub->accounts, id);

	if (!account)
	{
		account = xcalloc(1, sizeof(HubAccount));
		account->id = id;
		list_init(&account->connections);
		map_put(&hub->accounts, id, account);
		hub->handlers.on_online(hub->arg, id);
	}
	return account;
}

static void
account_forget_memberships(Hub *hub, HubAccount *account)
{
	size_t cursor = 0;
	Membership *membership;

	while ((membership = map_next(&account->memberships, &cursor, NULL)))
		membership_free(hub, membership);
	map_free(&account->memberships);
	account->memberships = (Map){0};
}

static void
account_free(Hub *hub, HubAccount *account)
{
	hub->handlers.on_offline(hub->arg, account->id);
	account_forget_memberships(hub, account);
	map_remove(&hub->accounts, account->id);
	free(account);
}

/* ---- snapshots and connections ------------------------------------------ */

/* What the feed has said about this login already. */
static HubResult
judge_login(const Hub *hub, const HubLogin *login)
{
	const JournalEntry *entry = NULL;
	HubResult result = HUB_CONNECTED;

	while ((entry = journal_next(hub->journal, login->account_id, entry)))
	{
		if (entry->kind == PARLEY_EVENT_ACCOUNT)
			return HUB_ACCOUNT_CLOSED;
		if (entry->kind == PARLEY_EVENT_SESSION && entry->subject == login->session_id)
			result = HUB_SESSION_REVOKED;
	}
	return result;
}

void
hub_snapshot_begin(Hub *hub, Snapshot *snapshot)
{
	journal_snapshot_begin(hub->journal, snapshot);
}

void
hub_snapshot_end(Hub *hub, Snapshot *snapshot)
{
	journal_snapshot_end(hub->journal, snapshot);
}

/*
 * A feed of the tables goes on from the snapshot where nobody was before.  Where the
 * snapshot is older than the position, a going may lie in between: it is to be told again.
 */
static void
position_apply(Hub *hub, const HubMembership *row)
{
	Conversation *conversation = map_get(&hub->conversations, row->conversation_id);

	if (!conversation)
		return;
	if (conversation->seq < 0)
		conversation->seq = row->last_seq;
	if (conversation->ver < 0 || conversation->ver > row->last_ver)
		conversation->ver = row->last_ver;
}

/* The rows of the snapshot, but for those that the journal knows better. */
static void
login_apply(Hub *hub, HubAccount *account, const HubLogin *login)
{
	const JournalEntry *entry;

	for (size_t i = 0; i < login->count; i++)
	{
		const HubMembership *row = &login->members[i];

		entry = journal_membership(hub->journal, account->id, row->conversation_id);
		if (!entry || entry->ver <= row->ver)
			membership_apply(hub, account, row->conversation_id, row->ver, true);
		position_apply(hub, row);
	}
	entry = NULL;
	while ((entry = journal_next(hub->journal, account->id, entry)))
		if (entry->kind == PARLEY_EVENT_MEMBER)
			membership_apply(hub, account, entry->subject, entry->ver, entry->active);
}

HubResult
hub_connect(Hub *hub, HubConnection *connection, Snapshot *snapshot, const HubLogin *login)
{
	HubResult result = snapshot->stale ? HUB_STALE : judge_login(hub, login);

	if (result == HUB_CONNECTED)
	{
		HubAccount *account = account_need(hub, login->account_id);

		if (!connection->account)
		{
			connection->account = account;
			list_init(&connection->of_account);
			list_push_back(&account->connections, &connection->of_account);
		}
		connection->session_id = login->session_id;
		connection->scope = login->scope;
		login_apply(hub, account, login);
		journal_learn_xmin(hub->journal, login->snapshot_xmin);
	}
	hub_snapshot_end(hub, snapshot);
	return result;
}

void
hub_disconnect(Hub *hub, HubConnection *connection)
{
	HubAccount *account = connection->account;

	if (!account)
		return;
	connection->account = NULL;
	list_remove(&connection->of_account);
	if (list_is_empty(&account->connections))
		account_free(hub, account);
}

/* ---- fan-out ------------------------------------------------------------ */

static void
deliver_to_account(HubAccount *account, Event *event)
{
	LIST_FOREACH(&account->connections, node)
	{
		HubConnection *connection = list_entry(node, HubConnection, of_account);

		if (connection->scope == 0 || event->conversation_id == 0 ||
			connection->scope == event->conversation_id)
			connection->deliver(connection, event);
	}
}

static void
deliver_to_members(const Hub *hub, Event *event)
{
	const Conversation *conversation = map_get(&hub->conversations, event->conversation_id);

	if (!conversation)
		return;
	for (size_t i = 0; i < conversation->count; i++)
		deliver_to_account(conversation->members[i]->account, event);
}

static void
feed_conversation(Hub *hub, uint32_t xid, const ParleyEvent *header, Event *event)
{
	(void) xid;
	(void) header;
	deliver_to_members(hub, event);
}

/* Connections that are for this conversation alone. */
static void
end_scoped(HubAccount *account, int64_t conversation_id)
{
	LIST_FOREACH(&account->connections, node)
	{
		HubConnection *connection = list_entry(node, HubConnection, of_account);

		if (connection->scope == conversation_id)
			connection->end(connection, HUB_END_NOT_A_MEMBER);
	}
}

static void
feed_member(Hub *hub, uint32_t xid, const ParleyEvent *header, Event *event)
{
	HubAccount *account = map_get(&hub->accounts, header->account_id);
	bool active = header->flags & PARLEY_EVENT_FLAG_ACTIVE;

	journal_add(hub->journal, &(JournalEntry){.xid = xid,
											  .kind = header->kind,
											  .active = active,
											  .account_id = header->account_id,
											  .subject = header->conversation_id,
											  .ver = header->number});
	if (account && active)
		membership_apply(hub, account, header->conversation_id, header->number, true);
	deliver_to_members(hub, event);
	if (!account || active)
		return;
	if (!map_get(&account->memberships, header->conversation_id))
		deliver_to_account(account, event);
	membership_apply(hub, account, header->conversation_id, header->number, false);
	if (!map_get(&account->memberships, header->conversation_id))
		end_scoped(account, header->conversation_id);
}

static void
end_connections(HubAccount *account, int64_t session_id, HubEnd why)
{
	LIST_FOREACH(&account->connections, node)
	{
		HubConnection *connection = list_entry(node, HubConnection, of_account);

		if (session_id == 0 || connection->session_id == session_id)
			connection->end(connection, why);
	}
}

static void
feed_session(Hub *hub, uint32_t xid, const ParleyEvent *header, Event *event)
{
	HubAccount *account = map_get(&hub->accounts, header->account_id);

	(void) event;
	journal_add(hub->journal, &(JournalEntry){.xid = xid,
											  .kind = header->kind,
											  .account_id = header->account_id,
											  .subject = header->number});
	if (account)
		end_connections(account, header->number, HUB_END_SESSION_REVOKED);
}

static void
deliver_once(HubAccount *account, Event *event, uint64_t number)
{
	if (account->last_sent == number)
		return;
	account->last_sent = number;
	deliver_to_account(account, event);
}

static void
deliver_to_members_once(const Conversation *conversation, Event *event, uint64_t number)
{
	for (size_t i = 0; i < conversation->count; i++)
		deliver_once(conversation->members[i]->account, event, number);
}

static void
deliver_to_neighbours(Hub *hub, HubAccount *account, Event *event)
{
	uint64_t number = ++hub->sent;
	size_t cursor = 0;
	const Membership *membership;

	deliver_once(account, event, number);
	while ((membership = map_next(&account->memberships, &cursor, NULL)))
		deliver_to_members_once(membership->conversation, event, number);
}

void
hub_publish_profile(Hub *hub, const int64_t *conversation_ids, size_t conversations, Event *event)
{
	uint64_t number = ++hub->sent;

	for (size_t i = 0; i < conversations; i++)
	{
		const Conversation *conversation = map_get(&hub->conversations, conversation_ids[i]);

		if (conversation)
			deliver_to_members_once(conversation, event, number);
	}
}

static void
feed_account(Hub *hub, uint32_t xid, const ParleyEvent *header, Event *event)
{
	HubAccount *account = map_get(&hub->accounts, header->account_id);
	bool gone = header->flags & PARLEY_EVENT_FLAG_GONE;

	if (gone)
		journal_add(hub->journal, &(JournalEntry){.xid = xid,
												  .kind = header->kind,
												  .account_id = header->account_id});
	if (account && event->length > 0)
		deliver_to_neighbours(hub, account, event);
	else if (event->length > 0 && hub->accounts.count > 0)
		hub->handlers.on_profile(hub->arg, header->account_id, event);
	if (account && gone)
		end_connections(account, 0, HUB_END_ACCOUNT_CLOSED);
}

static const struct
{
	uint8_t kind;
	void (*feed)(Hub *hub, uint32_t xid, const ParleyEvent *header, Event *event);
} event_rules[] = {
	{PARLEY_EVENT_MESSAGE, feed_conversation},
	{PARLEY_EVENT_MESSAGE_UPDATED, feed_conversation},
	{PARLEY_EVENT_MESSAGE_DELETED, feed_conversation},
	{PARLEY_EVENT_REACTION, feed_conversation},
	{PARLEY_EVENT_READ, feed_conversation},
	{PARLEY_EVENT_DELIVERED, feed_conversation},
	{PARLEY_EVENT_CONVERSATION, feed_conversation},
	{PARLEY_EVENT_MEMBER, feed_member},
	{PARLEY_EVENT_SESSION, feed_session},
	{PARLEY_EVENT_ACCOUNT, feed_account},
};

/* The clients are told to ask the tables. */
static void
tell_hole(Hub *hub, int64_t conversation_id)
{
	Event *gap = event_gap(conversation_id);

	deliver_to_members(hub, gap);
	event_unref(gap);
	metric_add(METRIC_FEED_HOLES, 1);
	log_error("feed: messages of conversation %lld are missing", (long long) conversation_id);
}

/* A feed of the tables tells of who has joined without knowing whether a login has. */
static bool
is_known_member(const Hub *hub, const ParleyEvent *header)
{
	const Conversation *conversation = map_get(&hub->conversations, header->conversation_id);

	return header->kind == PARLEY_EVENT_MEMBER && hub->is_partial && conversation &&
		   header->number <= conversation->ver &&
		   header->number <= hub_membership_ver(hub, header->account_id, header->conversation_id);
}

/*
 * Whether it is a message that came before, or should have: then the feed is at fault, and a
 * client that got it would show an old message as a new one.  Those who lack it find it in the
 * tables.  Only the first of many is written to the log.
 */
static bool
is_repeated(Conversation *conversation, const ParleyEvent *header)
{
	bool repeats = conversation->repeats;

	if (header->kind != PARLEY_EVENT_MESSAGE)
		return false;
	conversation->repeats = header->number <= conversation->fed.seq;
	if (!conversation->repeats)
		return false;
	metric_add(METRIC_FEED_REPEATS, 1);
	if (!repeats)
		log_error("feed: message %lld of conversation %lld came again, after %lld",
				  (long long) header->number, (long long) header->conversation_id,
				  (long long) conversation->fed.seq);
	return true;
}

static void
note_fed(Hub *hub, const ParleyEvent *header)
{
	Conversation *conversation = map_get(&hub->conversations, header->conversation_id);

	if (!conversation)
		return;
	if (header->kind == PARLEY_EVENT_MESSAGE)
		conversation->fed.seq = header->number;
	else if (header->ver > conversation->fed.ver)
		conversation->fed.ver = header->ver;
}

void
hub_feed(Hub *hub, uint32_t xid, const ParleyEvent *header, const uint8_t *json)
{
	Conversation *conversation = map_get(&hub->conversations, header->conversation_id);

	if (is_known_member(hub, header) || (conversation && is_repeated(conversation, header)))
		return;
	note_fed(hub, header);
	for (size_t i = 0; i < lengthof(event_rules); i++)
		if (event_rules[i].kind == header->kind)
		{
			Event *event = event_from_wire(header, json);

			if (hub->ring && event->conversation_id != 0 && (!hub->is_partial || conversation) &&
				ring_add(hub->ring, xid, event) == RING_HOLE)
				tell_hole(hub, event->conversation_id);
			event_rules[i].feed(hub, xid, header, event);
			event_unref(event);
			if (!conversation)
				note_fed(hub, header); /* it may be there now: somebody has joined */
			return;
		}
}

/* ---- what is not in the feed --------------------------------------------- */

static bool
is_among(int64_t account_id, const int64_t *account_ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (account_ids[i] == account_id)
			return true;
	}
	return false;
}

void
hub_publish_ephemeral(Hub *hub, int64_t conversation_id, int64_t except_account_id,
					  const int64_t *hidden_from, size_t hidden, const Buffer *json)
{
	const Conversation *conversation = map_get(&hub->conversations, conversation_id);
	Event *event;

	if (!conversation)
		return;
	event = event_ephemeral(conversation_id, json);
	for (size_t i = 0; i < conversation->count; i++)
	{
		HubAccount *account = conversation->members[i]->account;

		if (account->id != except_account_id && !is_among(account->id, hidden_from, hidden))
			deliver_to_account(account, event);
	}
	event_unref(event);
}

/* A connection that is for one conversation hears of its members alone. */
static void
deliver_status(HubAccount *account, Event *event, int64_t conversation_id, uint64_t number)
{
	LIST_FOREACH(&account->connections, node)
	{
		HubConnection *connection = list_entry(node, HubConnection, of_account);

		if (connection->last_status == number ||
			(connection->scope != 0 && connection->scope != conversation_id))
			continue;
		connection->last_status = number;
		connection->deliver(connection, event);
	}
}

void
hub_publish_status(Hub *hub, int64_t account_id, const int64_t *conversation_ids,
				   size_t conversations, const Buffer *json)
{
	Event *event = event_ephemeral(0, json);
	uint64_t number = ++hub->sent;

	for (size_t at = 0; at < conversations; at++)
	{
		const Conversation *conversation = map_get(&hub->conversations, conversation_ids[at]);

		for (size_t i = 0; conversation && i < conversation->count; i++)
		{
			HubAccount *member = conversation->members[i]->account;

			if (member->id != account_id)
				deliver_status(member, event, conversation->id, number);
		}
	}
	event_unref(event);
}

/* ---- positions ---------------------------------------------------------- */

void
hub_feed_is_partial(Hub *hub, bool is_partial)
{
	hub->is_partial = is_partial;
}

void
hub_positions(const Hub *hub, Buffer *positions)
{
	size_t cursor = 0;
	const Conversation *conversation;

	while ((conversation = map_next(&hub->conversations, &cursor, NULL)))
	{
		HubPosition row = {conversation->id, conversation->seq, conversation->ver};

		if (row.seq < 0 || row.ver < 0)
			row = HUB_POSITION_NONE(conversation->id);
		buffer_append(positions, &row, sizeof(row));
	}
}

void
hub_advance(Hub *hub, const HubPosition *from, int64_t seq, int64_t ver)
{
	Conversation *conversation = map_get(&hub->conversations, from->conversation_id);

	if (!conversation)
		return;
	if (seq > conversation->seq)
		conversation->seq = seq;
	if (conversation->ver == from->ver)
	{
		conversation->ver = ver;
		conversation->is_told = true;
	}
}

bool
hub_was_told(const Hub *hub, const ParleyEvent *header)
{
	const Conversation *conversation = map_get(&hub->conversations, header->conversation_id);

	if (!conversation || !conversation->is_told)
		return false;
	if (header->kind == PARLEY_EVENT_MESSAGE)
		return header->number <= conversation->seq;
	return header->ver > 0 && header->ver <= conversation->ver;
}

RingCursor
hub_fed(const Hub *hub, int64_t conversation_id)
{
	const Conversation *conversation = map_get(&hub->conversations, conversation_id);
	RingCursor fed = hub->ring ? ring_last(hub->ring, conversation_id) : (RingCursor){0, 0};

	if (conversation && conversation->fed.seq > fed.seq)
		fed.seq = conversation->fed.seq;
	if (conversation && conversation->fed.ver > fed.ver)
		fed.ver = conversation->fed.ver;
	return fed;
}

/* ---- the whole ---------------------------------------------------------- */

void
hub_distrust_snapshots(Hub *hub)
{
	journal_distrust_snapshots(hub->journal);
}

void
hub_reset(Hub *hub)
{
	size_t cursor = 0;
	HubAccount *account;

	hub_distrust_snapshots(hub);
	while ((account = map_next(&hub->accounts, &cursor, NULL)))
	{
		account_forget_memberships(hub, account);
		end_connections(account, 0, HUB_END_FEED_LOST);
	}
	journal_clear(hub->journal);
	if (hub->ring)
		ring_reset(hub->ring);
}

int64_t
hub_account_id(const HubConnection *connection)
{
	return connection->account ? connection->account->id : 0;
}

bool
hub_is_member(const HubConnection *connection, int64_t conversation_id)
{
	return connection->account && map_get(&connection->account->memberships, conversation_id);
}

size_t
hub_connections_of_account(const HubConnection *connection)
{
	size_t count = 0;

	if (connection->account)
	{
		LIST_FOREACH(&connection->account->connections, node)
		{
			count++;
		}
	}
	return count;
}

int64_t
hub_membership_ver(const Hub *hub, int64_t account_id, int64_t conversation_id)
{
	const HubAccount *account = map_get(&hub->accounts, account_id);
	const Membership *membership = account ? map_get(&account->memberships, conversation_id) : NULL;

	return membership ? membership->ver : 0;
}

void
hub_conversations_of(const Hub *hub, int64_t account_id, Buffer *ids)
{
	const HubAccount *account = map_get(&hub->accounts, account_id);
	size_t cursor = 0;
	int64_t id;

	while (account && map_next(&account->memberships, &cursor, &id))
		buffer_append(ids, &id, sizeof(id));
}

void
hub_online_accounts(const Hub *hub, Buffer *ids)
{
	size_t cursor = 0;
	int64_t id;

	while (map_next(&hub->accounts, &cursor, &id))
		buffer_append(ids, &id, sizeof(id));
}

void
hub_counts(const Hub *hub, HubCounts *counts)
{
	*counts = (HubCounts){.accounts = hub->accounts.count,
						  .conversations = hub->conversations.count,
						  .memberships = hub->memberships,
						  .journal = journal_count(hub->journal)};
}

void
hub_free(Hub *hub)
{
	journal_free(hub->journal);
	map_free(&hub->conversations);
	map_free(&hub->accounts);
	free(hub);
}
