/*
 * tls.c
 *	  TLS in front of everything.
 *
 * A Pipe owns the client's socket (outer), one end of a pair of sockets (inner), the SSL
 * and what one side sent and the other has not taken yet; then it reads no more from
 * the former.  Its memory goes when libuv has closed both handles.
 */
#include "tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "log.h"
#include "metrics.h"

#define HANDSHAKE_TIMEOUT_MS 10000
#define LINGER_TIMEOUT_MS 3000 /* for the client to read the end */
#define STALL_TIMEOUT_MS 5000  /* for it to take some of what is left, when no one is behind */
#define RECORD_BYTES 16384
#define INNER_BYTES 32768 /* in the kernel, each way; it doubles that */
#define ROUNDS_PER_TURN 8
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"

struct Tls
{
	Loop *loop;
	TimerWheel *wheel;
	SSL_CTX *context;
	ListNode pipes;
};

/* One of the two sockets. */
typedef struct Side
{
	struct Pipe *pipe;
	int fd; /* -1: not open */
	uv_poll_t poll;
	int polled;	   /* events that libuv watches for */
	bool ended;	   /* it will say nothing more */
	bool broken;   /* libuv has given it up; what is in it can still be read */
	bool left;	   /* nothing more will come than what is in it */
	Buffer unsent; /* for it */
} Side;

typedef struct Pipe
{
	ListNode node;
	Tls *tls;
	SSL *ssl;
	Side outer;
	Side inner;
	bool reading_wants_write; /* of SSL */
	bool taken;				  /* the client has taken something of late */
	bool farewell;			  /* close_notify is out */
	int open_handles;
	TimerEntry deadline;
	Address client;
	const TlsHandlers *handlers; /* NULL: the handshake is over */
	void *arg;
} Pipe;

static uint8_t scratch[RECORD_BYTES];

/* ---- certificates ------------------------------------------------------- */

/* The one protocol there is (RFC 7301). */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
				const unsigned char *in, unsigned in_length, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void) ssl;
	(void) arg;
	if (SSL_select_next_proto(&chosen, out_length, ours, sizeof(ours) - 1, in, in_length) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
complain(Buffer *why, const char *what, const char *file)
{
	unsigned long first = ERR_peek_error();
	unsigned long last = ERR_peek_last_error();
	const char *reason = last ? ERR_reason_error_string(last) : NULL;

	/* What follows a failure of the system only says that there was one. */
	if (ERR_SYSTEM_ERROR(first))
		reason = strerror(ERR_GET_REASON(first));
	buffer_printf(why, "%s %s: %s", what, file, reason ? reason : "not usable");
	ERR_clear_error();
	return false;
}

static bool
load_files(SSL_CTX *context, const TlsSettings *settings, Buffer *why)
{
	if (SSL_CTX_use_certificate_chain_file(context, settings->cert) != 1)
		return complain(why, "certificate", settings->cert);
	if (settings->key[0] == '\0')
		return complain(why, "private key", "(tls-key)");
	if (SSL_CTX_use_PrivateKey_file(context, settings->key, SSL_FILETYPE_PEM) != 1)
		return complain(why, "private key", settings->key);
	if (SSL_CTX_check_private_key(context) != 1)
		return complain(why, "the private key does not fit the certificate:", settings->key);
	return true;
}

static SSL_CTX *
make_context(const TlsSettings *settings, Buffer *why)
{
	SSL_CTX *context;

	ERR_clear_error(); /* so that complain() finds what is ours */
	context = SSL_CTX_new(TLS_server_method());
	if (!context)
	{
		(void) complain(why, "OpenSSL", "does not start");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, settings->only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(context, CIPHERS);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
									 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
								  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets hold the session */
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	if (load_files(context, settings, why))
		return context;
	SSL_CTX_free(context);
	return NULL;
}

bool
tls_probe(const TlsSettings *settings, time_t *not_after, Buffer *why)
{
	SSL_CTX *context = make_context(settings, why);
	struct tm parts;

	if (!context)
		return false;
	*not_after = 0;
	if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(context)), &parts) == 1)
		*not_after = timegm(&parts);
	SSL_CTX_free(context);
	return true;
}

/* ---- the end of a pipe -------------------------------------------------- */

static void
on_handle_closed(uv_handle_t *handle)
{
	Pipe *pipe = ((Side *) handle->data)->pipe;

	if (--pipe->open_handles == 0)
		free(pipe);
}

static void
side_close(Side *side)
{
	buffer_wipe(&side->unsent);
	if (side->fd < 0)
		return;
	uv_close((uv_handle_t *) &side->poll, on_handle_closed);
	close(side->fd);
	side->fd = -1;
}

static void
pipe_drop(Pipe *pipe)
{
	timer_cancel(&pipe->deadline);
	list_remove(&pipe->node);
	SSL_free(pipe->ssl);
	pipe->ssl = NULL;
	metric_add(METRIC_TLS_CONNECTIONS, -1);
	if (pipe->handlers)
		pipe->handlers->on_failed(pipe->arg, &pipe->client);
	side_close(&pipe->inner);
	side_close(&pipe->outer);
}

/* ---- pumping ------------------------------------------------------------ */

typedef enum Flow
{
	FLOW_MOVED,
	FLOW_BLOCKED,
	FLOW_BROKEN
} Flow;

/*
 * The SSL for a call whose result SSL_get_error() is to judge.  That looks at the error queue of
 * the thread, too, where libpq, or an SSL of another client, may have left an entry; so it is
 * empty before each call (SSL_get_error(3)).
 */
static SSL *
fresh_ssl(const Pipe *pipe)
{
	ERR_clear_error();
	return pipe->ssl;
}

static Flow
judge_ssl(Pipe *pipe, int result, bool reading)
{
	switch (SSL_get_error(pipe->ssl, result))
	{
		case SSL_ERROR_WANT_READ:
			return FLOW_BLOCKED;
		case SSL_ERROR_WANT_WRITE:
			pipe->reading_wants_write |= reading;
			return FLOW_BLOCKED;
		case SSL_ERROR_ZERO_RETURN:
			pipe->outer.ended = true;
			return FLOW_BLOCKED;
		default:
			ERR_clear_error();
			return FLOW_BROKEN;
	}
}

static Flow
send_inner(Pipe *pipe, const uint8_t *bytes, size_t length, size_t *sent)
{
	ssize_t got = send(pipe->inner.fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	*sent = got > 0 ? (size_t) got : 0;
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		return FLOW_BROKEN;
	return *sent == length ? FLOW_MOVED : FLOW_BLOCKED;
}

static Flow
send_outer(Pipe *pipe, const uint8_t *bytes, size_t length, size_t *sent)
{
	*sent = 0;
	while (*sent < length)
	{
		int got = SSL_write(fresh_ssl(pipe), bytes + *sent, (int) (length - *sent));

		if (got <= 0)
			return judge_ssl(pipe, got, false);
		pipe->taken = true;
		*sent += (size_t) got;
	}
	return FLOW_MOVED;
}

static Flow
receive_inner(Pipe *pipe, size_t *length)
{
	ssize_t got = recv(pipe->inner.fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	*length = got > 0 ? (size_t) got : 0;
	if (got > 0)
		return FLOW_MOVED;
	pipe->inner.ended = got == 0 || (errno != EAGAIN && errno != EINTR);
	return FLOW_BLOCKED;
}

static Flow
receive_outer(Pipe *pipe, size_t *length)
{
	int got = SSL_read(fresh_ssl(pipe), scratch, sizeof(scratch));

	*length = got > 0 ? (size_t) got : 0;
	pipe->reading_wants_write = false;
	return got > 0 ? FLOW_MOVED : judge_ssl(pipe, got, true);
}

typedef struct Direction
{
	Flow (*receive)(Pipe *pipe, size_t *length); /* into `scratch` */
	Flow (*send)(Pipe *pipe, const uint8_t *bytes, size_t length, size_t *sent);
} Direction;

static const Direction inward = {receive_outer, send_inner};
static const Direction outward = {receive_inner, send_outer};

/* First what is left from the last time, then one record. */
static Flow
move_some(Pipe *pipe, const Direction *direction, const Side *from, Side *to)
{
	size_t length = to->unsent.length;
	size_t sent;
	Flow flow;

	if (length > 0)
	{
		flow = direction->send(pipe, to->unsent.data, length, &sent);
		buffer_consume(&to->unsent, sent);
		if (to->unsent.length == 0)
			buffer_free(&to->unsent);
		return flow;
	}
	if (from->ended)
		return FLOW_BLOCKED;
	flow = direction->receive(pipe, &length);
	if (flow != FLOW_MOVED)
		return flow;
	flow = direction->send(pipe, scratch, length, &sent);
	if (sent < length)
		buffer_append(&to->unsent, scratch + sent, length - sent);
	return flow;
}

/* A side that has ended, and all it said has arrived: the other one is to know. */
static void
pass_ends_on(Pipe *pipe)
{
	if (pipe->outer.ended && pipe->inner.unsent.length == 0)
		(void) shutdown(pipe->inner.fd, SHUT_WR);
	if (!pipe->inner.ended || pipe->outer.unsent.length > 0 || pipe->farewell)
		return;
	pipe->farewell = true;
	(void) SSL_shutdown(fresh_ssl(pipe));
	ERR_clear_error();
	(void) shutdown(pipe->outer.fd, SHUT_WR);
	timer_arm(pipe->tls->wheel, &pipe->deadline, LINGER_TIMEOUT_MS);
}

static void on_event(uv_poll_t *handle, int status, int events);

static void
poll_for(Side *side, int events)
{
	if (side->polled == events || side->broken)
		return;
	side->polled = events;
	if (events)
		uv_poll_start(&side->poll, events, on_event);
	else
		uv_poll_stop(&side->poll);
}

/*
 * While the client takes nothing, whoever is behind has the deadline; who it is may go,
 * though, and then it is ours.
 */
static void
watch_stall(Pipe *pipe)
{
	bool stalls = (pipe->inner.left || pipe->inner.broken) && pipe->outer.unsent.length > 0;

	if (pipe->farewell)
		return;
	if (!stalls)
		timer_cancel(&pipe->deadline);
	else if (pipe->taken || !timer_is_armed(&pipe->deadline))
		timer_arm(pipe->tls->wheel, &pipe->deadline, STALL_TIMEOUT_MS);
	pipe->taken = false;
}

static void
watch(Pipe *pipe)
{
	const Side *outer = &pipe->outer;
	const Side *inner = &pipe->inner;
	bool choked = outer->unsent.length > 0;

	poll_for(&pipe->outer,
			 (!outer->ended && !inner->broken && inner->unsent.length == 0 ? UV_READABLE : 0) |
				 (choked || pipe->reading_wants_write ? UV_WRITABLE : 0));
	poll_for(&pipe->inner, (!inner->ended && !choked ? UV_READABLE : 0) |
							   (choked && !inner->left ? UV_DISCONNECT : 0) |
							   (inner->unsent.length > 0 ? UV_WRITABLE : 0));
	watch_stall(pipe);
}

static void
pump(Pipe *pipe)
{
	Flow in = FLOW_MOVED;
	Flow out = FLOW_MOVED;

	for (int round = 0; round < ROUNDS_PER_TURN || (pipe->inner.broken && out == FLOW_MOVED);
		 round++)
	{
		if (in == FLOW_MOVED && !pipe->inner.broken)
			in = move_some(pipe, &inward, &pipe->outer, &pipe->inner);
		if (out == FLOW_MOVED)
			out = move_some(pipe, &outward, &pipe->inner, &pipe->outer);
		if (in != FLOW_MOVED && out != FLOW_MOVED)
			break;
	}
	if (in == FLOW_BROKEN || out == FLOW_BROKEN)
	{
		pipe_drop(pipe);
		return;
	}
	pass_ends_on(pipe);
	if (pipe->farewell && (pipe->outer.ended || pipe->inner.broken))
		pipe_drop(pipe);
	else
		watch(pipe);
}

/* ---- handshake ---------------------------------------------------------- */

static bool
side_open(Pipe *pipe, Side *side, int fd)
{
	side->pipe = pipe;
	if (uv_poll_init(loop_uv(pipe->tls->loop), &side->poll, fd) != 0)
	{
		close(fd);
		return false;
	}
	side->fd = fd;
	side->poll.data = side;
	pipe->open_handles++;
	return true;
}

static void
set_inner_bytes(int fd)
{
	int bytes = INNER_BYTES;

	(void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void
connect_inner(Pipe *pipe)
{
	const TlsHandlers *handlers = pipe->handlers;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
	{
		log_warn("no sockets for TLS: %s", strerror(errno));
		pipe_drop(pipe);
		return;
	}
	set_inner_bytes(pair[0]);
	set_inner_bytes(pair[1]);
	if (!side_open(pipe, &pipe->inner, pair[0]))
	{
		close(pair[1]);
		pipe_drop(pipe);
		return;
	}
	timer_cancel(&pipe->deadline);
	pipe->handlers = NULL;
	handlers->on_ready(pipe->arg, pair[1], &pipe->client);
	pump(pipe);
}

static void
shake_hands(Pipe *pipe)
{
	int result = SSL_accept(fresh_ssl(pipe));
	int error = SSL_get_error(pipe->ssl, result);

	if (result == 1)
		connect_inner(pipe);
	else if (error == SSL_ERROR_WANT_READ)
		poll_for(&pipe->outer, UV_READABLE);
	else if (error == SSL_ERROR_WANT_WRITE)
		poll_for(&pipe->outer, UV_WRITABLE);
	else
	{
		ERR_clear_error();
		metric_add(METRIC_REFUSED_TLS, 1);
		pipe_drop(pipe);
	}
}

static void
on_event(uv_poll_t *handle, int status, int events)
{
	Side *side = handle->data;
	Pipe *pipe = side->pipe;

	side->left |= (events & UV_DISCONNECT) != 0;
	if (status < 0)
	{
		side->broken = true;
		side->polled = 0;
	}
	if (pipe->outer.broken)
		pipe_drop(pipe);
	else if (pipe->handlers)
		shake_hands(pipe);
	else
		pump(pipe);
}

static void
on_deadline(TimerEntry *entry)
{
	Pipe *pipe = container_of(entry, Pipe, deadline);

	metric_add(METRIC_TIMEOUT_ENTRANCE, pipe->handlers != NULL);
	pipe_drop(pipe);
}

void
tls_accept(Tls *tls, int fd, const Address *client, const TlsHandlers *handlers, void *arg)
{
	Pipe *pipe = xcalloc(1, sizeof(*pipe));

	pipe->tls = tls;
	pipe->client = *client;
	pipe->inner = (Side){.pipe = pipe, .fd = -1};
	pipe->outer.fd = -1;
	if (!side_open(pipe, &pipe->outer, fd))
	{
		free(pipe);
		handlers->on_failed(arg, client);
		return;
	}
	pipe->handlers = handlers;
	pipe->arg = arg;
	metric_add(METRIC_TLS_CONNECTIONS, 1);
	list_init(&pipe->node);
	list_push_back(&tls->pipes, &pipe->node);
	timer_init(&pipe->deadline, on_deadline);
	timer_arm(tls->wheel, &pipe->deadline, HANDSHAKE_TIMEOUT_MS);
	pipe->ssl = SSL_new(tls->context);
	if (pipe->ssl && SSL_set_fd(pipe->ssl, fd) == 1)
		shake_hands(pipe);
	else
		pipe_drop(pipe);
}

/* ---- the whole ---------------------------------------------------------- */

Tls *
tls_create(Loop *loop, TimerWheel *wheel, const TlsSettings *settings, Buffer *why)
{
	SSL_CTX *context = make_context(settings, why);
	Tls *tls;

	if (!context)
		return NULL;
	tls = xcalloc(1, sizeof(*tls));
	tls->loop = loop;
	tls->wheel = wheel;
	tls->context = context;
	list_init(&tls->pipes);
	return tls;
}

bool
tls_reload(Tls *tls, const TlsSettings *settings, Buffer *why)
{
	SSL_CTX *context = make_context(settings, why);

	if (!context)
		return false;
	SSL_CTX_free(tls->context); /* those who have it keep it */
	tls->context = context;
	return true;
}

void
tls_drain(Tls *tls)
{
	LIST_FOREACH(&tls->pipes, node)
	{
		Pipe *pipe = list_entry(node, Pipe, node);

		if (pipe->handlers)
			pipe_drop(pipe);
	}
}

void
tls_free(Tls *tls)
{
	ListNode *node;

	while ((node = list_first(&tls->pipes)))
		pipe_drop(list_entry(node, Pipe, node));
	SSL_CTX_free(tls->context);
	free(tls);
}
