/*
 * feed_event.h
 *	  The events of the feed: which tables make them, and how a row becomes one.
 *
 * Shared by the output plugin, which has the rows from the WAL, and the table feed,
 * which reads them: what a client gets is the same to the byte.  Knows no SPI.
 */
#ifndef PARLEY_FEED_EVENT_H
#define PARLEY_FEED_EVENT_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "event_json.h"
#include "wire.h"

#define FEED_MAX_COLUMNS 16
#define EMOJI_MAX 64 /* bytes; chat.reaction has the same limit */

/*
 * A row of chat.reaction that came or went.  It does not know the version; the row
 * of the message does, which is written next and makes the event of both.  A change
 * of any other kind makes none: a deleted message takes its reactions along.
 */
typedef struct PendingReaction
{
	int64 conversation_id;
	int64 seq;
	int64 account_id;
	bool added;
	bool is_unnamed;		   /* the WAL did not say which: its message is sent whole */
	char emoji[EMOJI_MAX + 1]; /* empty: none is pending, or it is unnamed */
} PendingReaction;

/* One changed row: its feed columns in the order that the feed table states. */
typedef struct Change
{
	bool is_update;
	bool is_delete; /* then all but the table's replica identity is NULL */
	EventValue columns[FEED_MAX_COLUMNS];
	PendingReaction *reaction;
} Change;

/* Fills header and JSON; false if the change is no event. */
typedef bool (*EventWriter)(const Change *change, ParleyEvent *event, StringInfo json);

typedef struct FeedColumn
{
	const char *name;
	Oid type;
} FeedColumn;

typedef struct FeedTable
{
	const char *name;
	EventWriter write;
	bool deletes;						  /* are of interest too */
	FeedColumn columns[FEED_MAX_COLUMNS]; /* ends at the first without a name */
} FeedTable;

/* The place of a table in feed_tables. */
enum
{
	FEED_MESSAGE,
	FEED_REACTION,
	FEED_MEMBER,
	FEED_CONVERSATION,
	FEED_SESSION,
	FEED_ACCOUNT,
	FEED_TABLE_COUNT
};

extern const FeedTable feed_tables[FEED_TABLE_COUNT];

/* Their columns, as feed_tables states them. */
enum
{
	MESSAGE_CONVERSATION_ID,
	MESSAGE_SEQ,
	MESSAGE_SENDER_ID,
	MESSAGE_SENDER_NAME,
	MESSAGE_CONTENT,
	MESSAGE_CLIENT_ID,
	MESSAGE_REPLY_TO,
	MESSAGE_CREATED_AT,
	MESSAGE_EDITED_AT,
	MESSAGE_THREAD,
	MESSAGE_PINNED_AT,
	MESSAGE_REACTIONS,
	MESSAGE_ATTACHMENTS,
	MESSAGE_VER,
	MESSAGE_CHANGED
};

/* Column `changed` of chat.message: what its last write was; NULL: it is new. */
enum
{
	CHANGED_CONTENT = 'e',
	CHANGED_PIN = 'p',
	CHANGED_REACTIONS = 'r',
	CHANGED_DELETED = 'd',
	CHANGED_UNPACKED = 'a' /* came back from the archive: it was told when it was new */
};

enum
{
	REACTION_CONVERSATION_ID,
	REACTION_SEQ,
	REACTION_ACCOUNT_ID,
	REACTION_EMOJI
};

enum
{
	MEMBER_CONVERSATION_ID,
	MEMBER_ACCOUNT_ID,
	MEMBER_ROLE,
	MEMBER_STATE,
	MEMBER_READ_SEQ,
	MEMBER_DELIVERED_SEQ,
	MEMBER_MUTED_UNTIL,
	MEMBER_VER,
	MEMBER_CHANGED
};

/* Column `changed` of chat.member: what its last write was about. */
enum
{
	CHANGED_MEMBERSHIP = 'm',
	CHANGED_READING = 'r',
	CHANGED_DELIVERY = 'd',
	CHANGED_QUIETLY = 'b' /* a block, or for the archive: nothing to tell */
};

enum
{
	CONVERSATION_ID,
	CONVERSATION_IS_GROUP,
	CONVERSATION_NAME,
	CONVERSATION_IS_PUBLIC,
	CONVERSATION_VER
};

enum
{
	SESSION_ID,
	SESSION_ACCOUNT_ID,
	SESSION_ENDED_AT
};

enum
{
	ACCOUNT_ID,
	ACCOUNT_USERNAME,
	ACCOUNT_DISPLAY_NAME,
	ACCOUNT_AVATAR_URL,
	ACCOUNT_BIO,
	ACCOUNT_CLOSED_AT
};

/* Appends header and JSON, and states the length in the header. */
extern void FeedAddEvent(StringInfo to, ParleyEvent *event, StringInfo json);

#endif /* PARLEY_FEED_EVENT_H */
