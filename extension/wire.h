/*
 * wire.h
 *	  What the output plugin and parley-pushd say to each other: the layout of a
 *	  feed chunk, the kinds of event, and the table of errors.
 *
 * Pure C11, no PostgreSQL header: this is the one header of the extension that
 * parley-pushd includes.
 *
 * A decoded transaction reaches pushd as one or more chunks, each the payload of
 * one CopyData 'w' message.  A chunk is a header, then its events; an event is a
 * header, then `length` bytes of JSON (UTF-8, one line, no terminator) that can
 * go to a browser as they are.  All integers are big-endian.
 *
 *	 chunk   u8 'C' | u8 flags | u16 0 | u32 xid | i64 commit_time | u32 events | u32 bytes
 *	 event   u8 kind | u8 flags | u16 0 | u32 length | i64 conversation_id
 *			 | i64 account_id | i64 number | i64 ver | JSON
 *
 * commit_time counts microseconds since 1970-01-01 UTC.  Whoever changes this
 * layout, a kind or a flag raises PARLEY_WIRE_VERSION; the plugin refuses a
 * client that asks for another version than its own.
 */
#ifndef PARLEY_WIRE_H
#define PARLEY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARLEY_WIRE_VERSION 2
#define PARLEY_PLUGIN_NAME "pg_parley"
#define PARLEY_WIRE_OPTION "wire"
#define PARLEY_AWAIT_OPTION "await" /* boolean; off: send what others may not see yet */

/* NOTIFY here, without a payload: something was committed (setting pg_parley.notify). */
#define PARLEY_WAKE_CHANNEL "pg_parley_wake"

/* Prefix of a transactional logical message that holds a number in decimal: the feed gives
 * it back as an event CANARY. */
#define PARLEY_CANARY_PREFIX "pg_parley.canary"

/* ---- error table -------------------------------------------------------- */

/*
 * X(symbol, SQLSTATE, HTTP status, code, title).  Class PC is in the range the
 * SQL standard leaves to implementations.  `code` is the stable name that REST
 * problems, WebSocket errors and the `error` columns of SQL results carry.
 */
#define PARLEY_ERRORS(X) \
	X(UNAUTHENTICATED, "PC001", 401, "unauthenticated", "Authentication is required") \
	X(TOKEN_INVALID, "PC002", 401, "token_invalid", "The token is not valid") \
	X(TOKEN_EXPIRED, "PC003", 401, "token_expired", "The token has expired") \
	X(SESSION_REVOKED, "PC004", 401, "session_revoked", "The session has ended") \
	X(INVALID_CREDENTIALS, "PC005", 401, "invalid_credentials", "Wrong user name or password") \
	X(REFRESH_REUSED, "PC006", 401, "refresh_reused", "The refresh token was used before") \
	X(THROTTLED, "PC007", 429, "throttled", "Too many requests") \
	X(BUSY, "PC008", 503, "busy", "Too busy just now") \
	X(CONVERSATION_BUSY, "PC009", 503, "conversation_busy", "A transaction is in the way") \
	X(FORBIDDEN, "PC010", 403, "forbidden", "Not allowed") \
	X(BANNED, "PC011", 403, "banned", "Banned from the conversation") \
	X(MUTED, "PC012", 403, "muted", "Muted in the conversation") \
	X(BLOCKED, "PC013", 403, "blocked", "One of the two has blocked the other") \
	X(CONVERSATION_NOT_FOUND, "PC020", 404, "conversation_not_found", "No such conversation") \
	X(USER_NOT_FOUND, "PC021", 404, "user_not_found", "No such user") \
	X(MESSAGE_NOT_FOUND, "PC022", 404, "message_not_found", "No such message") \
	X(SESSION_NOT_FOUND, "PC023", 404, "session_not_found", "No such session") \
	X(REPORT_NOT_FOUND, "PC024", 404, "report_not_found", "No such report") \
	X(USERNAME_TAKEN, "PC030", 409, "username_taken", "The user name is taken") \
	X(EMAIL_TAKEN, "PC031", 409, "email_taken", "The e-mail address is taken") \
	X(ALREADY_MEMBER, "PC032", 409, "already_member", "Already a member") \
	X(NOT_A_GROUP, "PC033", 409, "not_a_group", "The conversation is not a group") \
	X(LAST_OWNER, "PC034", 409, "last_owner", "The last owner cannot go") \
	X(INVALID_ARGUMENT, "PC040", 422, "invalid_argument", "An argument is not valid") \
	X(INVALID_USERNAME, "PC041", 422, "invalid_username", "The user name is not valid") \
	X(INVALID_EMAIL, "PC042", 422, "invalid_email", "The e-mail address is not valid") \
	X(INVALID_PASSWORD, "PC043", 422, "invalid_password", "The password is not acceptable") \
	X(INVALID_CONTENT, "PC044", 422, "invalid_content", "The content is not valid") \
	X(CONTENT_TOO_LONG, "PC045", 413, "content_too_long", "The content is too long") \
	X(MESSAGE_DELETED, "PC070", 409, "message_deleted", "The message was deleted") \
	X(INVALID_EMOJI, "PC071", 422, "invalid_emoji", "This is not an emoji") \
	X(LIMIT_REACHED, "PC072", 409, "limit_reached", "There can be no more of these") \
	X(ATTACHMENT_NOT_FOUND, "PC073", 404, "attachment_not_found", "No such attachment") \
	X(INVALID_ATTACHMENT, "PC074", 422, "invalid_attachment", "The attachment is not valid") \
	X(ATTACHMENT_TYPE, "PC075", 415, "attachment_type", "Attachments of this type are refused") \
	X(ATTACHMENT_TOO_LARGE, "PC076", 413, "attachment_too_large", "The attachment is too large") \
	X(HELD, "PC078", 409, "held", "The conversation is under a legal hold") \
	X(QUOTA_EXCEEDED, "PC077", 413, "quota_exceeded", "There is no room for more attachments") \
	X(NO_SIGNING_KEY, "PC050", 500, "no_signing_key", "There is no signing key") \
	X(WIRE_MISMATCH, "PC060", 500, "wire_mismatch", "Daemon and library do not match")

typedef enum ParleyError
{
#define PARLEY_ERROR_ENUM(symbol, sqlstate, status, code, title) PARLEY_ERROR_##symbol,
	PARLEY_ERRORS(PARLEY_ERROR_ENUM)
#undef PARLEY_ERROR_ENUM
	PARLEY_ERROR_COUNT
} ParleyError;

/* ---- event table -------------------------------------------------------- */

/*
 * X(symbol, kind byte, name).  What the routing fields of the header mean:
 *
 *	 MESSAGE  conversation, account = sender, number = seq
 *	 MESSAGE_UPDATED, MESSAGE_DELETED
 *			  conversation, account = sender, number = seq
 *	 REACTION conversation, account = who reacted, number = seq
 *	 READ, DELIVERED
 *			  conversation, account = reader, number = the new position
 *	 CONVERSATION
 *			  conversation, number = ver: name or settings changed
 *	 MEMBER	  conversation, account = member, number = ver; ACTIVE if a member now
 *	 SESSION  account, number = session id: the session has ended; no JSON
 *	 ACCOUNT  account; GONE if the account is closed
 *	 CANARY	  number = what parley-pushd wrote to see it come back; no JSON
 *
 * ver is that of the change, for those that take one (MESSAGE_UPDATED,
 * MESSAGE_DELETED, REACTION, CONVERSATION, MEMBER), else 0.
 */
#define PARLEY_EVENTS(X) \
	X(MESSAGE, 'm', "message") \
	X(MESSAGE_UPDATED, 'u', "message_updated") \
	X(MESSAGE_DELETED, 'd', "message_deleted") \
	X(REACTION, 'x', "reaction") \
	X(READ, 'r', "read") \
	X(DELIVERED, 'v', "delivered") \
	X(CONVERSATION, 'c', "conversation") \
	X(MEMBER, 'b', "member") \
	X(SESSION, 's', "session") \
	X(ACCOUNT, 'a', "user_updated") \
	X(CANARY, 'k', "canary")

typedef enum ParleyEventKind
{
#define PARLEY_EVENT_ENUM(symbol, byte, name) PARLEY_EVENT_##symbol = (byte),
	PARLEY_EVENTS(PARLEY_EVENT_ENUM)
#undef PARLEY_EVENT_ENUM
} ParleyEventKind;

#define PARLEY_EVENT_FLAG_ACTIVE 0x01 /* MEMBER: belongs to the conversation */
#define PARLEY_EVENT_FLAG_GONE 0x02	  /* ACCOUNT: closed */

/* ---- answers of chat.gateway_sync() --------------------------------------- */

/* Column `part`: what a row is.  A frame has the kind of its event, or one of these. */
typedef enum ParleySyncPart
{
	PARLEY_SYNC_SNAPSHOT = 's',	 /* once, first: number = xmin, ver = end of the WAL (bytes) */
	PARLEY_SYNC_ASK = 'a',		 /* number, ver = the new cursor, frame = complete, more or reset */
	PARLEY_SYNC_RESET = 'z',	 /* frame: forget what you have */
	PARLEY_SYNC_POSITIONS = 'r', /* frame of several lines: of all members, where they are few */
	PARLEY_SYNC_OWN = 'o',		 /* the same of pair `number` alone, where they are many */
	PARLEY_SYNC_GONE = 'g'		 /* pair `number` is no member; ver = of the membership, or 0 */
} ParleySyncPart;

/* ---- layout ------------------------------------------------------------- */

#define PARLEY_CHUNK_MAGIC 'C'
#define PARLEY_CHUNK_FLAG_LAST 0x01 /* the transaction ends with this chunk */
#define PARLEY_CHUNK_HEADER_SIZE 24
#define PARLEY_EVENT_HEADER_SIZE 40

typedef struct ParleyChunk
{
	uint8_t flags;
	uint32_t xid;
	int64_t commit_time;
	uint32_t events;
	uint32_t bytes; /* of all events, headers included */
} ParleyChunk;

typedef struct ParleyEvent
{
	uint8_t kind;
	uint8_t flags;
	uint32_t length; /* of the JSON */
	int64_t conversation_id;
	int64_t account_id;
	int64_t number;
	int64_t ver;
} ParleyEvent;

static inline void
parley_put_u32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t) (value >> (24 - 8 * i));
}

static inline uint32_t
parley_get_u32(const uint8_t *from)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | from[i];
	return value;
}

static inline void
parley_put_i64(uint8_t *to, int64_t value)
{
	parley_put_u32(to, (uint32_t) ((uint64_t) value >> 32));
	parley_put_u32(to + 4, (uint32_t) value);
}

static inline int64_t
parley_get_i64(const uint8_t *from)
{
	return (int64_t) ((uint64_t) parley_get_u32(from) << 32 | parley_get_u32(from + 4));
}

static inline void
parley_put_chunk(uint8_t to[PARLEY_CHUNK_HEADER_SIZE], const ParleyChunk *chunk)
{
	to[0] = PARLEY_CHUNK_MAGIC;
	to[1] = chunk->flags;
	to[2] = to[3] = 0;
	parley_put_u32(to + 4, chunk->xid);
	parley_put_i64(to + 8, chunk->commit_time);
	parley_put_u32(to + 16, chunk->events);
	parley_put_u32(to + 20, chunk->bytes);
}

/* False when `size` bytes at `from` are not a whole chunk of this layout. */
static inline bool
parley_get_chunk(const uint8_t *from, size_t size, ParleyChunk *chunk)
{
	if (size < PARLEY_CHUNK_HEADER_SIZE || from[0] != PARLEY_CHUNK_MAGIC)
		return false;
	chunk->flags = from[1];
	chunk->xid = parley_get_u32(from + 4);
	chunk->commit_time = parley_get_i64(from + 8);
	chunk->events = parley_get_u32(from + 16);
	chunk->bytes = parley_get_u32(from + 20);
	return chunk->bytes == size - PARLEY_CHUNK_HEADER_SIZE;
}

static inline void
parley_put_event(uint8_t to[PARLEY_EVENT_HEADER_SIZE], const ParleyEvent *event)
{
	to[0] = event->kind;
	to[1] = event->flags;
	to[2] = to[3] = 0;
	parley_put_u32(to + 4, event->length);
	parley_put_i64(to + 8, event->conversation_id);
	parley_put_i64(to + 16, event->account_id);
	parley_put_i64(to + 24, event->number);
	parley_put_i64(to + 32, event->ver);
}

/* False when fewer than a header and its JSON are left. */
static inline bool
parley_get_event(const uint8_t *from, size_t left, ParleyEvent *event)
{
	if (left < PARLEY_EVENT_HEADER_SIZE)
		return false;
	event->kind = from[0];
	event->flags = from[1];
	event->length = parley_get_u32(from + 4);
	event->conversation_id = parley_get_i64(from + 8);
	event->account_id = parley_get_i64(from + 16);
	event->number = parley_get_i64(from + 24);
	event->ver = parley_get_i64(from + 32);
	return event->length <= left - PARLEY_EVENT_HEADER_SIZE;
}

#endif /* PARLEY_WIRE_H */
