/*
 * exchange.c
 *	  Carries bulletins between the parley-pushd processes of one database, by NOTIFY.
 *
 * What waits for the next tick is a list of items in order, which the Exchange owns; a
 * map finds the one that a new item replaces.  One request is under way at a time, so
 * that payloads arrive in the order of their numbers and an old one that somebody sends
 * again is known by its number.
 */
#include "exchange.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "pgarray.h"

#define PEERS_UNKNOWN (-1)
#define KEY_RETRY_MS 2000
#define HELLO_MS 60000	  /* for so long who has said hello counts as alive */
#define PAYLOADS_MAX 16	  /* of one tick */
#define WAITING_MAX 20000 /* items */
#define SENDERS_MAX 1024  /* whose last number is remembered */

static const PgStatement ask_key = {"gateway_key", "SELECT chat.gateway_key()", 0};
static const PgStatement notify = {
	"gateway_notify", "SELECT pg_catalog.pg_notify($1, p) FROM unnest($2::text[]) AS p", 2};

typedef struct Waiting
{
	ListNode node;
	BulletinKind kind;
	int64_t subjects[2];
	char *json;
	size_t length;
} Waiting;

struct Exchange
{
	TimerWheel *wheel;
	PgPool *pool;
	ListenFeed *listen;
	int64_t tick_ms;
	const ExchangeHandlers *handlers;
	void *arg;
	int64_t id;
	int64_t number;	  /* of the last payload */
	int64_t peers;	  /* or PEERS_UNKNOWN: there may be some */
	int64_t hello_ms; /* the last hello; 0: none */
	BulletinKey key;
	bool has_key;
	bool listening;
	int64_t lost_ms; /* when it last could not listen; 0: it always could */
	Map senders;	 /* id → last number, as a pointer */
	ListNode waiting;
	size_t waiting_count;
	Map by_subject; /* hash → the Waiting that the next on the same subject replaces */
	PgRequest *request;
	PgRequest *key_request;
	TimerEntry tick;
	TimerEntry key_retry;
};

/* ---- what waits --------------------------------------------------------- */

/* Of a status the first conversation is a part of the subject: a long one has many items. */
static void
find_subjects(const BulletinItem *item, int64_t subjects[2])
{
	subjects[0] = item->account_id;
	subjects[1] = item->conversation_id;
	if (item->kind == BULLETIN_STATUS && item->conversations > 0)
		subjects[1] = item->conversation_ids[0];
}

/* SplitMix64's mixing, over kind and subjects. */
static int64_t
hash_subjects(BulletinKind kind, const int64_t subjects[2])
{
	uint64_t hash = (uint64_t) kind;

	for (int i = 0; i < 2; i++)
	{
		hash = (hash ^ (uint64_t) subjects[i]) + UINT64_C(0x9e3779b97f4a7c15);
		hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
		hash ^= hash >> 31;
	}
	return (int64_t) hash;
}

static void
waiting_remove(Exchange *exchange, Waiting *waiting)
{
	int64_t hash = hash_subjects(waiting->kind, waiting->subjects);

	if (map_get(&exchange->by_subject, hash) == waiting)
		map_remove(&exchange->by_subject, hash);
	list_remove(&waiting->node);
	exchange->waiting_count--;
	free(waiting->json);
	free(waiting);
}

static void
waiting_clear(Exchange *exchange)
{
	LIST_FOREACH(&exchange->waiting, node)
	{
		waiting_remove(exchange, list_entry(node, Waiting, node));
	}
}

/* The place of an earlier word on the same, or a new one; NULL: there are too many. */
static Waiting *
waiting_need(Exchange *exchange, const BulletinItem *item)
{
	int64_t subjects[2];
	int64_t hash;
	Waiting *waiting;

	find_subjects(item, subjects);
	hash = hash_subjects(item->kind, subjects);
	waiting = map_get(&exchange->by_subject, hash);
	if (waiting && waiting->kind == item->kind &&
		memcmp(waiting->subjects, subjects, sizeof(subjects)) == 0)
	{
		free(waiting->json);
		return waiting;
	}
	if (exchange->waiting_count >= WAITING_MAX)
		return NULL;
	waiting = xcalloc(1, sizeof(Waiting));
	waiting->kind = item->kind;
	memcpy(waiting->subjects, subjects, sizeof(subjects));
	list_init(&waiting->node);
	list_push_back(&exchange->waiting, &waiting->node);
	exchange->waiting_count++;
	map_put(&exchange->by_subject, hash, waiting);
	return waiting;
}

static void
put(Exchange *exchange, const BulletinItem *item)
{
	Waiting *waiting = waiting_need(exchange, item);
	Buffer json = BUFFER_EMPTY;

	if (!waiting)
	{
		metric_add(METRIC_EXCHANGE_DROPPED, 1);
		return;
	}
	bulletin_write_item(&json, item);
	waiting->json = (char *) buffer_take(&json, &waiting->length);
	if (!exchange->request && !timer_is_armed(&exchange->tick))
		timer_arm(exchange->wheel, &exchange->tick, exchange->tick_ms);
}

void
exchange_tell(Exchange *exchange, const BulletinItem *item)
{
	if (exchange->peers != 0 ||
		(exchange->hello_ms != 0 && clock_ms() - exchange->hello_ms < HELLO_MS))
		put(exchange, item);
}

/* ---- sending ------------------------------------------------------------ */

static void
on_sent(void *arg, const PgReply *reply)
{
	Exchange *exchange = arg;

	exchange->request = NULL;
	if (!pgreply_ok(reply))
		log_warn("exchange: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
	if (!list_is_empty(&exchange->waiting))
		timer_arm(exchange->wheel, &exchange->tick, exchange->tick_ms);
}

/* Moves as many of the first items as one payload holds. */
static void
append_payload(Exchange *exchange, Buffer *payloads)
{
	Buffer items = BUFFER_EMPTY;
	Buffer sealed = BUFFER_EMPTY;
	ListNode *first;

	while ((first = list_first(&exchange->waiting)))
	{
		Waiting *waiting = list_entry(first, Waiting, node);

		if (items.length > 0 &&
			items.length + 1 + waiting->length > BULLETIN_MAX - BULLETIN_OVERHEAD)
			break;
		if (items.length > 0)
			buffer_append_char(&items, ',');
		buffer_append(&items, waiting->json, waiting->length);
		waiting_remove(exchange, waiting);
	}
	bulletin_seal(&sealed, &exchange->key, exchange->id, ++exchange->number, &items);
	pgarray_append(payloads, (const char *) sealed.data, sealed.length);
	metric_add(METRIC_EXCHANGE_SENT, 1);
	buffer_free(&items);
	buffer_free(&sealed);
}

static void
on_tick(TimerEntry *entry)
{
	Exchange *exchange = container_of(entry, Exchange, tick);
	Buffer payloads = BUFFER_EMPTY;
	PgParam params[2];
	PgCall call = {&notify, params};

	if (!exchange->has_key)
	{
		timer_arm(exchange->wheel, entry, exchange->tick_ms);
		return;
	}
	pgarray_begin(&payloads);
	for (int i = 0; i < PAYLOADS_MAX && !list_is_empty(&exchange->waiting); i++)
		append_payload(exchange, &payloads);
	pgarray_end(&payloads);
	params[0] = pgparam_text(exchange->key.channel);
	params[1] = pgparam_buffer(&payloads);
	exchange->request = pgpool_request(exchange->pool, &call, 1, on_sent, exchange);
	buffer_free(&payloads);
}

/* ---- receiving ---------------------------------------------------------- */

static void
take_item(void *arg, const BulletinItem *item)
{
	Exchange *exchange = arg;

	if (item->kind == BULLETIN_HELLO)
		exchange->hello_ms = clock_ms();
	else
		exchange->handlers->on_item(exchange->arg, item);
}

/* Whether it is newer than all that its sender has told. */
static bool
is_new(Exchange *exchange, const Bulletin *bulletin)
{
	intptr_t last = (intptr_t) map_get(&exchange->senders, bulletin->sender);

	if (bulletin->number <= last)
		return false;
	if (exchange->senders.count >= SENDERS_MAX)
	{
		map_free(&exchange->senders);
		exchange->senders = (Map){0};
	}
	map_put(&exchange->senders, bulletin->sender, (void *) (intptr_t) bulletin->number);
	return true;
}

static void
on_notify(void *arg, const char *payload, int backend_pid)
{
	Exchange *exchange = arg;
	Bulletin bulletin;

	if (!bulletin_open(&bulletin, &exchange->key, payload))
	{
		metric_add(METRIC_EXCHANGE_REFUSED, 1);
		log_warn("exchange: backend %d sent a notification that is not a gateway's", backend_pid);
		return;
	}
	if (bulletin.sender != exchange->id && is_new(exchange, &bulletin))
	{
		metric_add(METRIC_EXCHANGE_RECEIVED, 1);
		bulletin_read(&bulletin, take_item, exchange);
	}
	bulletin_close(&bulletin);
}

/* ---- the key ------------------------------------------------------------ */

static void on_listening(void *arg, bool listening);

/* Another database has another key: after a restore the same name may be of another one. */
static void
use_key(Exchange *exchange, const BulletinKey *key)
{
	if (exchange->has_key && strcmp(exchange->key.channel, key->channel) == 0)
		return;
	if (exchange->has_key)
		listenfeed_unsubscribe(exchange->listen, exchange->key.channel, exchange);
	exchange->key = *key;
	exchange->has_key = true;
	listenfeed_subscribe(exchange->listen, key->channel, on_notify, on_listening, exchange);
}

static void
on_key(void *arg, const PgReply *reply)
{
	Exchange *exchange = arg;
	BulletinKey key;

	exchange->key_request = NULL;
	if (pgreply_rows(reply) == 1 && bulletin_key(&key, pgreply_value(reply, 0, 0)))
	{
		use_key(exchange, &key);
		return;
	}
	log_warn("exchange: no key: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
	timer_arm(exchange->wheel, &exchange->key_retry, KEY_RETRY_MS);
}

static void
on_key_retry(TimerEntry *entry)
{
	Exchange *exchange = container_of(entry, Exchange, key_retry);
	PgCall call = {&ask_key, NULL};

	if (!exchange->key_request)
		exchange->key_request = pgpool_request(exchange->pool, &call, 1, on_key, exchange);
}

/* Who begins to listen tells so, for the others keep silent while they are alone. */
static void
on_listening(void *arg, bool listening)
{
	Exchange *exchange = arg;
	int64_t now_ms = clock_ms();

	if (listening == exchange->listening)
		return;
	exchange->listening = listening;
	if (!listening)
	{
		exchange->lost_ms = now_ms;
		return;
	}
	put(exchange, &(BulletinItem){.kind = BULLETIN_HELLO});
	if (exchange->lost_ms == 0)
		return;
	on_key_retry(&exchange->key_retry);
	exchange->handlers->on_missed(exchange->arg, (now_ms - exchange->lost_ms) / 1000 + 2);
}

/* ---- interface ---------------------------------------------------------- */

void
exchange_set_tick(Exchange *exchange, int64_t tick_ms)
{
	exchange->tick_ms = tick_ms;
}

Exchange *
exchange_create(TimerWheel *wheel, PgPool *pool, ListenFeed *listen, int64_t tick_ms,
				const ExchangeHandlers *handlers, void *arg)
{
	Exchange *exchange = xcalloc(1, sizeof(Exchange));

	exchange->wheel = wheel;
	exchange->pool = pool;
	exchange->listen = listen;
	exchange->tick_ms = tick_ms;
	exchange->handlers = handlers;
	exchange->arg = arg;
	exchange->id = (int64_t) (random_u64() >> 1) | 1;
	exchange->peers = PEERS_UNKNOWN;
	list_init(&exchange->waiting);
	timer_init(&exchange->tick, on_tick);
	timer_init(&exchange->key_retry, on_key_retry);
	on_key_retry(&exchange->key_retry);
	return exchange;
}

int64_t
exchange_id(const Exchange *exchange)
{
	return exchange->id;
}

void
exchange_set_peers(Exchange *exchange, int64_t peers)
{
	exchange->peers = peers;
}

void
exchange_stop(Exchange *exchange)
{
	timer_cancel(&exchange->tick);
	timer_cancel(&exchange->key_retry);
	if (exchange->request)
		pgpool_cancel(exchange->request);
	if (exchange->key_request)
		pgpool_cancel(exchange->key_request);
	exchange->request = exchange->key_request = NULL;
	exchange->peers = exchange->hello_ms = 0;
	if (exchange->has_key)
		listenfeed_unsubscribe(exchange->listen, exchange->key.channel, exchange);
}

void
exchange_free(Exchange *exchange)
{
	waiting_clear(exchange);
	map_free(&exchange->by_subject);
	map_free(&exchange->senders);
	free(exchange);
}
