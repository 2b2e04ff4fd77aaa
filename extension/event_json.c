/*
 * event_json.c
 *	  The JSON of feed events.
 */
#include "compat.h"

#include "event_json.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/uuid.h"

void
EventJsonBegin(StringInfo json, const char *type)
{
	appendStringInfoString(json, "{\"type\":\"");
	appendStringInfoString(json, type);
	appendStringInfoChar(json, '"');
}

void
EventJsonEnd(StringInfo json)
{
	appendStringInfoChar(json, '}');
}

void
EventJsonRaw(StringInfo json, const char *name, const char *raw)
{
	appendStringInfoString(json, ",\"");
	appendStringInfoString(json, name);
	appendStringInfoString(json, "\":");
	appendStringInfoString(json, raw);
}

/* Writes the name, and the value too if there is none.  True: the value is to follow. */
static bool
BeginMember(StringInfo json, const char *name, EventValue value)
{
	if (value.absent)
		return false;
	EventJsonRaw(json, name, value.isnull ? "null" : "");
	return !value.isnull;
}

void
EventJsonInt(StringInfo json, const char *name, EventValue value)
{
	if (BeginMember(json, name, value))
		appendStringInfo(json, INT64_FORMAT, DatumGetInt64(value.value));
}

void
EventJsonBool(StringInfo json, const char *name, EventValue value)
{
	if (BeginMember(json, name, value))
		appendStringInfoString(json, DatumGetBool(value.value) ? "true" : "false");
}

void
EventJsonText(StringInfo json, const char *name, EventValue value)
{
	if (BeginMember(json, name, value))
		escape_json(json, TextDatumGetCString(value.value));
}

void
EventJsonString(StringInfo json, const char *name, const char *value)
{
	EventJsonRaw(json, name, "");
	escape_json(json, value);
}

void
EventJsonList(StringInfo json, const char *name, EventValue value)
{
	if (!value.absent)
		EventJsonRaw(json, name, value.isnull ? "[]" : TextDatumGetCString(value.value));
}

void
EventJsonUuid(StringInfo json, const char *name, EventValue value)
{
	if (BeginMember(json, name, value))
	{
		const pg_uuid_t *uuid = DatumGetUUIDP(value.value);

		appendStringInfoChar(json, '"');
		for (int i = 0; i < UUID_LEN; i++)
		{
			if (i == 4 || i == 6 || i == 8 || i == 10)
				appendStringInfoChar(json, '-');
			appendStringInfo(json, "%02x", uuid->data[i]);
		}
		appendStringInfoChar(json, '"');
	}
}

void
EventJsonTime(StringInfo json, const char *name, EventValue value)
{
	if (BeginMember(json, name, value))
	{
		char text[MAXDATELEN + 1];
		const int utc = 0;

		JsonEncodeDateTime(text, value.value, TIMESTAMPTZOID, &utc);
		appendStringInfo(json, "\"%s\"", text);
	}
}
