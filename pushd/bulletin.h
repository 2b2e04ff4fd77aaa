/*
 * bulletin.h
 *	  What parley-pushd processes tell each other, as the text of a NOTIFY, and what
 *	  clients are told of the same.
 *
 * Any role of the database may NOTIFY and LISTEN.  Therefore the channel's name is made
 * from a secret of the database (chat.gateway_key), so that others can't hear, and each
 * payload carries a MAC under the same secret, so that whoever learns the name can't say
 * anything either.  A payload is
 *
 *	 MAC (32 hexadecimal digits)  {"g":"sender","n":number,"i":[item, …]}
 *
 * where the numbers of a sender only grow, and an item is one of
 *
 *	 ["h"]                                                a process has begun to listen
 *	 ["t", conversation, account, "username", 0|1]        typing
 *	 ["t", conversation, account, "username", 0|1, [account, …]]   the same, hidden from these
 *	 ["s", account, "username", 0|1, "last_seen"|null, [conversation, …]]   came or went
 *	 ["c", conversation, online]                          members online, in a large group
 *
 * Items of an unknown kind are passed over: a newer process may be among older ones.
 */
#ifndef PARLEY_BULLETIN_H
#define PARLEY_BULLETIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define BULLETIN_SECRET_SIZE 32
#define BULLETIN_CHANNEL_SIZE 48

/* NOTIFY takes less than 8000 bytes. */
#define BULLETIN_MAX 7999

/* Of one item; more conversations than these make several items. */
#define BULLETIN_CONVERSATIONS_MAX 256
#define BULLETIN_HIDDEN_MAX 256

typedef struct BulletinKey
{
	uint8_t secret[BULLETIN_SECRET_SIZE];
	char channel[BULLETIN_CHANNEL_SIZE];
} BulletinKey;

typedef enum BulletinKind
{
	BULLETIN_HELLO = 'h',
	BULLETIN_TYPING = 't',
	BULLETIN_STATUS = 's',
	BULLETIN_COUNT = 'c'
} BulletinKind;

/* Fields that a kind has no use for are zero.  Strings belong to whoever made the item. */
typedef struct BulletinItem
{
	BulletinKind kind;
	int64_t conversation_id; /* TYPING, COUNT */
	int64_t account_id;		 /* TYPING, STATUS */
	const char *username;	 /* TYPING, STATUS */
	bool on;				 /* is typing, is online */
	const char *last_seen;	 /* STATUS: RFC 3339, or NULL */
	int64_t online;			 /* COUNT */
	const int64_t *conversation_ids;
	size_t conversations;		/* at most BULLETIN_CONVERSATIONS_MAX */
	const int64_t *hidden_from; /* TYPING: accounts that are not told */
	size_t hidden;				/* at most BULLETIN_HIDDEN_MAX */
} BulletinItem;

/* The key from its 64 hexadecimal digits; false when `text` is something else. */
bool bulletin_key(BulletinKey *key, const char *text) MUST_CHECK;

/* Appends the item's JSON. */
void bulletin_write_item(Buffer *to, const BulletinItem *item);

/* Appends the event that clients get: `typing`, `user_status` or `presence`. */
void bulletin_write_event(Buffer *to, const BulletinItem *item);

/*
 * Appends a whole payload, not longer than BULLETIN_MAX; `items` is the items' JSON,
 * separated by commas, at most BULLETIN_MAX - BULLETIN_OVERHEAD bytes.
 */
#define BULLETIN_OVERHEAD 128
void bulletin_seal(Buffer *to, const BulletinKey *key, int64_t sender, int64_t number,
				   const Buffer *items);

/* A payload that was opened; `json` is NULL when it was not ours. */
typedef struct Bulletin
{
	int64_t sender;
	int64_t number;
	void *json;
} Bulletin;

/* False for what does not carry the key's MAC or has not the form above. */
bool bulletin_open(Bulletin *bulletin, const BulletinKey *key, const char *payload) MUST_CHECK;

/* Calls `take` for each item that has the form above; what it gets is good for the call. */
void bulletin_read(const Bulletin *bulletin, void (*take)(void *arg, const BulletinItem *item),
				   void *arg);
void bulletin_close(Bulletin *bulletin);

#endif /* PARLEY_BULLETIN_H */
