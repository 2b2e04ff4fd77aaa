/*
 * origin.c
 *	  Whether a browser asks for a page of ours or for somebody else's.
 */
#include "origin.h"

#include <string.h>
#include <strings.h>

#define PREFLIGHT_S 7200 /* how long a browser may remember the answer to a preflight */

/* What a page may send, and see of the answer, besides what every page may. */
#define REQUEST_FIELDS "authorization, content-type, if-none-match, range, x-request-id"
#define ANSWER_FIELDS \
	"accept-ranges, content-disposition, content-range, etag, link, location, ratelimit, " \
	"ratelimit-policy, retry-after, x-request-id"

/*
 * An authority without ":443" of https or ":80" of http: clients and proxies may name the port or not
 * (RFC 3986, section 6.2.3).
 */
static Span
without_default_port(Span authority, bool is_https)
{
	const char *port = is_https ? ":443" : ":80";
	size_t length = strlen(port);

	if (authority.length > length &&
		memcmp(authority.start + authority.length - length, port, length) == 0)
		authority.length -= length;
	return authority;
}

bool
origin_is_own(Span origin, Span host)
{
	const char *colon = memmem(origin.start, origin.length, "://", 3);
	size_t scheme = colon ? (size_t) (colon + 3 - origin.start) : 0;
	bool is_https = scheme == 8 && strncasecmp(origin.start, "https", 5) == 0;
	Span authority = {origin.start + scheme, origin.length - scheme};

	authority = without_default_port(authority, is_https);
	host = without_default_port(host, is_https);
	return colon && host.length > 0 && authority.length == host.length &&
		   strncasecmp(authority.start, host.start, host.length) == 0;
}

bool
origin_is_listed(Span origin, const char *allowed_origins)
{
	for (const char *at = allowed_origins; origin.length > 0 && *at;)
	{
		size_t length = strcspn(at, ", ");

		if (length == origin.length && strncasecmp(at, origin.start, length) == 0)
			return true;
		at += length;
		at += strspn(at, ", ");
	}
	return false;
}

bool
origin_may_act(const Head *head, const char *allowed_origins)
{
	Span origin = head_find(head, "Origin");

	if (origin.length > 0)
		return origin_is_own(origin, head_find(head, "Host")) ||
			   origin_is_listed(origin, allowed_origins);
	return span_is(head_find(head, "Sec-Fetch-Site"), "same-origin");
}

void
origin_write_fields(Buffer *fields, const Head *head, const char *allowed_origins,
					unsigned preflight)
{
	Span origin = head_find(head, "Origin");

	if (allowed_origins[0] == '\0')
		return;
	buffer_append_string(fields, "vary: origin\r\n");
	if (!origin_is_listed(origin, allowed_origins))
		return;
	buffer_printf(fields, "access-control-allow-origin: %.*s\r\n", (int) origin.length,
				  origin.start);
	buffer_append_string(fields, "access-control-allow-credentials: true\r\n");
	if (preflight == 0)
	{
		buffer_append_string(fields, "access-control-expose-headers: " ANSWER_FIELDS "\r\n");
		return;
	}
	buffer_append_string(fields, "access-control-allow-methods: ");
	methods_write(fields, preflight);
	buffer_printf(fields,
				  "\r\naccess-control-allow-headers: " REQUEST_FIELDS
				  "\r\naccess-control-max-age: %d\r\n",
				  PREFLIGHT_S);
}
