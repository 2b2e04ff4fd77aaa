/*
 * ws.c
 *	  WebSocket connections on libwebsockets: messages of the client, frames to it,
 *	  close.
 *
 * A Connection hangs on its wsi (as opaque user data) from ws_on_open() to
 * ws_on_gone().  Its message buffer exists only while a message is in parts.
 */
#include "ws.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libwebsockets.h>

#define HEADER_ROOM 16 /* lws_hdr_copy() wants more than the length */
#define RSV1 0x40	   /* in the first byte of a frame: the message is compressed */

_Static_assert(EVENT_HEADROOM >= LWS_PRE, "frames need the headroom of libwebsockets");

struct Ws
{
	WsOptions options;
	Deflater *deflater;
	LoopTask end_task;
	ListNode ending; /* Connection.end_node */
};

typedef struct Connection
{
	Ws *ws;
	struct lws *wsi;
	Session *session;
	Buffer message;	   /* its parts so far */
	bool too_large;	   /* the rest of the message is thrown away */
	bool broken;	   /* a write failed: nothing more is written */
	bool closing;	   /* libwebsockets does the rest */
	bool deflates;	   /* permessage-deflate was agreed */
	bool packed_in;	   /* the message that comes in is compressed */
	bool packed_out;   /* the frame that goes out is */
	bool inside_frame; /* the rest of a frame is to come */
	ListNode end_node;
} Connection;

/* ---- what a session needs of its socket --------------------------------- */

static bool
transport_write(void *socket, Event *frame)
{
	Connection *connection = socket;
	Event *packed = connection->deflates ? deflater_pack(connection->ws->deflater, frame) : NULL;

	if (packed)
		frame = packed;
	connection->packed_out = packed != NULL;
	return !connection->broken && lws_write(connection->wsi, event_payload(frame), frame->length,
											LWS_WRITE_TEXT) >= (int) frame->length;
}

static bool
transport_is_choked(void *socket)
{
	const Connection *connection = socket;

	return lws_partial_buffered(connection->wsi);
}

static void
transport_want_writable(void *socket)
{
	const Connection *connection = socket;

	lws_callback_on_writable(connection->wsi);
}

/* libwebsockets does not report the pong to an empty ping. */
static bool
transport_ping(void *socket)
{
	const Connection *connection = socket;
	uint8_t frame[LWS_PRE + 1] = {[LWS_PRE] = 'p'};

	return lws_write(connection->wsi, frame + LWS_PRE, 1, LWS_WRITE_PING) >= 0;
}

static void
transport_set_reading(void *socket, bool on)
{
	const Connection *connection = socket;

	lws_rx_flow_control(connection->wsi, on);
}

/*
 * Not by returning -1 from the callback: as Debian builds it (with _DEBUG),
 * libwebsockets on libuv then closes a connection twice, the second time without a
 * close frame (lws_service_fd_tsi() in 4.1.6).
 */
static void
on_end_task(LoopTask *task)
{
	Ws *ws = container_of(task, Ws, end_task);
	ListNode *node;

	while ((node = list_pop_front(&ws->ending)))
		lws_set_timeout(list_entry(node, Connection, end_node)->wsi,
						PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

static void
end_soon(Connection *connection)
{
	list_remove(&connection->end_node);
	list_push_back(&connection->ws->ending, &connection->end_node);
	loop_task_post(connection->ws->options.loop, &connection->ws->end_task);
}

/* What it has not taken by now is not waited for, as libwebsockets would. */
static void
transport_abort(void *socket)
{
	Connection *connection = socket;

	connection->broken = true;
	(void) shutdown(lws_get_socket_fd(connection->wsi), SHUT_RDWR);
	end_soon(connection);
}

static const SessionTransport transport = {
	.write = transport_write,
	.is_choked = transport_is_choked,
	.want_writable = transport_want_writable,
	.ping = transport_ping,
	.set_reading = transport_set_reading,
	.abort = transport_abort,
};

/* ---- permessage-deflate ------------------------------------------------- */

/* As libwebsockets wants them: names only, which it repeats from the head it is given. */
static const struct lws_ext_options extension_options[] = {
	{DEFLATE_SERVER_ALONE, EXTARG_NONE},
	{DEFLATE_CLIENT_ALONE, EXTARG_NONE},
	{DEFLATE_SERVER_WINDOW, EXTARG_NONE},
	{NULL, EXTARG_NONE},
};

/*
 * Not the extension that comes with libwebsockets: that one has two windows for each
 * connection, cuts its output in frames of 1 KiB from turn to turn of the loop, and takes
 * what is written meanwhile for the rest of the same message (4.1.6,
 * rops_write_role_protocol_ws()).  This one leaves the payload alone, which transport_write()
 * and take_message() see to, and marks frames with RSV1.  That it is there makes
 * libwebsockets let RSV1 in.
 */
static int
on_extension(struct lws_context *context, const struct lws_extension *extension, struct lws *wsi,
			 enum lws_extension_callback_reasons reason, void *user, void *in, size_t length)
{
	const Connection *connection;
	struct lws_tokens *frame = in;

	(void) context;
	(void) extension;
	(void) user;
	(void) length;
	if (reason == LWS_EXT_CB_CONSTRUCT)
		*(const struct lws_ext_options **) in = extension_options;
	if (reason != LWS_EXT_CB_PACKET_TX_PRESEND)
		return 0;
	connection = lws_get_opaque_user_data(wsi);
	if (connection && connection->packed_out && frame->len > 0)
		frame->token[0] |= RSV1;
	return 0;
}

const struct lws_extension *
ws_extensions(void)
{
	static const struct lws_extension extensions[] = {
		{DEFLATE_NAME, on_extension, NULL},
		{NULL, NULL, NULL},
	};

	return extensions;
}

/* Into the head: libwebsockets accepts exactly what it finds there. */
static void
write_extension(DeflateAnswer answer, Buffer *head)
{
	if (answer == DEFLATE_DECLINED)
		return;
	buffer_append_string(head, "Sec-WebSocket-Extensions: " DEFLATE_NAME "; " DEFLATE_SERVER_ALONE
							   "; " DEFLATE_CLIENT_ALONE);
	if (answer == DEFLATE_ACCEPTED_WINDOW)
		buffer_append_string(head, "; " DEFLATE_SERVER_WINDOW);
	buffer_append_string(head, "\r\n");
}

/* ---- opening ------------------------------------------------------------ */

static void
append_span(Buffer *to, const char *text, Span span)
{
	buffer_append_string(to, text);
	buffer_append(to, span.start, span.length);
	buffer_append_string(to, "\r\n");
}

/* The schemes of Authorization in the head that libwebsockets gets. */
static const char *const schemes[] = {
	[CREDENTIAL_TOKEN] = "Bearer ",
	[CREDENTIAL_TICKET] = "Ticket ",
};

void
ws_write_head(const HttpUpgrade *upgrade, Buffer *head)
{
	char client[ADDRESS_TEXT_SIZE];

	buffer_append_string(head, "GET /ws");
	if (upgrade->scope != 0)
		buffer_printf(head, "/chat/%lld", (long long) upgrade->scope);
	buffer_append_string(head, " HTTP/1.1\r\nHost: parley\r\nConnection: Upgrade\r\n"
							   "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	append_span(head, "Sec-WebSocket-Key: ", upgrade->handshake.key);
	if (upgrade->handshake.chat)
		buffer_append_string(head, "Sec-WebSocket-Protocol: chat.v1\r\n");
	write_extension(upgrade->handshake.deflate, head);
	if (upgrade->handshake.kind != CREDENTIAL_NONE)
	{
		buffer_append_string(head, "Authorization: ");
		append_span(head, schemes[upgrade->handshake.kind], upgrade->handshake.credential);
	}
	address_write(client, &upgrade->client);
	append_span(head, "X-Forwarded-For: ", (Span){client, strlen(client)});
	buffer_append_string(head, "\r\n");
	buffer_append(head, upgrade->behind.start, upgrade->behind.length);
}

/* A field of ws_write_head(), NULL when there is none. */
static char *
read_field(struct lws *wsi, enum lws_token_indexes field)
{
	int length = lws_hdr_total_length(wsi, field);
	char *text;

	if (length <= 0)
		return NULL;
	text = xcalloc(1, (size_t) length + HEADER_ROOM);
	if (lws_hdr_copy(wsi, text, length + HEADER_ROOM, field) >= 0)
		return text;
	free(text);
	return NULL;
}

static int64_t
read_scope(struct lws *wsi)
{
	char *path = read_field(wsi, WSI_TOKEN_GET_URI);
	int64_t scope = 0;

	if (path)
		(void) handshake_scope(path, &scope);
	free(path);
	return scope;
}

static void
authenticate(Session *session, const char *authorization)
{
	for (size_t kind = CREDENTIAL_TOKEN; kind < lengthof(schemes); kind++)
		if (string_starts_with(authorization, schemes[kind]))
		{
			const char *text = authorization + strlen(schemes[kind]);

			session_authenticate(session, &(Credential){(CredentialKind) kind, text}, NULL);
			return;
		}
}

/* Who the client is, from ws_write_head(). */
static Address
read_client(struct lws *wsi)
{
	char text[ADDRESS_TEXT_SIZE + HEADER_ROOM];
	int length = lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_X_FORWARDED_FOR);
	Address client = {{0}};

	if (length <= 0 || !address_parse(text, (size_t) length, &client))
		return (Address){{0}};
	return client;
}

int
ws_on_open(Ws *ws, struct lws *wsi)
{
	Connection *connection = xcalloc(1, sizeof(Connection));
	char *authorization = read_field(wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
	Address client = read_client(wsi);

	connection->ws = ws;
	connection->wsi = wsi;
	connection->deflates = lws_hdr_total_length(wsi, WSI_TOKEN_EXTENSIONS) > 0;
	list_init(&connection->end_node);
	lws_set_opaque_user_data(wsi, connection);
	connection->session =
		sessions_open(ws->options.sessions, &transport, connection, read_scope(wsi));
	session_set_client(connection->session, &client);
	if (authorization)
	{
		authenticate(connection->session, authorization);
		secure_zero(authorization, strlen(authorization));
		free(authorization);
	}
	return 0;
}

/* ---- messages of the client --------------------------------------------- */

/* What is beyond the error frame: RFC 6455 (section 8.1) and RFC 7692 (section 6.2) want the
 * connection failed. */
static void
refuse_message(Session *session, ProblemId id, SessionClose close)
{
	session_problem(session, id, NULL, problem_get(id)->title);
	if (close != SESSION_CLOSE_NONE)
		session_close(session, close);
}

static void
take_text(Connection *connection, const char *text, size_t length)
{
	Session *session = connection->session;

	if (connection->too_large)
		refuse_message(session, PROBLEM_FRAME_TOO_LARGE, SESSION_CLOSE_NONE);
	else if (lws_frame_is_binary(connection->wsi))
		refuse_message(session, PROBLEM_BINARY_NOT_SUPPORTED, SESSION_CLOSE_NONE);
	else if (utf8_is_valid(text, length))
		frames_receive(&connection->ws->options.frames, session, text, length);
	else
		refuse_message(session, PROBLEM_INVALID_UTF8, SESSION_CLOSE_INVALID_UTF8);
}

/* One that unpacks to too much may be meant to. */
static void
take_packed(Connection *connection, const void *bytes, size_t length)
{
	Ws *ws = connection->ws;
	Buffer text = BUFFER_EMPTY;

	switch (deflater_unpack(ws->deflater, bytes, length, ws->options.max_frame_bytes, &text))
	{
		case UNPACK_GOOD:
			take_text(connection, buffer_cstring(&text), text.length);
			break;
		case UNPACK_TOO_LARGE:
			refuse_message(connection->session, PROBLEM_FRAME_TOO_LARGE,
						   SESSION_CLOSE_MESSAGE_TOO_BIG);
			break;
		case UNPACK_BROKEN:
			session_close(connection->session, SESSION_CLOSE_INVALID_DEFLATE);
			break;
	}
	buffer_free(&text);
}

static void
take_message(Connection *connection, const void *bytes, size_t length)
{
	if (connection->packed_in && !connection->too_large)
		take_packed(connection, bytes, length);
	else
		take_text(connection, bytes, length);
}

/* RSV1 says it of the whole message, in its first frame; false when it stands in another. */
static bool
note_packing(Connection *connection)
{
	struct lws *wsi = connection->wsi;
	bool marked = (lws_get_reserved_bits(wsi) & RSV1) != 0;
	bool begins = !connection->inside_frame;

	connection->inside_frame = lws_remaining_packet_payload(wsi) > 0;
	if (lws_is_first_fragment(wsi))
		connection->packed_in = marked;
	else if (begins && marked)
		return false;
	return true;
}

/* A message comes in parts: fragments, and pieces of them as they arrive. */
int
ws_on_receive(struct lws *wsi, const void *bytes, size_t length)
{
	Connection *connection = lws_get_opaque_user_data(wsi);
	Buffer *message = &connection->message;
	bool last = lws_is_final_fragment(wsi);

	session_heard(connection->session);
	if (session_state(connection->session) >= SESSION_CLOSING)
		return 0;
	if (!note_packing(connection))
	{
		session_close(connection->session, SESSION_CLOSE_INVALID_FRAGMENT);
		return 0;
	}
	connection->too_large |= message->length + length > connection->ws->options.max_frame_bytes;
	if (connection->too_large)
		buffer_free(message);
	else if (!last || message->length > 0)
		buffer_append(message, bytes, length);
	if (!last)
		return 0;
	if (message->length > 0)
		take_message(connection, message->data, message->length);
	else
		take_message(connection, length > 0 ? bytes : "", length);
	buffer_free(message);
	connection->too_large = false;
	return 0;
}

int
ws_on_pong(struct lws *wsi)
{
	const Connection *connection = lws_get_opaque_user_data(wsi);

	session_heard(connection->session);
	return 0;
}

/* ---- frames to the client ----------------------------------------------- */

/* The close frame goes out by itself when the connection is ended with a reason. */
static void
start_close(Connection *connection, SessionClose why)
{
	const char *reason = session_close_reason(why);

	connection->closing = true;
	lws_close_reason(connection->wsi, (enum lws_close_status) session_close_code(why),
					 (unsigned char *) (uintptr_t) reason, strlen(reason));
	end_soon(connection);
}

int
ws_on_writable(struct lws *wsi)
{
	Connection *connection = lws_get_opaque_user_data(wsi);
	SessionClose why;

	if (connection->broken || connection->closing)
		return 0;
	session_writable(connection->session);
	if (!connection->broken && session_wants_close(connection->session, &why) &&
		!lws_partial_buffered(wsi))
		start_close(connection, why);
	return 0;
}

void
ws_on_gone(struct lws *wsi)
{
	Connection *connection = lws_get_opaque_user_data(wsi);

	if (!connection)
		return;
	lws_set_opaque_user_data(wsi, NULL);
	session_closed(connection->session);
	list_remove(&connection->end_node);
	buffer_free(&connection->message);
	free(connection);
}

/* ---- the whole ---------------------------------------------------------- */

Ws *
ws_create(const WsOptions *options)
{
	Ws *ws = xcalloc(1, sizeof(Ws));

	ws->options = *options;
	ws->deflater = deflater_create();
	list_init(&ws->ending);
	loop_task_init(&ws->end_task, on_end_task);
	return ws;
}

void
ws_set_max_frame_bytes(Ws *ws, size_t max_frame_bytes)
{
	ws->options.max_frame_bytes = max_frame_bytes;
}

void
ws_free(Ws *ws)
{
	loop_task_cancel(&ws->end_task);
	deflater_free(ws->deflater);
	free(ws);
}
