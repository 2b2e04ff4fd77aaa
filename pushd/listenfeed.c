/*
 * listenfeed.c
 *	  One connection that LISTENs to every subscribed channel.
 *
 * One command is under way at a time: an UNLISTEN or LISTEN for each subscription that
 * is not yet as the server knows it.  A subscription that was given up stays in the list
 * until a task sweeps it out, since its own callback may have given it up.  The feed owns
 * its PgConn and its subscriptions and is freed by a task for the same reason.
 */
#include "listenfeed.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "pgconn.h"

typedef enum SubscriptionState
{
	SUBSCRIPTION_NEW,
	SUBSCRIPTION_ASKED, /* LISTEN is under way */
	SUBSCRIPTION_LISTENING,
	SUBSCRIPTION_DROPPED /* to be swept out */
} SubscriptionState;

typedef struct Subscription
{
	ListNode node;
	SubscriptionState state;
	char *channel;
	ListenNotify on_notify;
	ListenState on_state;
	void *arg;
} Subscription;

struct ListenFeed
{
	Loop *loop;
	PgConn *conn;
	ListNode subscriptions;
	bool busy; /* a command is under way */
	bool closed;
	LoopTask work;
	LoopTask release;
};

/* ---- subscriptions ------------------------------------------------------ */

static void
subscription_free(Subscription *subscription)
{
	list_remove(&subscription->node);
	free(subscription->channel);
	free(subscription);
}

static bool
is_wanted(const ListenFeed *feed, const char *channel)
{
	LIST_FOREACH(&feed->subscriptions, node)
	{
		const Subscription *subscription = list_entry(node, Subscription, node);

		if (subscription->state != SUBSCRIPTION_DROPPED &&
			strcmp(subscription->channel, channel) == 0)
			return true;
	}
	return false;
}

static void
append_command(PGconn *pq, Buffer *commands, const char *verb, const char *channel)
{
	char *name = PQescapeIdentifier(pq, channel, strlen(channel));

	if (!name)
		return;
	buffer_printf(commands, "%s %s;", verb, name);
	PQfreemem(name);
}

/* What the server has to be told; dropped subscriptions go. */
static void
collect_commands(ListenFeed *feed, PGconn *pq, Buffer *commands)
{
	LIST_FOREACH(&feed->subscriptions, node)
	{
		Subscription *subscription = list_entry(node, Subscription, node);

		if (subscription->state == SUBSCRIPTION_DROPPED)
		{
			if (pq && !is_wanted(feed, subscription->channel))
				append_command(pq, commands, "UNLISTEN", subscription->channel);
			subscription_free(subscription);
		}
		else if (pq && subscription->state == SUBSCRIPTION_NEW)
		{
			append_command(pq, commands, "LISTEN", subscription->channel);
			subscription->state = SUBSCRIPTION_ASKED;
		}
	}
}

static void
run_work(LoopTask *task)
{
	ListenFeed *feed = container_of(task, ListenFeed, work);
	PGconn *pq = pgconn_pq(feed->conn);
	Buffer commands = BUFFER_EMPTY;

	if (feed->busy)
		return;
	collect_commands(feed, pq, &commands);
	if (commands.length > 0)
	{
		feed->busy = PQsendQuery(pq, buffer_cstring(&commands));
		if (feed->busy)
			pgconn_flush(feed->conn);
		else
			pgconn_fail(feed->conn, PQerrorMessage(pq));
	}
	buffer_free(&commands);
}

/* The command under way is done: the channels are listened to. */
static void
tell_listening(ListenFeed *feed)
{
	LIST_FOREACH(&feed->subscriptions, node)
	{
		Subscription *subscription = list_entry(node, Subscription, node);

		if (feed->closed || subscription->state != SUBSCRIPTION_ASKED)
			continue;
		subscription->state = SUBSCRIPTION_LISTENING;
		if (subscription->on_state)
			subscription->on_state(subscription->arg, true);
	}
}

static void
tell_lost(ListenFeed *feed)
{
	LIST_FOREACH(&feed->subscriptions, node)
	{
		Subscription *subscription = list_entry(node, Subscription, node);
		bool listened = subscription->state == SUBSCRIPTION_LISTENING;

		if (feed->closed || subscription->state == SUBSCRIPTION_DROPPED)
			continue;
		subscription->state = SUBSCRIPTION_NEW;
		if (listened && subscription->on_state)
			subscription->on_state(subscription->arg, false);
	}
}

/* ---- the connection ----------------------------------------------------- */

static void
handle_up(void *arg, PGconn *pq)
{
	ListenFeed *feed = arg;

	(void) pq;
	loop_task_post(feed->loop, &feed->work);
}

static void
finish_command(ListenFeed *feed)
{
	feed->busy = false;
	pgconn_settled(feed->conn);
	tell_listening(feed);
	if (!feed->closed)
		loop_task_post(feed->loop, &feed->work);
}

/* False when the server refused: the connection is given up. */
static bool
take_result(ListenFeed *feed, PGconn *pq)
{
	PGresult *result = PQgetResult(pq);
	bool good = !result || PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!result)
		finish_command(feed);
	else if (!good)
		pgconn_fail(feed->conn, PQresultErrorMessage(result));
	PQclear(result);
	return good;
}

static void
deliver(ListenFeed *feed, const PGnotify *notify)
{
	LIST_FOREACH(&feed->subscriptions, node)
	{
		const Subscription *subscription = list_entry(node, Subscription, node);

		if (feed->closed)
			return;
		if (subscription->state == SUBSCRIPTION_LISTENING &&
			strcmp(subscription->channel, notify->relname) == 0)
			subscription->on_notify(subscription->arg, notify->extra, notify->be_pid);
	}
}

/* A callback may close the feed, and a refusal drops the connection. */
static void
handle_input(void *arg, PGconn *pq)
{
	ListenFeed *feed = arg;
	PGnotify *notify;

	while (pgconn_pq(feed->conn) == pq && feed->busy && !PQisBusy(pq))
	{
		if (!take_result(feed, pq))
			return;
	}
	while (pgconn_pq(feed->conn) == pq && (notify = PQnotifies(pq)))
	{
		deliver(feed, notify);
		PQfreemem(notify);
	}
}

static void
handle_down(void *arg, bool was_up, const char *why)
{
	ListenFeed *feed = arg;

	(void) was_up;
	(void) why;
	feed->busy = false;
	tell_lost(feed);
}

static const PgConnHandlers conn_handlers = {handle_up, handle_input, handle_down};

/* ---- interface ---------------------------------------------------------- */

static void
run_release(LoopTask *task)
{
	ListenFeed *feed = container_of(task, ListenFeed, release);

	LIST_FOREACH(&feed->subscriptions, node)
	{
		subscription_free(list_entry(node, Subscription, node));
	}
	free(feed);
}

ListenFeed *
listenfeed_create(Loop *loop, TimerWheel *wheel, const char *conninfo)
{
	ListenFeed *feed = xcalloc(1, sizeof(*feed));
	PgConnOptions options = {.name = "listen", .conninfo = conninfo};

	feed->loop = loop;
	list_init(&feed->subscriptions);
	loop_task_init(&feed->work, run_work);
	loop_task_init(&feed->release, run_release);
	feed->conn = pgconn_create(loop, wheel, &options, &conn_handlers, feed);
	pgconn_start(feed->conn);
	return feed;
}

void
listenfeed_subscribe(ListenFeed *feed, const char *channel, ListenNotify on_notify,
					 ListenState on_state, void *arg)
{
	Subscription *subscription = xcalloc(1, sizeof(*subscription));

	subscription->channel = xstrdup(channel);
	subscription->on_notify = on_notify;
	subscription->on_state = on_state;
	subscription->arg = arg;
	list_init(&subscription->node);
	list_push_back(&feed->subscriptions, &subscription->node);
	loop_task_post(feed->loop, &feed->work);
}

void
listenfeed_unsubscribe(ListenFeed *feed, const char *channel, const void *arg)
{
	LIST_FOREACH(&feed->subscriptions, node)
	{
		Subscription *subscription = list_entry(node, Subscription, node);

		if (subscription->arg == arg && strcmp(subscription->channel, channel) == 0)
			subscription->state = SUBSCRIPTION_DROPPED;
	}
	loop_task_post(feed->loop, &feed->work);
}

int
listenfeed_backend_pid(const ListenFeed *feed)
{
	PGconn *pq = pgconn_pq(feed->conn);

	return pq ? PQbackendPID(pq) : 0;
}

void
listenfeed_close(ListenFeed *feed)
{
	if (feed->closed)
		return;
	feed->closed = true;
	loop_task_cancel(&feed->work);
	pgconn_close(feed->conn);
	loop_task_post(feed->loop, &feed->release);
}
