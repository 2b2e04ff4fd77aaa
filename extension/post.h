/*
 * post.h
 *	  Putting messages into conversations: the one way in, for single sends, batches
 *	  and sends deferred to the commit.
 */
#ifndef PARLEY_POST_H
#define PARLEY_POST_H

#include "postgres.h"

#include "utils/array.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "spi.h"

typedef struct Send
{
	int64 conversation_id;
	int64 sender_id;
	char *content;			 /* NULL: SQL NULL */
	NullableDatum client_id; /* uuid */
	NullableDatum reply_to;	 /* bigint */
	ArrayType *attachments;	 /* of bigint; NULL: none.  Wrong ones raise an error. */

	/* What came of it. */
	ParleyError refusal; /* SEND_OK: it was sent; before, it says what to do: SEND_OK */
	int64 seq;
	TimestampTz created_at;
	bool repeated; /* an earlier send with this client_id */
	int wait_s;	   /* THROTTLED: for so long */
} Send;

#define SEND_OK PARLEY_NO_ERROR /* CONTENT_OK too */

/*
 * Takes a token of each sender's bucket (ratelimit.h); the sends of those that have none are
 * refused.  Without `wait` those whose bucket another transaction has are refused as
 * CONVERSATION_BUSY.
 */
extern void PostThrottle(Send *sends, int count, bool wait);

/*
 * Refuses those whose conversation another transaction has locked, as
 * CONVERSATION_BUSY, and locks the other conversations: PostAll() will not wait.
 */
extern void PostRefuseBusy(Send *sends, int count);

/*
 * Sends all that are not refused yet, each as if alone: one that is refused says why
 * in `refusal` and leaves the others be.  Locks their conversations until the
 * transaction ends.
 */
extern void PostAll(Send *sends, int count);

/* Raises the refusal of a send, if it has one. */
extern void PostRaiseRefusal(const Send *send);

#endif /* PARLEY_POST_H */
