/*
 * server.c
 *	  libwebsockets as a guest on the loop: its context, and the one callback that
 *	  hands what happens to http.c and ws.c.
 *
 * Sizes and policies follow measurements: 256 bytes of receive buffer keep an idle
 * connection small, an all-zero retry policy keeps libwebsockets from arming a timer
 * for each (ours are on the timer wheel), and frames are written directly.
 */
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libwebsockets.h>

#include "log.h"

#define RECEIVE_BYTES 256
#define SEND_BYTES (64 * 1024)
#define SERVICE_BYTES (16 * 1024)
#define HEADER_BYTES (24 * 1024) /* for HEAD_BYTES_MAX with the library's overhead */
#define HEADER_POOL 4096
#define KEEPALIVE_S 60
#define TIMEOUT_S 20
#define CLOSE_TURNS 16

struct Server
{
	ServerOptions options;
	struct lws_context *context;
	struct lws_vhost *vhost;
	Listener *listener;
	size_t connections;
};

static const lws_retry_bo_t no_timers;

/* ---- the callback ------------------------------------------------------- */

/* The path of the request, decoded; "" for one that libwebsockets has cut in pieces
 * (at a ; or &), for nothing of ours has such a path. */
static const char *
path_of(struct lws *wsi, Buffer *to)
{
	char *uri = NULL;
	int length = 0;

	if (lws_http_get_uri_and_method(wsi, &uri, &length) < 0 || !uri ||
		memchr(uri, '\0', (size_t) length))
		return "";
	buffer_append(to, uri, (size_t) length);
	return buffer_cstring(to);
}

static int
on_upgrade(Server *server, struct lws *wsi, const char *protocol)
{
	Buffer path = BUFFER_EMPTY;
	int result;

	if (!string_equal_nocase(protocol, strlen(protocol), "websocket"))
		return http_refuse_upgrade(wsi, PROBLEM_BAD_REQUEST);
	result = ws_on_handshake(server->options.ws, wsi, path_of(wsi, &path));
	buffer_free(&path);
	return result;
}

static int
on_request(Server *server, struct lws *wsi)
{
	Buffer path = BUFFER_EMPTY;
	int result = http_on_request(server->options.http, wsi, path_of(wsi, &path));

	buffer_free(&path);
	return result;
}

static int
on_http(Server *server, struct lws *wsi, enum lws_callback_reasons reason, void *in, size_t length)
{
	switch (reason)
	{
		case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
			return on_upgrade(server, wsi, in);
		case LWS_CALLBACK_HTTP:
			return on_request(server, wsi);
		case LWS_CALLBACK_HTTP_BODY:
			return http_on_body(wsi, in, length);
		case LWS_CALLBACK_HTTP_BODY_COMPLETION:
			return http_on_body_complete(wsi);
		case LWS_CALLBACK_HTTP_WRITEABLE:
			return http_on_writable(wsi);
		case LWS_CALLBACK_CLOSED_HTTP:
			http_on_gone(wsi);
			return 0;
		default:
			return 0;
	}
}

static int
on_websocket(Server *server, struct lws *wsi, enum lws_callback_reasons reason, void *in,
			 size_t length)
{
	switch (reason)
	{
		case LWS_CALLBACK_ESTABLISHED:
			return ws_on_open(server->options.ws, wsi);
		case LWS_CALLBACK_RECEIVE:
			return ws_on_receive(wsi, in, length);
		case LWS_CALLBACK_RECEIVE_PONG:
			return ws_on_pong(wsi);
		case LWS_CALLBACK_SERVER_WRITEABLE:
			return ws_on_writable(wsi);
		case LWS_CALLBACK_CLOSED:
			ws_on_gone(wsi);
			return 0;
		default:
			return on_http(server, wsi, reason, in, length);
	}
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
	Server *server = lws_context_user(lws_get_context(wsi));

	(void) user;
	switch (reason)
	{
		case LWS_CALLBACK_WSI_DESTROY:
			server->connections--;
			return 0;
		case LWS_CALLBACK_RAW_ADOPT:
		case LWS_CALLBACK_RAW_RX:
			return -1;
		default:
			return on_websocket(server, wsi, reason, in, length);
	}
}

/* The name is the subprotocol that a client is answered with. */
static const struct lws_protocols protocols[] = {
	{"chat.v1", callback, 0, RECEIVE_BYTES, 0, NULL, SEND_BYTES},
	{NULL, NULL, 0, 0, 0, NULL, 0},
};

/* ---- connections -------------------------------------------------------- */

static bool
has_room(void *arg)
{
	const Server *server = arg;

	return server->connections + listener_pending(server->listener) <=
		   server->options.max_connections;
}

static void
on_connection(void *arg, int fd, const Buffer *head)
{
	Server *server = arg;

	server->connections++;
	(void) lws_adopt_socket_vhost_readbuf(server->vhost, fd, (const char *) head->data,
										  head->length);
}

static const ListenerHandlers listener_handlers = {has_room, on_connection};

bool
server_listen(Server *server, Buffer *why)
{
	server->listener = listener_open(server->options.loop, server->options.wheel,
									 &server->options.listen, &listener_handlers, server, why);
	return server->listener != NULL;
}

int
server_port(const Server *server)
{
	return server->listener ? listener_port(server->listener) : 0;
}

void
server_stop_listening(Server *server)
{
	if (server->listener)
		listener_close(server->listener);
	server->listener = NULL;
}

size_t
server_connections(const Server *server)
{
	return server->connections;
}

/* ---- context ------------------------------------------------------------ */

/* It calls it an error to be handed the first bytes of a connection. */
static void
on_library_log(int level, const char *line)
{
	(void) level;
	log_debug("libwebsockets: %.*s", (int) strcspn(line, "\n"), line);
}

static bool
create_context(Server *server)
{
	void *loops[] = {loop_uv(server->options.loop)};
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.foreign_loops = loops,
		.user = server,
		.pt_serv_buf_size = SERVICE_BYTES,
		.max_http_header_data2 = HEADER_BYTES,
		.max_http_header_pool2 = HEADER_POOL,
		.retry_and_idle_policy = &no_timers,
		.keepalive_timeout = KEEPALIVE_S,
		.timeout_secs = TIMEOUT_S,
		.vhost_name = "parley-pushd",
		.gid = (gid_t) -1,
		.uid = (uid_t) -1,
	};

	lws_set_log_level(log_wants(LOG_LEVEL_DEBUG) ? LLL_ERR | LLL_WARN : 0, on_library_log);
	server->context = lws_create_context(&info);
	if (!server->context)
		return false;
	server->vhost = lws_create_vhost(server->context, &info);
	return server->vhost != NULL;
}

Server *
server_create(const ServerOptions *options, Buffer *why)
{
	Server *server = xcalloc(1, sizeof(Server));

	server->options = *options;
	if (create_context(server))
		return server;
	buffer_append_string(why, "libwebsockets does not start (is its libuv plugin installed?)");
	server_free(server);
	return NULL;
}

/*
 * With a loop that is not its own, libwebsockets wants to be destroyed twice: the first
 * call begins to close its handles, the second frees, when libuv has closed them.
 */
static void
destroy_context(Server *server)
{
	lws_context_destroy(server->context);
	for (int turn = 0; turn < CLOSE_TURNS; turn++)
		uv_run(loop_uv(server->options.loop), UV_RUN_NOWAIT);
	lws_context_destroy(server->context);
}

void
server_free(Server *server)
{
	server_stop_listening(server);
	if (server->context)
		destroy_context(server);
	free(server);
}
