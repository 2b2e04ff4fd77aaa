/*
 * readers.c
 *	  The readers, their seeds, and what must hold whatever they get.
 *
 * A request or a body may come in pieces of any size: what is read must not depend on
 * that, or a proxy in front could see another request than the daemon.
 */
#include "readers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "bulletin.h"
#include "chunked.h"
#include "coding.h"
#include "cookie.h"
#include "deflate.h"
#include "etag.h"
#include "forwarded.h"
#include "frames.h"
#include "handshake.h"
#include "link.h"
#include "origin.h"
#include "pgarray.h"
#include "routes.h"
#include "spoken.h"

#define BODY_MAX 4096
#define UNPACKED_MAX 65536

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* ---- heads -------------------------------------------------------------- */

static bool
is_within(Span span, const uint8_t *bytes, size_t length)
{
	const uint8_t *start = (const uint8_t *) span.start;

	return start >= bytes && start + span.length <= bytes + length;
}

static void
check_head(const Head *head, const uint8_t *bytes, size_t length)
{
	must(head->length <= length && head->length <= HEAD_BYTES_MAX);
	must(memcmp(bytes + head->length - 4, "\r\n\r\n", 4) == 0);
	must(!head->chunked || head->content_length < 0);
	must(head->count <= HEAD_LINES_MAX);
	must(is_within(head->target, bytes, head->length));
	for (size_t i = 0; i < head->count; i++)
	{
		must(is_within(head->fields[i].name, bytes, head->length));
		must(is_within(head->fields[i].value, bytes, head->length));
		must(span_is_field_value(head->fields[i].value));
	}
}

/* Of the beginning either nothing can be said yet, or the same. */
static void
check_beginning(const uint8_t *bytes, size_t length, HeadResult whole, const Head *head)
{
	Head part;
	ProblemId problem;
	HeadResult result = head_parse((const char *) bytes, length, &part, &problem);

	must(result == HEAD_INCOMPLETE || result == whole);
	if (result == HEAD_GOOD)
		must(part.length == head->length && part.count == head->count);
}

static void
read_fields(const Head *head, const char *query)
{
	static const HandshakeRules rules = {"https://a.example, https://b.example", true, true};
	Address peer = {.bytes = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
	AddressList trusted = {0};
	Handshake handshake;
	Buffer text = BUFFER_EMPTY;
	Span codings = head_find(head, "Accept-Encoding");
	Span known = head_find(head, "If-None-Match");

	must(address_list_parse(&trusted, "127.0.0.0/8, 10.0.0.0/8", &text));
	(void) forwarded_client(FORWARDED_X_FORWARDED_FOR, &trusted, head, &peer);
	(void) forwarded_client(FORWARDED_FORWARDED, &trusted, head, &peer);
	address_list_free(&trusted);
	(void) cookie_find(head, COOKIE_TOKEN);
	(void) head_bearer(head);
	(void) origin_may_act(head, rules.allowed_origins);
	(void) etag_matches("W/\"0123456789abcdef\"", known.start, known.length);
	(void) handshake_read(head, query, &rules, &handshake);
	buffer_append(&text, codings.start, codings.length);
	(void) coding_choose(buffer_cstring(&text));
	buffer_reset(&text);
	origin_write_fields(&text, head, rules.allowed_origins, METHOD_GET);
	link_write_next(&text, "/api/v1/users", query, "after=7");
	must(!memchr(text.data, '\0', text.length));
	buffer_free(&text);
}

/* What goes to PostgreSQL is text. */
static void
read_arguments(const RouteMatch *match, const ArgumentInput *input)
{
	Arguments arguments;
	Refusal refusal;

	if (arguments_read(match, input, &arguments, &refusal))
	{
		for (int i = 0; i < match->route->statement.nparams; i++)
		{
			const PgParam *param = &arguments.params[i];

			must(!param->value || (utf8_is_valid(param->value, param->length) &&
								   !memchr(param->value, '\0', param->length)));
		}
	}
	else
		must(refusal.id < PROBLEM_COUNT && problem_get(refusal.id)->status < 500);
	arguments_free(&arguments);
}

static void
read_request(const uint8_t *bytes, size_t length, uint64_t choice)
{
	Head head;
	ProblemId problem;
	HeadResult result = head_parse((const char *) bytes, length, &head, &problem);
	Buffer path = BUFFER_EMPTY;
	Buffer query = BUFFER_EMPTY;
	RouteMatch match = {0};
	int64_t scope;
	bool has_route;

	check_beginning(bytes, (size_t) (choice % (length + 1)), result, &head);
	must(result != HEAD_REFUSED || problem != PROBLEM_NONE);
	if (result != HEAD_GOOD)
		return;
	check_head(&head, bytes, length);
	has_route = head_decode_target(&head, &path, &query);
	must(strlen(buffer_cstring(&path)) == path.length);
	read_fields(&head, (const char *) query.data);
	(void) handshake_scope(buffer_cstring(&path), &scope);
	if (has_route)
		route_find(head.method, buffer_cstring(&path), &match);
	if (match.route && match.route->answer != ANSWER_LOCAL &&
		match.route->answer != ANSWER_DOCUMENT)
		read_arguments(&match, &(ArgumentInput){(const char *) query.data,
												(const char *) bytes + head.length,
												length - head.length, &head});
	buffer_free(&path);
	buffer_free(&query);
}

/* ---- bodies ------------------------------------------------------------- */

typedef struct Decoded
{
	Chunked chunks;
	Buffer in;
	ChunkedResult result;
} Decoded;

/* In pieces of at most so many bytes. */
static void
decode_chunks(Decoded *decoded, const uint8_t *bytes, size_t length, size_t piece)
{
	ProblemId problem;

	*decoded = (Decoded){.result = CHUNKED_INCOMPLETE};
	chunked_begin(&decoded->chunks, BODY_MAX);
	for (size_t at = 0; at < length && decoded->result == CHUNKED_INCOMPLETE; at += piece)
	{
		buffer_append(&decoded->in, bytes + at, length - at < piece ? length - at : piece);
		decoded->result = chunked_decode(&decoded->chunks, &decoded->in, &problem);
		must(decoded->chunks.length <= BODY_MAX);
		must(decoded->chunks.length <= decoded->in.length);
	}
}

static void
read_chunks(const uint8_t *bytes, size_t length, uint64_t choice)
{
	Decoded whole;
	Decoded pieces;

	decode_chunks(&whole, bytes, length, length + 1);
	decode_chunks(&pieces, bytes, length, 1 + (size_t) (choice % 40));
	must(whole.result == pieces.result);
	if (whole.result != CHUNKED_REFUSED)
		must(whole.chunks.length == pieces.chunks.length &&
			 (whole.chunks.length == 0 ||
			  memcmp(whole.in.data, pieces.in.data, whole.chunks.length) == 0));
	buffer_free(&whole.in);
	buffer_free(&pieces.in);
}

/* For any route that takes a body, then any that a WebSocket may call. */
static void
read_body(const uint8_t *bytes, size_t length, uint64_t choice)
{
	static const Head no_head;
	RouteMatch match = {0};
	size_t count = 0;

	while (route_at(count))
		count++;
	match.route = route_at((size_t) (choice % count));
	for (int i = 0; i < ROUTE_SEGMENTS_MAX; i++)
	{
		match.values[i] = "7";
		match.lengths[i] = 1;
	}
	if (route_has_body(match.route))
		read_arguments(&match, &(ArgumentInput){"\0", (const char *) bytes, length, &no_head});
}

/* ---- frames ------------------------------------------------------------- */

static void
read_frame(const uint8_t *bytes, size_t length, uint64_t choice)
{
	if (utf8_is_valid(bytes, length))
		must(spoken_receive((const char *) bytes, length, choice % 2 ? 0 : 7) == 1);
}

static void
read_packed(const uint8_t *bytes, size_t length, uint64_t choice)
{
	static Deflater *deflater;
	Buffer text = BUFFER_EMPTY;
	size_t max = choice % 2 ? UNPACKED_MAX : 100;

	if (!deflater)
		deflater = deflater_create();
	if (deflater_unpack(deflater, bytes, length, max, &text) == UNPACK_GOOD)
		must(text.length <= max);
	must(text.length <= max + 1);
	buffer_free(&text);
}

static void
read_offers(const uint8_t *bytes, size_t length, uint64_t choice)
{
	(void) choice;
	(void) deflate_negotiate((Span){(const char *) bytes, length});
}

/* ---- the rest ----------------------------------------------------------- */

static void
read_proxy(const uint8_t *bytes, size_t length, uint64_t choice)
{
	Address client = {{0}};
	Address other = {{0}};
	size_t used = 0;
	size_t used_before = 0;
	ProxyResult before = proxy_parse(bytes, (size_t) (choice % (length + 1)), &used_before, &other);
	ProxyResult result = proxy_parse(bytes, length, &used, &client);

	must(before == PROXY_INCOMPLETE || before == result);
	if (result == PROXY_GOOD)
		must(used > 0 && used <= length);
	if (before == PROXY_GOOD)
		must(used == used_before && address_equal(&client, &other));
}

static void
take_item(void *arg, const BulletinItem *item)
{
	Buffer text = BUFFER_EMPTY;

	(void) arg;
	bulletin_write_event(&text, item);
	bulletin_write_item(&text, item);
	buffer_free(&text);
}

/* As another daemon would say it, with the key, and as anybody would. */
static void
read_bulletin(const uint8_t *bytes, size_t length, uint64_t choice)
{
	BulletinKey key;
	Buffer items = BUFFER_EMPTY;
	Buffer payload = BUFFER_EMPTY;
	Bulletin bulletin;

	must(bulletin_key(&key, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
	buffer_append(&items, bytes, length);
	if (choice % 4 > 0)
		bulletin_seal(&payload, &key, 7, 1, &items);
	else
		buffer_append(&payload, bytes, length);
	if (bulletin_open(&bulletin, &key, buffer_cstring(&payload)))
	{
		must(choice % 4 > 0);
		bulletin_read(&bulletin, take_item, NULL);
		bulletin_close(&bulletin);
	}
	buffer_free(&items);
	buffer_free(&payload);
}

static void
read_array(const uint8_t *bytes, size_t length, uint64_t choice)
{
	Buffer text = BUFFER_EMPTY;
	Buffer values = BUFFER_EMPTY;

	(void) choice;
	buffer_append(&text, bytes, length);
	must(!pgarray_parse_int64(buffer_cstring(&text), &values) ||
		 values.length % sizeof(int64_t) == 0);
	buffer_free(&text);
	buffer_free(&values);
}

/* ---- table -------------------------------------------------------------- */

#define SEED(text) \
	{ \
		text, sizeof(text) - 1 \
	}

static const Reader readers[] = {
	{"request",
	 read_request,
	 {SEED("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
	  SEED("GET /api/v1/conversations/7/messages?before=9&limit=5 HTTP/1.1\r\nHost: "
		   "localhost:8080\r\n"
		   "Authorization: Bearer eyJ.abc.def\r\nAccept-Encoding: gzip;q=0, br\r\n"
		   "If-None-Match: W/\"0123456789abcdef\", \"x\"\r\nX-Forwarded-For: 10.0.0.1, "
		   "192.0.2.7\r\n\r\n"),
	  SEED("POST /api/v1/conversations/7/messages HTTP/1.1\r\nHost: x\r\nContent-Type: "
		   "application/json\r\n"
		   "Content-Length: 15\r\nOrigin: https://a.example\r\n\r\n{\"content\":\"x\"}"),
	  SEED("POST /api/v1/auth/refresh HTTP/1.1\r\nHost: x\r\nCookie: a=b; parley_refresh=abc; "
		   "__Host-parley_token=x\r\n"
		   "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
	  SEED("GET /ws/chat/7?ticket=abc&token=x HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, "
		   "Upgrade\r\n"
		   "Upgrade: websocket\r\nSec-WebSocket-Key: "
		   "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
		   "Sec-WebSocket-Protocol: chat.v1, bearer.abc\r\nSec-WebSocket-Extensions: "
		   "permessage-deflate; "
		   "client_max_window_bits\r\n\r\n"),
	  SEED("PUT /api/v1/conversations/7/messages/3/reactions/%F0%9F%91%8D HTTP/1.0\r\nForwarded: "
		   "for=192.0.2.60;"
		   "proto=http;by=203.0.113.43, for=\"[2001:db8::1]:80\"\r\n\r\n"),
	  SEED("GET /../%2e%2e/a+b?c=%20+&&=&d HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")}},
	{"chunks",
	 read_chunks,
	 {SEED("2\r\n{}\r\n0\r\n\r\n"),
	  SEED("4;a=b\r\n{\"co\r\nb \t;x=\"y\"\r\nntent\":\"x\"}\r\n0\r\nX-Y: z\r\n\r\n"),
	  SEED("00000000000000001\r\nx\r\n000\r\n\r\nGET / HTTP/1.1\r\n\r\n")}},
	{"body",
	 read_body,
	 {SEED("{}"),
	  SEED("{\"content\":\"hi "
		   "\\ud83d\\ude42\",\"client_id\":\"00000000-0000-4000-8000-000000000001\",\"reply_to\":"
		   "7}"),
	  SEED("{\"username\":\"alice\",\"email\":\"a@b.c\",\"password\":\"correct "
		   "horse\",\"cookie\":true}"),
	  SEED("{\"name\":\"team\",\"usernames\":[\"a\",\"b\\\\\\\"\"],\"is_public\":false,\"account_"
		   "ids\":[1,2,-3]}"),
	  SEED("{\"cursors\":{\"7\":{\"seq\":1,\"ver\":2}},\"limit\":200,\"seq\":9223372036854775807}"),
	  SEED("{\"a\":[[[[[[[[{\"b\":1.5e10}]]]]]]]],\"until\":\"2026-11-21T00:54:00.123456+00:"
		   "00\"}")}},
	{"frame",
	 read_frame,
	 {SEED("{\"type\":\"auth\",\"id\":\"1\",\"token\":\"abc\"}"),
	  SEED("{\"type\":\"message\",\"id\":\"00000000-0000-4000-8000-000000000001\",\"conversation_"
		   "id\":7,"
		   "\"content\":\"hi\",\"reply_to\":3}"),
	  SEED("{\"type\":\"read\",\"conversation_id\":7,\"seq\":42}"),
	  SEED("{\"type\":\"delivered\",\"seq\":42}"),
	  SEED("{\"type\":\"typing\",\"conversation_id\":7,\"is_typing\":true}"),
	  SEED("{\"type\":\"sync\",\"only\":true,\"cursors\":{\"7\":{\"seq\":41,\"ver\":3},\"8\":{"
		   "\"seq\":0,\"ver\":0}}}"),
	  SEED("{\"type\":\"call\",\"id\":\"c\",\"method\":\"search\",\"params\":{\"query\":\"x\"}}")}},
	{"packed",
	 read_packed,
	 {SEED("\x4a\x4a\x05\x00"), SEED("\x00\x04\x00\xfb\xff{}{}\x00"),
	  SEED("\xed\xc1\x01\x01\x00\x00\x00\x80\x90\xfe\xaf\xee\x08\x0a"), SEED("\x03\x00")}},
	{"offers",
	 read_offers,
	 {SEED("permessage-deflate; client_max_window_bits"),
	  SEED("x-other; a=\"b,c\", permessage-deflate; server_max_window_bits=\"12\"; "
		   "client_no_context_takeover")}},
	{"proxy",
	 read_proxy,
	 {SEED("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"),
	  SEED("PROXY TCP6 2001:db8::1 ::1 1 2\r\nGET"), SEED("PROXY UNKNOWN\r\n"),
	  SEED("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\1\xdc\4\1\xbb"),
	  SEED("\r\n\r\n\0\r\nQUIT\n\x20\0\0\3\4\0\0rest"),
	  SEED("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24 0123456789abcde0123456789abcdef0123")}},
	{"bulletin",
	 read_bulletin,
	 {SEED("[\"h\"]"), SEED("[\"t\",7,3,\"alice\",1]"),
	  SEED("[\"s\",3,\"bob\",0,\"2026-11-21T00:54:00Z\",[1,2,3]]"),
	  SEED("[\"c\",7,150],[\"s\",3,\"bob\",1,null,[]]")}},
	{"array", read_array, {SEED("{1,2,3}"), SEED("{}"), SEED("{-9223372036854775808,NULL,7}")}},
};

const Reader *
reader_at(size_t number)
{
	return number < sizeof(readers) / sizeof(readers[0]) ? &readers[number] : NULL;
}
