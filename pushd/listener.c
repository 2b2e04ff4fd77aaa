/*
 * listener.c
 *	  The listening socket.
 */
#include "listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#define FULL_PAUSE_MS 200 /* after the process ran out of file descriptors */
#define ACCEPTS_PER_TURN 64

struct Listener
{
	TimerWheel *wheel;
	ListenerAccept accept;
	void *arg;
	int fd;
	uv_poll_t poll;
	TimerEntry pause;
};

static void
on_connect(uv_poll_t *handle, int status, int events)
{
	Listener *listener = handle->data;

	(void) status;
	(void) events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++)
	{
		struct sockaddr_storage from = {0};
		struct sockaddr *name = (struct sockaddr *) &from;
		socklen_t size = sizeof(from);
		int fd = accept4(listener->fd, name, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
		{
			Address peer = address_of_socket(name);
			int on = 1;

			(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			listener->accept(listener->arg, fd, &peer);
		}
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		{
			log_warn("cannot accept: %s", strerror(errno));
			uv_poll_stop(&listener->poll);
			timer_arm(listener->wheel, &listener->pause, FULL_PAUSE_MS);
			return;
		}
		else if (errno == EAGAIN)
			return;
	}
}

static void
on_pause_over(TimerEntry *entry)
{
	Listener *listener = container_of(entry, Listener, pause);

	uv_poll_start(&listener->poll, UV_READABLE, on_connect);
}

static int
bind_socket(const struct addrinfo *address, bool reuse_port)
{
	int on = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		(!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
		bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
open_socket(const ListenerOptions *options, Buffer *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL;
	char *port = xasprintf("%lld", (long long) options->port);
	int error = getaddrinfo(options->address[0] ? options->address : NULL, port, &hints, &found);
	int fd = -1;

	if (error == 0)
		fd = bind_socket(found, options->reuse_port);
	if (fd < 0)
		buffer_printf(why, "cannot listen on %s port %s: %s", options->address, port,
					  error ? gai_strerror(error) : strerror(errno));
	if (found)
		freeaddrinfo(found);
	free(port);
	return fd;
}

Listener *
listener_open(Loop *loop, TimerWheel *wheel, const ListenerOptions *options, ListenerAccept accept,
			  void *arg, Buffer *why)
{
	int fd = open_socket(options, why);
	Listener *listener;

	if (fd < 0)
		return NULL;
	listener = xcalloc(1, sizeof(Listener));
	*listener = (Listener){.wheel = wheel, .accept = accept, .arg = arg, .fd = fd};
	timer_init(&listener->pause, on_pause_over);
	uv_poll_init(loop_uv(loop), &listener->poll, fd);
	listener->poll.data = listener;
	uv_poll_start(&listener->poll, UV_READABLE, on_connect);
	return listener;
}

int
listener_port(const Listener *listener)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(listener->fd, (struct sockaddr *) &address, &length) != 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *) (void *) &address)->sin6_port);
	return ntohs(((struct sockaddr_in *) (void *) &address)->sin_port);
}

static void
on_listener_closed(uv_handle_t *handle)
{
	Listener *listener = handle->data;

	close(listener->fd);
	free(listener);
}

void
listener_close(Listener *listener)
{
	timer_cancel(&listener->pause);
	uv_close((uv_handle_t *) &listener->poll, on_listener_closed);
}
