/*
 * event_json.h
 *	  Writes one event as a JSON object on one line.  Values look exactly as to_json()
 *	  shows them in a session with TimeZone = UTC, so that a client cannot tell an
 *	  event from an answer.
 */
#ifndef PARLEY_EVENT_JSON_H
#define PARLEY_EVENT_JSON_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* A column of a decoded row; `absent`: an unchanged value that the WAL leaves out. */
typedef struct EventValue
{
	Datum value;
	bool isnull;
	bool absent;
} EventValue;

/* {"type":"<type>"  and  } */
extern void EventJsonBegin(StringInfo json, const char *type);
extern void EventJsonEnd(StringInfo json);

/* ,"<name>":<value>  An absent value is left out, a null one is null. */
extern void EventJsonInt(StringInfo json, const char *name, EventValue value); /* bigint */
extern void EventJsonBool(StringInfo json, const char *name, EventValue value);
extern void EventJsonText(StringInfo json, const char *name, EventValue value);
extern void EventJsonUuid(StringInfo json, const char *name, EventValue value);
extern void EventJsonTime(StringInfo json, const char *name, EventValue value); /* timestamptz */

extern void EventJsonString(StringInfo json, const char *name, const char *value);
/* A column of type json that holds a list; a null one is []. */
extern void EventJsonList(StringInfo json, const char *name, EventValue value);

/* ,"<name>":<raw>  for what is JSON already. */
extern void EventJsonRaw(StringInfo json, const char *name, const char *raw);

#endif /* PARLEY_EVENT_JSON_H */
