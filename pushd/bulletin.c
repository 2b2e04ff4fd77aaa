/*
 * bulletin.c
 *	  What parley-pushd processes tell each other: writing, sealing, opening, reading.
 */
#include "bulletin.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "hex.h"

#define MAC_SIZE 16
#define MAC_DIGITS (2 * MAC_SIZE)
#define CHANNEL_BYTES 20 /* of the MAC, in the channel's name */
#define USERNAME_MAX 32
#define LAST_SEEN_MAX 40

/* ---- the key ------------------------------------------------------------ */

/* `purpose` keeps one use of the key from being good for another. */
static void
make_mac(uint8_t mac[EVP_MAX_MD_SIZE], const BulletinKey *key, char purpose, const char *text,
		 size_t length)
{
	Buffer message = BUFFER_EMPTY;
	unsigned size = 0;

	buffer_append_char(&message, purpose);
	buffer_append(&message, text, length);
	if (!HMAC(EVP_sha256(), key->secret, sizeof(key->secret), message.data, message.length, mac,
			  &size))
		abort();
	buffer_free(&message);
}

bool
bulletin_key(BulletinKey *key, const char *text)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	Buffer channel = BUFFER_EMPTY;

	if (strlen(text) != 2 * sizeof(key->secret) ||
		!hex_read(key->secret, sizeof(key->secret), text))
		return false;
	make_mac(mac, key, 'c', "channel", strlen("channel"));
	buffer_append_string(&channel, "parley_");
	hex_append(&channel, mac, CHANNEL_BYTES);
	string_copy(key->channel, sizeof(key->channel), buffer_cstring(&channel));
	buffer_free(&channel);
	return true;
}

/* ---- writing ------------------------------------------------------------ */

static void
append_ids(Buffer *to, const int64_t *ids, size_t count)
{
	buffer_append_char(to, '[');
	for (size_t i = 0; i < count; i++)
		buffer_printf(to, "%s%lld", i > 0 ? "," : "", (long long) ids[i]);
	buffer_append_char(to, ']');
}

void
bulletin_write_item(Buffer *to, const BulletinItem *item)
{
	switch (item->kind)
	{
		case BULLETIN_HELLO:
			buffer_append_string(to, "[\"h\"]");
			break;
		case BULLETIN_TYPING:
			buffer_printf(to, "[\"t\",%lld,%lld,", (long long) item->conversation_id,
						  (long long) item->account_id);
			buffer_append_json_or_null(to, item->username);
			buffer_printf(to, ",%d", item->on);
			if (item->hidden > 0)
			{
				buffer_append_char(to, ',');
				append_ids(to, item->hidden_from, item->hidden);
			}
			buffer_append_char(to, ']');
			break;
		case BULLETIN_STATUS:
			buffer_printf(to, "[\"s\",%lld,", (long long) item->account_id);
			buffer_append_json_or_null(to, item->username);
			buffer_printf(to, ",%d,", item->on);
			buffer_append_json_or_null(to, item->last_seen);
			buffer_append_char(to, ',');
			append_ids(to, item->conversation_ids, item->conversations);
			buffer_append_char(to, ']');
			break;
		case BULLETIN_COUNT:
			buffer_printf(to, "[\"c\",%lld,%lld]", (long long) item->conversation_id,
						  (long long) item->online);
			break;
	}
}

static void
append_flag(Buffer *to, const char *name, bool on)
{
	buffer_printf(to, ",\"%s\":%s", name, on ? "true" : "false");
}

void
bulletin_write_event(Buffer *to, const BulletinItem *item)
{
	switch (item->kind)
	{
		case BULLETIN_HELLO:
			break;
		case BULLETIN_TYPING:
			buffer_printf(to, "{\"type\":\"typing\",\"conversation_id\":%lld,\"user_id\":%lld",
						  (long long) item->conversation_id, (long long) item->account_id);
			buffer_append_string(to, ",\"username\":");
			buffer_append_json_or_null(to, item->username);
			append_flag(to, "is_typing", item->on);
			buffer_append_char(to, '}');
			break;
		case BULLETIN_STATUS:
			buffer_printf(to, "{\"type\":\"user_status\",\"user_id\":%lld,\"username\":",
						  (long long) item->account_id);
			buffer_append_json_or_null(to, item->username);
			append_flag(to, "is_online", item->on);
			buffer_append_string(to, ",\"last_seen\":");
			buffer_append_json_or_null(to, item->last_seen);
			buffer_append_char(to, '}');
			break;
		case BULLETIN_COUNT:
			buffer_printf(to, "{\"type\":\"presence\",\"conversation_id\":%lld,\"online\":%lld}",
						  (long long) item->conversation_id, (long long) item->online);
			break;
	}
}

void
bulletin_seal(Buffer *to, const BulletinKey *key, int64_t sender, int64_t number,
			  const Buffer *items)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	Buffer json = BUFFER_EMPTY;

	buffer_printf(&json, "{\"g\":\"%lld\",\"n\":%lld,\"i\":[", (long long) sender,
				  (long long) number);
	buffer_append(&json, items->data, items->length);
	buffer_append_string(&json, "]}");
	make_mac(mac, key, 'p', (const char *) json.data, json.length);
	hex_append(to, mac, MAC_SIZE);
	buffer_append(to, json.data, json.length);
	buffer_free(&json);
}

/* ---- reading ------------------------------------------------------------ */

static bool
has_mac(const BulletinKey *key, const char *payload, size_t length)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	Buffer expected = BUFFER_EMPTY;
	bool good;

	make_mac(mac, key, 'p', payload + MAC_DIGITS, length - MAC_DIGITS);
	hex_append(&expected, mac, MAC_SIZE);
	good = CRYPTO_memcmp(expected.data, payload, MAC_DIGITS) == 0;
	buffer_free(&expected);
	return good;
}

static bool
get_number(const json_t *value, int64_t min, int64_t *number)
{
	if (!json_is_integer(value) || json_integer_value(value) < min)
		return false;
	*number = json_integer_value(value);
	return true;
}

static bool
get_text(const json_t *value, size_t max, const char **text)
{
	*text = json_string_value(value);
	return *text && json_string_length(value) > 0 && json_string_length(value) <= max;
}

static bool
get_flag(const json_t *value, bool *on)
{
	*on = json_integer_value(value) == 1;
	return json_is_integer(value) && (*on || json_integer_value(value) == 0);
}

bool
bulletin_open(Bulletin *bulletin, const BulletinKey *key, const char *payload)
{
	size_t length = strlen(payload);
	const char *sender;
	json_t *json = NULL;

	if (length > MAC_DIGITS && length <= BULLETIN_MAX && has_mac(key, payload, length))
		json = json_loadb(payload + MAC_DIGITS, length - MAC_DIGITS, JSON_REJECT_DUPLICATES, NULL);
	if (json && get_text(json_object_get(json, "g"), 20, &sender) &&
		parse_int64(sender, strlen(sender), &bulletin->sender) &&
		get_number(json_object_get(json, "n"), 1, &bulletin->number) &&
		json_is_array(json_object_get(json, "i")))
	{
		bulletin->json = json;
		return true;
	}
	json_decref(json);
	bulletin->json = NULL;
	return false;
}

static bool
read_hello(const json_t *json, BulletinItem *item, Buffer *ids)
{
	(void) json;
	(void) item;
	(void) ids;
	return true;
}

/* At most `max` ids, which are in `ids` then. */
static bool
read_ids(const json_t *list, size_t max, Buffer *ids)
{
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count; i++)
	{
		int64_t id;

		if (!get_number(json_array_get(list, i), 1, &id))
			return false;
		buffer_append(ids, &id, sizeof(id));
	}
	return json_is_array(list) && count <= max;
}

static bool
read_typing(const json_t *json, BulletinItem *item, Buffer *ids)
{
	const json_t *hidden_from = json_array_get(json, 5);

	if (hidden_from && !read_ids(hidden_from, BULLETIN_HIDDEN_MAX, ids))
		return false;
	item->hidden_from = (const int64_t *) (void *) ids->data;
	item->hidden = ids->length / sizeof(int64_t);
	return get_number(json_array_get(json, 1), 1, &item->conversation_id) &&
		   get_number(json_array_get(json, 2), 1, &item->account_id) &&
		   get_text(json_array_get(json, 3), USERNAME_MAX, &item->username) &&
		   get_flag(json_array_get(json, 4), &item->on);
}

static bool
read_status(const json_t *json, BulletinItem *item, Buffer *ids)
{
	const json_t *last_seen = json_array_get(json, 4);

	if (!read_ids(json_array_get(json, 5), BULLETIN_CONVERSATIONS_MAX, ids))
		return false;
	item->conversation_ids = (const int64_t *) (void *) ids->data;
	item->conversations = ids->length / sizeof(int64_t);
	return get_number(json_array_get(json, 1), 1, &item->account_id) &&
		   get_text(json_array_get(json, 2), USERNAME_MAX, &item->username) &&
		   get_flag(json_array_get(json, 3), &item->on) &&
		   (json_is_null(last_seen) || get_text(last_seen, LAST_SEEN_MAX, &item->last_seen));
}

static bool
read_count(const json_t *json, BulletinItem *item, Buffer *ids)
{
	(void) ids;
	return get_number(json_array_get(json, 1), 1, &item->conversation_id) &&
		   get_number(json_array_get(json, 2), 0, &item->online);
}

/* The size of the array, its kind included, is from `fields` to `fields_max`. */
static const struct
{
	BulletinKind kind;
	size_t fields;
	size_t fields_max;
	bool (*read)(const json_t *json, BulletinItem *item, Buffer *ids);
} item_rules[] = {
	{BULLETIN_HELLO, 1, 1, read_hello},
	{BULLETIN_TYPING, 5, 6, read_typing},
	{BULLETIN_STATUS, 6, 6, read_status},
	{BULLETIN_COUNT, 3, 3, read_count},
};

static bool
read_item(const json_t *json, BulletinItem *item, Buffer *ids)
{
	const char *kind;

	if (!get_text(json_array_get(json, 0), 1, &kind))
		return false;
	for (size_t i = 0; i < lengthof(item_rules); i++)
	{
		if (item_rules[i].kind == (BulletinKind) *kind)
		{
			item->kind = item_rules[i].kind;
			return json_array_size(json) >= item_rules[i].fields &&
				   json_array_size(json) <= item_rules[i].fields_max &&
				   item_rules[i].read(json, item, ids);
		}
	}
	return false;
}

void
bulletin_read(const Bulletin *bulletin, void (*take)(void *arg, const BulletinItem *item),
			  void *arg)
{
	const json_t *items = json_object_get(bulletin->json, "i");
	Buffer ids = BUFFER_EMPTY;

	for (size_t i = 0; i < json_array_size(items); i++)
	{
		BulletinItem item = {.kind = BULLETIN_HELLO};

		buffer_reset(&ids);
		if (read_item(json_array_get(items, i), &item, &ids))
			take(arg, &item);
	}
	buffer_free(&ids);
}

void
bulletin_close(Bulletin *bulletin)
{
	json_decref(bulletin->json);
	bulletin->json = NULL;
}
