/*
 * outbox.c
 *	  What waits for one slow client: events in order, joined into larger frames, and
 *	  the gaps of what did not fit.
 */
#include "outbox.h"

#include <stdlib.h>

#include "metrics.h"

#define GAPS_MAX 256 /* conversations with a gap */

/* ---- queue -------------------------------------------------------------- */

static void
queue_grow(Outbox *outbox)
{
	size_t capacity = outbox->capacity ? outbox->capacity * 2 : 8;
	Event **queue = xreallocarray(NULL, capacity, sizeof(Event *));

	for (size_t i = 0; i < outbox->count; i++)
		queue[i] = outbox->queue[(outbox->first + i) % outbox->capacity];
	free(outbox->queue);
	outbox->queue = queue;
	outbox->first = 0;
	outbox->capacity = capacity;
}

static void
queue_push(Outbox *outbox, Event *event)
{
	if (outbox->count == outbox->capacity)
		queue_grow(outbox);
	outbox->queue[(outbox->first + outbox->count++) % outbox->capacity] = event_ref(event);
	outbox->bytes += event->length;
	metric_add(METRIC_OUTBOX_BYTES, event->length);
}

/* The caller takes the queue's reference. */
static Event *
queue_pop(Outbox *outbox)
{
	Event *event = outbox->queue[outbox->first];

	outbox->first = (outbox->first + 1) % outbox->capacity;
	outbox->count--;
	outbox->bytes -= event->length;
	metric_add(METRIC_OUTBOX_BYTES, -(int64_t) event->length);
	return event;
}

static void
queue_release(Outbox *outbox)
{
	while (outbox->count > 0)
		event_unref(queue_pop(outbox));
	free(outbox->queue);
	outbox->queue = NULL;
	outbox->first = outbox->capacity = 0;
}

/* ---- gaps: what did not fit --------------------------------------------- */

static bool
gap_note(Outbox *outbox, const Event *event)
{
	if (event->conversation_id == 0 || outbox->gaps.count >= GAPS_MAX)
		return false;
	map_put(&outbox->gaps, event->conversation_id, outbox);
	return true;
}

static void
gaps_forget(Outbox *outbox)
{
	map_free(&outbox->gaps);
	outbox->gaps = (Map){0};
	outbox->overflowed = false;
}

/* Turns the gaps into frames: from here on events are queued again. */
static void
gaps_queue(Outbox *outbox)
{
	size_t cursor = 0;
	int64_t conversation_id;

	while (map_next(&outbox->gaps, &cursor, &conversation_id))
	{
		Event *gap = event_gap(conversation_id);

		queue_push(outbox, gap);
		event_unref(gap);
	}
	gaps_forget(outbox);
}

/* ---- in and out --------------------------------------------------------- */

static OutboxResult
overflow(Outbox *outbox, const Event *event)
{
	if (event->kind == EVENT_KIND_REPLY || (event->conversation_id && !gap_note(outbox, event)))
	{
		metric_add(METRIC_FRAMES_DROPPED_SLOW, 1);
		return OUTBOX_FULL;
	}
	metric_add(METRIC_FRAMES_DROPPED, 1);
	outbox->overflowed = true;
	return OUTBOX_DROPPED;
}

/* They may take a half of the room, so that what is kept has the other. */
static OutboxResult
put_ephemeral(Outbox *outbox, Event *event, size_t max_bytes)
{
	if (outbox->overflowed || outbox->bytes + event->length > max_bytes / 2)
	{
		metric_add(METRIC_FRAMES_DROPPED_EPHEMERAL, 1);
		return OUTBOX_LEFT_OUT;
	}
	queue_push(outbox, event);
	return OUTBOX_QUEUED;
}

OutboxResult
outbox_put(Outbox *outbox, Event *event, size_t max_bytes)
{
	if (event->kind == EVENT_KIND_EPHEMERAL)
		return put_ephemeral(outbox, event, max_bytes);
	if (outbox->overflowed || outbox->bytes + event->length > max_bytes)
		return overflow(outbox, event);
	queue_push(outbox, event);
	return OUTBOX_QUEUED;
}

Event *
outbox_next(Outbox *outbox, Event *joint)
{
	if (outbox->count == 0 && outbox->gaps.count > 0)
		gaps_queue(outbox);
	if (outbox->count == 0)
	{
		outbox_clear(outbox);
		return NULL;
	}
	if (outbox->count == 1 || outbox->queue[outbox->first]->length > OUTBOX_JOINT_BYTES)
		return queue_pop(outbox);
	joint->length = 0;
	while (outbox->count > 0 &&
		   event_append(joint, OUTBOX_JOINT_BYTES, outbox->queue[outbox->first]))
		event_unref(queue_pop(outbox));
	return event_ref(joint);
}

void
outbox_clear(Outbox *outbox)
{
	metric_add(METRIC_FRAMES_DROPPED_CLOSED, (int64_t) outbox->count);
	queue_release(outbox);
	gaps_forget(outbox);
}
