/*
 * test_event.c
 *	  Events: contents, headroom, joining, references.
 */
#include "event.h"

#include "tap.h"

static const char text[] = "{\"type\":\"message\"}";

static Event *
make_event(void)
{
	ParleyEvent header = {.kind = PARLEY_EVENT_MESSAGE,
						  .length = sizeof(text) - 1,
						  .conversation_id = 7,
						  .number = 42};

	return event_from_wire(&header, (const uint8_t *) text);
}

static void
test_contents(void)
{
	Event *event = make_event();

	is_number(event->length, sizeof(text) - 1, "the length is that of the JSON");
	ok(memcmp(event_payload(event), text, event->length) == 0, "the payload is the JSON");
	ok(event_payload(event) - event->frame >= 14, "a frame header fits before it");
	is_number(event->conversation_id, 7, "the conversation is kept");
	is_number(event->number, 42, "the number is kept");
	ok(event_ref(event) == event, "a reference is the event itself");
	event_unref(event);
	is_number(event->references, 1, "one reference is left");
	event_unref(event);
}

static void
test_joint(void)
{
	Event *event = make_event();
	Event *joint = event_joint(40);

	ok(event_append(joint, 40, event), "the first fits");
	is_number(joint->length, event->length, "no newline before the first");
	ok(event_append(joint, 40, event), "the second fits");
	is_number(joint->length, 2 * event->length + 1, "one newline between them");
	ok(event_payload(joint)[event->length] == '\n', "which is where it should be");
	ok(!event_append(joint, 40, event), "the third does not fit");
	is_number(joint->length, 2 * event->length + 1, "and adds nothing");
	event_unref(joint);
	event_unref(event);
}

static void
test_reply(void)
{
	Buffer empty = BUFFER_EMPTY;
	Event *event = event_reply(&empty);

	is_number(event->length, 0, "an empty reply is possible");
	is_number(event->kind, EVENT_KIND_REPLY, "a reply is a reply");
	event_unref(event);
}

int
main(void)
{
	test_contents();
	test_joint();
	test_reply();
	return done_testing();
}
