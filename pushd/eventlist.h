/*
 * eventlist.h
 *	  Events in a row, by reference: what waits for its turn.
 *
 * All zero is a valid empty list.  The list owns one reference to each of its events.
 */
#ifndef PARLEY_EVENTLIST_H
#define PARLEY_EVENTLIST_H

#include "event.h"
#include "util.h"

typedef struct EventList
{
	Event **events;
	size_t first; /* those before it have been taken */
	size_t end;
	size_t capacity;
	size_t bytes; /* payload of those that are left */
} EventList;

/* Keeps a reference. */
void eventlist_add(EventList *list, Event *event);

/* Takes out the first; its reference goes to the caller.  NULL: there is none. */
Event *eventlist_pop(EventList *list) MUST_CHECK;

void eventlist_clear(EventList *list);

static inline size_t
eventlist_count(const EventList *list)
{
	return list->end - list->first;
}

#endif /* PARLEY_EVENTLIST_H */
