/*
 * pgarray.c
 *	  PostgreSQL arrays in text form.
 */
#include "pgarray.h"

#include <string.h>

void
pgarray_begin(Buffer *to)
{
	buffer_append_char(to, '{');
}

static void
append_separator(Buffer *to)
{
	if (to->data[to->length - 1] != '{')
		buffer_append_char(to, ',');
}

void
pgarray_append(Buffer *to, const char *value, size_t length)
{
	append_separator(to);
	buffer_append_char(to, '"');
	for (size_t i = 0; i < length; i++)
	{
		if (value[i] == '"' || value[i] == '\\')
			buffer_append_char(to, '\\');
		buffer_append_char(to, value[i]);
	}
	buffer_append_char(to, '"');
}

void
pgarray_append_int64(Buffer *to, int64_t value)
{
	append_separator(to);
	buffer_append_int64(to, value);
}

void
pgarray_append_null(Buffer *to)
{
	append_separator(to);
	buffer_append_string(to, "NULL");
}

void
pgarray_end(Buffer *to)
{
	buffer_append_char(to, '}');
}

bool
pgarray_parse_int64(const char *text, Buffer *to)
{
	const char *at = text + 1;

	if (strcmp(text, "{}") == 0)
		return true;
	if (text[0] != '{')
		return false;
	for (;;)
	{
		size_t digits = strcspn(at, ",}");
		int64_t value;

		if (!parse_int64(at, digits, &value))
			return false;
		buffer_append(to, &value, sizeof(value));
		at += digits;
		if (*at != ',')
			return strcmp(at, "}") == 0;
		at++;
	}
}
