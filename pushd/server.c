/*
 * server.c
 *	  Listener, HTTP connections and libwebsockets put together.
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
#define HEADER_BYTES (2 * HEAD_BYTES_MAX)
#define HEADER_POOL 4096
#define TIMEOUT_S 20
#define CLOSE_TURNS 16

struct Server
{
	ServerOptions options;
	struct lws_context *context;
	struct lws_vhost *vhost;
	Listener *listener;
	Entrance *entrance;
	Http *http;
	Listener *redirect_listener;
	Entrance *redirect_entrance;
	Http *redirect;
	size_t websockets;
	Map places; /* wsi → Address that has its place */
	bool adoption_failed;
};

static const lws_retry_bo_t no_timers;

/* ---- libwebsockets ------------------------------------------------------ */

/* Its last word.  One that goes while it is being adopted has no entry yet. */
static void
on_destroy(Server *server, struct lws *wsi)
{
	Address *client = map_remove(&server->places, (int64_t) (intptr_t) wsi);

	server->websockets--;
	server->adoption_failed = client == NULL;
	if (client)
		admission_leave(server->options.http.request.admission, client);
	free(client);
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
	Server *server = lws_context_user(lws_get_context(wsi));

	(void) user;
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
		case LWS_CALLBACK_WSI_DESTROY:
			ws_on_gone(wsi);
			on_destroy(server, wsi);
			return 0;
		case LWS_CALLBACK_HTTP: /* it gets nothing but handshakes */
		case LWS_CALLBACK_RAW_ADOPT:
			return -1;
		default:
			return 0;
	}
}

/* The name is the subprotocol that a client is answered with. */
static const struct lws_protocols protocols[] = {
	{"chat.v1", callback, 0, RECEIVE_BYTES, 0, NULL, SEND_BYTES},
	{NULL, NULL, 0, 0, 0, NULL, 0},
};

/* ---- connections -------------------------------------------------------- */

static void
on_accept(void *arg, int fd, const Address *peer)
{
	Server *server = arg;

	entrance_take(server->entrance, fd, peer);
}

static Entrance *
create_entrance(Server *server, Http *http, Tls *tls)
{
	const HttpOptions *options = &server->options.http;

	return entrance_create(&(EntranceOptions){
		.loop = options->loop,
		.wheel = options->wheel,
		.admission = options->request.admission,
		.trusted = options->trusted,
		.proxy_protocol = options->forwarded == FORWARDED_PROXY_PROTOCOL,
		.tls = tls,
		.http = http,
	});
}

static void
on_redirect_accept(void *arg, int fd, const Address *peer)
{
	Server *server = arg;

	entrance_take(server->redirect_entrance, fd, peer);
}

static void
on_upgrade(void *arg, const HttpUpgrade *upgrade)
{
	Server *server = arg;
	Buffer head = BUFFER_EMPTY;
	struct lws *wsi;

	ws_write_head(upgrade, &head);
	server->websockets++;
	server->adoption_failed = false;
	wsi = lws_adopt_socket_vhost_readbuf(server->vhost, upgrade->fd, (const char *) head.data,
										 head.length);
	if (wsi && !server->adoption_failed)
		(void) map_put(&server->places, (int64_t) (intptr_t) wsi,
					   xmemdup(&upgrade->client, sizeof(upgrade->client)));
	else
		admission_leave(server->options.http.request.admission, &upgrade->client);
	buffer_wipe(&head);
}

/* The same but for what differs where all requests are redirected. */
static bool
listen_to_redirect(Server *server, Buffer *why)
{
	ListenerOptions listen = server->options.listen;
	HttpOptions http = server->options.http;

	listen.port = server->options.redirect_port;
	http.redirects = true;
	http.https_port = server_port(server);
	http.request.hsts_s = 0;
	server->redirect = http_create(&http);
	server->redirect_entrance = create_entrance(server, server->redirect, NULL);
	server->redirect_listener =
		listener_open(http.loop, http.wheel, &listen, on_redirect_accept, server, why);
	return server->redirect_listener != NULL;
}

bool
server_listen(Server *server, Buffer *why)
{
	server->listener = listener_open(server->options.http.loop, server->options.http.wheel,
									 &server->options.listen, on_accept, server, why);
	return server->listener &&
		   (server->options.redirect_port == 0 || listen_to_redirect(server, why));
}

void
server_configure(Server *server, const RequestOptions *request, const HandshakeRules *handshake,
				 const HttpDeadlines *deadlines)
{
	RequestOptions plain = *request;

	http_configure(server->http, request, handshake, deadlines);
	plain.hsts_s = 0;
	if (server->redirect)
		http_configure(server->redirect, &plain, handshake, deadlines);
}

int
server_port(const Server *server)
{
	return server->listener ? listener_port(server->listener) : 0;
}

void
server_drain(Server *server)
{
	if (server->listener)
		listener_close(server->listener);
	if (server->redirect_listener)
		listener_close(server->redirect_listener);
	server->listener = server->redirect_listener = NULL;
	if (server->options.tls)
		tls_drain(server->options.tls);
	http_drain(server->http);
	if (server->redirect)
		http_drain(server->redirect);
}

size_t
server_connections(const Server *server)
{
	return server->websockets + http_connections(server->http);
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
	void *loops[] = {loop_uv(server->options.http.loop)};
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.extensions = ws_extensions(),
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.foreign_loops = loops,
		.user = server,
		.pt_serv_buf_size = SERVICE_BYTES,
		.max_http_header_data2 = HEADER_BYTES,
		.max_http_header_pool2 = HEADER_POOL,
		.retry_and_idle_policy = &no_timers,
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
	server->options.http.on_upgrade = on_upgrade;
	server->options.http.arg = server;
	server->http = http_create(&server->options.http);
	server->entrance = create_entrance(server, server->http, options->tls);
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
		uv_run(loop_uv(server->options.http.loop), UV_RUN_NOWAIT);
	lws_context_destroy(server->context);
}

void
server_free(Server *server)
{
	server_drain(server);
	entrance_free(server->entrance);
	http_free(server->http);
	if (server->redirect)
	{
		entrance_free(server->redirect_entrance);
		http_free(server->redirect);
	}
	if (server->context)
		destroy_context(server);
	map_free(&server->places);
	free(server);
}
