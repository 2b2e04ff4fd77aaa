/*
 * handshake.c
 *	  The request that asks for a WebSocket (RFC 6455, section 4.2).
 */
#include "handshake.h"

#include <string.h>

#define KEY_LENGTH 24 /* base64 of 16 bytes */

static bool
origin_is_allowed(Span origin, Span host, const char *list)
{
	const char *authority = memmem(origin.start, origin.length, "://", 3);
	size_t scheme_length = authority ? (size_t) (authority + 3 - origin.start) : 0;

	if (origin.length == 0)
		return true; /* not a browser */
	if (authority && host.length > 0 && origin.length - scheme_length == host.length &&
		strncasecmp(origin.start + scheme_length, host.start, host.length) == 0)
		return true;
	while (*list)
	{
		size_t length = strcspn(list, ", ");

		if (length == origin.length && strncasecmp(list, origin.start, length) == 0)
			return true;
		list += length + strspn(list + length, ", ");
	}
	return false;
}

static void
take_connection_option(void *arg, Span option)
{
	if (span_is(option, "upgrade"))
		*(bool *) arg = true;
}

static void
take_subprotocol(void *arg, Span name)
{
	Handshake *handshake = arg;
	static const char bearer[] = "bearer.";
	size_t length = strlen(bearer);

	if (span_is(name, "chat.v1"))
		handshake->chat = true;
	else if (name.length > length && memcmp(name.start, bearer, length) == 0)
		handshake->token = (Span){name.start + length, name.length - length};
}

ProblemId
handshake_read(const Head *head, const char *allowed_origins, Handshake *handshake)
{
	Span bearer = head_bearer(head);
	bool upgrades = false;

	*handshake = (Handshake){0};
	span_split(head_find(head, "Connection"), take_connection_option, &upgrades);
	handshake->key = head_find(head, "Sec-WebSocket-Key");
	if (head->method != METHOD_GET || head_has_body(head) || !upgrades ||
		head_find(head, "Host").length == 0 || handshake->key.length != KEY_LENGTH)
		return PROBLEM_BAD_REQUEST;
	if (!span_is(head_find(head, "Sec-WebSocket-Version"), "13"))
		return PROBLEM_UPGRADE_REQUIRED;
	if (!origin_is_allowed(head_find(head, "Origin"), head_find(head, "Host"), allowed_origins))
		return PROBLEM_ORIGIN_FORBIDDEN;
	span_split(head_find(head, "Sec-WebSocket-Protocol"), take_subprotocol, handshake);
	if (bearer.length > 0)
		handshake->token = bearer;
	return PROBLEM_COUNT;
}
