/*
 * event.h
 *	  One frame that is ready to send, made once and shared by all its recipients.
 *
 * An Event is counted by reference: whoever keeps one calls event_ref(), and
 * event_unref() when done; the last one frees it.  Its payload is one JSON object
 * (or several, separated by newlines), valid UTF-8, no terminator.
 *
 * In front of the payload lie EVENT_HEADROOM bytes into which libwebsockets
 * writes the frame's header (RFC 6455, section 5.2).  Frames of a server are not
 * masked, so every recipient's header is the same and one buffer serves them all;
 * what a socket does not take at once, libwebsockets copies.
 */
#ifndef PARLEY_EVENT_H
#define PARLEY_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "util.h"
#include "wire.h"

#define EVENT_HEADROOM 16 /* at least LWS_PRE */

/* Kind of what pushd itself says to one client: welcome, ack, error, gap. */
#define EVENT_KIND_REPLY 0

/* Typing and presence: the first to be left out for a slow client, and never missed. */
#define EVENT_KIND_EPHEMERAL 1

typedef struct Event
{
	uint32_t references;
	uint32_t length;		 /* of the payload */
	uint8_t kind;			 /* ParleyEventKind or one of the above */
	int64_t conversation_id; /* 0: belongs to none */
	int64_t account_id;		 /* these three as in wire.h */
	int64_t number;
	int64_t ver;
	uint8_t frame[]; /* EVENT_HEADROOM bytes, then the payload */
} Event;

/* These return one reference, which the caller owns. */
Event *event_from_wire(const ParleyEvent *header, const uint8_t *json) MUST_CHECK;
Event *event_reply(const Buffer *payload) MUST_CHECK;
Event *event_ephemeral(int64_t conversation_id, const Buffer *payload) MUST_CHECK;

/* `gap`: something of the conversation is missing, the client is to ask for it. */
Event *event_gap(int64_t conversation_id) MUST_CHECK;

/* A frame of at most `capacity` bytes that event_append() fills: for joining others. */
Event *event_joint(size_t capacity) MUST_CHECK;

/* Adds a payload behind a newline; false (and nothing added) when `capacity` is too small.
 * The joint frame belongs to a conversation as long as all that is in it does. */
bool event_append(Event *joint, size_t capacity, const Event *event);

Event *event_ref(Event *event);
void event_unref(Event *event);

static inline uint8_t *
event_payload(Event *event)
{
	return event->frame + EVENT_HEADROOM;
}

#endif /* PARLEY_EVENT_H */
