/*
 * test_bulletin.c
 *	  What processes tell each other: round trips, and what is refused.
 */
#include "bulletin.h"

#include "tap.h"

static BulletinKey key;
static Buffer seen; /* the items that came, as they were written */
static int taken;

static void
take(void *arg, const BulletinItem *item)
{
	(void) arg;
	if (taken++ > 0)
		buffer_append_char(&seen, ' ');
	bulletin_write_item(&seen, item);
}

/* What a payload with these items says, "refused" when it is not opened at all. */
static const char *
read_sealed(const char *items)
{
	Buffer list = BUFFER_EMPTY;
	Buffer payload = BUFFER_EMPTY;
	Bulletin bulletin;

	buffer_reset(&seen);
	taken = 0;
	buffer_append_string(&list, items);
	bulletin_seal(&payload, &key, 77, 5, &list);
	if (bulletin_open(&bulletin, &key, buffer_cstring(&payload)))
	{
		bulletin_read(&bulletin, take, NULL);
		bulletin_close(&bulletin);
	}
	else
		buffer_append_string(&seen, "refused");
	buffer_free(&list);
	buffer_free(&payload);
	return buffer_cstring(&seen);
}

static void
test_keys(void)
{
	BulletinKey other;

	ok(bulletin_key(&key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
	   "a key");
	ok(!bulletin_key(&other, "00"), "a short one");
	ok(!bulletin_key(&other, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g"),
	   "one that is not hexadecimal");
	ok(bulletin_key(&other, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1e"),
	   "another key");
	ok(strcmp(key.channel, other.channel) != 0, "has another channel");
	is_number((int64_t) strlen(key.channel), 47, "whose name PostgreSQL does not cut");
}

static void
test_items(void)
{
	static const char *const good[] = {
		"[\"h\"]",
		"[\"t\",7,3,\"alice\",1]",
		"[\"t\",7,3,\"alice\",0]",
		"[\"t\",7,3,\"alice\",1,[4,5]]",
		"[\"s\",3,\"alice\",1,null,[]]",
		"[\"s\",3,\"alice\",0,\"2026-11-21T00:54:00+00:00\",[7,9]]",
		"[\"c\",7,0]",
	};
	static const char *const bad[] = {
		"7",
		"null",
		"{}",
		"[]",
		"[7]",
		"[\"\"]",
		"[\"x\"]",
		"[\"th\"]",
		"[\"h\",1]",
		"[\"t\",7,3,\"alice\"]",
		"[\"t\",0,3,\"alice\",1]",
		"[\"t\",7,-3,\"alice\",1]",
		"[\"t\",7,3,\"\",1]",
		"[\"t\",7,3,null,1]",
		"[\"t\",7,3,\"alice\",2]",
		"[\"t\",7,3,\"alice\",true]",
		"[\"t\",\"7\",3,\"alice\",1]",
		"[\"t\",7,3,\"alice\",1,4]",
		"[\"t\",7,3,\"alice\",1,[0]]",
		"[\"t\",7,3,\"alice\",1,[4],5]",
		"[\"t\",7,3,\"123456789012345678901234567890123\",1]",
		"[\"s\",3,\"alice\",1,7,[]]",
		"[\"s\",3,\"alice\",1,null,7]",
		"[\"s\",3,\"alice\",1,null,[0]]",
		"[\"s\",3,\"alice\",1,null,[\"7\"]]",
		"[\"s\",3,\"alice\",1,\"12345678901234567890123456789012345678901\",[]]",
		"[\"c\",7,-1]",
		"[\"c\",7,1.5]",
	};

	for (size_t i = 0; i < lengthof(good); i++)
		is_text(read_sealed(good[i]), good[i], "an item comes as it was sent");
	for (size_t i = 0; i < lengthof(bad); i++)
		is_text(read_sealed(bad[i]), "", bad[i]);
	is_text(read_sealed("[\"h\"],[\"x\",1],[\"c\",7,2]"), "[\"h\"] [\"c\",7,2]",
			"what is not understood is passed over");
	is_text(read_sealed(""), "", "no items");
	is_text(read_sealed("]"), "refused", "no JSON");
}

/* The payload with one byte changed, everywhere. */
static void
test_seal(void)
{
	Buffer list = BUFFER_EMPTY;
	Buffer payload = BUFFER_EMPTY;
	Bulletin bulletin;
	int opened = 0;
	BulletinKey other = key;

	buffer_append_string(&list, "[\"t\",7,3,\"alice\",1]");
	bulletin_seal(&payload, &key, 77, 5, &list);
	ok(bulletin_open(&bulletin, &key, buffer_cstring(&payload)), "a payload is opened");
	is_number(bulletin.sender, 77, "its sender");
	is_number(bulletin.number, 5, "its number");
	bulletin_close(&bulletin);
	other.secret[31] ^= 1;
	ok(!bulletin_open(&bulletin, &other, buffer_cstring(&payload)), "not by another key");
	for (size_t i = 0; i < payload.length; i++)
	{
		payload.data[i] ^= 1;
		opened += bulletin_open(&bulletin, &key, buffer_cstring(&payload));
		payload.data[i] ^= 1;
	}
	is_number(opened, 0, "not when a bit of it was changed");
	payload.length--;
	ok(!bulletin_open(&bulletin, &key, buffer_cstring(&payload)), "not when it was cut");
	ok(!bulletin_open(&bulletin, &key, ""), "nothing");
	ok(!bulletin_open(&bulletin, &key, "00000000000000000000000000000000"), "only a MAC");
	buffer_free(&list);
	buffer_free(&payload);
}

static const char *
event_of(const BulletinItem *item)
{
	buffer_reset(&seen);
	bulletin_write_event(&seen, item);
	return buffer_cstring(&seen);
}

static void
test_events(void)
{
	is_text(event_of(&(BulletinItem){.kind = BULLETIN_TYPING,
									 .conversation_id = 7,
									 .account_id = 3,
									 .username = "al\"ice",
									 .on = true}),
			"{\"type\":\"typing\",\"conversation_id\":7,\"user_id\":3,\"username\":\"al\\\"ice\","
			"\"is_typing\":true}",
			"typing");
	is_text(event_of(&(BulletinItem){.kind = BULLETIN_STATUS,
									 .account_id = 3,
									 .username = "alice",
									 .last_seen = "x"}),
			"{\"type\":\"user_status\",\"user_id\":3,\"username\":\"alice\",\"is_online\":false,"
			"\"last_seen\":\"x\"}",
			"user_status");
	is_text(event_of(&(BulletinItem){.kind = BULLETIN_COUNT, .conversation_id = 7, .online = 120}),
			"{\"type\":\"presence\",\"conversation_id\":7,\"online\":120}", "presence");
}

int
main(void)
{
	test_keys();
	test_items();
	test_seal();
	test_events();
	buffer_free(&seen);
	return done_testing();
}
