/*
 * link.c
 *	  Where the next page of a list is (RFC 8288).
 */
#include "link.h"

#include <string.h>

#define PAIR_END "\n"

static void
write_pair(Buffer *fields, char separator, const char *pair, size_t length)
{
	size_t name_length = strcspn(pair, "=");
	size_t value_at = name_length < length ? name_length + 1 : length;

	buffer_append_char(fields, separator);
	buffer_append_percent(fields, pair, name_length);
	buffer_append_char(fields, '=');
	buffer_append_percent(fields, pair + value_at, length - value_at);
}

/* The pair behind this one, or the end. */
static const char *
after_pair(const char *pair)
{
	pair += strcspn(pair, PAIR_END);
	return pair + strspn(pair, PAIR_END);
}

static bool
names_same(const char *next, const char *pair)
{
	size_t name_length = strcspn(pair, "=");

	for (; *next; next = after_pair(next))
	{
		if (strncmp(next, pair, name_length) == 0 && next[name_length] == '=')
			return true;
	}
	return false;
}

void
link_write_next(Buffer *fields, const char *path, const char *query, const char *next)
{
	char separator = '?';

	buffer_append_string(fields, "link: <");
	for (const char *at = path; *at; at += strcspn(at + 1, "/") + 1)
	{
		buffer_append_char(fields, '/');
		buffer_append_percent(fields, at + 1, strcspn(at + 1, "/"));
	}
	for (const char *at = query; *at; at += strlen(at) + 1)
	{
		if (names_same(next, at))
			continue;
		write_pair(fields, separator, at, strlen(at));
		separator = '&';
	}
	for (; *next; next = after_pair(next), separator = '&')
		write_pair(fields, separator, next, strcspn(next, PAIR_END));
	buffer_append_string(fields, ">; rel=\"next\"\r\n");
}
