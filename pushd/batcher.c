/*
 * batcher.c
 *	  Group commit: sends that arrive while one batch is under way form the next.
 *
 * A send is an Item from batcher_send() until its answer; it holds a reference to
 * its session.  `waiting` is what came since the last batch left; `in_flight` is
 * that batch, in the order of its arrays.
 *
 * A SQL transaction that sends and stays open holds its conversation.  A batch does
 * not wait for it: what it refuses as busy is `held` and tried again, and all that
 * comes for the same conversation meanwhile queues behind it, so that the others go
 * on and the order stays.
 */
#include "batcher.h"

#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "pgarray.h"
#include "pgproblem.h"

#define BATCH_ITEMS 1000
#define BATCH_BYTES (1024 * 1024)
#define HELD_RETRY_MS 50
#define HELD_MAX_MS 10000 /* then the client is told */

typedef struct Item
{
	ListNode node;
	Session *session;
	int64_t account_id;
	int64_t conversation_id;
	int64_t reply_to;
	int64_t held_since_ms; /* 0: never was */
	char *id;			   /* or NULL */
	size_t length;
	char content[];
} Item;

struct Batcher
{
	Loop *loop;
	TimerWheel *wheel;
	PgPool *pool;
	LoopTask task;
	ListNode waiting;
	ListNode in_flight;
	ListNode held;
	Map held_conversations; /* their ids */
	TimerEntry retry;
	PgRequest *request;
};

enum
{
	ARRAY_SENDER,
	ARRAY_CONVERSATION,
	ARRAY_CONTENT,
	ARRAY_ID,
	ARRAY_REPLY_TO,
	ARRAYS
};

enum
{
	COLUMN_ITEM,
	COLUMN_SEQ,
	COLUMN_CREATED_AT,
	COLUMN_ERROR
};

static const PgStatement send_batch = {"send_batch",
									   "SELECT item, seq, to_json(created_at), error"
									   " FROM chat.send_batch($1, $2, $3, $4, $5, false)",
									   ARRAYS};

static void
item_free(Item *item)
{
	list_remove(&item->node);
	session_request_end(item->session);
	free(item->id);
	free(item);
}

static void
answer_refusal(Item *item, ProblemId id)
{
	session_problem(item->session, id, item->id, problem_get(id)->title);
	item_free(item);
}

static void
answer_ack(Item *item, const char *seq, const char *created_at)
{
	Buffer text = BUFFER_EMPTY;

	buffer_append_string(&text, "{\"type\":\"ack\",\"id\":");
	buffer_append_json_or_null(&text, item->id);
	buffer_printf(&text, ",\"conversation_id\":%lld,\"seq\":%s,\"created_at\":%s}",
				  (long long) item->conversation_id, seq, created_at);
	session_reply(item->session, &text);
	buffer_free(&text);
	item_free(item);
}

static void
answer_all(Batcher *batcher, ProblemId id)
{
	ListNode *node;

	while ((node = list_first(&batcher->in_flight)))
		answer_refusal(list_entry(node, Item, node), id);
}

/* ---- conversations that somebody else holds ----------------------------- */

static void
hold(Batcher *batcher, Item *item)
{
	map_put(&batcher->held_conversations, item->conversation_id, batcher);
	list_remove(&item->node);
	list_push_back(&batcher->held, &item->node);
}

/* What came for a held conversation while the batch was under way stays behind it. */
static void
hold_waiting(Batcher *batcher)
{
	ListNode waiting;
	ListNode *node;

	list_init(&waiting);
	list_splice_back(&waiting, &batcher->waiting);
	while ((node = list_pop_front(&waiting)))
	{
		Item *item = list_entry(node, Item, node);

		list_push_back(&batcher->waiting, node);
		if (map_get(&batcher->held_conversations, item->conversation_id))
			hold(batcher, item);
	}
	timer_arm(batcher->wheel, &batcher->retry, HELD_RETRY_MS);
}

static void
on_retry(TimerEntry *entry)
{
	Batcher *batcher = container_of(entry, Batcher, retry);

	list_splice_back(&batcher->waiting, &batcher->held);
	map_free(&batcher->held_conversations);
	batcher->held_conversations = (Map){0};
	if (!batcher->request)
		loop_task_post(batcher->loop, &batcher->task);
}

/* ---- answers ------------------------------------------------------------ */

static void
hold_or_refuse(Batcher *batcher, Item *item, ProblemId id)
{
	if (id == PROBLEM_CONVERSATION_BUSY && item->held_since_ms == 0)
		item->held_since_ms = clock_ms();
	if (id == PROBLEM_CONVERSATION_BUSY && clock_ms() - item->held_since_ms < HELD_MAX_MS)
		hold(batcher, item);
	else
		answer_refusal(item, id);
}

/* Row `row` is about input item 1, 2, 3 …; sparse or disordered rows are an error. */
static void
answer_rows(Batcher *batcher, const PgReply *reply)
{
	for (int row = 0; row < pgreply_rows(reply); row++)
	{
		ListNode *node = list_first(&batcher->in_flight);

		if (!node || pgreply_int64(reply, row, COLUMN_ITEM, 0) != row + 1)
			break;
		if (pgreply_is_null(reply, row, COLUMN_ERROR))
		{
			answer_ack(list_entry(node, Item, node), pgreply_value(reply, row, COLUMN_SEQ),
					   pgreply_value(reply, row, COLUMN_CREATED_AT));
			continue;
		}
		hold_or_refuse(batcher, list_entry(node, Item, node),
					   problem_of_code(pgreply_value(reply, row, COLUMN_ERROR)));
	}
	answer_all(batcher, PROBLEM_INTERNAL);
	if (!list_is_empty(&batcher->held))
		hold_waiting(batcher);
}

static void
on_done(void *arg, const PgReply *reply)
{
	Batcher *batcher = arg;

	batcher->request = NULL;
	if (pgreply_ok(reply))
		answer_rows(batcher, reply);
	else
		answer_all(batcher, pgproblem_of(reply, send_batch.name, 0));
	if (!list_is_empty(&batcher->waiting))
		loop_task_post(batcher->loop, &batcher->task);
}

/* Moves the next batch to `in_flight` and writes it as arrays. */
static int64_t
collect(Batcher *batcher, Buffer arrays[ARRAYS])
{
	int64_t count = 0;
	ListNode *node;

	for (int i = 0; i < ARRAYS; i++)
		pgarray_begin(&arrays[i]);
	while (count < BATCH_ITEMS && arrays[ARRAY_CONTENT].length < BATCH_BYTES &&
		   (node = list_pop_front(&batcher->waiting)))
	{
		const Item *item = list_entry(node, Item, node);

		list_push_back(&batcher->in_flight, node);
		pgarray_append_int64(&arrays[ARRAY_SENDER], item->account_id);
		pgarray_append_int64(&arrays[ARRAY_CONVERSATION], item->conversation_id);
		pgarray_append(&arrays[ARRAY_CONTENT], item->content, item->length);
		if (item->id)
			pgarray_append(&arrays[ARRAY_ID], item->id, strlen(item->id));
		else
			pgarray_append_null(&arrays[ARRAY_ID]);
		if (item->reply_to != 0)
			pgarray_append_int64(&arrays[ARRAY_REPLY_TO], item->reply_to);
		else
			pgarray_append_null(&arrays[ARRAY_REPLY_TO]);
		count++;
	}
	for (int i = 0; i < ARRAYS; i++)
		pgarray_end(&arrays[i]);
	return count;
}

static void
on_task(LoopTask *task)
{
	Batcher *batcher = container_of(task, Batcher, task);
	Buffer arrays[ARRAYS] = {BUFFER_EMPTY};
	PgParam params[ARRAYS];
	PgCall call = {&send_batch, params};

	if (batcher->request || list_is_empty(&batcher->waiting))
		return;
	metric_add(METRIC_BATCHES, 1);
	metric_add(METRIC_BATCHED_MESSAGES, collect(batcher, arrays));
	for (int i = 0; i < ARRAYS; i++)
		params[i] = pgparam_buffer(&arrays[i]);
	batcher->request = pgpool_request(batcher->pool, &call, 1, on_done, batcher);
	for (int i = 0; i < ARRAYS; i++)
		buffer_free(&arrays[i]);
}

void
batcher_send(Batcher *batcher, Session *session, const BatcherSend *send)
{
	Item *item = xmalloc(sizeof(Item) + send->content_length);

	*item = (Item){.session = session,
				   .account_id = session_account_id(session),
				   .conversation_id = send->conversation_id,
				   .reply_to = send->reply_to,
				   .id = send->id ? xstrdup(send->id) : NULL,
				   .length = send->content_length};
	memcpy(item->content, send->content, send->content_length);
	session_request_begin(session);
	list_init(&item->node);
	if (map_get(&batcher->held_conversations, item->conversation_id))
	{
		list_push_back(&batcher->held, &item->node);
		return;
	}
	list_push_back(&batcher->waiting, &item->node);
	if (!batcher->request)
		loop_task_post(batcher->loop, &batcher->task);
}

Batcher *
batcher_create(Loop *loop, TimerWheel *wheel, PgPool *pool)
{
	Batcher *batcher = xcalloc(1, sizeof(Batcher));

	batcher->loop = loop;
	batcher->wheel = wheel;
	batcher->pool = pool;
	list_init(&batcher->waiting);
	list_init(&batcher->in_flight);
	list_init(&batcher->held);
	timer_init(&batcher->retry, on_retry);
	loop_task_init(&batcher->task, on_task);
	return batcher;
}

void
batcher_free(Batcher *batcher)
{
	loop_task_cancel(&batcher->task);
	timer_cancel(&batcher->retry);
	list_splice_back(&batcher->in_flight, &batcher->waiting);
	list_splice_back(&batcher->in_flight, &batcher->held);
	answer_all(batcher, PROBLEM_UNAVAILABLE);
	map_free(&batcher->held_conversations);
	free(batcher);
}
