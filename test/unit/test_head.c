/*
 * test_head.c
 *	  Request heads: what is taken, what is refused, and how a target is decoded.
 */
#include "head.h"

#include "tap.h"

static Head head;
static ProblemId problem;

static HeadResult
parse(const char *text)
{
	return head_parse(text, strlen(text), &head, &problem);
}

static const struct
{
	const char *text;
	ProblemId problem;
	const char *name;
} refused[] = {
	{"FOO / HTTP/1.1\r\n\r\n", PROBLEM_METHOD_NOT_ALLOWED, "an unknown method"},
	{"get / HTTP/1.1\r\n\r\n", PROBLEM_METHOD_NOT_ALLOWED, "a method in small letters"},
	{"GET /\r\n\r\n", PROBLEM_BAD_REQUEST, "no version"},
	{"GET / HTTP/2.0\r\n\r\n", PROBLEM_BAD_REQUEST, "another version"},
	{"GET  / HTTP/1.1\r\n\r\n", PROBLEM_BAD_REQUEST, "two blanks"},
	{"GET x HTTP/1.1\r\n\r\n", PROBLEM_BAD_REQUEST, "a relative target"},
	{"GET http://x/ HTTP/1.1\r\n\r\n", PROBLEM_BAD_REQUEST, "an absolute target"},
	{"GET /%00 HTTP/1.1\r\n\r\n", PROBLEM_BAD_REQUEST, "an encoded NUL"},
	{"GET /%4 HTTP/1.1\r\n\r\n", PROBLEM_BAD_REQUEST, "half an escape"},
	{"GET /%g0 HTTP/1.1\r\n\r\n", PROBLEM_BAD_REQUEST, "an escape that is none"},
	{"GET /\xc3\xa4 HTTP/1.1\r\n\r\n", PROBLEM_BAD_REQUEST, "a byte that should be escaped"},
	{"GET / HTTP/1.1\r\nx\r\n\r\n", PROBLEM_BAD_REQUEST, "a line without a colon"},
	{"GET / HTTP/1.1\r\nx : y\r\n\r\n", PROBLEM_BAD_REQUEST, "a blank before the colon"},
	{"GET / HTTP/1.1\r\nx: y\r\n z\r\n\r\n", PROBLEM_BAD_REQUEST, "a folded line"},
	{"GET / HTTP/1.1\r\nx: a\nb: c\r\n\r\n", PROBLEM_BAD_REQUEST, "a bare line feed"},
	{"GET / HTTP/1.1\r\nx: a\001\r\n\r\n", PROBLEM_BAD_REQUEST, "a control character"},
	{"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", PROBLEM_BAD_REQUEST, "a negative length"},
	{"GET / HTTP/1.1\r\nContent-Length: 1 2\r\n\r\n", PROBLEM_BAD_REQUEST, "two lengths in one"},
	{"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", PROBLEM_BAD_REQUEST,
	 "two lengths"},
	{"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", PROBLEM_BAD_REQUEST, "two hosts"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", PROBLEM_BAD_REQUEST,
	 "another coding"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	 PROBLEM_BAD_REQUEST, "chunks twice"},
	{"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
	 PROBLEM_BAD_REQUEST, "chunks, then a length"},
	{"GET / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
	 PROBLEM_BAD_REQUEST, "a length, then chunks"},
	{"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", PROBLEM_BAD_REQUEST,
	 "chunks in HTTP/1.0"},
};

static void
test_refused(void)
{
	for (size_t i = 0; i < lengthof(refused); i++)
		ok(parse(refused[i].text) == HEAD_REFUSED && problem == refused[i].problem,
		   refused[i].name);
}

static void
test_limits(void)
{
	Buffer text = BUFFER_EMPTY;

	buffer_append_string(&text, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < HEAD_LINES_MAX; i++)
		buffer_append_string(&text, "x: y\r\n");
	buffer_append_string(&text, "\r\n");
	ok(parse(buffer_cstring(&text)) == HEAD_GOOD, "as many lines as allowed");
	text.length -= 2;
	buffer_append_string(&text, "x: y\r\n\r\n");
	ok(parse(buffer_cstring(&text)) == HEAD_REFUSED && problem == PROBLEM_HEADERS_TOO_LARGE,
	   "one more");
	buffer_reset(&text);
	buffer_append_string(&text, "GET /");
	while (text.length < HEAD_BYTES_MAX)
		buffer_append_char(&text, 'a');
	ok(parse(buffer_cstring(&text)) == HEAD_REFUSED && problem == PROBLEM_HEADERS_TOO_LARGE,
	   "too many bytes without an end");
	buffer_free(&text);
	ok(head_parse(NULL, 0, &head, &problem) == HEAD_INCOMPLETE, "nothing at all");
	ok(parse("GET / HTTP/1.1\r\nHost: x\r\n") == HEAD_INCOMPLETE, "no empty line yet");
}

static void
test_fields(void)
{
	ok(parse("POST /a?b HTTP/1.1\r\nHost:  x \r\ncontent-LENGTH: 5\r\nExpect: 100-continue\r\n"
			 "\r\nhello") == HEAD_GOOD,
	   "a good head");
	is_number(head.method, METHOD_POST, "the method");
	is_number(head.content_length, 5, "the length");
	is_number((int64_t) head.length, 74, "where the body begins");
	ok(span_is(head_find(&head, "HOST"), "x"), "a field by name, trimmed");
	is_number((int64_t) head_find(&head, "Cookie").length, 0, "a field that is not there");
	ok(head.keep_alive && head.expects_continue && !head.websocket, "what it asks for");
	ok(!head.chunked && head_has_body(&head), "its body");
	ok(parse("POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n") == HEAD_GOOD &&
		   head.chunked && head_has_body(&head),
	   "a body in chunks");
	ok(parse("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n") == HEAD_GOOD && !head.chunked &&
		   !head_has_body(&head),
	   "no body");
	ok(parse("GET / HTTP/1.0\r\n\r\n") == HEAD_GOOD && !head.keep_alive, "HTTP/1.0 closes");
	ok(parse("GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n") == HEAD_GOOD && !head.keep_alive,
	   "so does who asks for it");
	ok(parse("GET / HTTP/1.1\r\nUpgrade: WebSocket\r\n\r\n") == HEAD_GOOD && head.websocket,
	   "an upgrade to WebSocket");
	ok(parse("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n") == HEAD_GOOD && !head.websocket,
	   "an upgrade to something else is not one");
}

static void
test_target(void)
{
	Buffer path = BUFFER_EMPTY;
	Buffer query = BUFFER_EMPTY;

	ok(parse("GET /a%20b+c;d/../e?x=1+2%2B&&y HTTP/1.1\r\n\r\n") == HEAD_GOOD &&
		   head_decode_target(&head, &path, &query),
	   "a target");
	is_text(buffer_cstring(&path), "/a b+c;d/../e", "its path is decoded and left as it is");
	ok(query.length == 10 && memcmp(query.data, "x=1 2+\0y\0", 10) == 0, "its query");
	buffer_reset(&path);
	buffer_reset(&query);
	ok(parse("GET /a%2fb HTTP/1.1\r\n\r\n") == HEAD_GOOD &&
		   !head_decode_target(&head, &path, &query),
	   "an encoded slash is refused");
	buffer_free(&path);
	buffer_free(&query);
}

int
main(void)
{
	test_refused();
	test_limits();
	test_fields();
	test_target();
	return done_testing();
}
