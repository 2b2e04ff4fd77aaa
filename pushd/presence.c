/*
 * presence.c
 *	  Who is online: to the database, and from there to the clients.
 *
 * An Account lives from the first connection at this process until the database has
 * been told of its end.  It stands in at most one list: `arriving` and `departing` wait
 * for the next call, `leaving` for the grace to pass.  One call is under way at a time;
 * what changes meanwhile goes with the next, so that a crowd makes few calls.
 */
#include "presence.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "pgarray.h"

#define CALL_ACCOUNTS 5000
#define RETRY_MS 1000
#define ACTIVE_MS 60000
#define COUNT_MS 2000 /* between two counts of a large group */

#define CHANGE_COLUMNS \
	"SELECT user_id, username, is_online, to_json(last_seen) #>> '{}', conversation_ids, " \
	"large_conversation_ids FROM "

enum
{
	CHANGE_ACCOUNT,
	CHANGE_USERNAME,
	CHANGE_ONLINE,
	CHANGE_LAST_SEEN,
	CHANGE_CONVERSATIONS,
	CHANGE_LARGE
};

enum
{
	BEAT_IS_NEW,
	BEAT_PEERS,
	BEAT_EXPIRED
};

enum
{
	COUNT_CONVERSATION,
	COUNT_ONLINE
};

static const PgStatement gateway_beat = {
	"gateway_beat", "SELECT is_new::int, peers, expired FROM chat.gateway_beat($1, $2)", 2};
static const PgStatement gateway_presence = {"gateway_presence",
											 CHANGE_COLUMNS
											 "chat.gateway_presence($1, $2, $3, $4, $5)",
											 5};
static const PgStatement gateway_reap = {"gateway_reap", CHANGE_COLUMNS "chat.gateway_reap($1)", 1};
static const PgStatement gateway_changes = {"gateway_changes",
											CHANGE_COLUMNS "chat.gateway_changes($1, $2)", 2};
static const PgStatement gateway_counts = {
	"gateway_counts", "SELECT conversation_id, online FROM chat.gateway_counts($1)", 1};

typedef struct Account
{
	int64_t id;
	ListNode queue;
	bool connected;
	bool told;		  /* the database has it as online here */
	int64_t leave_ms; /* in `leaving`: until when it may come back */
} Account;

struct Presence
{
	PresenceOptions options;
	Hub *hub;
	Exchange *exchange;
	Map accounts;
	ListNode arriving;
	ListNode leaving; /* in order of time */
	ListNode departing;
	Map active; /* account ids: did something since the last call that said so */
	Map counts; /* ids of large conversations that are to be counted */
	bool registered;

	PgRequest *request;
	Buffer asked_online; /* of the call under way: int64_t each */
	Buffer asked_offline;
	PgRequest *beat_request;
	PgRequest *look_request; /* reap or changes */
	PgRequest *count_request;
	LoopTask task;
	TimerEntry retry;
	TimerEntry grace;
	TimerEntry beat;
	TimerEntry activity;
	TimerEntry count;
};

/* ---- accounts ----------------------------------------------------------- */

static Account *
account_need(Presence *presence, int64_t id)
{
	Account *account = map_get(&presence->accounts, id);

	if (!account)
	{
		account = xcalloc(1, sizeof(Account));
		account->id = id;
		list_init(&account->queue);
		map_put(&presence->accounts, id, account);
	}
	return account;
}

static void
account_free(Presence *presence, Account *account)
{
	list_remove(&account->queue);
	map_remove(&presence->accounts, account->id);
	free(account);
}

static void
account_queue(Presence *presence, Account *account, ListNode *list)
{
	list_remove(&account->queue);
	list_push_back(list, &account->queue);
	if (list != &presence->leaving)
		loop_task_post(presence->options.loop, &presence->task);
}

void
presence_online(Presence *presence, int64_t account_id)
{
	Account *account = account_need(presence, account_id);

	account->connected = true;
	list_remove(&account->queue);
	if (!account->told)
		account_queue(presence, account, &presence->arriving);
}

void
presence_offline(Presence *presence, int64_t account_id)
{
	Account *account = account_need(presence, account_id);

	account->connected = false;
	account->leave_ms = clock_ms() + presence->options.rules.grace_ms;
	account_queue(presence, account, &presence->leaving);
	if (!timer_is_armed(&presence->grace))
		timer_arm(presence->options.wheel, &presence->grace, presence->options.rules.grace_ms);
}

void
presence_active(Presence *presence, int64_t account_id)
{
	Account *account = map_get(&presence->accounts, account_id);

	if (account)
		map_put(&presence->active, account_id, presence);
}

static void
on_grace(TimerEntry *entry)
{
	Presence *presence = container_of(entry, Presence, grace);
	int64_t now_ms = clock_ms();
	ListNode *first;

	while ((first = list_first(&presence->leaving)))
	{
		Account *account = list_entry(first, Account, queue);

		if (account->leave_ms > now_ms)
		{
			timer_arm(presence->options.wheel, entry, account->leave_ms - now_ms);
			return;
		}
		account_queue(presence, account, &presence->departing);
	}
}

/* The database has forgotten this process, and with it all its accounts. */
static void
tell_all_again(Presence *presence)
{
	size_t cursor = 0;
	Account *account;

	while ((account = map_next(&presence->accounts, &cursor, NULL)))
	{
		account->told = false;
		if (account->connected)
			account_queue(presence, account, &presence->arriving);
	}
}

/* ---- telling clients ---------------------------------------------------- */

static void
publish(Presence *presence, const BulletinItem *item)
{
	Buffer event = BUFFER_EMPTY;

	bulletin_write_event(&event, item);
	if (item->kind == BULLETIN_COUNT)
		hub_publish_ephemeral(presence->hub, item->conversation_id, 0, NULL, 0, &event);
	else
		hub_publish_status(presence->hub, item->account_id, item->conversation_ids,
						   item->conversations, &event);
	buffer_free(&event);
}

void
presence_take(Presence *presence, const BulletinItem *item)
{
	publish(presence, item);
}

/* Here at once, at the others in as many items as it takes. */
static void
announce_status(Presence *presence, BulletinItem *item, bool to_others)
{
	size_t left = item->conversations;

	publish(presence, item);
	while (to_others && left > 0)
	{
		item->conversations = left < BULLETIN_CONVERSATIONS_MAX ? left : BULLETIN_CONVERSATIONS_MAX;
		exchange_tell(presence->exchange, item);
		item->conversation_ids += item->conversations;
		left -= item->conversations;
	}
}

static void
note_counts(Presence *presence, const Buffer *ids)
{
	const int64_t *id = (const int64_t *) (void *) ids->data;

	for (size_t i = 0; i < ids->length / sizeof(int64_t); i++)
		map_put(&presence->counts, id[i], presence);
	if (presence->counts.count > 0 && !timer_is_armed(&presence->count) && !presence->count_request)
		timer_arm(presence->options.wheel, &presence->count, COUNT_MS);
}

/* One row of a chat.presence_change. */
static void
announce(Presence *presence, const PgReply *reply, int row, bool to_others)
{
	Buffer ids = BUFFER_EMPTY;
	Buffer large = BUFFER_EMPTY;

	if (pgarray_parse_int64(pgreply_value(reply, row, CHANGE_CONVERSATIONS), &ids) &&
		pgarray_parse_int64(pgreply_value(reply, row, CHANGE_LARGE), &large))
	{
		BulletinItem item = {.kind = BULLETIN_STATUS,
							 .account_id = pgreply_int64(reply, row, CHANGE_ACCOUNT, 0),
							 .username = pgreply_value(reply, row, CHANGE_USERNAME),
							 .on = pgreply_value(reply, row, CHANGE_ONLINE)[0] == 't',
							 .last_seen = pgreply_value(reply, row, CHANGE_LAST_SEEN),
							 .conversation_ids = (const int64_t *) (void *) ids.data,
							 .conversations = ids.length / sizeof(int64_t)};

		announce_status(presence, &item, to_others);
		note_counts(presence, &large);
	}
	buffer_free(&ids);
	buffer_free(&large);
}

/* False when the database refused. */
static bool
announce_all(Presence *presence, const PgReply *reply, bool to_others)
{
	if (!pgreply_ok(reply))
	{
		log_warn("presence: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
		return false;
	}
	for (int row = 0; row < pgreply_rows(reply); row++)
		announce(presence, reply, row, to_others);
	if (to_others)
		metric_add(METRIC_PRESENCE_CHANGES, pgreply_rows(reply));
	return true;
}

/* ---- counts ------------------------------------------------------------- */

static void
on_counted(void *arg, const PgReply *reply)
{
	Presence *presence = arg;
	Buffer none = BUFFER_EMPTY;

	presence->count_request = NULL;
	for (int row = 0; row < pgreply_rows(reply); row++)
	{
		BulletinItem item = {.kind = BULLETIN_COUNT,
							 .conversation_id = pgreply_int64(reply, row, COUNT_CONVERSATION, 0),
							 .online = pgreply_int64(reply, row, COUNT_ONLINE, 0)};

		publish(presence, &item);
		exchange_tell(presence->exchange, &item);
	}
	note_counts(presence, &none);
}

static void
append_ids(Buffer *list, const Buffer *ids)
{
	const int64_t *id = (const int64_t *) (void *) ids->data;

	pgarray_begin(list);
	for (size_t i = 0; i < ids->length / sizeof(int64_t); i++)
		pgarray_append_int64(list, id[i]);
	pgarray_end(list);
}

/* The map's keys, at most `max`; taken out of it. */
static void
take_keys(Map *map, Buffer *ids, size_t max)
{
	size_t cursor = 0;
	int64_t id;
	const int64_t *taken;

	while (max-- > 0 && map_next(map, &cursor, &id))
		buffer_append(ids, &id, sizeof(id));
	taken = (const int64_t *) (void *) ids->data;
	for (size_t i = 0; i < ids->length / sizeof(int64_t); i++)
		map_remove(map, taken[i]);
}

static void
on_count(TimerEntry *entry)
{
	Presence *presence = container_of(entry, Presence, count);
	Buffer ids = BUFFER_EMPTY;
	Buffer list = BUFFER_EMPTY;
	PgParam param;
	PgCall call = {&gateway_counts, &param};

	take_keys(&presence->counts, &ids, CALL_ACCOUNTS);
	append_ids(&list, &ids);
	param = pgparam_buffer(&list);
	presence->count_request =
		pgpool_request(presence->options.pool, &call, 1, on_counted, presence);
	buffer_free(&ids);
	buffer_free(&list);
}

/* ---- telling the database ----------------------------------------------- */

/* The call's accounts: `done` tells whether the database has taken them. */
static void
settle_arrivals(Presence *presence, bool done)
{
	const int64_t *ids = (const int64_t *) (void *) presence->asked_online.data;

	for (size_t i = 0; i < presence->asked_online.length / sizeof(int64_t); i++)
	{
		Account *account = map_get(&presence->accounts, ids[i]);

		if (account && done)
			account->told = true;
		else if (account && account->connected)
			account_queue(presence, account, &presence->arriving);
	}
	buffer_reset(&presence->asked_online);
}

static void
settle_departures(Presence *presence, bool done)
{
	const int64_t *ids = (const int64_t *) (void *) presence->asked_offline.data;

	for (size_t i = 0; i < presence->asked_offline.length / sizeof(int64_t); i++)
	{
		Account *account = map_get(&presence->accounts, ids[i]);

		if (!account)
			continue;
		if (done)
			account->told = false;
		if (account->connected && done)
			account_queue(presence, account, &presence->arriving);
		else if (!account->connected && !done)
			account_queue(presence, account, &presence->departing);
		else if (!account->connected && list_is_empty(&account->queue))
			account_free(presence, account);
	}
	buffer_reset(&presence->asked_offline);
}

static void
on_told(void *arg, const PgReply *reply)
{
	Presence *presence = arg;
	bool done = announce_all(presence, reply, true);

	presence->request = NULL;
	settle_arrivals(presence, done);
	settle_departures(presence, done);
	if (done)
		loop_task_post(presence->options.loop, &presence->task);
	else
		timer_arm(presence->options.wheel, &presence->retry, RETRY_MS);
}

static void
take_queue(ListNode *list, Buffer *ids)
{
	for (int i = 0; i < CALL_ACCOUNTS && !list_is_empty(list); i++)
	{
		const Account *account = list_entry(list_pop_front(list), Account, queue);

		buffer_append(ids, &account->id, sizeof(account->id));
	}
}

static void
tell(Presence *presence, const Buffer *active)
{
	Buffer lists[3] = {BUFFER_EMPTY, BUFFER_EMPTY, BUFFER_EMPTY};
	char texts[2][PGPARAM_DIGITS];
	PgParam params[5];
	PgCall call = {&gateway_presence, params};

	append_ids(&lists[0], &presence->asked_online);
	append_ids(&lists[1], &presence->asked_offline);
	append_ids(&lists[2], active);
	params[0] = pgparam_int64(texts[0], exchange_id(presence->exchange));
	for (int i = 0; i < 3; i++)
		params[1 + i] = pgparam_buffer(&lists[i]);
	params[4] = pgparam_int64(texts[1], presence->options.rules.members_max);
	presence->request = pgpool_request(presence->options.pool, &call, 1, on_told, presence);
	for (int i = 0; i < 3; i++)
		buffer_free(&lists[i]);
}

static void
on_task(LoopTask *task)
{
	Presence *presence = container_of(task, Presence, task);
	Buffer active = BUFFER_EMPTY;

	if (presence->request || !presence->registered || timer_is_armed(&presence->retry))
		return;
	take_queue(&presence->arriving, &presence->asked_online);
	take_queue(&presence->departing, &presence->asked_offline);
	if (!timer_is_armed(&presence->activity))
	{
		take_keys(&presence->active, &active, CALL_ACCOUNTS);
		timer_arm(presence->options.wheel, &presence->activity, ACTIVE_MS);
	}
	if (presence->asked_online.length + presence->asked_offline.length + active.length > 0)
		tell(presence, &active);
	buffer_free(&active);
}

static void
on_retry(TimerEntry *entry)
{
	Presence *presence = container_of(entry, Presence, retry);

	loop_task_post(presence->options.loop, &presence->task);
}

static void
on_activity(TimerEntry *entry)
{
	Presence *presence = container_of(entry, Presence, activity);

	loop_task_post(presence->options.loop, &presence->task);
}

/* ---- the lease ---------------------------------------------------------- */

static void
on_reaped(void *arg, const PgReply *reply)
{
	Presence *presence = arg;

	presence->look_request = NULL;
	(void) announce_all(presence, reply, true);
}

static void
reap(Presence *presence)
{
	char text[PGPARAM_DIGITS];
	PgParam param = pgparam_int64(text, presence->options.rules.members_max);
	PgCall call = {&gateway_reap, &param};

	if (!presence->look_request)
		presence->look_request =
			pgpool_request(presence->options.pool, &call, 1, on_reaped, presence);
}

static void
on_caught_up(void *arg, const PgReply *reply)
{
	Presence *presence = arg;

	presence->look_request = NULL;
	(void) announce_all(presence, reply, false);
}

void
presence_catch_up(Presence *presence, int64_t seconds)
{
	char texts[2][PGPARAM_DIGITS];
	PgParam params[2] = {pgparam_int64(texts[0], seconds < 3600 ? seconds : 3600),
						 pgparam_int64(texts[1], presence->options.rules.members_max)};
	PgCall call = {&gateway_changes, params};

	if (!presence->look_request)
		presence->look_request =
			pgpool_request(presence->options.pool, &call, 1, on_caught_up, presence);
}

static void
on_beaten(void *arg, const PgReply *reply)
{
	Presence *presence = arg;
	int64_t period_ms = presence->options.rules.lease_s * 1000 / 3;

	presence->beat_request = NULL;
	timer_arm(presence->options.wheel, &presence->beat,
			  pgreply_ok(reply) || period_ms < RETRY_MS ? period_ms : RETRY_MS);
	if (pgreply_rows(reply) != 1)
	{
		log_warn("presence: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
		return;
	}
	exchange_set_peers(presence->exchange, pgreply_int64(reply, 0, BEAT_PEERS, 0));
	if (presence->registered && pgreply_int64(reply, 0, BEAT_IS_NEW, 0) == 1)
		tell_all_again(presence);
	presence->registered = true;
	loop_task_post(presence->options.loop, &presence->task);
	if (pgreply_int64(reply, 0, BEAT_EXPIRED, 0) > 0)
		reap(presence);
}

static void
on_beat(TimerEntry *entry)
{
	Presence *presence = container_of(entry, Presence, beat);
	char texts[2][PGPARAM_DIGITS];
	PgParam params[2] = {pgparam_int64(texts[0], exchange_id(presence->exchange)),
						 pgparam_int64(texts[1], presence->options.rules.lease_s)};
	PgCall call = {&gateway_beat, params};

	presence->beat_request = pgpool_request(presence->options.pool, &call, 1, on_beaten, presence);
}

/* ---- interface ---------------------------------------------------------- */

void
presence_set_rules(Presence *presence, const PresenceRules *rules)
{
	presence->options.rules = *rules;
}

Presence *
presence_create(const PresenceOptions *options)
{
	Presence *presence = xcalloc(1, sizeof(Presence));

	presence->options = *options;
	list_init(&presence->arriving);
	list_init(&presence->leaving);
	list_init(&presence->departing);
	loop_task_init(&presence->task, on_task);
	timer_init(&presence->retry, on_retry);
	timer_init(&presence->grace, on_grace);
	timer_init(&presence->beat, on_beat);
	timer_init(&presence->activity, on_activity);
	timer_init(&presence->count, on_count);
	return presence;
}

void
presence_start(Presence *presence, Hub *hub, Exchange *exchange)
{
	presence->hub = hub;
	presence->exchange = exchange;
	on_beat(&presence->beat);
}

void
presence_stop(Presence *presence)
{
	TimerEntry *timers[] = {&presence->retry, &presence->grace, &presence->beat,
							&presence->activity, &presence->count};
	PgRequest *requests[] = {presence->request, presence->beat_request, presence->look_request,
							 presence->count_request};

	for (size_t i = 0; i < lengthof(timers); i++)
		timer_cancel(timers[i]);
	for (size_t i = 0; i < lengthof(requests); i++)
	{
		if (requests[i])
			pgpool_cancel(requests[i]);
	}
	presence->request = presence->beat_request = NULL;
	presence->look_request = presence->count_request = NULL;
	presence->registered = false;
	loop_task_cancel(&presence->task);
}

void
presence_free(Presence *presence)
{
	size_t cursor = 0;
	Account *account;

	loop_task_cancel(&presence->task);
	timer_cancel(&presence->grace);
	while ((account = map_next(&presence->accounts, &cursor, NULL)))
		free(account);
	map_free(&presence->accounts);
	map_free(&presence->active);
	map_free(&presence->counts);
	buffer_free(&presence->asked_online);
	buffer_free(&presence->asked_offline);
	free(presence);
}
