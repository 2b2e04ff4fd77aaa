/*
 * test_catchup.c
 *	  Catching up beside a live feed: what a client gets, in which order, and when the tables
 *	  are asked.  Hub and ring are real; session and pool are played here.
 */
#include "catchup.h"

#include <stdio.h>
#include <stdlib.h>

#include "fakepool.h"
#include "log.h"
#include "tap.h"

#define ACCOUNT 1
#define CONVERSATION 7
#define COLUMNS 6
#define KEPT_BYTES 40
#define AGAIN_MS (2 * TIMERWHEEL_TICK_MS) /* more than catchup.c waits before it asks again */

struct Session
{
	HubConnection connection;
	SessionGuard *guard;
	SessionState state;
	int requests;
	size_t room; /* frames that it takes until it is drained */
	Buffer got;	 /* payloads, with a blank behind each */
};

static Loop *loop;
static TimerWheel *wheel;
static Hub *hub;
static Ring *ring;
static Catchup *catchup;
static Session client;
static int64_t now_ms;
static int64_t fed; /* the last message that the feed has told: its lsn, too */

/* ---- the session -------------------------------------------------------- */

static void
take(Session *session, const Event *event)
{
	buffer_append(&session->got, event->frame + EVENT_HEADROOM, event->length);
	buffer_append_char(&session->got, ' ');
}

void
session_queue(Session *session, Event *event)
{
	take(session, event);
	if (session->room > 0)
		session->room--;
}

bool
session_has_room(const Session *session)
{
	return session->room > 0;
}

void
session_problem(Session *session, ProblemId id, const char *request_id, const char *message)
{
	(void) message;
	buffer_printf(&session->got, "%s:%s ", request_id, problem_get(id)->code);
}

void
session_set_guard(Session *session, SessionGuard *guard)
{
	session->guard = guard;
}

SessionGuard *
session_guard(const Session *session)
{
	return session->guard;
}

void
session_request_begin(Session *session)
{
	session->requests++;
}

void
session_request_end(Session *session)
{
	session->requests--;
}

SessionState
session_state(const Session *session)
{
	return session->state;
}

int64_t
session_account_id(const Session *session)
{
	return hub_account_id(&session->connection);
}

int64_t
session_scope(const Session *session)
{
	(void) session;
	return 0;
}

const char *
session_timeline(const Session *session)
{
	(void) session;
	return "here";
}

static void
on_deliver(HubConnection *connection, Event *event)
{
	Session *session = container_of(connection, Session, connection);

	if (!session->guard || !session->guard->take(session->guard, event))
		take(session, event);
}

static void
on_end(HubConnection *connection, HubEnd why)
{
	(void) connection;
	(void) why;
}

static void
drain(size_t room)
{
	client.room = room;
	if (client.guard)
		client.guard->drained(client.guard);
}

/* What came since it was last asked. */
static const char *
got(void)
{
	static Buffer last;

	buffer_free(&last);
	last = client.got;
	client.got = BUFFER_EMPTY;
	return buffer_cstring(&last);
}

/* ---- the feed and the tables -------------------------------------------- */

static void
ignore(void *arg, int64_t account_id)
{
	(void) arg;
	(void) account_id;
}

static void
ignore_profile(void *arg, int64_t account_id, Event *event)
{
	(void) arg;
	(void) account_id;
	(void) event;
}

static const HubHandlers handlers = {ignore, ignore, ignore_profile};

static uint64_t
feed_lsn(void *arg)
{
	(void) arg;
	return (uint64_t) fed;
}

/* The next message. */
static void
feed(void)
{
	char json[24];
	int length = snprintf(json, sizeof(json), "%lld", (long long) ++fed);

	hub_feed(hub, 100,
			 &(ParleyEvent){.kind = PARLEY_EVENT_MESSAGE,
							.length = (uint32_t) length,
							.conversation_id = CONVERSATION,
							.number = fed},
			 (const uint8_t *) json);
}

static void
turn(void)
{
	uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

static void
pass_time(int64_t ms)
{
	now_ms += ms;
	timerwheel_advance(wheel, now_ms);
}

/* What a snapshot says that shows the messages up to `last`, in pages. */
static void
answer_up_to(int64_t last, int64_t lsn, int64_t page)
{
	int64_t from = 0;
	int64_t to;
	int rows = 2;
	char texts[64][24];
	const char *cells[64][COLUMNS] = {{"0", "s", "0", "90", texts[0], NULL},
									  {"1", "a", "0", texts[1], "0", NULL}};

	(void) sscanf(fake_param(1), "{%" SCNd64 "}", &from);
	cells[1][5] = from > last ? "reset" : last - from > page ? "more" : "complete";
	to = last - from > page ? from + page : last;
	snprintf(texts[0], sizeof(texts[0]), "%lld", (long long) lsn);
	snprintf(texts[1], sizeof(texts[1]), "%lld", (long long) to);
	for (int64_t seq = from + 1; seq <= to; seq++, rows++)
	{
		snprintf(texts[rows], sizeof(texts[rows]), "%lld", (long long) seq);
		memcpy(cells[rows], (const char *[COLUMNS]){"1", "m", "2", texts[rows], "0", texts[rows]},
			   sizeof(cells[rows]));
	}
	fake_answer(&(PgReply){.cells = *cells, .rows = rows, .columns = COLUMNS});
}

static void
answer_row(const char *part, const char *number, const char *ver)
{
	const char *const row[COLUMNS] = {"1", part, "0", number, ver, NULL};

	fake_answer(&(PgReply){.cells = row, .rows = 1, .columns = COLUMNS});
}

static void
sync_from(int64_t seq)
{
	CatchupCursor cursor = {CONVERSATION, {seq, 0}};

	catchup_sync(catchup, &client,
				 &(CatchupSync){.id = "s", .cursors = &cursor, .count = 1, .only = true});
}

static void
start(size_t ring_bytes)
{
	HubMembership membership = {CONVERSATION, 1, 0, 0};
	Snapshot snapshot;

	ring = ring_create(&(RingOptions){ring_bytes, ring_bytes, 0});
	hub = hub_create(&handlers, NULL);
	hub_use_ring(hub, ring);
	catchup = catchup_create(&(CatchupOptions){.loop = loop,
											   .wheel = wheel,
											   .hub = hub,
											   .ring = ring,
											   .max_kept_bytes = KEPT_BYTES,
											   .feed_lsn = feed_lsn});
	client = (Session){.connection = {.deliver = on_deliver, .end = on_end},
					   .state = SESSION_LIVE,
					   .room = 1000};
	hub_snapshot_begin(hub, &snapshot);
	(void) !hub_connect(hub, &client.connection, &snapshot,
						&(HubLogin){.account_id = ACCOUNT,
									.session_id = 10,
									.snapshot_xmin = 1,
									.members = &membership,
									.count = 1});
	fed = 0;
	fake.requests = 0;
}

static void
stop(void)
{
	if (client.guard)
		client.guard->ended(client.guard);
	fake_close();
	hub_disconnect(hub, &client.connection);
	buffer_free(&client.got);
	catchup_free(catchup);
	hub_free(hub);
	ring_free(ring);
}

#define SYNCED(seq) \
	"{\"type\":\"synced\",\"id\":\"s\",\"conversations\":{\"7\":{\"seq\":" seq \
	",\"ver\":0,\"status\":\"complete\"}}} "

/* ---- tests -------------------------------------------------------------- */

static void
test_tables(void)
{
	start(0);
	feed();
	feed();
	feed();
	(void) got();
	sync_from(1);
	turn();
	is_number(fake.requests, 1, "the tables are asked");
	feed();
	feed();
	is_text(got(), "", "meanwhile nothing goes out");
	answer_up_to(4, 5, 100);
	is_text(got(), "2 3 4 5 " SYNCED("5"), "the snapshot, then what is not in it");
	feed();
	is_text(got(), "6 ", "and on with the feed");
	ok(!client.guard && client.requests == 0, "nothing is left of it");
	stop();
}

static void
test_ahead(void)
{
	start(0);
	feed();
	(void) got();
	sync_from(1);
	turn();
	answer_up_to(3, 3, 100);
	is_text(got(), "2 3 " SYNCED("3"), "a snapshot that the feed is not yet at");
	feed();
	feed();
	is_text(got(), "", "what it showed is not told again");
	feed();
	is_text(got(), "4 ", "what it did not is");
	ok(!client.guard, "and nothing is thrown away any more");
	stop();
}

static void
test_behind(void)
{
	start(1 << 16);
	feed();
	feed();
	(void) got();
	sync_from(0);
	turn();
	answer_up_to(1, 2, 100);
	is_text(got(), "", "a snapshot that shows less than the feed has told is of no use");
	turn();
	is_number(fake.requests, 1, "it is not asked for again at once");
	pass_time(AGAIN_MS);
	turn();
	is_number(fake.requests, 2, "but soon");
	answer_up_to(2, 2, 100);
	is_text(got(), "1 2 " SYNCED("2"), "until it shows all");

	sync_from(1);
	is_text(got(), "2 " SYNCED("2"), "from then on the ring knows");
	is_number(fake.requests, 2, "and the tables are not asked");
	stop();
}

static void
test_pages(void)
{
	start(0);
	sync_from(0);
	turn();
	answer_up_to(5, 0, 2);
	is_text(got(), "1 2 ", "a page");
	turn();
	answer_up_to(5, 0, 2);
	turn();
	answer_up_to(5, 0, 2);
	is_text(got(), "3 4 5 " SYNCED("5"), "the next, and the last");
	is_number(fake.requests, 3, "each is a question");
	stop();

	start(0);
	feed();
	feed();
	(void) got();
	sync_from(0);
	turn();
	feed();
	answer_up_to(2, 3, 1);
	turn();
	answer_up_to(2, 3, 1);
	is_text(got(), "1 ", "what the feed told beside a page the next one has to show");
	pass_time(AGAIN_MS);
	turn();
	answer_up_to(3, 3, 100);
	is_text(got(), "2 3 " SYNCED("3"), "and does so later");
	stop();
}

static void
test_slow_client(void)
{
	start(0);
	client.room = 1;
	sync_from(0);
	turn();
	answer_up_to(3, 0, 100);
	is_text(got(), "1 ", "as much as the client takes");
	drain(1);
	is_text(got(), "2 ", "then more");
	drain(5);
	is_text(got(), "3 " SYNCED("3"), "then the rest");
	stop();
}

/* Their numbers may be of other messages. */
static void
test_timeline(void)
{
	CatchupCursor cursor = {CONVERSATION, {3, 2}};
	CatchupSync sync = {.cursors = &cursor, .count = 1, .only = true, .timeline = "there"};

	start(0);
	catchup_sync(catchup, &client, &sync);
	turn();
	is_text(fake_param(1), "{NULL}", "cursors of another timeline are as none");
	stop();
	start(0);
	sync.timeline = "here";
	catchup_sync(catchup, &client, &sync);
	turn();
	is_text(fake_param(1), "{3}", "those of this one are asked from");
	stop();
}

static void
test_ends(void)
{
	start(0);
	sync_from(0);
	turn();
	answer_row("g", "1", "2");
	is_text(got(),
			"{\"type\":\"gone\",\"conversation_id\":7} {\"type\":\"synced\",\"id\":\"s\","
			"\"conversations\":{\"7\":{\"seq\":0,\"ver\":0,\"status\":\"gone\"}}} ",
			"who is no member any more is told");
	sync_from(0);
	sync_from(0);
	turn();
	fake_answer(&(PgReply){.sqlstate = "57014"});
	is_text(got(), "s:timeout ", "a question that failed");
	ok(client.requests == 1 && client.guard, "and the next goes on");
	client.guard->ended(client.guard);
	client.guard = NULL;
	is_number(client.requests, 0, "who goes takes its syncs along");
	turn();
	client.state = SESSION_CLOSING;
	sync_from(0);
	ok(!client.guard, "who is going begins no other");
	stop();
}

/* ---- by chance ---------------------------------------------------------- */

static uint64_t seed;

static int64_t
chance(int64_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1;
	return (int64_t) ((seed >> 33) % (uint64_t) below);
}

/* The messages that came must go on from `last`; returns the last of them, -1: they do not. */
static int64_t
follow(const char *text, int64_t last)
{
	for (; *text; text += strcspn(text, " ") + 1)
	{
		int64_t seq;

		if (parse_int64(text, strcspn(text, " "), &seq) && seq != ++last)
			return -1;
	}
	return last;
}

/* Commits are told by the feed and shown by snapshots in their own time, the client reads in its
 * own, and all the while it must get every message once. */
static bool
run(uint64_t number)
{
	int64_t committed = 0;
	int64_t visible = 0;
	int64_t last = 0;

	seed = number;
	start(chance(2) ? 1 << 16 : 0);
	for (int step = 0; step < 200 && last >= 0; step++)
	{
		int64_t what = chance(8);

		if (what == 0)
			committed++;
		else if (what == 1 && visible < committed)
			visible++;
		else if (what == 2 && fed < committed)
			feed();
		else if (what == 3 && !client.guard)
			sync_from(last);
		else if (what == 4 && fake.done)
			answer_up_to(visible, committed, 1 + chance(4));
		else if (what == 5)
			pass_time(AGAIN_MS);
		else if (what == 6)
			turn();
		else
			drain((size_t) chance(4));
		last = follow(got(), last);
	}
	while (fed < committed)
		feed();
	for (int step = 0; step < 200 && client.requests > 0; step++)
	{
		turn();
		if (fake.done)
			answer_up_to(committed, committed, 50);
		pass_time(AGAIN_MS);
		drain(100);
	}
	last = last < 0 ? last : follow(got(), last);
	stop();
	return last == committed;
}

static void
test_random(void)
{
	uint64_t failed = 0;

	for (uint64_t number = 1; number <= 500 && !failed; number++)
		if (!run(number))
			failed = number;
	is_number((int64_t) failed, 0, "every message once and in order, whoever is ahead");
}

/* ---- memberships that end and begin again ------------------------------- */

#define COMMITS 60

/* What was committed, one after the other; the state after each.  A commit's place is its lsn. */
static struct
{
	char kind; /* 'm': a message; 'l': the client leaves; 'j': it joins */
	int64_t seq;
	int64_t ver;
	bool is_member;
	int64_t member_ver;
} commits[COMMITS + 2];

/* A client that knows how far it is, and whether it knows that something may be missing. */
static struct
{
	RingCursor cursor;
	bool lacks;		   /* it was out, and has not synced since */
	bool wants;		   /* to sync */
	const char *fault; /* or NULL */
} reader;

static void
commit(int64_t at, char kind)
{
	commits[at] = commits[at - 1];
	commits[at].kind = kind;
	if (kind == 'm')
		commits[at].seq++;
	else
	{
		commits[at].member_ver = ++commits[at].ver;
		commits[at].is_member = kind == 'j';
	}
}

static void
feed_commit(void)
{
	bool is_message = commits[++fed].kind == 'm';
	char json[24];
	int length = is_message ? snprintf(json, sizeof(json), "%lld", (long long) commits[fed].seq)
							: snprintf(json, sizeof(json), "%c%lld", commits[fed].kind,
									   (long long) commits[fed].ver);
	ParleyEvent header = {.kind = is_message ? PARLEY_EVENT_MESSAGE : PARLEY_EVENT_MEMBER,
						  .flags = commits[fed].kind == 'j' ? PARLEY_EVENT_FLAG_ACTIVE : 0,
						  .length = (uint32_t) length,
						  .conversation_id = CONVERSATION,
						  .account_id = ACCOUNT,
						  .number = is_message ? commits[fed].seq : commits[fed].ver,
						  .ver = is_message ? 0 : commits[fed].ver};

	hub_feed(hub, (uint32_t) (100 + fed), &header, (const uint8_t *) json);
}

/* What a snapshot says that shows the commits up to `at`, when the WAL ends at `lsn`. */
static void
answer_at(int64_t at, int64_t lsn, int64_t page)
{
	int64_t from = 0;
	int64_t to = commits[at].seq;
	int rows = 2;
	char texts[COMMITS + 12][24];
	const char *cells[COMMITS + 12][COLUMNS] = {{"0", "s", "0", texts[0], texts[1], NULL},
												{"1", "a", "0", texts[2], texts[3], "complete"}};

	snprintf(texts[0], sizeof(texts[0]), "%lld", (long long) (100 + at + 1));
	snprintf(texts[1], sizeof(texts[1]), "%lld", (long long) lsn);
	(void) sscanf(fake_param(1), "{%" SCNd64 "}", &from);
	if (!commits[at].is_member)
	{
		snprintf(texts[3], sizeof(texts[3]), "%lld", (long long) commits[at].member_ver);
		memcpy(cells[1], (const char *[COLUMNS]){"1", "g", "1", "1", texts[3], NULL},
			   sizeof(cells[1]));
		to = from;
	}
	else if (to - from > page)
	{
		to = from + page;
		cells[1][5] = "more";
	}
	if (commits[at].is_member)
		snprintf(texts[3], sizeof(texts[3]), "%lld", (long long) commits[at].ver);
	snprintf(texts[2], sizeof(texts[2]), "%lld", (long long) to);
	for (int64_t seq = from + 1; seq <= to; seq++, rows++)
	{
		snprintf(texts[2 + rows], sizeof(texts[0]), "%lld", (long long) seq);
		memcpy(cells[rows],
			   (const char *[COLUMNS]){"1", "m", "2", texts[2 + rows], "0", texts[2 + rows]},
			   sizeof(cells[rows]));
	}
	fake_answer(&(PgReply){.cells = *cells, .rows = rows, .columns = COLUMNS});
}

static void
read_message(int64_t seq)
{
	if (seq == reader.cursor.seq + 1)
		reader.cursor.seq = seq;
	else if (seq <= reader.cursor.seq)
		reader.fault = "a message came twice";
	else if (!reader.lacks && client.requests == 0)
		reader.fault = "a message is missing"; /* and no sync is going to bring it */
	else
		reader.wants = true;
}

static void
read_frame(const char *text)
{
	const char *ver = strstr(text, "\"ver\":");
	int64_t number;

	if (parse_int64(text, strcspn(text, " "), &number))
		read_message(number);
	else if (text[0] == 'l' || text[0] == 'j')
	{
		number = strtoll(text + 1, NULL, 10);
		if (number > reader.cursor.ver)
			reader.cursor.ver = number;
		reader.lacks = true;
		reader.wants = text[0] == 'j';
	}
	else if (strncmp(text, "{\"type\":\"synced\"", 16) == 0)
	{
		if (ver && strtoll(ver + 6, NULL, 10) > reader.cursor.ver)
			reader.cursor.ver = strtoll(ver + 6, NULL, 10);
		reader.lacks = strstr(text, "\"complete\"") == NULL;
	}
	else if (strncmp(text, "{\"type\":\"gone\"", 14) == 0)
		reader.lacks = true;
	else if (strncmp(text, "s:", 2) == 0)
		reader.lacks = reader.wants = true;
}

static void
read_all(void)
{
	for (const char *text = got(); *text && !reader.fault; text += strcspn(text, " ") + 1)
		read_frame(text);
}

static void
sync_if_wanted(void)
{
	CatchupCursor cursor = {CONVERSATION, reader.cursor};

	if (!reader.wants || client.requests > 0)
		return;
	reader.wants = false;
	catchup_sync(catchup, &client,
				 &(CatchupSync){.id = "s", .cursors = &cursor, .count = 1, .only = true});
}

static const char *
run_membership(uint64_t number)
{
	int64_t committed = 0;
	int64_t visible = 0;

	seed = number;
	start(((const size_t[]){0, 400, 1 << 16})[chance(3)]);
	memset(&reader, 0, sizeof(reader));
	reader.cursor.ver = commits[0].ver = commits[0].member_ver = 1;
	commits[0].is_member = true;
	for (int step = 0; step < 400 && !reader.fault; step++)
	{
		int64_t what = chance(9);

		if (what <= 1 && committed < COMMITS)
		{
			char kind = chance(4) ? 'm' : commits[committed].is_member ? 'l' : 'j';

			commit(++committed, kind);
		}
		else if (what == 2 && visible < committed)
			visible++;
		else if (what <= 4 && fed < committed)
			feed_commit();
		else if (what == 5)
			reader.wants |= chance(2) == 0;
		else if (what == 6 && fake.done && chance(8) == 0)
			fake_answer(&(PgReply){.sqlstate = "57014"});
		else if (what == 6 && fake.done)
			answer_at(visible, committed, 1 + chance(4));
		else if (what == 7)
		{
			pass_time(AGAIN_MS);
			turn();
		}
		else
			drain((size_t) chance(6));
		read_all();
		sync_if_wanted();
	}
	if (!commits[committed].is_member)
		commit(++committed, 'j');
	for (int step = 0; step < 400 && !reader.fault; step++)
	{
		if (fed < committed)
			feed_commit();
		turn();
		if (fake.done)
			answer_at(committed, committed, 50);
		pass_time(AGAIN_MS);
		drain(100);
		read_all();
		sync_if_wanted();
	}
	stop();
	if (!reader.fault && reader.cursor.seq != commits[committed].seq)
		return "not everything came";
	return reader.fault;
}

static void
sync_at(int64_t seq, int64_t ver)
{
	reader.cursor = (RingCursor){seq, ver};
	reader.wants = true;
	sync_if_wanted();
	turn();
}

/* A client that is removed while the feed is behind what the client has. */
static void
test_ahead_of_the_end(void)
{
	static const char kinds[] = "mmmljm";

	start(1 << 16);
	commits[0].ver = commits[0].member_ver = 1;
	commits[0].is_member = true;
	for (int64_t at = 1; at < (int64_t) sizeof(kinds); at++)
		commit(at, kinds[at - 1]);
	feed_commit();
	is_text(got(), "1 ", "the feed has come to the first message");
	sync_at(1, 1);
	answer_at(3, 4, 100);
	(void) got();
	sync_at(3, 1);
	answer_at(4, 4, 100);
	is_like(got(), "\"status\":\"gone\"", "who has more by a sync is told that it is removed");
	feed_commit();
	feed_commit();
	feed_commit();
	is_text(got(), "", "nothing comes again when the feed comes to that");
	feed_commit();
	feed_commit();
	is_text(got(), "j3 4 ", "and what follows when it is added again does");
	stop();

	start(1 << 16);
	feed_commit();
	(void) got();
	sync_at(3, 1);
	fake_answer(&(PgReply){.sqlstate = "57014"});
	is_text(got(), "s:timeout ", "a sync fails of a client that is ahead of the feed");
	feed_commit();
	feed_commit();
	is_text(got(), "", "nothing comes again then, either");
	stop();
}

static void
test_memberships(void)
{
	const char *fault = NULL;
	uint64_t number = 0;

	while (!fault && number < 1000)
		fault = run_membership(++number);
	if (fault)
		printf("# run %llu: %s\n", (unsigned long long) number, fault);
	ok(!fault, "every message once and in order, also to a member that leaves and joins again");
}

int
main(void)
{
	loop = loop_create();
	wheel = timerwheel_create(loop, TIMERWHEEL_TICK_MS);
	now_ms = clock_ms() + 1000000; /* only pass_time() moves the wheel */
	log_set_level(LOG_LEVEL_ERROR);
	test_tables();
	test_ahead();
	test_behind();
	test_pages();
	test_slow_client();
	test_ends();
	test_timeline();
	test_random();
	test_ahead_of_the_end();
	test_memberships();
	(void) got();
	fake_free();
	timerwheel_free(wheel);
	(void) loop_free(loop);
	return done_testing();
}
