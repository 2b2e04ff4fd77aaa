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
 * Raises what is wrong with an attachment of which only that is known: its place, its name,
 * its type in any case, and how many bytes it has, at least or in all.
 */
extern void AttachmentExpect(int64 conversation_id, int64 caller, const char *name,
							 const char *type, int64 size);
extern void AttachmentCheckSize(int64 size);

/*
 * The whole of a function that makes an attachment of the caller and shows it.  `data` is
 * a bytea; `sha256`, if not null, what its SHA-256 must be.  Not inside SpiBegin().
 */
extern Datum AttachmentBring(FunctionCallInfo fcinfo, int64 conversation_id, const char *name,
							 const char *type, Datum data, NullableDatum sha256);

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

/*
 * Inside SpiBegin(): deletes a message's attachments, or those of all messages up to seq, with
 * their bytes; their quota is free again.  Up to PG_INT64_MAX: also what was never sent.
 */
extern void AttachmentForget(int64 conversation_id, int64 seq);
extern void AttachmentForgetUpTo(int64 conversation_id, int64 seq);

#endif /* PARLEY_ATTACHMENT_H */
