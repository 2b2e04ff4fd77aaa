/*
 * util.c
 *	  Clock, death, memory and sockets for the load generator.
 */
#define _GNU_SOURCE
#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

void
die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

void *
xcalloc(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

void *
xrealloc(void *old, size_t size)
{
	void *memory = realloc(old, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * NS_PER_S + (uint64_t) now.tv_nsec;
}

static struct sockaddr_in
address_of(const char *host, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		die("\"%s\" is not an IPv4 address", host);
	return address;
}

static int
socket_open(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		die("cannot open a socket: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

int
socket_connect(const char *host, int port)
{
	struct sockaddr_in address = address_of(host, port);
	int fd = socket_open();

	if (connect(fd, (struct sockaddr *) &address, sizeof address) < 0 && errno != EINPROGRESS)
		die("cannot connect to %s:%d: %s", host, port, strerror(errno));
	return fd;
}

int
socket_listen(const char *host, int port)
{
	struct sockaddr_in address = address_of(host, port);
	int fd = socket_open();
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *) &address, sizeof address) < 0 || listen(fd, 4096) < 0)
		die("cannot listen on %s:%d: %s", host, port, strerror(errno));
	return fd;
}
