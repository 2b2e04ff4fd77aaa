/*
 * json.c
 *	  Just enough reading of the one-line JSON objects that a server sends.
 */
#define _GNU_SOURCE
#include "json.h"

#include <stdio.h>
#include <string.h>

#define TYPE_PREFIX "{\"type\":\""

bool
json_type_is(const char *text, size_t length, const char *type)
{
	size_t prefix = strlen(TYPE_PREFIX);
	size_t type_length = strlen(type);

	return length > prefix + type_length && memcmp(text, TYPE_PREFIX, prefix) == 0 &&
		   memcmp(text + prefix, type, type_length) == 0 && text[prefix + type_length] == '"';
}

/* The first byte of the field's value, or NULL. */
static const char *
find_value(const char *text, size_t length, const char *name)
{
	char needle[64];
	int size = snprintf(needle, sizeof needle, "\"%s\":", name);
	const char *found = memmem(text, length, needle, (size_t) size);

	if (found == NULL || found + size >= text + length)
		return NULL;
	return found + size;
}

bool
json_integer(const char *text, size_t length, const char *name, int64_t *value)
{
	const char *end = text + length;
	const char *at = find_value(text, length, name);
	int64_t number = 0;

	if (at == NULL || *at < '0' || *at > '9')
		return false;
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (*at - '0');
	*value = number;
	return true;
}

const char *
json_string(const char *text, size_t length, const char *name, size_t *string_length)
{
	const char *at = find_value(text, length, name);
	const char *quote;

	if (at == NULL || *at != '"')
		return NULL;
	at++;
	quote = memchr(at, '"', (size_t) (text + length - at));
	if (quote == NULL)
		return NULL;
	*string_length = (size_t) (quote - at);
	return at;
}
