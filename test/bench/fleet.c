/*
 * fleet.c
 *	  Thousands of chat.v1 WebSocket clients on one epoll loop.
 *
 * One read buffer serves all clients; a client owns memory only for a frame that
 * came in part or bytes that would not go out.  fleet_close frees all of it.
 */
#define _GNU_SOURCE
#include "fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "util.h"

#define MAX_OPENING 64 /* connections not yet ready at a time */
#define MAX_EVENTS 512
#define CONNECT_LIMIT_S 60
#define READ_SIZE ((size_t) 256 * 1024)

/*
 * A fixed masking key is a fair one here: masking guards proxies against chosen
 * bytes (RFC 6455, section 10.3), and there is no proxy.
 */
static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static uint8_t scratch[FRAME_MAX_LENGTH + READ_SIZE + 1];

static void
bytes_append(Bytes *bytes, const void *data, size_t size)
{
	if (bytes->size + size > bytes->capacity)
	{
		bytes->capacity = (bytes->size + size) * 2;
		bytes->data = xrealloc(bytes->data, bytes->capacity);
	}
	memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
}

static void
bytes_drop_front(Bytes *bytes, size_t size)
{
	bytes->size -= size;
	memmove(bytes->data, bytes->data + size, bytes->size);
}

static void
watch(Fleet *fleet, Client *client, int operation)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	if (client->out.size > 0)
		event.events |= EPOLLOUT;
	if (epoll_ctl(fleet->epoll_fd, operation, client->fd, &event) < 0)
		die("epoll_ctl: %s", strerror(errno));
}

static void
lost_connection(const Client *client, const char *reason)
{
	die("connection of account %lld: %s", (long long) client->member->account_id, reason);
}

/* ---- writing ------------------------------------------------------------ */

static size_t
write_some(Client *client, const uint8_t *data, size_t size)
{
	ssize_t written = send(client->fd, data, size, MSG_NOSIGNAL);

	if (written >= 0)
		return (size_t) written;
	if (errno != EAGAIN && errno != EINTR && errno != ENOTCONN)
		lost_connection(client, strerror(errno));
	return 0;
}

static void
write_bytes(Fleet *fleet, Client *client, const uint8_t *data, size_t size)
{
	size_t written = client->out.size > 0 ? 0 : write_some(client, data, size);

	if (written == size)
		return;
	bytes_append(&client->out, data + written, size - written);
	watch(fleet, client, EPOLL_CTL_MOD);
}

static void
send_frame(Fleet *fleet, Client *client, FrameOpcode opcode, const void *payload, size_t length)
{
	uint8_t frame[FRAME_MAX_HEADER + 8192];
	size_t header = frame_put_header(frame, opcode, length, mask);

	if (header + length > sizeof frame)
		die("a frame of %zu bytes is more than this client sends", length);
	memcpy(frame + header, payload, length);
	frame_mask(frame + header, length, mask);
	write_bytes(fleet, client, frame, header + length);
}

void
fleet_send(Fleet *fleet, Client *client, const char *text, size_t length)
{
	send_frame(fleet, client, FRAME_TEXT, text, length);
}

static void
on_writable(Fleet *fleet, Client *client)
{
	bytes_drop_front(&client->out, write_some(client, client->out.data, client->out.size));
	if (client->out.size == 0)
		watch(fleet, client, EPOLL_CTL_MOD);
}

/* ---- handshake and authentication --------------------------------------- */

static void
start_handshake(Fleet *fleet, Client *client)
{
	uint8_t nonce[16];
	char request[512];
	int length;

	if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce)
		die("getrandom: %s", strerror(errno));
	frame_make_key(nonce, client->key);
	length = snprintf(request, sizeof request,
					  "GET /ws HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\n"
					  "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
					  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat.v1\r\n\r\n",
					  fleet->host, fleet->port, client->key);
	bytes_append(&client->out, request, (size_t) length);
}

static void
send_auth(Fleet *fleet, Client *client)
{
	char text[4096];
	int length =
		snprintf(text, sizeof text, "{\"type\":\"auth\",\"token\":\"%s\"}", client->member->token);

	if (length >= (int) sizeof text)
		die("a token of the plan is too long");
	fleet_send(fleet, client, text, (size_t) length);
	client->state = CLIENT_AUTH;
	if (fleet->on_auth)
		fleet->on_auth(fleet->context, client);
}

/* Returns how many bytes the response took, 0 when it is not all there. */
static size_t
finish_handshake(Fleet *fleet, Client *client, uint8_t *data, size_t size)
{
	char accept[FRAME_ACCEPT_SIZE];
	const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);

	if (end == NULL)
		return 0;
	frame_accept_key(client->key, accept);
	if (memmem(data, size, " 101 ", 5) != data + strlen("HTTP/1.1") ||
		memmem(data, (size_t) (end - data), accept, strlen(accept)) == NULL)
		lost_connection(client, "the server refused the WebSocket handshake");
	send_auth(fleet, client);
	return (size_t) (end + 4 - data);
}

/* ---- reading ------------------------------------------------------------ */

static void
on_object(Fleet *fleet, Client *client, const char *text, size_t length, uint64_t now)
{
	if (client->state == CLIENT_READY)
		fleet->on_object(fleet->context, client, text, length, now);
	else if (json_type_is(text, length, "welcome"))
	{
		client->state = CLIENT_READY;
		fleet->n_ready++;
	}
	else
		die("no welcome but %.*s", (int) length, text);
}

static void
on_text(Fleet *fleet, Client *client, const char *text, size_t length, uint64_t now)
{
	const char *end = text + length;

	while (text < end)
	{
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		const char *stop = newline != NULL ? newline : end;

		if (stop > text)
			on_object(fleet, client, text, (size_t) (stop - text), now);
		text = stop + 1;
	}
}

static void
on_data(Fleet *fleet, Client *client, const Frame *frame, uint64_t now)
{
	fleet->frames++;
	fleet->bytes += frame->length;
	if (frame->fin && client->fragment.size == 0)
	{
		on_text(fleet, client, (const char *) frame->payload, frame->length, now);
		return;
	}
	bytes_append(&client->fragment, frame->payload, frame->length);
	if (!frame->fin)
		return;
	on_text(fleet, client, (const char *) client->fragment.data, client->fragment.size, now);
	client->fragment.size = 0;
}

static void
on_close(const Client *client, const Frame *frame)
{
	char reason[160];
	unsigned code = frame->length >= 2 ? frame->payload[0] << 8u | frame->payload[1] : 1005;
	int length = frame->length > 2 ? (int) frame->length - 2 : 0;

	snprintf(reason, sizeof reason, "closed by the server: %u %.*s", code, length,
			 (const char *) frame->payload + 2);
	lost_connection(client, reason);
}

static void
on_frame(Fleet *fleet, Client *client, const Frame *frame, uint64_t now)
{
	switch (frame->opcode)
	{
		case FRAME_TEXT:
		case FRAME_CONTINUATION:
			on_data(fleet, client, frame, now);
			break;
		case FRAME_PING:
			send_frame(fleet, client, FRAME_PONG, frame->payload, frame->length);
			break;
		case FRAME_PONG:
			break;
		case FRAME_CLOSE:
			on_close(client, frame);
			break;
		default:
			lost_connection(client, "the server sent a binary frame");
	}
}

/* Returns how many bytes of `data` were used up. */
static size_t
consume(Fleet *fleet, Client *client, uint8_t *data, size_t size, uint64_t now)
{
	size_t used = 0;
	size_t step;
	Frame frame;

	if (client->state == CLIENT_HANDSHAKE)
	{
		used = finish_handshake(fleet, client, data, size);
		if (used == 0)
			return 0;
	}
	for (;;)
	{
		switch (frame_parse(data + used, size - used, false, &frame, &step))
		{
			case FRAME_PARTIAL:
				return used;
			case FRAME_VIOLATION:
				lost_connection(client, "the server broke RFC 6455");
				break;
			case FRAME_COMPLETE:
				on_frame(fleet, client, &frame, now);
				used += step;
		}
	}
}

static void
on_readable(Fleet *fleet, Client *client)
{
	size_t kept = client->in.size;
	size_t size;
	size_t used;
	ssize_t got;

	got = recv(client->fd, scratch + kept, READ_SIZE, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		lost_connection(client, got == 0 ? "the server hung up" : strerror(errno));
	if (kept > 0)
		memcpy(scratch, client->in.data, kept);
	size = kept + (size_t) got;
	used = consume(fleet, client, scratch, size, now_ns());
	client->in.size = 0;
	if (used < size)
		bytes_append(&client->in, scratch + used, size - used);
}

/* ---- the fleet ---------------------------------------------------------- */

void
fleet_init(Fleet *fleet, const char *host, int port, Plan *plan)
{
	memset(fleet, 0, sizeof *fleet);
	fleet->host = host;
	fleet->port = port;
	fleet->n_clients = plan->n_members;
	fleet->clients = xcalloc(plan->n_members, sizeof *fleet->clients);
	for (size_t i = 0; i < plan->n_members; i++)
		fleet->clients[i].member = &plan->members[i];
	fleet->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (fleet->epoll_fd < 0)
		die("epoll_create1: %s", strerror(errno));
}

static void
open_next(Fleet *fleet)
{
	Client *client = &fleet->clients[fleet->n_opened++];

	client->fd = socket_connect(fleet->host, fleet->port);
	start_handshake(fleet, client);
	watch(fleet, client, EPOLL_CTL_ADD);
}

void
fleet_watch(Fleet *fleet, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	if (epoll_ctl(fleet->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl: %s", strerror(errno));
}

void
fleet_connect(Fleet *fleet, size_t wanted)
{
	uint64_t limit = now_ns() + CONNECT_LIMIT_S * NS_PER_S;

	while (fleet->n_ready < wanted)
	{
		while (fleet->n_opened < wanted && fleet->n_opened - fleet->n_ready < MAX_OPENING)
			open_next(fleet);
		fleet_turn(fleet, limit);
		if (now_ns() >= limit)
			die("only %zu of %zu connections were welcomed within %d s", fleet->n_ready, wanted,
				CONNECT_LIMIT_S);
	}
}

static void
on_event(Fleet *fleet, const struct epoll_event *event)
{
	Client *client = event->data.ptr;

	if (client == NULL)
	{
		fleet->on_foreign(fleet->context);
		return;
	}
	if (event->events & EPOLLOUT)
		on_writable(fleet, client);
	if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		on_readable(fleet, client);
}

void
fleet_turn(Fleet *fleet, uint64_t until)
{
	struct epoll_event events[MAX_EVENTS];
	uint64_t now = now_ns();
	uint64_t left = until > now ? until - now : 0;
	struct timespec timeout = {.tv_sec = (time_t) (left / NS_PER_S),
							   .tv_nsec = (long) (left % NS_PER_S)};
	int n = epoll_pwait2(fleet->epoll_fd, events, MAX_EVENTS, &timeout, NULL);

	if (n < 0 && errno != EINTR)
		die("epoll_pwait2: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		on_event(fleet, &events[i]);
}

void
fleet_close(Fleet *fleet)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};

	for (size_t i = 0; i < fleet->n_opened; i++)
	{
		Client *client = &fleet->clients[i];

		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(client->fd);
		free(client->in.data);
		free(client->out.data);
		free(client->fragment.data);
	}
	close(fleet->epoll_fd);
	free(fleet->clients);
}
