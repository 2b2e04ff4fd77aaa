/*
 * purge.h
 *	  Deleting messages for good, for other rooms.
 */
#ifndef PARLEY_PURGE_H
#define PARLEY_PURGE_H

#include "postgres.h"

#include "coldjob.h"

/*
 * A ColdWork: removes a conversation's messages of before a time, with all that belongs to
 * them; a group that was deleted before that goes altogether with its last message.  Of a
 * conversation that is held nothing.
 */
extern int PurgeConversation(int64 conversation_id, TimestampTz before, int max);

/* Of conversations k: when the oldest message was sent, NULL if there is none. */
#define OLDEST_MESSAGE \
	"least((SELECT m.created_at FROM chat.message m WHERE m.conversation_id = k.conversation_id " \
	"ORDER BY m.seq LIMIT 1), (SELECT a.min_created_at FROM chat.archive a " \
	"WHERE a.conversation_id = k.conversation_id ORDER BY a.first_seq LIMIT 1))"

#endif /* PARLEY_PURGE_H */
