/*
 * conversation.h
 *	  Conversations and who belongs to them.
 */
#ifndef PARLEY_CONVERSATION_H
#define PARLEY_CONVERSATION_H

#include "postgres.h"

/*
 * Raises CONVERSATION_NOT_FOUND unless the account belongs to the conversation.
 * An unknown conversation and somebody else's give the same answer, so that ids
 * tell nothing.
 */
extern void ConversationRequireMember(int64 conversation_id, int64 account_id);

/* The same error, for callers that have found out themselves. */
extern void ConversationRaiseNotFound(int64 conversation_id) pg_attribute_noreturn();

#endif /* PARLEY_CONVERSATION_H */
