/*
 * test_exchange.c
 *	  What is told to other processes, and when: coalescing, splitting, silence; over a
 *	  pool and a feed that are played here.
 */
#include "exchange.h"

#include <stdlib.h>

#include "tap.h"

#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* ---- the pool ------------------------------------------------------------ */

struct PgReply
{
	bool ok;
	const char *value;
};

static PgDone done; /* of the request under way; NULL: none */
static void *done_arg;
static char asked[32];
static Buffer payloads; /* the array of the last request */

PgRequest *
pgpool_request(PgPool *pool, const PgCall *calls, int ncalls, PgDone on_done, void *arg)
{
	(void) pool;
	(void) ncalls;
	string_copy(asked, sizeof(asked), calls->statement->name);
	buffer_reset(&payloads);
	if (calls->statement->nparams == 2)
		buffer_append(&payloads, calls->params[1].value, calls->params[1].length);
	done = on_done;
	done_arg = arg;
	return (PgRequest *) (void *) asked;
}

void
pgpool_cancel(PgRequest *request)
{
	(void) request;
	done = NULL;
}

bool
pgreply_ok(const PgReply *reply)
{
	return reply->ok;
}

int
pgreply_rows(const PgReply *reply)
{
	return reply->value != NULL;
}

const char *
pgreply_value(const PgReply *reply, int row, int column)
{
	(void) row;
	(void) column;
	return reply->value;
}

const char *
pgreply_sqlstate(const PgReply *reply)
{
	(void) reply;
	return "57P03";
}

const char *
pgreply_message(const PgReply *reply)
{
	(void) reply;
	return "not now";
}

static void
answer(bool good, const char *value)
{
	PgDone call = done;

	done = NULL;
	call(done_arg, &(PgReply){good, value});
}

/* ---- the feed ------------------------------------------------------------ */

static ListenNotify notify;
static ListenState state;
static void *listen_arg;

void
listenfeed_subscribe(ListenFeed *feed, const char *channel, ListenNotify on_notify,
					 ListenState on_state, void *arg)
{
	(void) feed;
	(void) channel;
	notify = on_notify;
	state = on_state;
	listen_arg = arg;
}

void
listenfeed_unsubscribe(ListenFeed *feed, const char *channel, const void *arg)
{
	(void) feed;
	(void) channel;
	(void) arg;
}

/* ---- time, and what comes ------------------------------------------------ */

static TimerWheel *wheel;
static int64_t now_ms;
static int items;
static int64_t missed;

static void
on_item(void *arg, const BulletinItem *item)
{
	(void) arg;
	(void) item;
	items++;
}

static void
on_missed(void *arg, int64_t seconds)
{
	(void) arg;
	missed = seconds;
}

static const ExchangeHandlers handlers = {on_item, on_missed};

static void
pass_tick(void)
{
	now_ms += 1000;
	timerwheel_advance(wheel, now_ms);
}

static int
count_of(const char *part)
{
	int count = 0;

	for (const char *at = buffer_cstring(&payloads); (at = strstr(at, part)); at++)
		count++;
	return count;
}

static void
type(Exchange *exchange, int64_t conversation_id, bool on)
{
	exchange_tell(exchange, &(BulletinItem){.kind = BULLETIN_TYPING,
											.conversation_id = conversation_id,
											.account_id = 3,
											.username = "alice",
											.on = on});
}

/* The array's one element, as text; free it. */
static char *
only_payload(void)
{
	char *text = xstrdup(buffer_cstring(&payloads));
	char *to = text;

	for (const char *from = text + 2; *from && strcmp(from, "\"}") != 0; from++)
	{
		if (*from == '\\')
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return text;
}

/* ---- tests --------------------------------------------------------------- */

static void
test_beginning(Exchange *exchange)
{
	is_text(asked, "gateway_key", "the key is asked for");
	answer(false, NULL);
	type(exchange, 7, true);
	while (!done)
		pass_tick();
	is_text(asked, "gateway_key", "and again, until there is one");
	answer(true, SECRET);
	ok(notify != NULL, "then it listens");
	state(listen_arg, true);
	pass_tick();
	is_number(count_of("[\\\"h\\\"]"), 1, "says hello");
	is_number(count_of("[\\\"t\\\""), 1, "and what was said, for there may be others");
	answer(true, NULL);
	exchange_set_peers(exchange, 0);
	type(exchange, 7, true);
	pass_tick();
	ok(done == NULL, "nothing while it is known to be alone");
}

static void
test_coalescing(Exchange *exchange)
{
	exchange_set_peers(exchange, 1);
	type(exchange, 7, true);
	type(exchange, 8, true);
	ok(done == NULL, "nothing goes before the tick");
	type(exchange, 7, false);
	pass_tick();
	is_number(count_of("[\\\"t\\\""), 2, "a later word replaces an earlier one");
	is_number(count_of("[\\\"t\\\",7,3,\\\"alice\\\",0]"), 1, "and is the one that goes");
	type(exchange, 9, true);
	pass_tick();
	is_number(count_of("[\\\"t\\\",9"), 0, "one request at a time");
	answer(true, NULL);
	pass_tick();
	is_number(count_of("[\\\"t\\\",9"), 1, "what came meanwhile goes with the next");
	answer(false, NULL);
	pass_tick();
	ok(done == NULL, "what could not be sent is of the past");
}

static void
test_splitting(Exchange *exchange)
{
	int expected = 1000;
	int sent = 0;
	int largest = 0;

	for (int i = 1; i <= expected; i++)
		type(exchange, INT64_C(1000000000) + i, true);
	for (pass_tick(); done; pass_tick())
	{
		const char *at = buffer_cstring(&payloads);
		int here = count_of("[\\\"t\\\"");

		sent += here;
		for (const char *end; (end = strstr(at + 1, "\",\"")); at = end)
			largest = end - at > largest ? (int) (end - at) : largest;
		answer(true, NULL);
	}
	is_number(sent, expected, "many items go in several payloads");
	ok(largest > 4000 && largest < 2 * BULLETIN_MAX, "which are filled, as NOTIFY allows");
}

static void
test_receiving(Exchange *exchange)
{
	Buffer list = BUFFER_EMPTY;
	Buffer sealed = BUFFER_EMPTY;
	BulletinKey key;
	char *own;

	(void) !bulletin_key(&key, SECRET);
	buffer_append_string(&list, "[\"c\",7,1]");
	bulletin_seal(&sealed, &key, 5, 10, &list);
	notify(listen_arg, buffer_cstring(&sealed), 1);
	is_number(items, 1, "what another process tells is taken");
	notify(listen_arg, buffer_cstring(&sealed), 1);
	is_number(items, 1, "but once");
	buffer_reset(&sealed);
	bulletin_seal(&sealed, &key, 5, 9, &list);
	notify(listen_arg, buffer_cstring(&sealed), 1);
	is_number(items, 1, "and nothing older");
	notify(listen_arg, "[\"c\",7,1]", 1);
	is_number(items, 1, "nor what is not sealed");
	type(exchange, 7, true);
	pass_tick();
	own = only_payload();
	notify(listen_arg, own, 1);
	is_number(items, 1, "nor what it has told itself");
	free(own);
	answer(true, NULL);
	state(listen_arg, false);
	state(listen_arg, true);
	ok(missed >= 1, "a time without listening is told");
	is_text(asked, "gateway_key", "and the key asked for again");
	buffer_free(&list);
	buffer_free(&sealed);
}

int
main(void)
{
	Loop *loop = loop_create();
	Exchange *exchange;

	now_ms = clock_ms();
	wheel = timerwheel_create(loop, TIMERWHEEL_TICK_MS);
	exchange = exchange_create(wheel, NULL, NULL, 100, &handlers, NULL);
	test_beginning(exchange);
	test_coalescing(exchange);
	test_splitting(exchange);
	test_receiving(exchange);
	exchange_stop(exchange);
	exchange_free(exchange);
	timerwheel_free(wheel);
	ok(loop_free(loop), "nothing is left open");
	buffer_free(&payloads);
	return done_testing();
}
