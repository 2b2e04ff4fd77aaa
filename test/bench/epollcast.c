/*
 * epollcast.c
 *	  The baseline for fan-out: a bare epoll loop that builds each frame once and does
 *	  one send() per delivery.
 *
 * It speaks just enough chat.v1 for chatload: handshake, `auth` (the token is the
 * number of a conversation, which it joins), `message` to `ack` and event.  It checks
 * and stores nothing; the events have the fields and size of the real ones.  Nothing
 * that keeps "one frame, one system call per receiver" goes much faster.
 *
 * A connection owns one input buffer; both are freed when it closes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "json.h"
#include "util.h"

#define MAX_ROOMS 8192
#define MAX_EVENTS 512
#define INPUT_SIZE 8192

typedef struct Room Room;

typedef struct Connection
{
	int fd;
	bool upgraded;
	Room *room;
	size_t size;
	uint8_t input[INPUT_SIZE];
} Connection;

struct Room
{
	int64_t seq;
	Connection **members;
	size_t n_members;
};

static Room rooms[MAX_ROOMS];
static int epoll_fd;

/* A receiver that is slow stops everybody: that is the bare loop's way. */
static bool
send_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0)
	{
		ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
		else if (sent < 0)
			return false;
		else
		{
			at += sent;
			size -= (size_t) sent;
		}
	}
	return true;
}

static bool
send_text(Connection *connection, const char *text, int length)
{
	uint8_t frame[FRAME_MAX_HEADER + INPUT_SIZE * 2];
	size_t header = frame_put_header(frame, FRAME_TEXT, (size_t) length, NULL);

	memcpy(frame + header, text, (size_t) length);
	return send_all(connection->fd, frame, header + (size_t) length);
}

static void
leave(Connection *connection)
{
	Room *room = connection->room;

	for (size_t i = 0; room != NULL && i < room->n_members; i++)
		if (room->members[i] == connection)
		{
			room->members[i] = room->members[--room->n_members];
			break;
		}
	/* Numbers begin at 1 again for the next run. */
	if (room != NULL && room->n_members == 0)
		room->seq = 0;
	close(connection->fd);
	free(connection);
}

static bool
join(Connection *connection, const char *token)
{
	static const char welcome[] = "{\"type\":\"welcome\"}";
	long number = strtol(token, NULL, 10);
	Room *room;

	if (number < 0 || number >= MAX_ROOMS)
		return false;
	room = connection->room = &rooms[number];
	if ((room->n_members & (room->n_members - 1)) == 0)
		room->members = xrealloc(room->members, (room->n_members + 1) * 2 * sizeof *room->members);
	room->members[room->n_members++] = connection;
	return send_text(connection, welcome, (int) sizeof welcome - 1);
}

static bool
publish(Connection *connection, const char *text, size_t length)
{
	static const char when[] = "2026-01-01T00:00:00.000000+00:00";
	Room *room = connection->room;
	int64_t room_id = room - rooms;
	char out[INPUT_SIZE * 2];
	uint8_t frame[FRAME_MAX_HEADER + sizeof out];
	size_t id_length = 0;
	size_t content_length = 0;
	const char *id = json_string(text, length, "id", &id_length);
	const char *content = json_string(text, length, "content", &content_length);
	size_t header;
	int size;

	size = snprintf(out, sizeof out,
					"{\"type\":\"ack\",\"id\":\"%.*s\",\"conversation_id\":%" PRId64
					",\"seq\":%" PRId64 ",\"created_at\":\"%s\"}",
					(int) id_length, id, room_id, ++room->seq, when);
	if (!send_text(connection, out, size))
		return false;
	size = snprintf(out, sizeof out,
					"{\"type\":\"message\",\"conversation_id\":%" PRId64 ",\"seq\":%" PRId64
					",\"sender_id\":%" PRId64 ",\"sender\":\"bench1\",\"content\":\"%.*s\","
					"\"client_id\":\"%.*s\",\"reply_to\":null,\"created_at\":\"%s\","
					"\"edited_at\":null,\"deleted\":false,\"reactions\":[]}",
					room_id, room->seq, room_id, (int) content_length, content, (int) id_length, id,
					when);
	header = frame_put_header(frame, FRAME_TEXT, (size_t) size, NULL);
	memcpy(frame + header, out, (size_t) size);
	for (size_t i = 0; i < room->n_members; i++)
		if (!send_all(room->members[i]->fd, frame, header + (size_t) size))
			shutdown(room->members[i]->fd, SHUT_RDWR);
	return true;
}

/* Returns how many bytes the request took, 0 when it is not all there, -1 when it is none. */
static ssize_t
upgrade(Connection *connection)
{
	static const char key_name[] = "Sec-WebSocket-Key: ";
	char accept[FRAME_ACCEPT_SIZE];
	char answer[256];
	char *end = memmem(connection->input, connection->size, "\r\n\r\n", 4);
	char *key = memmem(connection->input, connection->size, key_name, sizeof key_name - 1);
	int length;

	if (end == NULL)
		return 0;
	if (key == NULL)
		return -1;
	key += sizeof key_name - 1;
	*strchr(key, '\r') = '\0';
	frame_accept_key(key, accept);
	length = snprintf(answer, sizeof answer,
					  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
					  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
					  "Sec-WebSocket-Protocol: chat.v1\r\n\r\n",
					  accept);
	connection->upgraded = true;
	return send_all(connection->fd, answer, (size_t) length) ? end + 4 - (char *) connection->input
															 : -1;
}

static bool
on_frame(Connection *connection, const Frame *frame)
{
	const char *text = (const char *) frame->payload;
	size_t length;
	const char *token;

	if (frame->opcode != FRAME_TEXT)
		return false;
	if (connection->room != NULL)
		return publish(connection, text, frame->length);
	token = json_string(text, frame->length, "token", &length);
	return token != NULL && join(connection, token);
}

/* False when the connection is to be closed. */
static bool
consume(Connection *connection)
{
	size_t used = 0;
	size_t step;
	Frame frame;
	FrameResult result;

	if (!connection->upgraded)
	{
		ssize_t taken = upgrade(connection);

		if (taken <= 0)
			return taken == 0 && connection->size < INPUT_SIZE;
		used = (size_t) taken;
	}
	while ((result = frame_parse(connection->input + used, connection->size - used, true, &frame,
								 &step)) == FRAME_COMPLETE)
	{
		if (!on_frame(connection, &frame))
			return false;
		used += step;
	}
	connection->size -= used;
	memmove(connection->input, connection->input + used, connection->size);
	return result == FRAME_PARTIAL && connection->size < INPUT_SIZE;
}

static void
on_readable(Connection *connection)
{
	ssize_t got = recv(connection->fd, connection->input + connection->size,
					   INPUT_SIZE - connection->size, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0)
	{
		connection->size += (size_t) got;
		if (consume(connection))
			return;
	}
	leave(connection);
}

static void
accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
	{
		Connection *connection = xcalloc(1, sizeof *connection);
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

		connection->fd = fd;
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
			die("epoll_ctl: %s", strerror(errno));
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event events[MAX_EVENTS];
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	int listener;

	if (argc != 2)
		die("Usage: epollcast PORT");
	listener = socket_listen("127.0.0.1", atoi(argv[1]));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0)
		die("epoll: %s", strerror(errno));
	for (;;)
	{
		int n = epoll_wait(epoll_fd, events, MAX_EVENTS, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.ptr == NULL)
				accept_all(listener);
			else
				on_readable(events[i].data.ptr);
	}
}
