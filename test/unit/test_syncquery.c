/*
 * test_syncquery.c
 *	  Questions about what was missed: who shares a query and its frames, what each is
 *	  answered, what the ring learns; over a pool that is played here.
 */
#include "syncquery.h"

#include <stdlib.h>

#include "fakepool.h"
#include "log.h"
#include "tap.h"

#define COLUMNS 6
#define MANY 501 /* one more than a round has asks */

typedef struct Client
{
	SyncQuestion question;
	int answers;
	SyncStatus status;
	ProblemId problem;
	RingCursor cursor;
	size_t frames;
	const Event *first; /* only to compare */
	bool has_own;
	int64_t membership_ver;
	struct Client *cancels; /* when it is answered; or NULL */
} Client;

static Loop *loop;
static Ring *ring;
static SyncQuery *query;
static uint64_t feed_is_at;

static uint64_t
feed_lsn(void *arg)
{
	(void) arg;
	return feed_is_at;
}

static void
on_answered(SyncQuestion *question, const SyncAnswer *answer)
{
	Client *client = container_of(question, Client, question);

	client->answers++;
	client->status = answer->status;
	client->problem = answer->problem;
	client->cursor = answer->cursor;
	client->frames = eventlist_count(answer->frames);
	client->first = client->frames > 0 ? answer->frames->events[answer->frames->first] : NULL;
	client->has_own = answer->own != NULL;
	client->membership_ver = answer->membership_ver;
	if (client->cancels)
		syncquery_cancel(&client->cancels->question);
}

static void
ask(Client *client, int64_t account_id, int64_t conversation_id, const RingCursor *cursor)
{
	*client = (Client){.question = {.account_id = account_id,
									.conversation_id = conversation_id,
									.has_cursor = cursor != NULL,
									.answered = on_answered}};
	if (cursor)
		client->question.cursor = *cursor;
	syncquery_ask(query, &client->question);
}

static void
turn(void)
{
	uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

static void
answer(const char *const (*rows)[COLUMNS], int count)
{
	fake_answer(&(PgReply){.cells = *rows, .rows = count, .columns = COLUMNS});
}

static void
start(void)
{
	loop = loop_create();
	ring = ring_create(&(RingOptions){1 << 20, 1 << 16, 0});
	query = syncquery_create(&(SyncQueryOptions){.loop = loop, .ring = ring, .feed_lsn = feed_lsn});
	feed_is_at = 0;
	fake.requests = 0;
}

static void
stop(void)
{
	fake_close();
	syncquery_free(query);
	ring_free(ring);
	(void) loop_free(loop);
}

static void
test_sharing(void)
{
	static const char *const rows[][COLUMNS] = {
		{"0", "s", "0", "700", "100", NULL},
		{"1", "a", "0", "6", "3", "complete"},
		{"1", "m", "11", "6", "0", "{\"seq\":6}"},
		{"1", "o", "1", "2", "0", "{\"read\":1}"},
		{"2", "a", "0", "9", "4", "more"},
		{"2", "z", "0", "0", "0", "{\"type\":\"reset\"}"},
		{"2", "m", "11", "8", "0", "{\"seq\":8}"},
	};
	RingCursor cursor = {5, 3};
	RingCursor newer = {5, 4};
	Client a;
	Client b;
	Client c;
	Client d;

	start();
	ask(&a, 1, 7, &cursor);
	ask(&b, 2, 7, &cursor);
	ask(&c, 3, 7, NULL);
	ask(&d, 4, 7, &newer);
	is_number(fake.requests, 0, "nothing is asked at once");
	turn();
	is_number(fake.requests, 1, "in the next turn all of it is");
	is_text(fake_param(0), "{7,7,7}", "conversations: three cursors of one are three asks");
	is_text(fake_param(1), "{5,NULL,5}", "where they are");
	is_text(fake_param(2), "{3,NULL,4}", "and with what version");
	is_text(fake_param(3), "{1,2,3,4}", "accounts");
	is_text(fake_param(4), "{1,1,2,3}", "who asks what");
	is_text(fake_param(5), "200", "few asks have large pages");

	answer(rows, (int) lengthof(rows));
	ok(a.status == SYNC_COMPLETE && a.cursor.seq == 6 && a.cursor.ver == 3 && a.frames == 1,
	   "the first has a message and a new cursor");
	ok(a.first == b.first && b.frames == 1, "the second has the same frame, made once");
	ok(!a.has_own && b.has_own, "and one that is for it alone");
	ok(c.status == SYNC_MORE && c.cursor.seq == 9 && c.frames == 2, "the third is to ask again");
	ok(a.answers == 1 && b.answers == 1 && c.answers == 1, "each is answered once");
	turn();
	is_number(fake.requests, 1, "nothing is left to ask");
	stop();
}

static void
test_gone(void)
{
	static const char *const rows[][COLUMNS] = {
		{"0", "s", "0", "700", "100", NULL},
		{"1", "a", "0", "6", "3", "reset"},
		{"1", "g", "2", "2", "8", NULL},
		{"1", "g", "2", "99", "8", NULL}, /* there is no such pair */
		{"99", "m", "2", "1", "0", "{}"}, /* nor such an ask */
		{"1", "o", "2", "0", "0", "{}"},
	};
	Client a;
	Client b;
	Client c;

	start();
	ask(&a, 1, 7, NULL);
	ask(&b, 2, 7, NULL);
	ask(&c, 2, 8, NULL);
	turn();
	answer(rows, (int) lengthof(rows));
	ok(a.status == SYNC_RESET && a.frames == 0, "a member");
	ok(b.status == SYNC_GONE && b.membership_ver == 8, "one that is none any more");
	ok(c.status == SYNC_GONE && c.membership_ver == 0, "a conversation that there is not");
	stop();
}

static void
test_order(void)
{
	static const char *const rows[][COLUMNS] = {
		{"1", "a", "0", "6", "3", "complete"},
		{"1", "o", "3", "3", "0", "{\"read\":1}"},
	};
	Client a;
	Client b;
	Client c;

	start();
	ask(&a, 1, 7, NULL);
	turn();
	ask(&b, 2, 7, NULL);
	ask(&c, 3, 7, NULL);
	turn();
	is_number(fake.requests, 1, "one query is under way at a time");
	syncquery_cancel(&c.question);
	answer(rows, 1);
	ok(a.answers == 1 && b.answers == 0, "who came later is not answered by it");
	turn();
	is_text(fake_param(3), "{2}", "but by the next, if it still wants to");

	a.cancels = NULL;
	ask(&c, 3, 7, NULL);
	b.cancels = &c;
	answer(rows, 1);
	turn();
	is_number(fake.requests, 2, "one that is cancelled from an answer is not asked for");
	ok(c.answers == 0, "nor answered");

	ask(&a, 1, 7, NULL);
	ask(&b, 2, 7, NULL);
	ask(&c, 3, 7, NULL);
	turn();
	syncquery_cancel(&c.question);
	a.cancels = &b;
	answer(rows, (int) lengthof(rows));
	ok(a.answers == 1 && b.answers == 0 && c.answers == 0, "one of the same query neither");
	syncquery_cancel(&b.question);
	ok(true, "to cancel again does no harm");
	stop();
}

static void
test_failure(void)
{
	Client a;

	start();
	ask(&a, 1, 7, NULL);
	turn();
	fake_answer(&(PgReply){.sqlstate = "57014"});
	ok(a.status == SYNC_FAILED && a.problem == PROBLEM_TIMEOUT, "the problem is told");
	ask(&a, 1, 7, NULL);
	turn();
	is_number(fake.requests, 2, "and it may ask again");
	fake_answer(&(PgReply){.rows = 0});
	ok(a.status == SYNC_GONE, "an answer that does not name the ask");
	stop();
}

static void
test_many(void)
{
	Client *clients = xcalloc(MANY, sizeof(Client));
	int64_t answered = 0;

	start();
	for (int i = 0; i < MANY; i++)
		ask(&clients[i], 1, i + 1, NULL);
	turn();
	fake_answer(&(PgReply){.rows = 0});
	for (int i = 0; i < MANY; i++)
		answered += clients[i].answers;
	is_number(answered, MANY - 1, "a round has a bounded number of asks");
	is_text(fake_param(5), "20", "many asks have small pages");
	turn();
	fake_answer(&(PgReply){.rows = 0});
	is_number(clients[MANY - 1].answers, 1, "the rest comes with the next");
	stop();
	free(clients);
}

static void
ignore(void *arg, Event *event)
{
	(void) arg;
	(void) event;
}

static bool
ring_knows(int64_t seq, int64_t ver)
{
	return ring_since(ring, 7, (RingCursor){seq, ver}, ignore, NULL);
}

static void
test_lessons(void)
{
	static const char *const rows[][COLUMNS] = {
		{"0", "s", "0", "700", "100", NULL},
		{"1", "a", "0", "6", "3", "complete"},
		{"1", "r", "0", "0", "0", "{\"read\":1}"},
	};
	Client a;

	start();
	feed_is_at = 50;
	ask(&a, 1, 7, NULL);
	turn();
	answer(rows, (int) lengthof(rows));
	is_number((int64_t) a.frames, 1, "positions are a frame, too");
	ok(!ring_knows(6, 3), "the ring learns nothing that the feed has yet to tell");
	feed_is_at = 100;
	syncquery_settle(query);
	ok(ring_knows(6, 3), "it learns it when the feed is as far");
	ok(syncquery_feed_passed(query, 100) && !syncquery_feed_passed(query, 101), "which is told");

	ask(&a, 1, 7, NULL);
	turn();
	ring_reset(ring);
	answer(rows, (int) lengthof(rows));
	ok(!ring_knows(6, 3), "what was asked before the feed was lost teaches nothing");

	feed_is_at = 0;
	ask(&a, 1, 7, NULL);
	turn();
	answer(rows, (int) lengthof(rows));
	feed_is_at = 200;
	syncquery_settle(query);
	ok(!ring_knows(6, 3), "nor what was asked while the feed was not of the WAL");
	stop();
}

int
main(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	test_sharing();
	test_gone();
	test_order();
	test_failure();
	test_many();
	test_lessons();
	fake_free();
	return done_testing();
}
