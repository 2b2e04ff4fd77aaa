/*
 * change.h
 *	  Changing a message that was sent: what an edit, a deletion, a reaction and a
 *	  pin have in common.
 *
 *		SpiBegin();
 *		change = ChangeBegin(fcinfo);
 *		... refuse what the caller may not ...
 *		ChangeUnpack(&change);
 *		... write rows with change.ver ...
 *		SpiEnd();
 */
#ifndef PARLEY_CHANGE_H
#define PARLEY_CHANGE_H

#include "postgres.h"

#include "fmgr.h"

typedef struct MessageChange
{
	int64 conversation_id;
	int64 seq;
	int64 ver;	  /* of this change */
	int64 caller; /* a member */
	int64 sender_id;
	char *content; /* empty if deleted; memory of SpiBegin() */
	bool is_deleted;
	bool is_pinned;
	bool has_attachments;
	bool is_archived; /* in no row yet */
} MessageChange;

/*
 * Arguments 0 and 1 of the function name the message.  Takes the conversation's next
 * version, which locks it: what is found then stays so until the transaction ends.
 * Raises CONVERSATION_NOT_FOUND unless the caller is a member, MESSAGE_NOT_FOUND
 * without a message.
 */
extern MessageChange ChangeBegin(FunctionCallInfo fcinfo);

/* Makes an archived message a row again: before the first write to it. */
extern void ChangeUnpack(MessageChange *change);

/* Raises MESSAGE_DELETED. */
extern void ChangeRequireMessage(const MessageChange *change);

/* Raises BLOCKED or MUTED if the caller may not speak: for all that adds to a message. */
extern void ChangeRequireVoice(const MessageChange *change);

#endif /* PARLEY_CHANGE_H */
