/*
 * conversation.h
 *	  Conversations and who belongs to them.
 */
#ifndef PARLEY_CONVERSATION_H
#define PARLEY_CONVERSATION_H

#include "postgres.h"

#include "errors.h"

/*
 * Raises CONVERSATION_NOT_FOUND unless the account belongs to the conversation.
 * An unknown conversation and somebody else's give the same answer, so that ids
 * tell nothing.
 */
extern void ConversationRequireMember(int64 conversation_id, int64 account_id);

/* The same error, for callers that have found out themselves. */
extern void ConversationRaiseNotFound(int64 conversation_id) pg_attribute_noreturn();

/*
 * Why the account may not speak in the conversation: CONVERSATION_NOT_FOUND,
 * BANNED, BLOCKED or MUTED; PARLEY_NO_ERROR if it may.  Inside SpiBegin().
 */
extern ParleyError ConversationFindSilence(int64 conversation_id, int64 account_id);
extern void ConversationRaiseSilence(ParleyError silence, int64 conversation_id)
	pg_attribute_noreturn();

/* Raises it if there is one; for everything that others are to see. */
extern void ConversationRequireVoice(int64 conversation_id, int64 account_id);

/* The same for a statement that has the row at hand, as m of chat.member. */
#define MEMBER_MAY_SPEAK \
	"m.state = 'joined' AND NOT m.is_blocked " \
	"AND (m.muted_until IS NULL OR m.muted_until <= clock_timestamp())"

/*
 * The conversation's next version, or CONVERSATION_NOT_FOUND.  Locks the
 * conversation (counter.h).  Inside SpiBegin().
 */
extern int64 ConversationTakeVer(int64 conversation_id);

/*
 * Keeps the caller's account from being closed until the transaction ends, before it is made a
 * member of something (AccountHold()); UNAUTHENTICATED.  Inside SpiBegin().
 */
extern void ConversationHoldCaller(int64 caller);

/* A name for a group; raises INVALID_ARGUMENT if it is not one. */
extern void ConversationCheckName(const char *name);

/*
 * A chat.conversation_info in the current memory context, or
 * CONVERSATION_NOT_FOUND unless the account belongs to the conversation.
 */
extern Datum ConversationShow(int64 conversation_id, int64 account_id);

/* ---- parts of statements that show conversations ------------------------ */

/*
 * me: the caller's rows in chat.member; c and k: the conversations and their
 * counters; p: how far the caller has read.  Who sends has read what is before it:
 * the last message of one's own counts too, found by index, so that a send need
 * not write a position.
 */
#define MY_CONVERSATIONS \
	"FROM chat.member me " \
	"JOIN chat.conversation c ON c.id = me.conversation_id " \
	"JOIN chat.conversation_counter k ON k.conversation_id = me.conversation_id " \
	"CROSS JOIN LATERAL (SELECT greatest(me.read_seq, k.purged_seq, max(o.seq)) AS seq FROM " \
	"chat.message o " \
	"WHERE o.conversation_id = me.conversation_id AND o.sender_id = me.account_id) p "

/*
 * How many messages of MY_CONVERSATIONS the caller has not read.  Those that were deleted do not
 * count; an index finds them alone, among the rows and among the archived.
 */
#define UNREAD \
	"k.last_seq - p.seq - CASE WHEN k.last_seq > p.seq THEN (SELECT count(*) FROM chat.message d " \
	"WHERE d.conversation_id = k.conversation_id AND d.seq > p.seq " \
	"AND d.deleted_at IS NOT NULL) + (SELECT count(*) FROM chat.archive a, " \
	"unnest(a.deleted) AS d (seq) WHERE a.conversation_id = k.conversation_id " \
	"AND a.last_seq > p.seq AND a.deleted IS NOT NULL AND d.seq > p.seq) ELSE 0 END"

/* The position of any member m, by the same rule. */
#define READ_SEQ \
	"greatest(m.read_seq, (SELECT max(o.seq) FROM chat.message o " \
	"WHERE o.conversation_id = m.conversation_id AND o.sender_id = m.account_id))"

/* Those with their last message l, for CONVERSATION_INFO. */
#define SHOWN_CONVERSATIONS \
	MY_CONVERSATIONS "LEFT JOIN chat.message l ON l.conversation_id = k.conversation_id " \
					 "AND l.seq = k.last_seq "
#define ACTIVE_AT "coalesce(l.created_at, c.created_at)"

/* The columns of chat.member_info, from u of chat.user_info and m of chat.member. */
#define MEMBER_INFO \
	"u.id, u.username, u.display_name, u.avatar_url, u.bio, u.is_online, u.last_seen, m.role, " \
	"CASE WHEN m.muted_until > statement_timestamp() THEN m.muted_until END"

/*
 * Whether a row of chat.mention is one for the account.  The block is looked at when mentions
 * are read and not when they are written: @all is one row for everybody.
 */
#define MENTION_COUNTS(mention, account_id) \
	"NOT EXISTS (SELECT FROM chat.block b WHERE b.blocker_id = " account_id " " \
	"AND b.blocked_id = " mention ".sender_id)"

/* The chat.conversation_info of one of SHOWN_CONVERSATIONS. */
#define CONVERSATION_INFO \
	"ROW(c.id, c.is_group, c.name, " \
	"ARRAY(SELECT ROW(" MEMBER_INFO ")::chat.member_info FROM chat.member m " \
	"JOIN chat.user_info u ON u.id = m.account_id " \
	"WHERE m.conversation_id = c.id AND m.state = 'joined' " \
	"ORDER BY m.joined_at, m.account_id LIMIT 50), " \
	"(SELECT count(*)::int FROM chat.member m " \
	"WHERE m.conversation_id = c.id AND m.state = 'joined'), " \
	"(SELECT i FROM chat.message_info i " \
	"WHERE i.conversation_id = c.id AND i.seq = k.last_seq), " \
	"k.last_seq, " UNREAD ", p.seq, " \
	"CASE WHEN k.last_seq > p.seq THEN (SELECT count(DISTINCT n.seq) FROM chat.mention n " \
	"WHERE n.conversation_id = c.id AND n.account_id IN (0, me.account_id) " \
	"AND n.seq > p.seq AND " MENTION_COUNTS( \
		"n", "me.account_id") ") ELSE 0 END, c.is_public, " ACTIVE_AT ")::chat.conversation_info"

#endif /* PARLEY_CONVERSATION_H */
