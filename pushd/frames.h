/*
 * frames.h
 *	  What a client may say on a WebSocket: one table of frame types (frames.c).
 *
 * A frame is one JSON object with a `type`.  Whatever is wrong with it is answered
 * with an `error` frame that carries the frame's `id`, and the connection stays.
 */
#ifndef PARLEY_FRAMES_H
#define PARLEY_FRAMES_H

#include "batcher.h"
#include "catchup.h"
#include "pgpool.h"
#include "positions.h"
#include "quota.h"
#include "presence.h"
#include "session.h"
#include "typing.h"

typedef struct Frames
{
	PgPool *pool;
	Quota *quota;
	Batcher *batcher;
	Positions *positions;
	Presence *presence;
	Typing *typing;
	Catchup *catchup;
} Frames;

/* One whole text message of the client, any bytes. */
void frames_receive(const Frames *frames, Session *session, const char *text, size_t length);

#endif /* PARLEY_FRAMES_H */
