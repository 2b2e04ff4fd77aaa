/*
 * test_deflate.c
 *	  Offers of permessage-deflate; messages packed, unpacked, broken and far too large.
 */
#include "deflate.h"

#include "tap.h"

#define LARGE 100000

static void
test_offers(void)
{
	static const struct
	{
		const char *text;
		DeflateAnswer answer;
	} offers[] = {
		{"", DEFLATE_DECLINED},
		{"permessage-deflate", DEFLATE_ACCEPTED},
		{"Permessage-Deflate ; client_max_window_bits", DEFLATE_ACCEPTED},
		{"permessage-deflate; client_max_window_bits=10", DEFLATE_ACCEPTED},
		{"permessage-deflate; client_no_context_takeover; server_no_context_takeover",
		 DEFLATE_ACCEPTED},
		{"permessage-deflate; server_max_window_bits=15", DEFLATE_ACCEPTED_WINDOW},
		{"permessage-deflate; server_max_window_bits=\"12\"", DEFLATE_ACCEPTED_WINDOW},
		{"permessage-deflate; server_max_window_bits=11", DEFLATE_DECLINED},
		{"permessage-deflate; server_max_window_bits=10, permessage-deflate", DEFLATE_ACCEPTED},
		{"x-webkit-deflate-frame, permessage-deflate", DEFLATE_ACCEPTED},
		{"x-webkit-deflate-frame", DEFLATE_DECLINED},
		{"permessage-deflate; server_max_window_bits", DEFLATE_DECLINED},
		{"permessage-deflate; server_max_window_bits=16", DEFLATE_DECLINED},
		{"permessage-deflate; client_max_window_bits=7", DEFLATE_DECLINED},
		{"permessage-deflate; client_max_window_bits=010", DEFLATE_DECLINED},
		{"permessage-deflate; client_max_window_bits=", DEFLATE_DECLINED},
		{"permessage-deflate; client_no_context_takeover=1", DEFLATE_DECLINED},
		{"permessage-deflate; client_max_window_bits; client_max_window_bits", DEFLATE_DECLINED},
		{"permessage-deflate; unheard_of", DEFLATE_DECLINED},
		{"permessage-deflate;", DEFLATE_DECLINED},
	};

	for (size_t i = 0; i < lengthof(offers); i++)
		is_number(deflate_negotiate((Span){offers[i].text, strlen(offers[i].text)}),
				  offers[i].answer, offers[i].text);
}

static UnpackResult
unpack(Deflater *deflater, const char *bytes, size_t length, size_t max, Buffer *text)
{
	buffer_reset(text);
	return deflater_unpack(deflater, (const uint8_t *) bytes, length, max, text);
}

#define PACKED(literal) literal, sizeof(literal) - 1

static void
test_unpacking(Deflater *deflater)
{
	static const struct
	{
		const char *bytes;
		size_t length;
		const char *text; /* NULL: broken */
		const char *name;
	} messages[] = {
		{PACKED("\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello", "a message"},
		{PACKED("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "Hello", "with a last block"},
		{PACKED("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), "Hello", "two blocks"},
		{PACKED("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), "Hello", "not compressed"},
		{PACKED("\x00"), "", "nothing"},
		{PACKED("\xf2\x48\xcd\xc9"), NULL, "the end is missing"},
		{PACKED("\x07"), NULL, "no such type of block"},
		{PACKED("\xf2\x00\x11\x00\x00"), NULL, "of another message"},
		{PACKED("\x00\x05\x00\x00\x00Hello\x00"), NULL, "lengths that differ"},
	};
	Buffer text = BUFFER_EMPTY;

	for (size_t i = 0; i < lengthof(messages); i++)
	{
		bool good =
			unpack(deflater, messages[i].bytes, messages[i].length, 100, &text) == UNPACK_GOOD;

		ok(good == (messages[i].text != NULL), messages[i].name);
		if (messages[i].text)
			is_text(buffer_cstring(&text), messages[i].text, messages[i].name);
	}
	is_number(unpack(deflater, PACKED("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5, &text), UNPACK_GOOD,
			  "as long as may be");
	is_number(unpack(deflater, PACKED("\xf2\x48\xcd\xc9\xc9\x07\x00"), 4, &text), UNPACK_TOO_LARGE,
			  "one longer");
	buffer_free(&text);
}

static Event *
make_event(char byte, size_t length, int64_t conversation_id)
{
	Buffer text = BUFFER_EMPTY;
	Event *event;

	memset(buffer_reserve(&text, length), byte, length);
	buffer_advance(&text, length);
	event = event_reply(&text);
	event->conversation_id = conversation_id;
	buffer_free(&text);
	return event;
}

static void
test_packing(Deflater *deflater)
{
	Event *event = make_event('a', LARGE, 7);
	Event *other = make_event('b', LARGE, 7);
	Event *reply = make_event('a', LARGE, 0);
	Event *small = make_event('a', 20, 7);
	Event *packed = deflater_pack(deflater, event);
	Buffer text = BUFFER_EMPTY;

	ok(packed && packed->length < LARGE / 100, "packed");
	ok(deflater_pack(deflater, event) == packed, "once for all");
	is_number(deflater_unpack(deflater, event_payload(packed), packed->length, LARGE, &text),
			  UNPACK_GOOD, "and unpacked");
	ok(text.length == LARGE && memcmp(text.data, event_payload(event), LARGE) == 0, "the same");
	buffer_reset(&text);
	is_number(deflater_unpack(deflater, event_payload(packed), packed->length, 4096, &text),
			  UNPACK_TOO_LARGE, "a bomb");
	ok(text.length <= 4097, "was unpacked so far only");
	packed = deflater_pack(deflater, other);
	buffer_reset(&text);
	is_number(deflater_unpack(deflater, event_payload(packed), packed->length, LARGE, &text),
			  UNPACK_GOOD, "another one of the same length");
	is_number(text.data[0], 'b', "is another one");
	ok(!deflater_pack(deflater, reply), "what is of no conversation is left alone");
	ok(!deflater_pack(deflater, small), "so is what is small");
	for (size_t i = 0; i < 200; i++)
		event_payload(event)[i] = (uint8_t) random_u64();
	event->length = 200;
	ok(!deflater_pack(deflater, event), "and what does not get smaller");
	ok(!deflater_pack(deflater, event), "nor does it later");
	buffer_free(&text);
	event_unref(event);
	event_unref(other);
	event_unref(reply);
	event_unref(small);
}

static void
test_joint(void)
{
	Event *joint = event_joint(100);
	Event *event = make_event('a', 10, 7);
	Event *other = make_event('a', 10, 8);

	ok(event_append(joint, 100, event) && event_append(joint, 100, event), "two events");
	is_number(joint->conversation_id, 7, "of one conversation");
	ok(event_append(joint, 100, other), "one of another");
	is_number(joint->conversation_id, 0, "make it nobody's");
	ok(event_append(joint, 100, event), "the first again");
	is_number(joint->conversation_id, 0, "changes nothing");
	joint->length = 0;
	ok(event_append(joint, 100, other), "anew");
	is_number(joint->conversation_id, 8, "of one");
	event_unref(joint);
	event_unref(event);
	event_unref(other);
}

int
main(void)
{
	Deflater *deflater = deflater_create();

	test_offers();
	test_unpacking(deflater);
	test_packing(deflater);
	test_joint();
	deflater_free(deflater);
	return done_testing();
}
