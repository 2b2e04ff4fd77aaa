/*
 * test_outbox.c
 *	  What gives way first for a slow client.
 */
#include "outbox.h"

#include "tap.h"

#define ROOM 40

static Event *
make(bool ephemeral)
{
	Buffer text = BUFFER_EMPTY;
	Event *event;

	buffer_append_string(&text, "0123456789");
	event = ephemeral ? event_ephemeral(7, &text) : event_reply(&text);
	buffer_free(&text);
	return event;
}

static void
put(Outbox *outbox, bool ephemeral, OutboxResult expected, const char *name)
{
	Event *event = make(ephemeral);

	is_number(outbox_put(outbox, event, ROOM), expected, name);
	event_unref(event);
}

int
main(void)
{
	Outbox outbox = {0};

	put(&outbox, true, OUTBOX_QUEUED, "an ephemeral event is queued");
	put(&outbox, true, OUTBOX_QUEUED, "another one, to half of the room");
	put(&outbox, true, OUTBOX_LEFT_OUT, "the next one is left out");
	ok(!outbox_has_overflowed(&outbox), "which is no gap");
	put(&outbox, false, OUTBOX_QUEUED, "what must be kept has the other half");
	put(&outbox, false, OUTBOX_QUEUED, "to the end");
	put(&outbox, true, OUTBOX_LEFT_OUT, "an ephemeral event has nothing of it");
	put(&outbox, false, OUTBOX_FULL, "and a reply that does not fit ends it");
	outbox_clear(&outbox);
	return done_testing();
}
