/*
 * handshake.c
 *	  The request that asks for a WebSocket (RFC 6455, section 4.2).
 */
#include "handshake.h"

#include <string.h>

#include "cookie.h"
#include "origin.h"

#define KEY_LENGTH 24 /* base64 of 16 bytes */
#define PATH_ALL "/ws"
#define PATH_ONE "/ws/chat/"

/* Who sends no Origin is no browser. */
static bool
origin_is_allowed(const Head *head, const char *allowed_origins)
{
	Span origin = head_find(head, "Origin");

	return origin.length == 0 || origin_is_own(origin, head_find(head, "Host")) ||
		   origin_is_listed(origin, allowed_origins);
}

static void
take_connection_option(void *arg, Span option)
{
	if (span_is(option, "upgrade"))
		*(bool *) arg = true;
}

static void
take(Handshake *handshake, CredentialKind kind, Span credential)
{
	if (handshake->kind != CREDENTIAL_NONE || credential.length == 0)
		return;
	handshake->kind = kind;
	handshake->credential = credential;
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
		take(handshake, CREDENTIAL_TOKEN, (Span){name.start + length, name.length - length});
}

/* The value of the pair, NULL when it is missing or empty. */
static const char *
query_find(const char *query, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = query; *at; at += strlen(at) + 1)
		if (strncmp(at, name, length) == 0 && at[length] == '=' && at[length + 1] != '\0')
			return at + length + 1;
	return NULL;
}

static Span
text_span(const char *text)
{
	return text ? (Span){text, strlen(text)} : (Span){"", 0};
}

/* The first of these ways counts; what is wrong with it, or PROBLEM_NONE. */
static ProblemId
read_credential(const Head *head, const char *query, const HandshakeRules *rules,
				Handshake *handshake)
{
	const char *url_token = query_find(query, "token");

	if (url_token && !rules->allow_url_token)
		return PROBLEM_URL_TOKEN_FORBIDDEN;
	take(handshake, CREDENTIAL_TOKEN, head_bearer(head));
	span_split(head_find(head, "Sec-WebSocket-Protocol"), take_subprotocol, handshake);
	take(handshake, CREDENTIAL_TICKET, text_span(query_find(query, "ticket")));
	take(handshake, CREDENTIAL_TOKEN, text_span(url_token));
	if (handshake->kind != CREDENTIAL_NONE)
		return PROBLEM_NONE;
	take(handshake, CREDENTIAL_TOKEN, cookie_find(head, COOKIE_TOKEN));
	if (handshake->kind != CREDENTIAL_NONE && head_find(head, "Origin").length == 0)
		return PROBLEM_ORIGIN_FORBIDDEN;
	return PROBLEM_NONE;
}

ProblemId
handshake_read(const Head *head, const char *query, const HandshakeRules *rules,
			   Handshake *handshake)
{
	bool upgrades = false;

	*handshake = (Handshake){0};
	span_split(head_find(head, "Connection"), take_connection_option, &upgrades);
	handshake->key = head_find(head, "Sec-WebSocket-Key");
	if (head->method != METHOD_GET || head_has_body(head) || !upgrades ||
		head_find(head, "Host").length == 0 || handshake->key.length != KEY_LENGTH)
		return PROBLEM_BAD_REQUEST;
	if (!span_is(head_find(head, "Sec-WebSocket-Version"), "13"))
		return PROBLEM_UPGRADE_REQUIRED;
	if (!origin_is_allowed(head, rules->allowed_origins))
		return PROBLEM_ORIGIN_FORBIDDEN;
	if (rules->deflate)
		handshake->deflate = deflate_negotiate(head_find(head, "Sec-WebSocket-Extensions"));
	return read_credential(head, query, rules, handshake);
}

bool
handshake_scope(const char *path, int64_t *scope)
{
	size_t length = strlen(PATH_ONE);

	*scope = 0;
	if (strcmp(path, PATH_ALL) == 0)
		return true;
	return strncmp(path, PATH_ONE, length) == 0 &&
		   parse_int64(path + length, strlen(path + length), scope) && *scope > 0;
}
