/*
 * test_hub.c
 *	  The hub: fan-out, membership by version, the journal between snapshot and feed,
 *	  revocation, loss of the feed.
 */
#include "hub.h"

#include "metrics.h"
#include "tap.h"

typedef struct Client
{
	HubConnection connection;
	int delivered;
	int64_t last_number;
	int ended;
	HubEnd why;
} Client;

static int online_count;

static void
on_deliver(HubConnection *connection, Event *event)
{
	Client *client = container_of(connection, Client, connection);

	client->delivered++;
	client->last_number = event->number;
}

static void
on_end(HubConnection *connection, HubEnd why)
{
	Client *client = container_of(connection, Client, connection);

	client->ended++;
	client->why = why;
}

static void
on_online(void *arg, int64_t account_id)
{
	(void) arg;
	(void) account_id;
	online_count++;
}

static void
on_offline(void *arg, int64_t account_id)
{
	(void) arg;
	(void) account_id;
	online_count--;
}

static int64_t stranger;

static void
on_profile(void *arg, int64_t account_id, Event *event)
{
	(void) arg;
	(void) event;
	stranger = account_id;
}

static const HubHandlers handlers = {on_online, on_offline, on_profile};

static Client
new_client(void)
{
	return (Client){.connection = {.deliver = on_deliver, .end = on_end}};
}

/* A login with up to one membership (conversation 0: none). */
static HubResult
finish_login(Hub *hub, Client *client, Snapshot *snapshot, int64_t account_id,
			 int64_t conversation_id, int64_t ver, int64_t xmin)
{
	HubMembership row = {conversation_id, ver, 0, 0};
	HubLogin login = {.account_id = account_id,
					  .session_id = account_id * 10,
					  .snapshot_xmin = xmin,
					  .members = &row,
					  .count = conversation_id != 0};

	return hub_connect(hub, &client->connection, snapshot, &login);
}

static HubResult
log_in(Hub *hub, Client *client, int64_t account_id, int64_t conversation_id, int64_t ver)
{
	Snapshot snapshot;

	hub_snapshot_begin(hub, &snapshot);
	return finish_login(hub, client, &snapshot, account_id, conversation_id, ver, 1);
}

static void
feed(Hub *hub, uint32_t xid, ParleyEvent header)
{
	static const uint8_t json[] = "{}";

	header.length = 2;
	hub_feed(hub, xid, &header, json);
}

static void
feed_message(Hub *hub, int64_t conversation_id, int64_t seq)
{
	feed(hub, 100,
		 (ParleyEvent){.kind = PARLEY_EVENT_MESSAGE,
					   .conversation_id = conversation_id,
					   .number = seq});
}

static void
feed_member(Hub *hub, uint32_t xid, int64_t conversation_id, int64_t account_id, int64_t ver,
			bool active)
{
	feed(hub, xid,
		 (ParleyEvent){.kind = PARLEY_EVENT_MEMBER,
					   .flags = active ? PARLEY_EVENT_FLAG_ACTIVE : 0,
					   .conversation_id = conversation_id,
					   .account_id = account_id,
					   .number = ver});
}

static size_t
journal_length(const Hub *hub)
{
	HubCounts counts;

	hub_counts(hub, &counts);
	return counts.journal;
}

static void
test_fan_out(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client a = new_client();
	Client a2 = new_client();
	Client b = new_client();
	HubCounts counts;

	is_number(log_in(hub, &a, 1, 7, 1), HUB_CONNECTED, "an account connects");
	is_number(log_in(hub, &a2, 1, 7, 1), HUB_CONNECTED, "and once more");
	is_number(log_in(hub, &b, 2, 8, 1), HUB_CONNECTED, "and another one");
	is_number(online_count, 2, "two accounts are online");
	feed_message(hub, 7, 1);
	is_number(a.delivered, 1, "a member gets the message");
	is_number(a2.delivered, 1, "on both connections");
	is_number(b.delivered, 0, "others do not");
	feed_message(hub, 9, 1);
	is_number(a.delivered, 1, "a conversation of nobody goes nowhere");
	hub_disconnect(hub, &a2.connection);
	feed_message(hub, 7, 2);
	is_number(a.delivered, 2, "the other connection goes on");
	is_number(a2.delivered, 1, "the one that went does not");
	hub_disconnect(hub, &a.connection);
	hub_disconnect(hub, &b.connection);
	hub_disconnect(hub, &b.connection);
	is_number(online_count, 0, "all are offline");
	hub_counts(hub, &counts);
	is_number((int64_t) (counts.accounts + counts.conversations + counts.memberships), 0,
			  "nothing is left behind");
	hub_free(hub);
}

static void
test_scope(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client a = new_client();
	Snapshot snapshot;
	HubMembership rows[] = {{7, 1, 0, 0}, {8, 1, 0, 0}};
	HubLogin login = {.account_id = 1, .scope = 8, .members = rows, .count = 2};

	hub_snapshot_begin(hub, &snapshot);
	is_number(hub_connect(hub, &a.connection, &snapshot, &login), HUB_CONNECTED,
			  "a connection for one conversation");
	feed_message(hub, 7, 1);
	is_number(a.delivered, 0, "gets nothing of the others");
	feed_message(hub, 8, 1);
	is_number(a.delivered, 1, "but of its own");
	hub_disconnect(hub, &a.connection);
	hub_free(hub);
}

static void
test_membership(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client a = new_client();
	Client b = new_client();

	ok(log_in(hub, &a, 1, 7, 1) == HUB_CONNECTED && log_in(hub, &b, 2, 0, 0) == HUB_CONNECTED,
	   "one member, one not");
	feed_member(hub, 100, 7, 2, 2, true);
	is_number(a.delivered, 1, "members learn who joins");
	is_number(b.delivered, 1, "so does who joins");
	feed_message(hub, 7, 1);
	is_number(b.delivered, 2, "who then gets messages");
	feed_member(hub, 101, 7, 2, 3, false);
	is_number(a.delivered, 3, "members learn who goes");
	is_number(b.delivered, 3, "so does who goes");
	feed_message(hub, 7, 2);
	is_number(b.delivered, 3, "who then gets nothing more");
	is_number(a.delivered, 4, "while the others do");
	feed_member(hub, 102, 7, 2, 9, true);
	feed_message(hub, 7, 3);
	is_number(b.delivered, 5, "who went can come back");
	feed_member(hub, 103, 7, 2, 8, false);
	feed_message(hub, 7, 4);
	is_number(b.last_number, 4, "a removal older than the membership changes nothing");
	hub_disconnect(hub, &a.connection);
	hub_disconnect(hub, &b.connection);
	hub_free(hub);
}

/* The commit was in the feed before it was visible to the snapshot. */
static void
test_journal(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client a = new_client();
	Client b = new_client();
	Snapshot snapshot;

	hub_snapshot_begin(hub, &snapshot);
	feed_member(hub, 100, 7, 1, 5, false);
	is_number(finish_login(hub, &a, &snapshot, 1, 7, 4, 90), HUB_CONNECTED,
			  "connects with a snapshot from before its removal");
	feed_message(hub, 7, 1);
	is_number(a.delivered, 0, "the removal counts");

	hub_snapshot_begin(hub, &snapshot);
	feed_member(hub, 101, 8, 2, 3, true);
	is_number(finish_login(hub, &b, &snapshot, 2, 0, 0, 90), HUB_CONNECTED,
			  "connects with a snapshot from before it joined");
	feed_message(hub, 8, 1);
	is_number(b.delivered, 1, "the joining counts");

	hub_snapshot_begin(hub, &snapshot);
	is_number(finish_login(hub, &a, &snapshot, 1, 7, 6, 90), HUB_CONNECTED,
			  "a snapshot with a newer version");
	feed_message(hub, 7, 2);
	is_number(a.delivered, 1, "counts more than the journal");
	hub_disconnect(hub, &a.connection);
	hub_disconnect(hub, &b.connection);
	hub_free(hub);
}

static void
test_journal_prune(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client a = new_client();
	Client b = new_client();
	Snapshot old;
	Snapshot young;

	feed_member(hub, 100, 7, 1, 5, false);
	hub_snapshot_begin(hub, &old);
	hub_snapshot_begin(hub, &young);
	is_number(finish_login(hub, &a, &young, 2, 0, 0, 200), HUB_CONNECTED,
			  "a snapshot for which the entry is past");
	is_number((int64_t) journal_length(hub), 1, "the entry stays for an older question");
	is_number(finish_login(hub, &b, &old, 1, 7, 4, 90), HUB_CONNECTED, "which is answered late");
	feed_message(hub, 7, 1);
	is_number(b.delivered, 0, "and corrected");
	is_number((int64_t) journal_length(hub), 0, "then the entry goes");

	feed_member(hub, 4294967290u, 7, 3, 6, false);
	hub_snapshot_begin(hub, &young);
	is_number(finish_login(hub, &a, &young, 2, 0, 0, 5 + (INT64_C(1) << 32)), HUB_CONNECTED,
			  "transaction ids that have gone round");
	is_number((int64_t) journal_length(hub), 0, "are compared so");
	hub_disconnect(hub, &a.connection);
	hub_disconnect(hub, &b.connection);
	hub_free(hub);
}

/* Who comes and goes without end must neither fill the memory nor slow down a login. */
static void
test_journal_churn(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client b = new_client();

	for (int64_t ver = 1; ver <= 1001; ver++)
		feed_member(hub, 600 + (uint32_t) ver, 7, 2, ver, ver % 2 == 1);
	feed_member(hub, 2000, 8, 2, 1, true);
	feed_member(hub, 2001, 8, 2, 2, false);
	is_number((int64_t) journal_length(hub), 2, "the journal has one entry a membership");
	log_in(hub, &b, 2, 8, 1);
	feed_message(hub, 7, 1);
	is_number(b.delivered, 1, "it is the last coming");
	feed_message(hub, 8, 1);
	is_number(b.delivered, 1, "or going");
	hub_disconnect(hub, &b.connection);
	hub_free(hub);
}

static void
test_revocation(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client a = new_client();
	Client b = new_client();
	Snapshot snapshot;

	ok(log_in(hub, &a, 1, 7, 1) == HUB_CONNECTED, "a session");
	feed(hub, 100, (ParleyEvent){.kind = PARLEY_EVENT_SESSION, .account_id = 1, .number = 99});
	is_number(a.ended, 0, "another session of the account ends without it");
	hub_snapshot_begin(hub, &snapshot);
	feed(hub, 101, (ParleyEvent){.kind = PARLEY_EVENT_SESSION, .account_id = 1, .number = 10});
	ok(a.ended == 1 && a.why == HUB_END_SESSION_REVOKED, "its own end ends it");
	is_number(finish_login(hub, &b, &snapshot, 1, 7, 1, 90), HUB_SESSION_REVOKED,
			  "a login that was under way is refused");
	hub_snapshot_begin(hub, &snapshot);
	feed(hub, 102,
		 (ParleyEvent){.kind = PARLEY_EVENT_ACCOUNT,
					   .flags = PARLEY_EVENT_FLAG_GONE,
					   .account_id = 1});
	ok(a.ended == 2 && a.why == HUB_END_ACCOUNT_CLOSED, "a closed account ends all of its own");
	is_number(finish_login(hub, &b, &snapshot, 1, 7, 1, 90), HUB_ACCOUNT_CLOSED,
			  "and refuses a login that was under way");
	is_number(hub_account_id(&b.connection), 0, "which stays unconnected");
	hub_disconnect(hub, &a.connection);
	hub_free(hub);
}

static void
test_user_updated(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client a = new_client();
	Client b = new_client();
	Client c = new_client();
	Event *event;

	ok(log_in(hub, &a, 1, 7, 1) == HUB_CONNECTED && log_in(hub, &b, 2, 7, 1) == HUB_CONNECTED &&
		   log_in(hub, &c, 3, 8, 1) == HUB_CONNECTED,
	   "two members of one conversation, one of another");
	feed_member(hub, 100, 9, 1, 1, true);
	feed_member(hub, 100, 9, 2, 2, true);
	a.delivered = b.delivered = 0;
	feed(hub, 101, (ParleyEvent){.kind = PARLEY_EVENT_ACCOUNT, .account_id = 1});
	is_number(a.delivered, 1, "the account itself learns that it changed");
	is_number(b.delivered, 1, "who shares two conversations learns it once");
	is_number(c.delivered, 0, "who shares none does not");
	feed(hub, 102, (ParleyEvent){.kind = PARLEY_EVENT_ACCOUNT, .account_id = 5});
	is_number(stranger, 5,
			  "whom somebody shares a conversation with who is elsewhere is to be asked");
	event = event_from_wire(&(ParleyEvent){.kind = PARLEY_EVENT_ACCOUNT}, NULL);
	hub_publish_profile(hub, (int64_t[]){7, 9, 10}, 3, event);
	event_unref(event);
	is_number(b.delivered, 2, "and then they learn it, once");
	is_number(c.delivered, 0, "and nobody else");
	hub_disconnect(hub, &a.connection);
	hub_disconnect(hub, &b.connection);
	hub_disconnect(hub, &c.connection);
	hub_free(hub);
}

static void
test_reset(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client a = new_client();
	Client b = new_client();
	Snapshot snapshot;

	ok(log_in(hub, &a, 1, 7, 1) == HUB_CONNECTED, "a connection");
	feed_member(hub, 100, 7, 3, 2, true);
	hub_snapshot_begin(hub, &snapshot);
	hub_reset(hub);
	ok(a.ended == 1 && a.why == HUB_END_FEED_LOST, "ends with the feed");
	is_number((int64_t) journal_length(hub), 0, "the journal is forgotten");
	feed_message(hub, 7, 1);
	is_number(a.delivered, 0 + 1, "and so are memberships");
	is_number(finish_login(hub, &b, &snapshot, 2, 7, 1, 1), HUB_STALE,
			  "a snapshot from before has to be taken again");
	is_number(log_in(hub, &b, 2, 7, 1), HUB_CONNECTED, "a new one is good");
	feed_message(hub, 7, 2);
	is_number(b.delivered, 1, "and brings messages");
	hub_disconnect(hub, &a.connection);
	hub_disconnect(hub, &b.connection);
	hub_free(hub);
}

static void
test_ephemeral(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client alice = new_client();
	Client bob = new_client();
	Client bob_scoped = new_client();
	Client carol = new_client();
	HubMembership rows[] = {{7, 1, 0, 0}, {8, 1, 0, 0}};
	HubLogin login = {.account_id = 2, .session_id = 20, .members = rows, .count = 2};
	Snapshot snapshot;
	Buffer json = BUFFER_EMPTY;

	buffer_append_string(&json, "{}");
	(void) log_in(hub, &alice, 1, 7, 1);
	hub_snapshot_begin(hub, &snapshot);
	is_number(hub_connect(hub, &bob.connection, &snapshot, &login), HUB_CONNECTED, "of two");
	hub_snapshot_begin(hub, &snapshot);
	login.scope = 8;
	is_number(hub_connect(hub, &bob_scoped.connection, &snapshot, &login), HUB_CONNECTED, "of one");
	(void) log_in(hub, &carol, 3, 9, 1);
	hub_publish_ephemeral(hub, 7, 1, NULL, 0, &json);
	is_number(bob.delivered, 1, "typing comes to the other members");
	is_number(alice.delivered + carol.delivered, 0, "and to nobody else");
	is_number(bob_scoped.delivered, 0, "nor to a connection for another conversation");
	hub_publish_ephemeral(hub, 7, 1, (const int64_t[]){9, 2}, 2, &json);
	is_number(bob.delivered, 1, "not to those that it is hidden from");
	hub_publish_ephemeral(hub, 99, 0, NULL, 0, &json);
	hub_publish_status(hub, 1, (const int64_t[]){7, 8, 99}, 3, &json);
	is_number(bob.delivered, 2, "a status comes once, however much is shared");
	is_number(bob_scoped.delivered, 1, "and where the one conversation is shared");
	hub_publish_status(hub, 1, (const int64_t[]){7}, 1, &json);
	is_number(bob_scoped.delivered, 1, "only there");
	is_number(alice.delivered + carol.delivered, 0, "not to oneself, not to strangers");
	hub_disconnect(hub, &alice.connection);
	hub_disconnect(hub, &bob.connection);
	hub_disconnect(hub, &bob_scoped.connection);
	hub_disconnect(hub, &carol.connection);
	buffer_free(&json);
	hub_free(hub);
}

/* Rows that somebody writes into the table once more, or a feed that goes back. */
static void
test_repeats(void)
{
	Hub *hub = hub_create(&handlers, NULL);
	Client a = new_client();
	int64_t before = metric_get(METRIC_FEED_REPEATS);

	(void) log_in(hub, &a, 1, 7, 1);
	feed_message(hub, 7, 5);
	feed_message(hub, 7, 6);
	feed_message(hub, 7, 6);
	feed_message(hub, 7, 2);
	is_number(a.delivered, 2, "a message that comes again is not delivered");
	is_number(metric_get(METRIC_FEED_REPEATS) - before, 2, "but counted");
	is_number(hub_fed(hub, 7).seq, 6, "the position stays");
	feed_message(hub, 7, 7);
	is_number(a.last_number, 7, "the next one is");
	feed_message(hub, 8, 1);
	is_number(hub_fed(hub, 8).seq, 0, "nothing is remembered of a conversation of nobody");
	hub_reset(hub);
	hub_disconnect(hub, &a.connection);
	(void) log_in(hub, &a, 1, 7, 1);
	feed_message(hub, 7, 3);
	is_number(a.last_number, 3, "when the feed was lost, numbers may begin anew");
	hub_disconnect(hub, &a.connection);
	hub_free(hub);
}

int
main(void)
{
	test_fan_out();
	test_scope();
	test_membership();
	test_journal();
	test_journal_prune();
	test_journal_churn();
	test_revocation();
	test_user_updated();
	test_ephemeral();
	test_reset();
	test_repeats();
	return done_testing();
}
