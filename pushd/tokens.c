/*
 * tokens.c
 *	  Asks the database whose tokens these are, many at a time.
 *
 * `waiting` is what came since the last batch left; `in_flight` is that batch, in the
 * order of its items.  A question that is cancelled leaves its list, and its row is
 * passed over.
 *
 * One hostile token must not spoil the answer of the others: what has a character that no
 * token has is asked about as the empty one.
 */
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "pgarray.h"

#define BATCH_ITEMS 500
#define BATCH_BYTES (1024 * 1024)

#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

struct Tokens
{
	PgPool *pool;
	const PgStatement *statement;
	Loop *loop;
	LoopTask task;
	ListNode waiting;
	ListNode in_flight;
	PgRequest *request;
};

static void
answer(ListNode *node, const PgReply *reply, int row)
{
	TokenQuestion *question = list_entry(node, TokenQuestion, node);

	list_remove(node);
	question->answered(question, reply, row);
}

static void
answer_all(ListNode *list, const PgReply *reply)
{
	ListNode *node;

	while ((node = list_first(list)))
		answer(node, reply, pgreply_rows(reply));
}

static void
answer_rows(Tokens *tokens, const PgReply *reply)
{
	for (int row = 0; row < pgreply_rows(reply); row++)
	{
		ListNode *node = list_first(&tokens->in_flight);

		if (node && list_entry(node, TokenQuestion, node)->item == pgreply_int64(reply, row, 0, 0))
			answer(node, reply, row);
	}
}

/* When the pool can't take a batch it can't take the next one either. */
static void
on_done(void *arg, const PgReply *reply)
{
	Tokens *tokens = arg;
	ListNode failed;

	tokens->request = NULL;
	list_init(&failed);
	answer_rows(tokens, reply);
	list_splice_back(&failed, &tokens->in_flight);
	if (!pgreply_ok(reply))
		list_splice_back(&failed, &tokens->waiting);
	answer_all(&failed, reply);
	if (!list_is_empty(&tokens->waiting))
		loop_task_post(tokens->loop, &tokens->task);
}

/* Moves the next batch to `in_flight` and writes it as an array; how many they are. */
static int64_t
collect(Tokens *tokens, Buffer *array)
{
	int64_t count = 0;
	ListNode *node;

	pgarray_begin(array);
	while (count < BATCH_ITEMS && array->length < BATCH_BYTES &&
		   (node = list_pop_front(&tokens->waiting)))
	{
		TokenQuestion *question = list_entry(node, TokenQuestion, node);
		size_t length = strlen(question->token);

		list_push_back(&tokens->in_flight, node);
		question->item = ++count;
		pgarray_append(array, question->token,
					   strspn(question->token, ALPHABET) == length ? length : 0);
	}
	pgarray_end(array);
	return count;
}

static void
on_task(LoopTask *task)
{
	Tokens *tokens = container_of(task, Tokens, task);
	Buffer array = BUFFER_EMPTY;
	PgParam param;

	if (tokens->request || list_is_empty(&tokens->waiting))
		return;
	metric_add(METRIC_LOGIN_BATCHES, 1);
	metric_add(METRIC_BATCHED_LOGINS, collect(tokens, &array));
	param = pgparam_buffer(&array);
	tokens->request =
		pgpool_request(tokens->pool, &(PgCall){tokens->statement, &param}, 1, on_done, tokens);
	buffer_wipe(&array);
}

void
tokens_ask(Tokens *tokens, TokenQuestion *question)
{
	list_init(&question->node);
	list_push_back(&tokens->waiting, &question->node);
	if (!tokens->request)
		loop_task_post(tokens->loop, &tokens->task);
}

void
tokens_cancel(TokenQuestion *question)
{
	if (question->node.next)
		list_remove(&question->node);
}

Tokens *
tokens_create(Loop *loop, PgPool *pool, const PgStatement *statement)
{
	Tokens *tokens = xcalloc(1, sizeof(Tokens));

	tokens->loop = loop;
	tokens->pool = pool;
	tokens->statement = statement;
	list_init(&tokens->waiting);
	list_init(&tokens->in_flight);
	loop_task_init(&tokens->task, on_task);
	return tokens;
}

void
tokens_free(Tokens *tokens)
{
	loop_task_cancel(&tokens->task);
	if (tokens->request)
		pgpool_cancel(tokens->request);
	free(tokens);
}
