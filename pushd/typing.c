/*
 * typing.c
 *	  Who is typing where.
 *
 * A Typer is one member who types in one conversation, known from a client here (local)
 * or from another process; it lives until it ends.  A Room holds the typers of a
 * conversation and lives as long as it has one.  A Writer is an account that has sent
 * typing frames here; it has the account's bucket and lives until the account's last
 * connection goes.  Questions to the database wait while one call is under way and then
 * go together; each holds a reference to its session.
 */
#include "typing.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "pgarray.h"

#define USERNAME_SIZE 40
#define ALLOWED_MS 10000 /* how long an answer of the database is good */
#define REMOTE_SLACK_MS 2000
#define QUESTIONS_MAX 500 /* of one call */

static const PgStatement may_type = {"gateway_may_type",
									 "SELECT username, error, hidden_from "
									 "FROM chat.gateway_may_type($1, $2)",
									 2};

typedef struct Room
{
	int64_t conversation_id;
	ListNode typers;
} Room;

typedef struct Typer
{
	ListNode of_room;
	Typing *owner;
	Room *room;
	int64_t account_id;
	char username[USERNAME_SIZE];
	Buffer hidden_from; /* int64_t: members who have blocked the account */
	bool local;
	int64_t allowed_until_ms;
	int64_t told_ms; /* when the other processes last heard of it */
	TimerEntry expiry;
} Typer;

typedef struct Writer
{
	int64_t tokens_ms; /* a token is 1000 / TYPING_PER_S of these */
	int64_t filled_ms; /* when they were counted */
} Writer;

typedef struct Question
{
	ListNode node;
	Session *session;
	char *request_id; /* or NULL */
	int64_t account_id;
	int64_t conversation_id;
	bool withdrawn;
} Question;

struct Typing
{
	TypingOptions options;
	Map rooms;	 /* conversation id → Room */
	Map writers; /* account id → Writer */
	ListNode waiting;
	ListNode asked; /* of the request under way, in its order */
	PgRequest *request;
	bool stopped;
};

/* ---- typers ------------------------------------------------------------- */

static Typer *
typer_find(const Typing *typing, int64_t conversation_id, int64_t account_id)
{
	Room *room = map_get(&typing->rooms, conversation_id);

	if (!room)
		return NULL;
	LIST_FOREACH(&room->typers, node)
	{
		Typer *typer = list_entry(node, Typer, of_room);

		if (typer->account_id == account_id)
			return typer;
	}
	return NULL;
}

static void on_expiry(TimerEntry *entry);

static Typer *
typer_add(Typing *typing, const BulletinItem *item)
{
	int64_t conversation_id = item->conversation_id;
	Room *room = map_get(&typing->rooms, conversation_id);
	Typer *typer = xcalloc(1, sizeof(Typer));

	if (!room)
	{
		room = xcalloc(1, sizeof(Room));
		room->conversation_id = conversation_id;
		list_init(&room->typers);
		map_put(&typing->rooms, conversation_id, room);
	}
	typer->owner = typing;
	typer->room = room;
	typer->account_id = item->account_id;
	string_copy(typer->username, sizeof(typer->username), item->username);
	buffer_append(&typer->hidden_from, item->hidden_from, item->hidden * sizeof(int64_t));
	timer_init(&typer->expiry, on_expiry);
	list_init(&typer->of_room);
	list_push_back(&room->typers, &typer->of_room);
	return typer;
}

static void
typer_free(Typer *typer)
{
	Room *room = typer->room;

	timer_cancel(&typer->expiry);
	buffer_free(&typer->hidden_from);
	list_remove(&typer->of_room);
	if (list_is_empty(&room->typers))
	{
		map_remove(&typer->owner->rooms, room->conversation_id);
		free(room);
	}
	free(typer);
}

static BulletinItem
typer_item(const Typer *typer, bool on)
{
	return (BulletinItem){.kind = BULLETIN_TYPING,
						  .conversation_id = typer->room->conversation_id,
						  .account_id = typer->account_id,
						  .username = typer->username,
						  .on = on,
						  .hidden_from = (const int64_t *) (const void *) typer->hidden_from.data,
						  .hidden = typer->hidden_from.length / sizeof(int64_t)};
}

static void
tell_here(const Typer *typer, bool on)
{
	BulletinItem item = typer_item(typer, on);
	Buffer event = BUFFER_EMPTY;

	bulletin_write_event(&event, &item);
	hub_publish_ephemeral(typer->owner->options.hub, item.conversation_id, item.account_id,
						  item.hidden_from, item.hidden, &event);
	buffer_free(&event);
}

static void
tell_others(Typer *typer, bool on)
{
	BulletinItem item = typer_item(typer, on);

	typer->told_ms = clock_ms();
	exchange_tell(typer->owner->options.exchange, &item);
}

static void
typer_end(Typer *typer)
{
	tell_here(typer, false);
	if (typer->local)
		tell_others(typer, false);
	typer_free(typer);
}

static void
on_expiry(TimerEntry *entry)
{
	typer_end(container_of(entry, Typer, expiry));
}

/* The other processes end it by themselves: they hear of it in time before that. */
static void
typer_go_on(Typer *typer)
{
	const TypingOptions *options = &typer->owner->options;

	timer_arm(options->wheel, &typer->expiry, options->timeout_ms);
	if (clock_ms() - typer->told_ms >= options->timeout_ms / 2)
		tell_others(typer, true);
}

static bool
is_hidden_alike(const Typer *typer, const BulletinItem *item)
{
	size_t size = item->hidden * sizeof(int64_t);

	return typer->hidden_from.length == size &&
		   (size == 0 || memcmp(typer->hidden_from.data, item->hidden_from, size) == 0);
}

/*
 * The typer of the item, who is told of if they are new.  One who is now hidden from others
 * ends first: those who are no longer to see it were told that it began.
 */
static Typer *
typer_of(Typing *typing, const BulletinItem *item)
{
	Typer *typer = typer_find(typing, item->conversation_id, item->account_id);

	if (typer && !is_hidden_alike(typer, item))
	{
		typer_end(typer);
		typer = NULL;
	}
	if (!typer)
	{
		typer = typer_add(typing, item);
		tell_here(typer, true);
	}
	return typer;
}

static void
typer_begin(Typing *typing, const BulletinItem *item)
{
	Typer *typer = typer_of(typing, item);

	if (!typer->local)
		tell_others(typer, true);
	typer->local = true;
	typer->allowed_until_ms = clock_ms() + ALLOWED_MS;
	typer_go_on(typer);
}

/* ---- the bucket --------------------------------------------------------- */

static bool
take_token(Typing *typing, int64_t account_id)
{
	static const int64_t cost_ms = 1000 / TYPING_PER_S;
	Writer *writer = map_get(&typing->writers, account_id);
	int64_t now_ms = clock_ms();

	if (!writer)
	{
		writer = xcalloc(1, sizeof(Writer));
		writer->tokens_ms = TYPING_BURST * cost_ms;
		writer->filled_ms = now_ms;
		map_put(&typing->writers, account_id, writer);
	}
	writer->tokens_ms += now_ms - writer->filled_ms;
	writer->filled_ms = now_ms;
	if (writer->tokens_ms > TYPING_BURST * cost_ms)
		writer->tokens_ms = TYPING_BURST * cost_ms;
	if (writer->tokens_ms < cost_ms)
		return false;
	writer->tokens_ms -= cost_ms;
	return true;
}

/* ---- questions ---------------------------------------------------------- */

static void ask(Typing *typing);

static void
question_free(Question *question)
{
	list_remove(&question->node);
	session_unref(question->session);
	free(question->request_id);
	free(question);
}

/* Hidden from more members than a bulletin can name is hidden from all. */
static void
begin_as_answered(Typing *typing, const Question *question, const PgReply *reply, int row)
{
	Buffer hidden_from = BUFFER_EMPTY;

	if (pgarray_parse_int64(pgreply_value(reply, row, 2), &hidden_from) &&
		hidden_from.length <= BULLETIN_HIDDEN_MAX * sizeof(int64_t))
		typer_begin(typing,
					&(BulletinItem){.conversation_id = question->conversation_id,
									.account_id = question->account_id,
									.username = pgreply_value(reply, row, 0),
									.hidden_from = (const int64_t *) (void *) hidden_from.data,
									.hidden = hidden_from.length / sizeof(int64_t)});
	buffer_free(&hidden_from);
}

static void
use_answer(Typing *typing, const Question *question, const PgReply *reply, int row)
{
	const char *error = pgreply_value(reply, row, 1);
	ProblemId id = problem_of_code(error);
	Typer *typer;

	if (error[0] != '\0')
	{
		typer = typer_find(typing, question->conversation_id, question->account_id);
		if (typer)
			typer_end(typer);
		session_problem(question->session, id, question->request_id, problem_get(id)->title);
	}
	else if (!question->withdrawn && session_state(question->session) == SESSION_LIVE)
		begin_as_answered(typing, question, reply, row);
}

static void
on_answer(void *arg, const PgReply *reply)
{
	Typing *typing = arg;
	int row = 0;

	typing->request = NULL;
	if (!pgreply_ok(reply))
		log_warn("typing: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
	LIST_FOREACH(&typing->asked, node)
	{
		Question *question = list_entry(node, Question, node);

		if (row < pgreply_rows(reply))
			use_answer(typing, question, reply, row++);
		question_free(question);
	}
	ask(typing);
}

static void
ask(Typing *typing)
{
	Buffer lists[2] = {BUFFER_EMPTY, BUFFER_EMPTY};
	PgParam params[2];
	PgCall call = {&may_type, params};

	if (typing->request || typing->stopped || list_is_empty(&typing->waiting))
		return;
	pgarray_begin(&lists[0]);
	pgarray_begin(&lists[1]);
	for (int i = 0; i < QUESTIONS_MAX && !list_is_empty(&typing->waiting); i++)
	{
		Question *question = list_entry(list_pop_front(&typing->waiting), Question, node);

		pgarray_append_int64(&lists[0], question->account_id);
		pgarray_append_int64(&lists[1], question->conversation_id);
		list_push_back(&typing->asked, &question->node);
	}
	for (int i = 0; i < 2; i++)
	{
		pgarray_end(&lists[i]);
		params[i] = pgparam_buffer(&lists[i]);
	}
	typing->request = pgpool_request(typing->options.pool, &call, 1, on_answer, typing);
	buffer_free(&lists[0]);
	buffer_free(&lists[1]);
}

static Question *
find_question(const ListNode *list, int64_t conversation_id, int64_t account_id)
{
	LIST_FOREACH(list, node)
	{
		Question *question = list_entry(node, Question, node);

		if (question->conversation_id == conversation_id && question->account_id == account_id)
			return question;
	}
	return NULL;
}

/*
 * What is asked already need not be asked again.  The hub is not asked at all: it may not
 * have heard yet that the account has become a member.
 */
static void
add_question(Typing *typing, Session *session, const char *request_id, int64_t conversation_id)
{
	int64_t account_id = session_account_id(session);
	Question *question = find_question(&typing->waiting, conversation_id, account_id);

	if (!question)
		question = find_question(&typing->asked, conversation_id, account_id);
	if (question)
	{
		question->withdrawn = false;
		return;
	}
	question = xcalloc(1, sizeof(Question));
	question->session = session_ref(session);
	question->request_id = request_id ? xstrdup(request_id) : NULL;
	question->account_id = account_id;
	question->conversation_id = conversation_id;
	list_init(&question->node);
	list_push_back(&typing->waiting, &question->node);
	ask(typing);
}

static void
withdraw_questions(const Typing *typing, int64_t conversation_id, int64_t account_id)
{
	const ListNode *lists[] = {&typing->waiting, &typing->asked};

	for (size_t i = 0; i < lengthof(lists); i++)
	{
		Question *question = find_question(lists[i], conversation_id, account_id);

		if (question)
			question->withdrawn = true;
	}
}

/* ---- what comes in ------------------------------------------------------ */

static void
end_typing(Typing *typing, int64_t conversation_id, int64_t account_id)
{
	Typer *typer = typer_find(typing, conversation_id, account_id);

	withdraw_questions(typing, conversation_id, account_id);
	if (typer)
		typer_end(typer);
}

void
typing_frame(Typing *typing, Session *session, const char *request_id, int64_t conversation_id,
			 bool is_typing)
{
	int64_t account_id = session_account_id(session);
	Typer *typer;

	if (!take_token(typing, account_id))
	{
		metric_add(METRIC_TYPING_THROTTLED, 1);
		session_problem(session, PROBLEM_THROTTLED, request_id, "Too many typing frames");
		return;
	}
	metric_add(METRIC_TYPING_FRAMES, 1);
	if (!is_typing)
	{
		end_typing(typing, conversation_id, account_id);
		return;
	}
	typer = typer_find(typing, conversation_id, account_id);
	if (typer && typer->local && typer->allowed_until_ms > clock_ms())
		typer_go_on(typer);
	else
		add_question(typing, session, request_id, conversation_id);
}

void
typing_take(Typing *typing, const BulletinItem *item)
{
	Typer *typer = item->on ? typer_of(typing, item)
							: typer_find(typing, item->conversation_id, item->account_id);

	if (item->on && !typer->local)
		timer_arm(typing->options.wheel, &typer->expiry,
				  typing->options.timeout_ms + REMOTE_SLACK_MS);
	else if (!item->on && typer)
	{
		typer->local = false; /* the others know */
		typer_end(typer);
	}
}

void
typing_message(Typing *typing, int64_t conversation_id, int64_t account_id)
{
	if (typing->rooms.count > 0 || !list_is_empty(&typing->waiting) ||
		!list_is_empty(&typing->asked))
		end_typing(typing, conversation_id, account_id);
}

/* Rooms change while their typers end: one at a time. */
static Typer *
find_local(const Typing *typing, int64_t account_id)
{
	size_t cursor = 0;
	const Room *room;

	while ((room = map_next(&typing->rooms, &cursor, NULL)))
	{
		Typer *typer = typer_find(typing, room->conversation_id, account_id);

		if (typer && typer->local)
			return typer;
	}
	return NULL;
}

void
typing_offline(Typing *typing, int64_t account_id)
{
	Writer *writer = map_remove(&typing->writers, account_id);
	Typer *typer;

	if (!writer)
		return;
	free(writer);
	while ((typer = find_local(typing, account_id)))
		typer_end(typer);
}

/* ---- interface ---------------------------------------------------------- */

void
typing_set_timeout(Typing *typing, int64_t timeout_ms)
{
	typing->options.timeout_ms = timeout_ms;
}

Typing *
typing_create(const TypingOptions *options)
{
	Typing *typing = xcalloc(1, sizeof(Typing));

	typing->options = *options;
	list_init(&typing->waiting);
	list_init(&typing->asked);
	return typing;
}

static void
drop_questions(ListNode *list)
{
	LIST_FOREACH(list, node)
	{
		question_free(list_entry(node, Question, node));
	}
}

void
typing_stop(Typing *typing)
{
	typing->stopped = true;
	if (typing->request)
		pgpool_cancel(typing->request);
	typing->request = NULL;
	drop_questions(&typing->waiting);
	drop_questions(&typing->asked);
}

void
typing_free(Typing *typing)
{
	size_t cursor = 0;
	Writer *writer;
	Room *room;

	typing_stop(typing);
	while ((writer = map_next(&typing->writers, &cursor, NULL)))
		free(writer);
	map_free(&typing->writers);
	while (cursor = 0, (room = map_next(&typing->rooms, &cursor, NULL)))
		typer_free(list_entry(list_first(&room->typers), Typer, of_room));
	map_free(&typing->rooms);
	free(typing);
}
