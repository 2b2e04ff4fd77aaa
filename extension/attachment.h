/*
 * attachment.h
 *	  Files that go with messages: brought first, by attach(), then sent by their ids.
 */
#ifndef PARLEY_ATTACHMENT_H
#define PARLEY_ATTACHMENT_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "spi.h"

#define ATTACHMENTS_MAX 10 /* of one message */

/* Defines the settings; called once, from _PG_init. */
extern void AttachmentInit(void);

/*
 * Argument n, a bigint[] of attachments to send; NULL if there are none.  Raises
 * INVALID_ARGUMENT for too many and for NULL among them.
 */
extern ArrayType *AttachmentList(FunctionCallInfo fcinfo, int n);

/*
 * Inside SpiBegin(), under the conversation's lock; both raise ATTACHMENT_NOT_FOUND
 * unless every one is there, the sender's own, and not sent yet.  Describe: the JSON
 * for the message's row.  Claim: gives them to the message, whose row exists.
 */
extern NullableDatum AttachmentDescribe(int64 conversation_id, int64 sender_id, ArrayType *ids);
extern void AttachmentClaim(int64 conversation_id, int64 sender_id, int64 seq, ArrayType *ids);

/* Inside SpiBegin(): deletes a message's attachments with their bytes; their quota is free again. */
extern void AttachmentForget(int64 conversation_id, int64 seq);

#endif /* PARLEY_ATTACHMENT_H */
