/*
 * eventlist.c
 *	  Events in a row, by reference.
 */
#include "eventlist.h"

#include <stdlib.h>

void
eventlist_add(EventList *list, Event *event)
{
	if (list->end == list->capacity)
	{
		list->capacity = list->capacity ? list->capacity * 2 : 8;
		list->events = xreallocarray(list->events, list->capacity, sizeof(Event *));
	}
	list->events[list->end++] = event_ref(event);
	list->bytes += event->length;
}

Event *
eventlist_pop(EventList *list)
{
	Event *event;

	if (eventlist_count(list) == 0)
		return NULL;
	event = list->events[list->first++];
	list->bytes -= event->length;
	if (list->first == list->end)
		list->first = list->end = 0;
	return event;
}

void
eventlist_clear(EventList *list)
{
	Event *event;

	while ((event = eventlist_pop(list)))
		event_unref(event);
	free(list->events);
	*list = (EventList){0};
}
