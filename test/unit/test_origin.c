/*
 * test_origin.c
 *	  Origins, cookies and links: what the head of a request says of its page, and what
 *	  the head of an answer says to it.
 */
#include "cookie.h"
#include "link.h"
#include "origin.h"

#include "tap.h"

static const char list[] = "https://a.example, https://b.example";

/* The fields are whole lines. */
static Head
head_of(const char *fields)
{
	static char text[2048];
	Head head = {0};
	ProblemId problem;

	snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: chat.example:8080\r\n%s\r\n", fields);
	if (head_parse(text, strlen(text), &head, &problem) != HEAD_GOOD)
		head = (Head){0};
	return head;
}

static const struct
{
	const char *fields;
	bool may;
} acts[] = {
	{"", false},
	{"Origin: http://chat.example:8080\r\n", true},
	{"Origin: https://CHAT.example:8080\r\n", true},
	{"Origin: https://b.example\r\n", true},
	{"Origin: https://b.example.evil\r\n", false},
	{"Origin: https://chat.example\r\n", false},
	{"Origin: null\r\n", false},
	{"Origin: chat.example:8080\r\n", false},
	{"Sec-Fetch-Site: same-origin\r\n", true},
	{"Sec-Fetch-Site: same-site\r\n", false},
	{"Sec-Fetch-Site: none\r\n", false},
	{"Sec-Fetch-Site: same-origin\r\nOrigin: https://evil.example\r\n", false},
};

/* The port that is the default of a scheme may be named or not, by the browser and by a proxy. */
static const struct
{
	const char *origin, *host;
	bool own;
} hosts[] = {
	{"https://chat.example", "chat.example", true},
	{"https://chat.example", "chat.example:443", true},
	{"http://chat.example", "chat.example:80", true},
	{"https://chat.example:443", "chat.example", true},
	{"https://chat.example:8443", "chat.example:8443", true},
	{"https://[2001:db8::1]", "[2001:db8::1]:443", true},
	{"https://[2001:db8::443]", "[2001:db8::443]", true},
	{"https://chat.example:8443", "chat.example", false},
	{"https://chat.example", "chat.example:80", false},
	{"http://chat.example", "chat.example:443", false},
	{"http://chat.example:8080", "chat.example:80", false},
	{"https://chat.example", "chat.example:4430", false},
	{"https://", "", false},
};

static void
test_hosts(void)
{
	for (size_t i = 0; i < lengthof(hosts); i++)
	{
		Span origin = {hosts[i].origin, strlen(hosts[i].origin)};
		Span host = {hosts[i].host, strlen(hosts[i].host)};
		char name[160];

		snprintf(name, sizeof(name), "%s, Host: %s", hosts[i].origin, hosts[i].host);
		ok(origin_is_own(origin, host) == hosts[i].own, name);
	}
}

static void
test_origins(void)
{
	Buffer fields = BUFFER_EMPTY;
	Head head;

	for (size_t i = 0; i < lengthof(acts); i++)
	{
		head = head_of(acts[i].fields);
		ok(head.count > 0 && origin_may_act(&head, list) == acts[i].may, acts[i].fields);
	}
	head = head_of("Origin: https://a.example\r\n");
	origin_write_fields(&fields, &head, "", 0);
	is_text(buffer_cstring(&fields), "", "without a list nothing is said");
	origin_write_fields(&fields, &head, list, METHOD_GET);
	is_like(buffer_cstring(&fields), "access-control-allow-methods: GET", "a preflight");
	ok(strchr(buffer_cstring(&fields), '*') == NULL, "never everybody");
	buffer_free(&fields);
}

static void
is_cookie(const char *field, const char *expected)
{
	char fields[512];
	Head head;
	Span value;

	snprintf(fields, sizeof(fields), "Cookie: %s\r\n", field);
	head = head_of(fields);
	value = cookie_find(&head, COOKIE_TOKEN);
	ok(value.length == strlen(expected) && memcmp(value.start, expected, value.length) == 0, field);
}

static void
test_cookies(void)
{
	Buffer fields = BUFFER_EMPTY;

	is_cookie("parley_token=abc", "abc");
	is_cookie("a=b; parley_token=abc; c=d", "abc");
	is_cookie("parley_token=abc; __Host-parley_token=def", "def");
	is_cookie("xparley_token=abc; parley_tokens=abc; parley_token", "");
	is_cookie("a=parley_token=abc", "");
	is_cookie("=; ;;parley_token=", "");
	cookie_write(&fields, COOKIE_REFRESH, (Span){"xyz", 3}, 60, true);
	is_text(buffer_cstring(&fields),
			"set-cookie: __Secure-parley_refresh=xyz; Path=/api/v1/auth/refresh; Max-Age=60; "
			"HttpOnly; SameSite=Strict; Secure\r\n",
			"a secure one");
	buffer_free(&fields);
}

static void
test_links(void)
{
	Buffer fields = BUFFER_EMPTY;

	link_write_next(&fields, "/api/v1/x y", "limit=2\0before=old\0q=a&b\0", "before=2026+00:00");
	is_text(buffer_cstring(&fields),
			"link: </api/v1/x%20y?limit=2&q=a%26b&before=2026%2B00%3A00>; rel=\"next\"\r\n",
			"the query but for the cursor");
	buffer_reset(&fields);
	link_write_next(&fields, "/x", "id=1\0before_id=9\0before=old\0q=a\nb\0",
					"before=new\nbefore_id=7");
	is_text(buffer_cstring(&fields),
			"link: </x?id=1&q=a%0Ab&before=new&before_id=7>; rel=\"next\"\r\n", "of two values");
	buffer_reset(&fields);
	link_write_next(&fields, "/x", "", "after=7");
	is_text(buffer_cstring(&fields), "link: </x?after=7>; rel=\"next\"\r\n", "no query");
	buffer_free(&fields);
}

int
main(void)
{
	test_hosts();
	test_origins();
	test_cookies();
	test_links();
	return done_testing();
}
