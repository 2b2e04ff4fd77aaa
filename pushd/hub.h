/*
 * hub.h
 *	  Who gets which event: conversation → accounts → connections, kept right by the
 *	  feed itself (invariant I5).
 *
 * Membership is known per (conversation, account) for accounts that are connected
 * here.  It has two sources, the snapshot that a connection brings from
 * chat.gateway_connect and the member events of the feed; both carry the membership's
 * `ver`, and the greater one counts.  A snapshot may be older than what the feed has
 * said already; the journal (journal.h) corrects it.
 *
 * The hub knows no sockets: a connection is a struct with two functions.
 */
#ifndef PARLEY_HUB_H
#define PARLEY_HUB_H

#include "event.h"
#include "journal.h"
#include "ring.h"
#include "util.h"
#include "wire.h"

typedef struct Hub Hub;
typedef struct HubAccount HubAccount;

typedef enum HubEnd
{
	HUB_END_SESSION_REVOKED,
	HUB_END_ACCOUNT_CLOSED,
	HUB_END_NOT_A_MEMBER, /* of the conversation that is its scope, any more */
	HUB_END_FEED_LOST
} HubEnd;

/* Embedded in its owner, all zero at first but for the two functions. */
typedef struct HubConnection
{
	/*
	 * Takes a reference if it keeps the event.  Neither function may call the hub, but
	 * for hub_snapshot_end(): what has to follow (such as hub_disconnect) comes from a
	 * later turn of the loop.
	 */
	void (*deliver)(struct HubConnection *connection, Event *event);
	void (*end)(struct HubConnection *connection, HubEnd why);

	/* Private. */
	HubAccount *account; /* NULL: not connected */
	int64_t session_id;
	int64_t scope;
	uint64_t last_status; /* number of the last one sent: once each */
	ListNode of_account;
} HubConnection;

typedef struct HubHandlers
{
	/* The first connection of an account came, the last one went. */
	void (*on_online)(void *arg, int64_t account_id);
	void (*on_offline)(void *arg, int64_t account_id);

	/* The profile changed of somebody who is not connected here, so that whom they share
	 * a conversation with is not known: hub_publish_profile() is to follow. */
	void (*on_profile)(void *arg, int64_t account_id, Event *event);
} HubHandlers;

typedef struct HubMembership
{
	int64_t conversation_id;
	int64_t ver;
	int64_t last_seq; /* of the conversation, in the snapshot */
	int64_t last_ver;
} HubMembership;

/* How far a feed of the tables is in a conversation; -1: that is not known. */
typedef struct HubPosition
{
	int64_t conversation_id;
	int64_t seq;
	int64_t ver;
} HubPosition;

#define HUB_POSITION_NONE(id) ((HubPosition){.conversation_id = (id), .seq = -1, .ver = -1})

/* What a connection is to be connected as; `members` has `count` rows. */
typedef struct HubLogin
{
	int64_t account_id;
	int64_t session_id;
	int64_t scope; /* only this conversation; 0: all */
	int64_t snapshot_xmin;
	const HubMembership *members;
	size_t count;
} HubLogin;

typedef enum HubResult
{
	HUB_CONNECTED,
	HUB_STALE,			 /* the feed was lost since the snapshot began: ask again */
	HUB_SESSION_REVOKED, /* the feed said so while the question was under way */
	HUB_ACCOUNT_CLOSED
} HubResult;

Hub *hub_create(const HubHandlers *handlers, void *arg) MUST_CHECK;

/* From now on events go into the ring before they are sent out, and hub_reset() empties it.
 * It belongs to the caller and must outlive the hub. */
void hub_use_ring(Hub *hub, Ring *ring);

/* All connections must have gone. */
void hub_free(Hub *hub);

void hub_snapshot_begin(Hub *hub, Snapshot *snapshot);

/* Also called by hub_connect(); safe to repeat. */
void hub_snapshot_end(Hub *hub, Snapshot *snapshot);

/*
 * Connects, or renews the login of a connection of the same account.  Ends the
 * snapshot.  Unless HUB_CONNECTED, the connection is as it was before.
 */
HubResult hub_connect(Hub *hub, HubConnection *connection, Snapshot *snapshot,
					  const HubLogin *login) MUST_CHECK;

/* Safe when it is not connected. */
void hub_disconnect(Hub *hub, HubConnection *connection);

/*
 * One event of the feed, in the feed's order.  A member event that admits someone
 * takes effect before it is sent out, one that removes someone after that (the one
 * removed gets it too).  A message whose number is not greater than the last one's is not
 * delivered, but counted and logged.  user_updated goes to the account itself and to those who
 * share a conversation with it.
 */
void hub_feed(Hub *hub, uint32_t xid, const ParleyEvent *header, const uint8_t *json);

/*
 * Whether the feed tells only of conversations that have members here, as a feed of the
 * tables does: of others the ring then knows nothing.
 */
void hub_feed_is_partial(Hub *hub, bool is_partial);

/* Appends a HubPosition for each conversation that has members here. */
void hub_positions(const Hub *hub, Buffer *positions);

/*
 * The tables were read from the position `from` of hub_positions() up to here, and all in
 * between has been fed.  Unless a login has meanwhile put the position back to what its
 * older snapshot knows: then changes are to be read again from there.
 */
void hub_advance(Hub *hub, const HubPosition *from, int64_t seq, int64_t ver);

/* Whether an event of the WAL was read from the tables already. */
bool hub_was_told(const Hub *hub, const ParleyEvent *header);

/* The last message and the last change of a conversation that the feed has brought, as far as hub
 * or ring remember; zero where it brought none. */
RingCursor hub_fed(const Hub *hub, int64_t conversation_id);

/* Makes the snapshots that are under way stale. */
void hub_distrust_snapshots(Hub *hub);

/*
 * What is not in the feed: typing and presence.  `json` goes to the connected members of
 * the conversation, but for one account (0: for none) and those that it is hidden from.
 */
void hub_publish_ephemeral(Hub *hub, int64_t conversation_id, int64_t except_account_id,
						   const int64_t *hidden_from, size_t hidden, const Buffer *json);

/* To everybody who is connected and shares one of the conversations, the account itself
 * left out; once to each connection. */
void hub_publish_status(Hub *hub, int64_t account_id, const int64_t *conversation_ids,
						size_t conversations, const Buffer *json);

/* A user_updated event, to everybody who is connected and in one of the conversations. */
void hub_publish_profile(Hub *hub, const int64_t *conversation_ids, size_t conversations,
						 Event *event);

/*
 * The feed was lost: all that the hub knows may be wrong.  Ends every connection
 * (HUB_END_FEED_LOST), makes every snapshot stale, forgets memberships and journal.
 */
void hub_reset(Hub *hub);

/* The account of a connected connection, else 0. */
int64_t hub_account_id(const HubConnection *connection);

/* Whether the account of a connection is a member, as far as the feed has told. */
bool hub_is_member(const HubConnection *connection, int64_t conversation_id);

/* How many connections its account has here, itself included; 0: it is not connected. */
size_t hub_connections_of_account(const HubConnection *connection);

/* The version of a connected account's membership, as far as the feed has told; 0: it is none. */
int64_t hub_membership_ver(const Hub *hub, int64_t account_id, int64_t conversation_id);

/* Appends the ids (int64_t) of all conversations of a connected account. */
void hub_conversations_of(const Hub *hub, int64_t account_id, Buffer *ids);

/* Appends the ids (int64_t) of all accounts that are connected. */
void hub_online_accounts(const Hub *hub, Buffer *ids);

typedef struct HubCounts
{
	size_t accounts;
	size_t conversations;
	size_t memberships;
	size_t journal;
} HubCounts;

void hub_counts(const Hub *hub, HubCounts *counts);

#endif /* PARLEY_HUB_H */
