/*
 * member.h
 *	  Going out of conversations, for other rooms.
 */
#ifndef PARLEY_MEMBER_H
#define PARLEY_MEMBER_H

#include "postgres.h"

/*
 * Takes a member out of a conversation, a direct one too; the last owner of a group
 * hands over.  Nothing happens to who is not a member.  Inside SpiBegin().
 */
extern void MemberQuit(int64 conversation_id, int64 account_id);

#endif /* PARLEY_MEMBER_H */
