/*
 * link.c
 *	  Where the next page of a list is (RFC 8288).
 */
#include "link.h"

#include <string.h>

static void
write_pair(Buffer *fields, char separator, const char *pair)
{
	size_t name_length = strcspn(pair, "=");
	const char *value = pair[name_length] == '=' ? pair + name_length + 1 : "";

	buffer_append_char(fields, separator);
	buffer_append_percent(fields, pair, name_length);
	buffer_append_char(fields, '=');
	buffer_append_percent(fields, value, strlen(value));
}

void
link_write_next(Buffer *fields, const char *path, const char *query, const char *next)
{
	size_t name_length = strcspn(next, "=") + 1;
	char separator = '?';

	buffer_append_string(fields, "link: <");
	for (const char *at = path; *at; at += strcspn(at + 1, "/") + 1)
	{
		buffer_append_char(fields, '/');
		buffer_append_percent(fields, at + 1, strcspn(at + 1, "/"));
	}
	for (const char *at = query; *at; at += strlen(at) + 1)
	{
		if (strncmp(at, next, name_length) == 0)
			continue;
		write_pair(fields, separator, at);
		separator = '&';
	}
	write_pair(fields, separator, next);
	buffer_append_string(fields, ">; rel=\"next\"\r\n");
}
