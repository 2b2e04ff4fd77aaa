/*
 * deflate.h
 *	  permessage-deflate (RFC 7692): whether a client may have it, and messages packed
 *	  and unpacked.
 *
 * Each message is packed by itself (no context takeover, either way): one Deflater
 * serves all connections, none has memory of its own, and what was packed for one member
 * of a conversation goes out to all.
 */
#ifndef PARLEY_DEFLATE_H
#define PARLEY_DEFLATE_H

#include "event.h"
#include "head.h"
#include "util.h"

#define DEFLATE_NAME "permessage-deflate"
#define DEFLATE_SERVER_ALONE "server_no_context_takeover"
#define DEFLATE_CLIENT_ALONE "client_no_context_takeover"
#define DEFLATE_SERVER_WINDOW "server_max_window_bits=12"

typedef enum DeflateAnswer
{
	DEFLATE_DECLINED,
	DEFLATE_ACCEPTED,
	DEFLATE_ACCEPTED_WINDOW /* the answer has to name DEFLATE_SERVER_WINDOW */
} DeflateAnswer;

/* For the value of Sec-WebSocket-Extensions: the first offer that can be met counts. */
DeflateAnswer deflate_negotiate(Span offers);

typedef struct Deflater Deflater;

Deflater *deflater_create(void) MUST_CHECK;
void deflater_free(Deflater *deflater);

/*
 * The frame packed, NULL when it is to go out as it is: because it is not worth it, or
 * because it is not of one conversation alone.  Whoever gets a frame of one conversation
 * may read all of it, so its length tells nobody anything about what someone else wrote
 * (as in CRIME and BREACH).  Valid until the next call; the caller owns nothing.
 */
Event *deflater_pack(Deflater *deflater, const Event *frame);

typedef enum UnpackResult
{
	UNPACK_GOOD,
	UNPACK_TOO_LARGE,
	UNPACK_BROKEN
} UnpackResult;

/* Unpacks a message of a client that is at most `max` bytes then; spent on no more. */
UnpackResult deflater_unpack(Deflater *deflater, const uint8_t *bytes, size_t length, size_t max,
							 Buffer *to) MUST_CHECK;

#endif /* PARLEY_DEFLATE_H */
