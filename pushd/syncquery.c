/*
 * syncquery.c
 *	  What clients missed, asked of the tables, many in one query.
 *
 * A Round is one query: its asks are the distinct (conversation, cursor), its pairs the
 * questions about them.  The round owns both arrays until it has answered; questions belong
 * to those who ask.  A Lesson waits for the ring until the feed is as far as its snapshot.
 */
#include "syncquery.h"

#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "pgarray.h"
#include "pgproblem.h"

#define ROUND_ASKS 500
#define ROUND_PAIRS 4000
#define ROUND_MESSAGES 10000 /* about so many, shared by its asks */
#define PAGE_MIN 20			 /* messages of one ask */
#define PAGE_MAX 200
#define LESSONS_MAX 10000

enum
{
	ARRAY_CONVERSATION,
	ARRAY_SEQ,
	ARRAY_VER,
	ARRAY_ACCOUNT,
	ARRAY_ASK,
	ARRAYS,
	PARAM_LIMIT = ARRAYS,
	PARAMS
};

enum
{
	COLUMN_ASK,
	COLUMN_PART,
	COLUMN_ACCOUNT,
	COLUMN_NUMBER,
	COLUMN_VER,
	COLUMN_FRAME
};

typedef struct Ask
{
	struct Ask *next; /* of the same conversation */
	size_t number;	  /* from 1 */
	int64_t conversation_id;
	bool has_cursor;
	RingCursor cursor;
	SyncStatus status;
	RingCursor reached;
	EventList frames;
	bool knows_positions;
	Event *positions; /* also in frames; or NULL */
} Ask;

typedef struct Lesson
{
	ListNode node;
	RingLesson lesson;
	uint64_t lsn;
	uint64_t epoch;
} Lesson;

struct SyncQuery
{
	SyncQueryOptions options;
	LoopTask task;
	ListNode waiting;
	ListNode lessons;
	size_t lesson_count;

	/* The round that is under way. */
	PgRequest *request;
	uint64_t epoch;
	Map by_conversation; /* → the first Ask */
	Ask **asks;
	size_t ask_count;
	SyncQuestion **pairs; /* NULL: cancelled */
	size_t pair_count;
	uint32_t xmin;
	uint64_t lsn;
};

static const PgStatement gateway_sync = {"gateway_sync",
										 "SELECT ask, part, account_id, number, ver, frame"
										 " FROM chat.gateway_sync($1, $2, $3, $4, $5, $6)",
										 PARAMS};

/* ---- the ring's lessons ------------------------------------------------- */

bool
syncquery_feed_passed(const SyncQuery *query, uint64_t lsn)
{
	return query->options.feed_lsn(query->options.arg) >= lsn;
}

static void
lesson_free(SyncQuery *query, Lesson *lesson)
{
	list_remove(&lesson->node);
	query->lesson_count--;
	if (lesson->lesson.positions)
		event_unref(lesson->lesson.positions);
	free(lesson);
}

/* In the order of their snapshots, up to the first that the feed has not reached. */
void
syncquery_settle(SyncQuery *query)
{
	ListNode *node;

	while ((node = list_first(&query->lessons)))
	{
		Lesson *lesson = list_entry(node, Lesson, node);

		if (lesson->epoch == ring_epoch(query->options.ring))
		{
			if (!syncquery_feed_passed(query, lesson->lsn))
				return;
			ring_learn(query->options.ring, &lesson->lesson);
		}
		lesson_free(query, lesson);
	}
}

static void
note_lesson(SyncQuery *query, const Ask *ask)
{
	Lesson *lesson;

	if (query->lesson_count >= LESSONS_MAX || ask->status == SYNC_MORE ||
		ask->status == SYNC_GONE || query->options.feed_lsn(query->options.arg) == 0)
		return;
	lesson = xcalloc(1, sizeof(Lesson));
	lesson->lesson = (RingLesson){.conversation_id = ask->conversation_id,
								  .cursor = ask->reached,
								  .knows_positions = ask->knows_positions,
								  .positions = ask->positions ? event_ref(ask->positions) : NULL,
								  .xmin = query->xmin};
	lesson->lsn = query->lsn;
	lesson->epoch = query->epoch;
	list_init(&lesson->node);
	list_push_back(&query->lessons, &lesson->node);
	query->lesson_count++;
}

/* ---- a round ------------------------------------------------------------ */

static Ask *
ask_need(SyncQuery *query, const SyncQuestion *question)
{
	Ask *first = map_get(&query->by_conversation, question->conversation_id);
	Ask *ask = first;

	while (ask &&
		   (ask->has_cursor != question->has_cursor || ask->cursor.seq != question->cursor.seq ||
			ask->cursor.ver != question->cursor.ver))
		ask = ask->next;
	if (ask || query->ask_count == ROUND_ASKS)
		return ask;
	ask = xcalloc(1, sizeof(Ask));
	*ask = (Ask){.next = first,
				 .number = query->ask_count + 1,
				 .conversation_id = question->conversation_id,
				 .has_cursor = question->has_cursor,
				 .cursor = question->cursor,
				 .status = SYNC_GONE};
	query->asks[query->ask_count++] = ask;
	map_put(&query->by_conversation, ask->conversation_id, ask);
	return ask;
}

/* Takes what waits; a question that has no room in this round waits for the next. */
static void
round_collect(SyncQuery *query)
{
	query->asks = xcalloc(ROUND_ASKS, sizeof(Ask *));
	query->pairs = xcalloc(ROUND_PAIRS, sizeof(SyncQuestion *));
	LIST_FOREACH(&query->waiting, node)
	{
		SyncQuestion *question = list_entry(node, SyncQuestion, node);
		const Ask *ask;

		if (query->pair_count == ROUND_PAIRS)
			break;
		ask = ask_need(query, question);
		if (!ask)
			break;
		list_remove(&question->node);
		question->ask = ask->number;
		question->pair = &query->pairs[query->pair_count++];
		*question->pair = question;
	}
}

static void
round_forget(SyncQuery *query)
{
	for (size_t i = 0; i < query->ask_count; i++)
	{
		eventlist_clear(&query->asks[i]->frames);
		free(query->asks[i]);
	}
	free(query->asks);
	free(query->pairs);
	map_free(&query->by_conversation);
	query->by_conversation = (Map){0};
	query->asks = NULL;
	query->pairs = NULL;
	query->ask_count = query->pair_count = 0;
}

/* ---- the answer --------------------------------------------------------- */

static SyncStatus
read_status(const char *text)
{
	static const struct
	{
		const char *text;
		SyncStatus status;
	} rows[] = {{"complete", SYNC_COMPLETE}, {"more", SYNC_MORE}, {"reset", SYNC_RESET}};

	for (size_t i = 0; i < lengthof(rows); i++)
		if (strcmp(rows[i].text, text) == 0)
			return rows[i].status;
	return SYNC_GONE;
}

static Event *
make_frame(const PgReply *reply, int row, int64_t conversation_id, uint8_t kind)
{
	ParleyEvent header = {.kind = kind,
						  .length = (uint32_t) pgreply_length(reply, row, COLUMN_FRAME),
						  .conversation_id = conversation_id,
						  .account_id = pgreply_int64(reply, row, COLUMN_ACCOUNT, 0),
						  .number = pgreply_int64(reply, row, COLUMN_NUMBER, 0),
						  .ver = pgreply_int64(reply, row, COLUMN_VER, 0)};

	return event_from_wire(&header, (const uint8_t *) pgreply_value(reply, row, COLUMN_FRAME));
}

static void
add_frame(const PgReply *reply, int row, Ask *ask, uint8_t kind)
{
	Event *event = make_frame(reply, row, ask->conversation_id, kind);

	eventlist_add(&ask->frames, event);
	event_unref(event);
}

static void
add_positions(const PgReply *reply, int row, Ask *ask)
{
	ask->knows_positions = true;
	if (pgreply_length(reply, row, COLUMN_FRAME) == 0)
		return;
	add_frame(reply, row, ask, PARLEY_EVENT_READ);
	ask->positions = ask->frames.events[ask->frames.end - 1];
}

/* A row about one pair. */
static void
read_pair(SyncQuery *query, const PgReply *reply, int row, char part)
{
	int64_t number = pgreply_int64(reply, row, COLUMN_NUMBER, 0);
	SyncQuestion *question;

	if (number < 1 || number > (int64_t) query->pair_count)
		return;
	question = query->pairs[number - 1];
	if (!question)
		return;
	if (part == PARLEY_SYNC_GONE)
	{
		question->is_gone = true;
		question->membership_ver = pgreply_int64(reply, row, COLUMN_VER, 0);
	}
	else if (pgreply_length(reply, row, COLUMN_FRAME) > 0)
		question->own = make_frame(reply, row, question->conversation_id, PARLEY_EVENT_READ);
}

/* A row about one ask. */
static void
read_ask(const PgReply *reply, int row, Ask *ask, char part)
{
	switch (part)
	{
		case PARLEY_SYNC_ASK:
			ask->status = read_status(pgreply_value(reply, row, COLUMN_FRAME));
			ask->reached.seq = pgreply_int64(reply, row, COLUMN_NUMBER, 0);
			ask->reached.ver = pgreply_int64(reply, row, COLUMN_VER, 0);
			break;
		case PARLEY_SYNC_POSITIONS:
			add_positions(reply, row, ask);
			break;
		case PARLEY_SYNC_RESET:
			add_frame(reply, row, ask, EVENT_KIND_REPLY);
			break;
		default:
			add_frame(reply, row, ask, (uint8_t) part);
	}
}

static void
read_row(SyncQuery *query, const PgReply *reply, int row)
{
	int64_t number = pgreply_int64(reply, row, COLUMN_ASK, 0);
	char part = pgreply_value(reply, row, COLUMN_PART)[0];

	if (part == PARLEY_SYNC_SNAPSHOT)
	{
		query->xmin = (uint32_t) pgreply_int64(reply, row, COLUMN_NUMBER, 0);
		query->lsn = (uint64_t) pgreply_int64(reply, row, COLUMN_VER, 0);
	}
	else if (part == PARLEY_SYNC_GONE || part == PARLEY_SYNC_OWN)
		read_pair(query, reply, row, part);
	else if (number >= 1 && number <= (int64_t) query->ask_count)
		read_ask(reply, row, query->asks[number - 1], part);
}

static void
answer_pair(SyncQuery *query, SyncQuestion *question, ProblemId problem)
{
	const Ask *ask = query->asks[question->ask - 1];
	Event *own = question->own;
	SyncAnswer answer = {.status = question->is_gone ? SYNC_GONE : ask->status,
						 .problem = problem,
						 .cursor = ask->reached,
						 .frames = &ask->frames,
						 .own = own,
						 .membership_ver = question->membership_ver,
						 .lsn = query->lsn};

	if (problem != PROBLEM_NONE)
		answer.status = SYNC_FAILED;
	*question->pair = NULL;
	question->pair = NULL;
	question->own = NULL;
	question->is_gone = false;
	question->answered(question, &answer);
	if (own)
		event_unref(own);
}

static void
on_done(void *arg, const PgReply *reply)
{
	SyncQuery *query = arg;
	ProblemId problem =
		pgreply_ok(reply) ? PROBLEM_NONE : pgproblem_of(reply, gateway_sync.name, 0);

	query->request = NULL;
	for (int row = 0; row < pgreply_rows(reply); row++)
		read_row(query, reply, row);
	for (size_t i = 0; problem == PROBLEM_NONE && i < query->ask_count; i++)
		note_lesson(query, query->asks[i]);
	syncquery_settle(query);
	for (size_t i = 0; i < query->pair_count; i++)
		if (query->pairs[i])
			answer_pair(query, query->pairs[i], problem);
	round_forget(query);
	if (!list_is_empty(&query->waiting))
		loop_task_post(query->options.loop, &query->task);
}

/* ---- the question ------------------------------------------------------- */

static void
write_arrays(const SyncQuery *query, Buffer arrays[ARRAYS])
{
	for (int i = 0; i < ARRAYS; i++)
		pgarray_begin(&arrays[i]);
	for (size_t i = 0; i < query->ask_count; i++)
	{
		const Ask *ask = query->asks[i];

		pgarray_append_int64(&arrays[ARRAY_CONVERSATION], ask->conversation_id);
		if (ask->has_cursor)
		{
			pgarray_append_int64(&arrays[ARRAY_SEQ], ask->cursor.seq);
			pgarray_append_int64(&arrays[ARRAY_VER], ask->cursor.ver);
			continue;
		}
		pgarray_append_null(&arrays[ARRAY_SEQ]);
		pgarray_append_null(&arrays[ARRAY_VER]);
	}
	for (size_t i = 0; i < query->pair_count; i++)
	{
		pgarray_append_int64(&arrays[ARRAY_ACCOUNT], query->pairs[i]->account_id);
		pgarray_append_int64(&arrays[ARRAY_ASK], (int64_t) query->pairs[i]->ask);
	}
	for (int i = 0; i < ARRAYS; i++)
		pgarray_end(&arrays[i]);
}

static void
append_page(const SyncQuery *query, Buffer *to)
{
	int64_t page = ROUND_MESSAGES / (int64_t) query->ask_count;

	if (page < PAGE_MIN)
		page = PAGE_MIN;
	buffer_append_int64(to, page > PAGE_MAX ? PAGE_MAX : page);
}

static void
on_task(LoopTask *task)
{
	SyncQuery *query = container_of(task, SyncQuery, task);
	Buffer texts[PARAMS] = {BUFFER_EMPTY};
	PgParam params[PARAMS];
	PgCall call = {&gateway_sync, params};

	syncquery_settle(query);
	if (query->request || list_is_empty(&query->waiting))
		return;
	round_collect(query);
	write_arrays(query, texts);
	append_page(query, &texts[PARAM_LIMIT]);
	for (int i = 0; i < PARAMS; i++)
		params[i] = pgparam_buffer(&texts[i]);
	query->epoch = ring_epoch(query->options.ring);
	query->request = pgpool_request(query->options.pool, &call, 1, on_done, query);
	metric_add(METRIC_RESUME_ROUNDS, 1);
	for (int i = 0; i < PARAMS; i++)
		buffer_free(&texts[i]);
}

void
syncquery_ask(SyncQuery *query, SyncQuestion *question)
{
	list_init(&question->node);
	list_push_back(&query->waiting, &question->node);
	loop_task_post(query->options.loop, &query->task);
}

void
syncquery_cancel(SyncQuestion *question)
{
	if (question->pair)
		*question->pair = NULL;
	else if (question->node.next)
		list_remove(&question->node);
	if (question->own)
		event_unref(question->own);
	question->pair = NULL;
	question->own = NULL;
}

SyncQuery *
syncquery_create(const SyncQueryOptions *options)
{
	SyncQuery *query = xcalloc(1, sizeof(SyncQuery));

	query->options = *options;
	list_init(&query->waiting);
	list_init(&query->lessons);
	loop_task_init(&query->task, on_task);
	return query;
}

void
syncquery_free(SyncQuery *query)
{
	ListNode *node;

	loop_task_cancel(&query->task);
	while ((node = list_first(&query->lessons)))
		lesson_free(query, list_entry(node, Lesson, node));
	round_forget(query);
	free(query);
}
