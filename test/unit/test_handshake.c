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

static ProblemId
read_handshake(const char *text)
{
	Head head;
	ProblemId problem;

	if (head_parse(text, strlen(text), &head, &problem) != HEAD_GOOD)
		return problem;
	return handshake_read(&head, ALLOWED, &handshake);
}

static const struct
{
	const char *text;
	ProblemId problem;
	const char *name;
} handshakes[] = {
	{GOOD KEY "\r\n", PROBLEM_COUNT, "a good one"},
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
	{GOOD KEY "Origin: http://chat.example:8080\r\n\r\n", PROBLEM_COUNT, "the host itself"},
	{GOOD KEY "Origin: HTTPS://Chat.Example:8080\r\n\r\n", PROBLEM_COUNT, "in capitals, by TLS"},
	{GOOD KEY "Origin: http://chat.example\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "another port"},
	{GOOD KEY "Origin: chat.example:8080\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "no scheme"},
	{GOOD KEY "Origin: null\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "no origin that has a name"},
	{GOOD KEY "Origin: https://a.example\r\n\r\n", PROBLEM_COUNT, "the first of the list"},
	{GOOD KEY "Origin: https://b.example:444\r\n\r\n", PROBLEM_COUNT, "the last of it"},
	{GOOD KEY "Origin: https://b.example\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "the start of one"},
	{GOOD KEY "Origin: http://a.example\r\n\r\n", PROBLEM_ORIGIN_FORBIDDEN, "another scheme"},
};

static void
test_checks(void)
{
	for (size_t i = 0; i < lengthof(handshakes); i++)
		ok(read_handshake(handshakes[i].text) == handshakes[i].problem, handshakes[i].name);
}

static void
test_token(void)
{
	ok(read_handshake(GOOD KEY "\r\n") == PROBLEM_COUNT && !handshake.chat &&
		   handshake.token.length == 0 && handshake.key.length == 24,
	   "no subprotocol, no token");
	ok(read_handshake(GOOD KEY "Sec-WebSocket-Protocol: x, chat.v1, bearer.abc\r\n\r\n") ==
			   PROBLEM_COUNT &&
		   handshake.chat && span_is(handshake.token, "abc"),
	   "both among the subprotocols");
	ok(read_handshake(GOOD KEY "Sec-WebSocket-Protocol: bearer.\r\n\r\n") == PROBLEM_COUNT &&
		   !handshake.chat && handshake.token.length == 0,
	   "a token without a letter is none");
	ok(read_handshake(GOOD KEY "Sec-WebSocket-Protocol: bearer.abc\r\n"
							   "Authorization: bearer  def\r\n\r\n") == PROBLEM_COUNT &&
		   span_is(handshake.token, "def"),
	   "Authorization comes first");
	ok(read_handshake(GOOD KEY "Authorization: Basic def\r\n\r\n") == PROBLEM_COUNT &&
		   handshake.token.length == 0,
	   "of kind Bearer only");
}

int
main(void)
{
	test_checks();
	test_token();
	return done_testing();
}
