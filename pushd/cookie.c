/*
 * cookie.c
 *	  Tokens in cookies (RFC 6265), for browsers whose scripts are not to see them.
 */
#include "cookie.h"

#include <string.h>

static const struct
{
	const char *name;
	const char *secure_name;
	const char *path;
} cookies[] = {
	{COOKIE_TOKEN, "__Host-" COOKIE_TOKEN, "/"},
	{COOKIE_REFRESH, "__Secure-" COOKIE_REFRESH, COOKIE_REFRESH_PATH},
};

/* The value of `name` in "a=b; c=d". */
static Span
find_in(Span list, const char *name)
{
	size_t name_length = strlen(name);
	const char *end = list.start + list.length;

	for (const char *at = list.start; at < end;)
	{
		const char *next = memchr(at, ';', (size_t) (end - at));
		const char *stop = next ? next : end;

		while (at < stop && *at == ' ')
			at++;
		if ((size_t) (stop - at) > name_length && memcmp(at, name, name_length) == 0 &&
			at[name_length] == '=')
			return (Span){at + name_length + 1, (size_t) (stop - at) - name_length - 1};
		at = stop + 1;
	}
	return (Span){"", 0};
}

static Span
find_field(const Head *head, const char *name)
{
	for (size_t i = 0; i < head->count; i++)
		if (span_is(head->fields[i].name, "Cookie"))
		{
			Span value = find_in(head->fields[i].value, name);

			if (value.length > 0)
				return value;
		}
	return (Span){"", 0};
}

/* What only this host can have set goes first. */
Span
cookie_find(const Head *head, const char *name)
{
	for (size_t i = 0; i < lengthof(cookies); i++)
		if (strcmp(cookies[i].name, name) == 0)
		{
			Span value = find_field(head, cookies[i].secure_name);

			return value.length > 0 ? value : find_field(head, name);
		}
	return (Span){"", 0};
}

void
cookie_write(Buffer *fields, const char *name, Span value, int64_t max_age_s, bool secure)
{
	for (size_t i = 0; i < lengthof(cookies); i++)
		if (strcmp(cookies[i].name, name) == 0)
			buffer_printf(fields,
						  "set-cookie: %s=%.*s; Path=%s; Max-Age=%lld; HttpOnly; "
						  "SameSite=Strict%s\r\n",
						  secure ? cookies[i].secure_name : name, (int) value.length, value.start,
						  cookies[i].path, (long long) max_age_s, secure ? "; Secure" : "");
}
