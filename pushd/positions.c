/*
 * positions.c
 *	  Read and delivered positions on their way to the database.
 *
 * A Member is one account in one conversation, from its first report until the batch
 * that takes it is answered.  Reports that come while a batch is under way, or sooner
 * than PAUSE_MS after it left, gather in `waiting`, where `by_key` finds them; a Report
 * is who wants an answer and holds a reference to its session.
 *
 * A SQL transaction that moves a position and stays open holds its member.  A batch does
 * not wait for it: what it refuses as busy gathers again, for the next one.
 */
#include "positions.h"

#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "pgarray.h"
#include "pgproblem.h"

#define BATCH_MEMBERS 1000
#define PAUSE_MS 50		  /* between two batches: nobody sees a position move faster */
#define HELD_MAX_MS 10000 /* then the client is told */

typedef struct Member
{
	ListNode node;
	struct Member *same_key; /* in by_key */
	int64_t account_id;
	int64_t conversation_id;
	int64_t seqs[POSITION_KINDS]; /* 0: not reported */
	int64_t held_since_ms;		  /* 0: never was */
	ListNode reports;
} Member;

typedef struct Report
{
	ListNode node;
	Session *session;
	PositionKind kind;
	bool has_id;
	char id[];
} Report;

struct Positions
{
	Loop *loop;
	TimerWheel *wheel;
	PgPool *pool;
	LoopTask task;
	TimerEntry pause;
	ListNode waiting;
	ListNode in_flight; /* in the order of the arrays */
	Map by_key;			/* member_key() → Member, of those that wait */
	PgRequest *request;
};

enum
{
	ARRAY_ACCOUNT,
	ARRAY_CONVERSATION,
	ARRAY_READ,
	ARRAY_DELIVERED,
	ARRAYS
};

enum
{
	COLUMN_ITEM,
	COLUMN_READ,
	COLUMN_DELIVERED,
	COLUMN_ERROR
};

static const PgStatement gateway_positions = {
	"gateway_positions",
	"SELECT item, read_seq, delivered_seq, error FROM chat.gateway_positions($1, $2, $3, $4)",
	ARRAYS};

static void leave(Positions *positions);

/* ---- members ------------------------------------------------------------ */

static int64_t
member_key(int64_t account_id, int64_t conversation_id)
{
	return (int64_t) ((uint64_t) account_id * UINT64_C(0x9E3779B97F4A7C15)) ^ conversation_id;
}

static Member *
member_find(const Positions *positions, int64_t account_id, int64_t conversation_id)
{
	Member *member = map_get(&positions->by_key, member_key(account_id, conversation_id));

	while (member &&
		   (member->account_id != account_id || member->conversation_id != conversation_id))
		member = member->same_key;
	return member;
}

static void
member_wait(Positions *positions, Member *member)
{
	int64_t key = member_key(member->account_id, member->conversation_id);

	member->same_key = map_get(&positions->by_key, key);
	map_put(&positions->by_key, key, member);
	list_push_back(&positions->waiting, &member->node);
}

static Member *
member_need(Positions *positions, int64_t account_id, int64_t conversation_id)
{
	Member *member = member_find(positions, account_id, conversation_id);

	if (member)
		return member;
	member = xcalloc(1, sizeof(Member));
	member->account_id = account_id;
	member->conversation_id = conversation_id;
	list_init(&member->node);
	list_init(&member->reports);
	member_wait(positions, member);
	return member;
}

/* It leaves: what is reported from now on is another one. */
static void
member_forget_key(Positions *positions, Member *member)
{
	int64_t key = member_key(member->account_id, member->conversation_id);
	Member *first = map_get(&positions->by_key, key);
	Member **at = &first;

	while (*at != member)
		at = &(*at)->same_key;
	*at = member->same_key;
	if (first)
		map_put(&positions->by_key, key, first);
	else
		(void) map_remove(&positions->by_key, key);
}

/* ---- reports ------------------------------------------------------------ */

/* Nobody has to be told the same thing twice: of those without an id, one is enough. */
static bool
report_is_known(const Member *member, const Session *session)
{
	LIST_FOREACH(&member->reports, node)
	{
		const Report *report = list_entry(node, Report, node);

		if (report->session == session && !report->has_id)
			return true;
	}
	return false;
}

static void
report_add(Member *member, Session *session, PositionKind kind, const char *request_id)
{
	size_t size = request_id ? strlen(request_id) + 1 : 0;
	Report *report = xmalloc(sizeof(Report) + size);

	*report = (Report){.session = session, .kind = kind, .has_id = request_id != NULL};
	if (request_id)
		memcpy(report->id, request_id, size);
	list_init(&report->node);
	list_push_back(&member->reports, &report->node);
	session_request_begin(session);
}

static void
report_ack(const Report *report, int64_t conversation_id, const char *seq)
{
	Buffer text = BUFFER_EMPTY;

	if (!report->has_id)
		return;
	buffer_append_string(&text, "{\"type\":\"ack\",\"id\":");
	buffer_append_json(&text, report->id, strlen(report->id));
	buffer_printf(&text, ",\"conversation_id\":%lld,\"seq\":%s}", (long long) conversation_id, seq);
	session_reply(report->session, &text);
	buffer_free(&text);
}

/* `seqs` by kind, or NULL when the problem counts. */
static void
member_answer(Member *member, const char *const seqs[POSITION_KINDS], ProblemId id)
{
	ListNode *node;

	while ((node = list_pop_front(&member->reports)))
	{
		Report *report = list_entry(node, Report, node);

		if (seqs)
			report_ack(report, member->conversation_id, seqs[report->kind]);
		else
			session_problem(report->session, id, report->has_id ? report->id : NULL,
							problem_get(id)->title);
		session_request_end(report->session);
		free(report);
	}
	list_remove(&member->node);
	free(member);
}

/* ---- members that somebody else holds ----------------------------------- */

/* Waits again, as one with what was reported of it meanwhile. */
static void
member_hold(Positions *positions, Member *member)
{
	Member *newer = member_find(positions, member->account_id, member->conversation_id);

	list_remove(&member->node);
	if (!newer)
	{
		member_wait(positions, member);
		return;
	}
	for (int kind = 0; kind < POSITION_KINDS; kind++)
		if (newer->seqs[kind] < member->seqs[kind])
			newer->seqs[kind] = member->seqs[kind];
	newer->held_since_ms = member->held_since_ms;
	list_splice_back(&newer->reports, &member->reports);
	free(member);
}

static void
hold_or_refuse(Positions *positions, Member *member, ProblemId id)
{
	if (id == PROBLEM_CONVERSATION_BUSY && member->held_since_ms == 0)
		member->held_since_ms = clock_ms();
	if (id == PROBLEM_CONVERSATION_BUSY && clock_ms() - member->held_since_ms < HELD_MAX_MS)
		member_hold(positions, member);
	else
		member_answer(member, NULL, id);
}

/* ---- batches ------------------------------------------------------------ */

static void
answer_all(Positions *positions, ProblemId id)
{
	ListNode *node;

	while ((node = list_first(&positions->in_flight)))
		member_answer(list_entry(node, Member, node), NULL, id);
}

static void
answer_rows(Positions *positions, const PgReply *reply)
{
	for (int row = 0; row < pgreply_rows(reply); row++)
	{
		ListNode *node = list_first(&positions->in_flight);
		const char *seqs[POSITION_KINDS] = {pgreply_value(reply, row, COLUMN_READ),
											pgreply_value(reply, row, COLUMN_DELIVERED)};

		if (!node || pgreply_int64(reply, row, COLUMN_ITEM, 0) != row + 1)
			break;
		if (pgreply_is_null(reply, row, COLUMN_ERROR))
			member_answer(list_entry(node, Member, node), seqs, PROBLEM_NONE);
		else
			hold_or_refuse(positions, list_entry(node, Member, node),
						   problem_of_code(pgreply_value(reply, row, COLUMN_ERROR)));
	}
	answer_all(positions, PROBLEM_INTERNAL);
}

static void
on_answer(void *arg, const PgReply *reply)
{
	Positions *positions = arg;

	positions->request = NULL;
	if (pgreply_ok(reply))
		answer_rows(positions, reply);
	else
		answer_all(positions, pgproblem_of(reply, gateway_positions.name, 0));
	leave(positions);
}

static void
collect(Positions *positions, Buffer arrays[ARRAYS])
{
	ListNode *node;

	for (int i = 0; i < ARRAYS; i++)
		pgarray_begin(&arrays[i]);
	for (int count = 0; count < BATCH_MEMBERS && (node = list_pop_front(&positions->waiting));
		 count++)
	{
		Member *member = list_entry(node, Member, node);

		list_push_back(&positions->in_flight, node);
		member_forget_key(positions, member);
		pgarray_append_int64(&arrays[ARRAY_ACCOUNT], member->account_id);
		pgarray_append_int64(&arrays[ARRAY_CONVERSATION], member->conversation_id);
		for (int kind = 0; kind < POSITION_KINDS; kind++)
			if (member->seqs[kind] > 0)
				pgarray_append_int64(&arrays[ARRAY_READ + kind], member->seqs[kind]);
			else
				pgarray_append_null(&arrays[ARRAY_READ + kind]);
	}
	for (int i = 0; i < ARRAYS; i++)
		pgarray_end(&arrays[i]);
}

static void
on_task(LoopTask *task)
{
	Positions *positions = container_of(task, Positions, task);
	Buffer arrays[ARRAYS] = {BUFFER_EMPTY};
	PgParam params[ARRAYS];
	PgCall call = {&gateway_positions, params};

	collect(positions, arrays);
	for (int i = 0; i < ARRAYS; i++)
		params[i] = pgparam_buffer(&arrays[i]);
	metric_add(METRIC_POSITION_BATCHES, 1);
	timer_arm(positions->wheel, &positions->pause, PAUSE_MS);
	positions->request = pgpool_request(positions->pool, &call, 1, on_answer, positions);
	for (int i = 0; i < ARRAYS; i++)
		buffer_free(&arrays[i]);
}

/* The next batch leaves at the end of this turn, if it may. */
static void
leave(Positions *positions)
{
	if (!positions->request && !timer_is_armed(&positions->pause) &&
		!list_is_empty(&positions->waiting))
		loop_task_post(positions->loop, &positions->task);
}

static void
on_pause_over(TimerEntry *entry)
{
	leave(container_of(entry, Positions, pause));
}

/* ---- the whole ---------------------------------------------------------- */

void
positions_report(Positions *positions, Session *session, PositionKind kind, int64_t conversation_id,
				 int64_t seq, const char *request_id)
{
	Member *member = member_need(positions, session_account_id(session), conversation_id);

	metric_add(METRIC_POSITION_REPORTS, 1);
	if (seq > member->seqs[kind])
		member->seqs[kind] = seq;
	if (request_id || !report_is_known(member, session))
		report_add(member, session, kind, request_id);
	leave(positions);
}

Positions *
positions_create(Loop *loop, TimerWheel *wheel, PgPool *pool)
{
	Positions *positions = xcalloc(1, sizeof(Positions));

	positions->loop = loop;
	positions->wheel = wheel;
	positions->pool = pool;
	list_init(&positions->waiting);
	list_init(&positions->in_flight);
	timer_init(&positions->pause, on_pause_over);
	loop_task_init(&positions->task, on_task);
	return positions;
}

void
positions_free(Positions *positions)
{
	loop_task_cancel(&positions->task);
	timer_cancel(&positions->pause);
	list_splice_back(&positions->in_flight, &positions->waiting);
	answer_all(positions, PROBLEM_UNAVAILABLE);
	map_free(&positions->by_key);
	free(positions);
}
