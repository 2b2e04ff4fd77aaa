/*
 * test_ring.c
 *	  What the ring gives is complete and in order, or it gives nothing.
 */
#include "ring.h"

#include <stdlib.h>

#include "tap.h"

#define TEAM 7
#define PLENTY ((RingOptions){1 << 20, 1 << 20, 0})

/* What ring_since() handed over, as text: m5 u5.3 r1.5 … */
static Buffer given;

static Event *
make(uint8_t kind, int64_t conversation_id, int64_t account_id, int64_t number, int64_t ver)
{
	ParleyEvent header = {.kind = kind,
						  .conversation_id = conversation_id,
						  .account_id = account_id,
						  .number = number,
						  .ver = ver,
						  .length = 10};

	return event_from_wire(&header, (const uint8_t *) "0123456789");
}

static RingResult
add(Ring *ring, uint32_t xid, uint8_t kind, int64_t account_id, int64_t number, int64_t ver)
{
	Event *event = make(kind, TEAM, account_id, number, ver);
	RingResult result = ring_add(ring, xid, event);

	event_unref(event);
	return result;
}

static RingResult
message(Ring *ring, int64_t seq)
{
	return add(ring, 100 + (uint32_t) seq, PARLEY_EVENT_MESSAGE, 1, seq, 0);
}

static void
edit(Ring *ring, int64_t seq, int64_t ver)
{
	(void) add(ring, 200, PARLEY_EVENT_MESSAGE_UPDATED, 1, seq, ver);
}

static void
reads(Ring *ring, int64_t account_id, int64_t seq)
{
	(void) add(ring, 300, PARLEY_EVENT_READ, account_id, seq, 0);
}

static void
learn(Ring *ring, int64_t seq, int64_t ver, uint32_t xmin)
{
	ring_learn(ring, &(RingLesson){.conversation_id = TEAM,
								   .cursor = {seq, ver},
								   .knows_positions = true,
								   .xmin = xmin});
}

static void
take(void *arg, Event *event)
{
	(void) arg;
	if (given.length > 0)
		buffer_append_char(&given, ' ');
	switch (event->kind)
	{
		case PARLEY_EVENT_MESSAGE:
			buffer_printf(&given, "m%lld", (long long) event->number);
			break;
		case PARLEY_EVENT_READ:
			buffer_printf(&given, "r%lld.%lld", (long long) event->account_id,
						  (long long) event->number);
			break;
		default:
			buffer_printf(&given, "u%lld.%lld", (long long) event->number, (long long) event->ver);
	}
}

/* "no" when the ring cannot know. */
static const char *
since(Ring *ring, int64_t seq, int64_t ver)
{
	given.length = 0;
	if (!ring_since(ring, TEAM, (RingCursor){seq, ver}, take, NULL))
	{
		is_number((int64_t) given.length, 0, "what is refused hands nothing over");
		return "no";
	}
	buffer_append_char(&given, '\0');
	return (const char *) given.data;
}

static void
test_base(void)
{
	Ring *ring = ring_create(&PLENTY);

	is_text(since(ring, 0, 0), "no", "nothing is known of a conversation");
	message(ring, 5);
	message(ring, 6);
	is_text(since(ring, 4, 3), "no", "a message does not tell the version");
	learn(ring, 6, 3, 1000);
	is_text(since(ring, 4, 3), "m5 m6", "a snapshot does");
	message(ring, 7);
	edit(ring, 5, 4);
	is_text(since(ring, 4, 3), "m5 m6 m7 u5.4", "all of it, in the feed's order");
	is_text(since(ring, 6, 3), "m7 u5.4", "the rest");
	is_text(since(ring, 7, 3), "u5.4", "the change alone");
	is_text(since(ring, 6, 4), "m7", "the message alone");
	is_text(since(ring, 7, 4), "", "nothing for who has all");
	is_text(since(ring, 3, 4), "no", "before the base");
	is_text(since(ring, 7, 2), "no", "before the base's version");
	is_text(since(ring, 8, 4), "no", "a cursor ahead of the feed");
	is_text(since(ring, 7, 5), "no", "a version ahead of it");
	is_number(ring_last(ring, TEAM).seq, 7, "the last message");
	is_number(ring_last(ring, TEAM).ver, 4, "the last version");
	is_number(ring_last(ring, 8).seq, 0, "of another conversation: nothing");
	ring_free(ring);
}

static void
test_deleted(void)
{
	Ring *ring = ring_create(&PLENTY);

	for (int64_t seq = 1; seq <= 4; seq++)
		message(ring, seq);
	learn(ring, 4, 3, 1000);
	edit(ring, 2, 4);
	message(ring, 5);
	(void) add(ring, 200, PARLEY_EVENT_MESSAGE_DELETED, 1, 2, 5);
	is_text(since(ring, 1, 3), "no", "what a deleted message said is not told again");
	is_text(since(ring, 4, 3), "no", "nor what it said in between");
	is_text(since(ring, 4, 4), "m5 u2.5", "who has heard it hears that it is gone");
	(void) add(ring, 200, PARLEY_EVENT_MESSAGE_DELETED, 1, 3, 6);
	is_text(since(ring, 4, 4), "m5 u2.5 u3.6", "one of long ago takes nothing along");
	(void) add(ring, 200, PARLEY_EVENT_MESSAGE_DELETED, 1, 5, 7);
	is_text(since(ring, 4, 4), "no", "the newest");
	is_text(since(ring, 5, 4), "u2.5 u3.6 u5.7", "leaves what comes behind it");
	message(ring, 6);
	is_text(since(ring, 5, 7), "m6", "and it goes on");
	ring_free(ring);
}

static void
test_old(void)
{
	Ring *ring = ring_create(&PLENTY);
	int64_t now;

	message(ring, 1);
	edit(ring, 1, 4);
	message(ring, 2);
	learn(ring, 2, 4, 1000);
	reads(ring, 2, 2);
	is_text(since(ring, 1, 4), "m2 r2.2", "what was said is told");
	now = clock_us();
	while (clock_us() <= now + 1)
		continue;
	ring_set_options(ring, &(RingOptions){1 << 20, 1 << 20, 1});
	is_text(since(ring, 1, 4), "no", "but not for ever: it may have been purged");
	is_text(since(ring, 2, 4), "r2.2", "who has it is told the rest");
	ring_set_options(ring, &PLENTY);
	message(ring, 3);
	is_text(since(ring, 2, 4), "r2.2 m3", "and what is new");
	ring_free(ring);
}

static void
test_positions(void)
{
	Ring *ring = ring_create(&PLENTY);
	Event *all = make(PARLEY_EVENT_READ, TEAM, 9, 1, 0);

	message(ring, 1);
	reads(ring, 2, 1);
	reads(ring, 3, 1);
	message(ring, 2);
	reads(ring, 2, 2);
	learn(ring, 2, 0, 1000);
	is_text(since(ring, 0, 0), "m1 r3.1 m2 r2.2", "the newest position of each member");
	is_text(since(ring, 2, 0), "r2.2", "what followed the last known message");
	ring_free(ring);

	ring = ring_create(&PLENTY);
	message(ring, 1);
	ring_learn(ring, &(RingLesson){.conversation_id = TEAM,
								   .cursor = {1, 0},
								   .knows_positions = true,
								   .positions = all,
								   .xmin = 1000});
	is_text(since(ring, 0, 0), "r9.1 m1", "positions of the snapshot come first");
	is_text(since(ring, 1, 0), "", "who has what followed has them");
	event_unref(all);
	ring_free(ring);

	ring = ring_create(&PLENTY);
	message(ring, 1);
	ring_learn(ring, &(RingLesson){.conversation_id = TEAM, .cursor = {1, 0}, .xmin = 1000});
	is_text(since(ring, 0, 0), "no", "positions before the first event are not known");
	is_text(since(ring, 1, 0), "", "who has that event needs none of them");
	ring_free(ring);
}

static void
test_hole(void)
{
	Ring *ring = ring_create(&PLENTY);

	is_number(message(ring, 1), RING_KEPT, "a message");
	learn(ring, 1, 0, 1000);
	is_number(message(ring, 3), RING_HOLE, "one is missing");
	is_text(since(ring, 0, 0), "no", "what was known is void");
	is_text(since(ring, 1, 0), "no", "from the hole on, too");
	is_number(message(ring, 4), RING_KEPT, "and it goes on");
	learn(ring, 4, 0, 1000);
	is_text(since(ring, 3, 0), "m4", "behind the hole");
	is_number(message(ring, 4), RING_HOLE, "one comes again");
	ring_free(ring);
}

static void
test_bounds(void)
{
	Ring *ring = ring_create(&(RingOptions){1 << 20, 1000, 0});
	int64_t from = 0;

	learn(ring, 0, 0, 1000);
	for (int64_t seq = 1; seq <= 100; seq++)
		(void) message(ring, seq);
	is_text(since(ring, 0, 0), "no", "what is evicted is not told");
	while (from < 100 && strcmp(since(ring, from, 0), "no") == 0)
		from++;
	ok(from > 80 && from < 100, "the last few are kept");
	is_text(since(ring, 99, 0), "m100", "the last of them");
	ok(ring_bytes(ring) < 1500, "the bytes of a conversation are bounded");
	ring_free(ring);

	ring = ring_create(&(RingOptions){0, 1000, 0});
	(void) message(ring, 1);
	is_number((int64_t) ring_bytes(ring), 0, "of no bytes nothing is kept");
	ring_free(ring);
}

static void
other(Ring *ring, uint32_t xid, int64_t conversation_id)
{
	Event *event = make(PARLEY_EVENT_MESSAGE, conversation_id, 1, 1, 0);

	(void) ring_add(ring, xid, event);
	event_unref(event);
}

static void
test_dropped(void)
{
	Ring *ring = ring_create(&(RingOptions){3000, 3000, 0});
	uint64_t epoch = ring_epoch(ring);

	(void) message(ring, 1); /* of transaction 101 */
	for (int64_t id = 100; id < 150; id++)
		other(ring, 90, id);
	ok(ring_bytes(ring) <= 3000, "all bytes are bounded");
	ok(ring_conversations(ring) < 50, "what was touched longest ago went");
	is_number(ring_last(ring, TEAM).seq, 0, "with all that was known of it");
	learn(ring, 0, 0, 101);
	is_number(ring_last(ring, TEAM).seq, 0,
			  "a snapshot that may lack what was dropped teaches nothing");
	is_text(since(ring, 0, 0), "no", "so that nothing is held to be complete");
	learn(ring, 1, 0, 102);
	is_text(since(ring, 1, 0), "", "one that has it does");

	ring_reset(ring);
	is_number((int64_t) ring_bytes(ring), 0, "a reset forgets all");
	is_number((int64_t) ring_conversations(ring), 0, "every conversation");
	ok(ring_epoch(ring) != epoch, "and begins another epoch");
	learn(ring, 5, 5, 1);
	is_text(since(ring, 5, 5), "", "what was dropped before it is forgotten, too");
	ring_free(ring);
}

/* ---- against a list of all that ever was -------------------------------- */

#define STEPS 4000

typedef struct Past
{
	uint8_t kind;
	int64_t number;
	int64_t ver;
} Past;

static Past past[STEPS];
static size_t past_count;
static size_t next_due;
static RingCursor from;
static int wrong;

static bool
is_lacking(const Past *event)
{
	return event->kind == PARLEY_EVENT_MESSAGE ? event->number > from.seq : event->ver > from.ver;
}

static void
compare(void *arg, Event *event)
{
	(void) arg;
	while (next_due < past_count && !is_lacking(&past[next_due]))
		next_due++;
	if (next_due == past_count || past[next_due].kind != event->kind ||
		past[next_due].number != event->number || past[next_due].ver != event->ver)
		wrong++;
	next_due++;
}

static void
test_random(void)
{
	Ring *ring = ring_create(&(RingOptions){1 << 20, 4000, 0});
	RingCursor last = {0, 0};
	int told = 0;

	srand(1);
	learn(ring, 0, 0, 1000);
	for (int step = 0; step < STEPS; step++)
	{
		Past event = {.kind = PARLEY_EVENT_MESSAGE, .number = last.seq + 1};

		if (last.seq > 0 && rand() % 3 == 0)
			event = (Past){PARLEY_EVENT_MESSAGE_UPDATED, 1 + rand() % last.seq, last.ver + 1};
		last.seq += event.kind == PARLEY_EVENT_MESSAGE;
		last.ver += event.kind != PARLEY_EVENT_MESSAGE;
		past[past_count++] = event;
		(void) add(ring, 1, event.kind, 1, event.number, event.ver);
		from = (RingCursor){last.seq - rand() % 20, last.ver - rand() % 10};
		next_due = 0;
		if (from.seq < 0 || from.ver < 0 || !ring_since(ring, TEAM, from, compare, NULL))
			continue;
		told++;
		while (next_due < past_count && !is_lacking(&past[next_due]))
			next_due++;
		wrong += next_due < past_count;
	}
	is_number(wrong, 0, "at random: whatever is told is complete and in order");
	ok(told > STEPS / 10 && told < STEPS, "which is so of some cursors, not of all");
	ring_free(ring);
}

int
main(void)
{
	test_base();
	test_deleted();
	test_old();
	test_positions();
	test_hole();
	test_bounds();
	test_dropped();
	test_random();
	buffer_free(&given);
	return done_testing();
}
