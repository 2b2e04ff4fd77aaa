/*
 * mention.h
 *	  Who a message names.
 *
 *	  A mention is an @ that does not follow a letter, digit, _, + or - (so not the
 *	  one of a mail address), and then the user name of a member.  Dots and dashes at
 *	  the end belong to the sentence if no member's name has them.  @all is everybody,
 *	  and one row.  Of the same message the first 50 mentions count.
 */
#ifndef PARLEY_MENTION_H
#define PARLEY_MENTION_H

#include "postgres.h"

/* Both inside SpiBegin(), under the conversation's lock. */
extern void MentionStore(int64 conversation_id, int64 seq, int64 sender_id, const char *content);
extern void MentionForget(int64 conversation_id, int64 seq);

#endif /* PARLEY_MENTION_H */
