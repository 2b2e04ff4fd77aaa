/*
 * event.c
 *	  One frame that is ready to send, made once and shared by all its recipients.
 *
 * Header, headroom and payload are one allocation, freed with the last reference.
 */
#include "event.h"

#include <stdlib.h>
#include <string.h>

static Event *
event_create(uint8_t kind, const void *payload, size_t length)
{
	Event *event = xmalloc(sizeof(Event) + EVENT_HEADROOM + length);

	*event = (Event){.references = 1, .length = (uint32_t) length, .kind = kind};
	if (length > 0)
		memcpy(event_payload(event), payload, length);
	return event;
}

Event *
event_from_wire(const ParleyEvent *header, const uint8_t *json)
{
	Event *event = event_create(header->kind, json, header->length);

	event->conversation_id = header->conversation_id;
	event->account_id = header->account_id;
	event->number = header->number;
	event->ver = header->ver;
	return event;
}

Event *
event_reply(const Buffer *payload)
{
	return event_create(EVENT_KIND_REPLY, payload->data, payload->length);
}

Event *
event_ephemeral(int64_t conversation_id, const Buffer *payload)
{
	Event *event = event_create(EVENT_KIND_EPHEMERAL, payload->data, payload->length);

	event->conversation_id = conversation_id;
	return event;
}

Event *
event_gap(int64_t conversation_id)
{
	Buffer json = BUFFER_EMPTY;
	Event *event;

	buffer_printf(&json, "{\"type\":\"gap\",\"conversation_id\":%lld}",
				  (long long) conversation_id);
	event = event_reply(&json);
	event->conversation_id = conversation_id;
	buffer_free(&json);
	return event;
}

Event *
event_joint(size_t capacity)
{
	Event *event = xmalloc(sizeof(Event) + EVENT_HEADROOM + capacity);

	*event = (Event){.references = 1, .kind = EVENT_KIND_REPLY};
	return event;
}

bool
event_append(Event *joint, size_t capacity, const Event *event)
{
	size_t separator = joint->length > 0;
	uint8_t *end = event_payload(joint) + joint->length;

	if (capacity - joint->length < separator + event->length)
		return false;
	if (!separator)
		joint->conversation_id = event->conversation_id;
	else if (joint->conversation_id != event->conversation_id)
		joint->conversation_id = 0;
	if (separator)
		*end++ = '\n';
	memcpy(end, event->frame + EVENT_HEADROOM, event->length);
	joint->length += (uint32_t) (separator + event->length);
	return true;
}

Event *
event_ref(Event *event)
{
	event->references++;
	return event;
}

void
event_unref(Event *event)
{
	if (--event->references == 0)
		free(event);
}
