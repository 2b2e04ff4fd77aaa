/*
 * cookie.c
 *	  The cookie that a browser may have instead of a token of its own.
 */
#include "cookie.h"

#include <string.h>

Span
cookie_find(const Head *head, const char *name)
{
	Span field = head_find(head, "Cookie");
	size_t name_length = strlen(name);
	const char *at = field.start;
	const char *end = at + field.length;

	while (at < end)
	{
		const char *stop = memchr(at, ';', (size_t) (end - at));

		if (!stop)
			stop = end;
		while (at < stop && *at == ' ')
			at++;
		if ((size_t) (stop - at) > name_length && memcmp(at, name, name_length) == 0 &&
			at[name_length] == '=')
			return (Span){at + name_length + 1, (size_t) (stop - at) - name_length - 1};
		at = stop + 1;
	}
	return (Span){"", 0};
}
