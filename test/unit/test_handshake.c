/*
 * test_handshake.c
 *	  Requests for a WebSocket: what is refused, which origins are allowed, where the
 *	  token comes from.
 */
#include "handshake.h"

#include "tap.h"

#define GOOD \
	"GET /ws HTTP/1.1\r\nHost: chat.example:8080\r\nConnection: keep-alive, Upgrade\r\n" \
	"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ALLOWED "https://a.example, https://b.example:444"

static Handshake handshake;
static Buffer query;

static ProblemId
read_by_rules(const char *text, const HandshakeRules *rules)
{
	Head head;
	ProblemId problem;
	Buffer path = BUFFER_EMPTY;

	if (head_parse(text, strlen(text), &head, &problem) != HEAD_GOOD)
		return problem;
	buffer_reset(&query);
	ok(head_decode_target(&head, &path, &query), "the target");
	buffer_free(&path);
	return handshake_read(&head, (const char *) query.data, rules, &handshake);
}

static ProblemId
read_handshake(const char *text)
{
	return read_by_rules(text, &(HandshakeRules){.allowed_origins = ALLOWED});
}

static const struct
{
	const char *text;
	ProblemId problem;
	const char *name;
} handshakes[] = {
	{GOOD KEY "\r\n", PROBLEM_NONE, "a good one"},
	{GOOD "\r\n", PROBLEM_BAD_REQUEST, "no key"},
	{GOOD "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n", PROBLEM_BAD_REQUEST, "a short key"},
	{GOOD KEY "Content-Length: 1\r\n\r\n", PROBLEM_BAD_REQUEST, "a body"},
	{GOOD KEY "Transfer-Encoding: chunked\r\n\r\n", PROBLEM_BAD_REQUEST, "a body in chunks"},
	{"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY
	 "\r\n",
	 PROBLEM_BAD_REQUEST, "a Connection that does not say so"},
	{"GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
	 "Sec-WebSocket-Version: 13\r\n" KEY "\r\n",
	 PROBLEM_BAD_REQUEST, "no host"},
	{"POST /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
	 "Sec-WebSocket-Version: 13\r\n" KEY "\r\n",
	 PROBLEM_BAD_REQUEST, "another method"},
	{"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
	 "Sec-WebSocket-Version: 8\r\n" KEY "\r\n",
	 PROBLEM_UPGRADE_REQUIRED, "another version"},
	{GOOD KEY "Origin: http://chat.example:8080\r\n\r\n", PROBLEM_NONE, "the host itself"},
	{GOOD KEY "Origin: HTTPS://Chat.Example:8080\r\n\r\n", PROBLEM_NONE, "in capitals, by TLS"},
	{GOOD KEY "Origin: http://chat.example\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "another port"},
	{GOOD KEY "Origin: chat.example:8080\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "no scheme"},
	{GOOD KEY "Origin: null\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "no origin that has a name"},
	{GOOD KEY "Origin: https://a.example\r\n\r\n", PROBLEM_NONE, "the first of the list"},
	{GOOD KEY "Origin: https://b.example:444\r\n\r\n", PROBLEM_NONE, "the last of it"},
	{GOOD KEY "Origin: https://b.example\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "the start of one"},
	{GOOD KEY "Origin: http://a.example\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "another scheme"},
};

static void
test_checks(void)
{
	for (size_t i = 0; i < lengthof(handshakes); i++)
		ok(read_handshake(handshakes[i].text) == handshakes[i].problem, handshakes[i].name);
}

static bool
is_token(const char *text)
{
	return handshake.kind == CREDENTIAL_TOKEN && span_is(handshake.credential, text);
}

static void
test_token(void)
{
	ok(read_handshake(GOOD KEY "\r\n") == PROBLEM_NONE && !handshake.chat &&
		   handshake.kind == CREDENTIAL_NONE && handshake.key.length == 24,
	   "no subprotocol, no token");
	ok(read_handshake(GOOD KEY "Sec-WebSocket-Protocol: x, chat.v1, bearer.abc\r\n\r\n") ==
			   PROBLEM_NONE &&
		   handshake.chat && is_token("abc"),
	   "both among the subprotocols");
	ok(read_handshake(GOOD KEY "Sec-WebSocket-Protocol: bearer.\r\n\r\n") == PROBLEM_NONE &&
		   !handshake.chat && handshake.kind == CREDENTIAL_NONE,
	   "a token without a letter is none");
	ok(read_handshake(GOOD KEY "Sec-WebSocket-Protocol: bearer.abc\r\n"
							   "Authorization: bearer  def\r\n\r\n") == PROBLEM_NONE &&
		   is_token("def"),
	   "Authorization comes first");
	ok(read_handshake(GOOD KEY "Authorization: Basic def\r\n\r\n") == PROBLEM_NONE &&
		   handshake.kind == CREDENTIAL_NONE,
	   "of kind Bearer only");
}

#define REQUEST(target, fields) \
	"GET " target " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" \
	"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY fields "\r\n"

static void
test_query(void)
{
	static const HandshakeRules open_rules = {.allowed_origins = "", .allow_url_token = true};

	ok(read_handshake(REQUEST("/ws?a=b&ticket=t%2B1", "")) == PROBLEM_NONE &&
		   handshake.kind == CREDENTIAL_TICKET && span_is(handshake.credential, "t+1"),
	   "a ticket in the address");
	ok(read_handshake(REQUEST("/ws?ticket=", "")) == PROBLEM_NONE &&
		   handshake.kind == CREDENTIAL_NONE,
	   "an empty one is none");
	ok(read_handshake(REQUEST("/ws?ticket=t", "Authorization: Bearer abc\r\n")) == PROBLEM_NONE &&
		   is_token("abc"),
	   "Authorization comes first again");
	ok(read_handshake(REQUEST("/ws?token=abc", "")) == PROBLEM_URL_TOKEN_FORBIDDEN,
	   "a token there is refused");
	ok(read_by_rules(REQUEST("/ws?token=abc", ""), &open_rules) == PROBLEM_NONE && is_token("abc"),
	   "unless the rules allow it");
}

static void
test_cookie(void)
{
	ok(read_handshake(REQUEST("/ws", "Cookie: parley_token=abc\r\nOrigin: http://x\r\n")) ==
			   PROBLEM_NONE &&
		   is_token("abc"),
	   "a cookie from the host's own page");
	ok(read_handshake(REQUEST("/ws", "Cookie: parley_token=abc\r\n")) == PROBLEM_ORIGIN_FORBIDDEN,
	   "from nobody knows where");
	ok(read_handshake(REQUEST("/ws", "Cookie: parley_token=abc\r\n"
									 "Authorization: Bearer def\r\n")) == PROBLEM_NONE &&
		   is_token("def"),
	   "a cookie that is not needed");
	ok(read_handshake(REQUEST("/ws", "Cookie: a=b; parley_token=abc; c=d\r\n"
									 "Origin: http://x\r\n")) == PROBLEM_NONE &&
		   is_token("abc"),
	   "among others");
	ok(read_handshake(REQUEST("/ws", "Cookie: x_parley_token=abc; parley_token; parley_token=\r\n"
									 "Origin: http://x\r\n")) == PROBLEM_NONE &&
		   handshake.kind == CREDENTIAL_NONE,
	   "others only");
}

static void
test_scope(void)
{
	static const struct
	{
		const char *path;
		bool good;
		int64_t scope;
	} paths[] = {
		{"/ws", true, 0},		   {"/ws/chat/7", true, 7},
		{"/ws/chat/", false, 0},   {"/ws/chat/0", false, 0},
		{"/ws/chat/-1", false, 0}, {"/ws/chat/7/", false, 0},
		{"/ws/chat/x", false, 0},  {"/ws/", false, 0},
		{"/wsx", false, 0},		   {"/ws/chat/9223372036854775808", false, 0},
	};

	for (size_t i = 0; i < lengthof(paths); i++)
	{
		int64_t scope;
		bool good = handshake_scope(paths[i].path, &scope);

		ok(good == paths[i].good && (!good || scope == paths[i].scope), paths[i].path);
	}
}

static void
test_deflate(void)
{
	static const char request[] =
		REQUEST("/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n");

	ok(read_handshake(request) == PROBLEM_NONE && handshake.deflate == DEFLATE_DECLINED,
	   "no compression by default");
	ok(read_by_rules(request, &(HandshakeRules){.allowed_origins = "", .deflate = true}) ==
			   PROBLEM_NONE &&
		   handshake.deflate == DEFLATE_ACCEPTED,
	   "compression where it is allowed");
}

int
main(void)
{
	test_checks();
	test_token();
	test_query();
	test_cookie();
	test_scope();
	test_deflate();
	buffer_free(&query);
	return done_testing();
}
