/*
 * entrance.c
 *	  What a new socket passes through before it speaks HTTP.
 *
 * Only a socket whose PROXY header is due becomes an Arrival; its memory goes in libuv's
 * close callback.  The header is looked at in the kernel's buffer and taken out when it is
 * whole, so that what follows it stays where TLS or HTTP will find it.
 */
#include "entrance.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "metrics.h"

#define HEADER_TIMEOUT_MS 5000
#define HEADER_BYTES 2048 /* version 2 could have 64 kB of extras; nobody sends them */

struct Entrance
{
	EntranceOptions options;
	ListNode arrivals;
};

typedef struct Arrival
{
	ListNode node;
	Entrance *entrance;
	int fd; /* -1: it has gone on */
	Address client;
	bool has_room;
	uv_poll_t poll;
	TimerEntry deadline;
} Arrival;

/* ---- behind the entrance ------------------------------------------------ */

static void
on_decrypted(void *arg, int fd, const Address *client)
{
	Entrance *entrance = arg;

	http_accept(entrance->options.http, fd, client, true);
}

static void
on_no_tls(void *arg, const Address *client)
{
	Entrance *entrance = arg;

	admission_leave(entrance->options.admission, client);
}

/* Whom there is no room for is not worth a TLS handshake. */
static void
go_on(Entrance *entrance, int fd, const Address *client, bool has_room)
{
	static const TlsHandlers handlers = {on_decrypted, on_no_tls};

	if (!entrance->options.tls)
		http_accept(entrance->options.http, fd, client, has_room);
	else if (has_room)
		tls_accept(entrance->options.tls, fd, client, &handlers, entrance);
	else
	{
		admission_leave(entrance->options.admission, client);
		close(fd);
	}
}

/* ---- the header of a proxy ---------------------------------------------- */

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
arrival_release(Arrival *arrival)
{
	timer_cancel(&arrival->deadline);
	list_remove(&arrival->node);
	uv_close((uv_handle_t *) &arrival->poll, on_closed);
}

static void
arrival_drop(Arrival *arrival)
{
	admission_leave(arrival->entrance->options.admission, &arrival->client);
	arrival_release(arrival);
	close(arrival->fd);
}

/* The socket is to wake us when there is more than this. */
static void
set_low_water(int fd, size_t bytes)
{
	int value = (int) bytes;

	(void) setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value));
}

static void
arrival_pass(Arrival *arrival, const uint8_t *header, size_t used, const Address *client)
{
	Entrance *entrance = arrival->entrance;
	Address before = arrival->client;
	bool has_room = arrival->has_room;
	uint8_t taken[HEADER_BYTES];
	int fd = arrival->fd;

	(void) header;
	if (recv(fd, taken, used, MSG_DONTWAIT) != (ssize_t) used)
	{
		arrival_drop(arrival);
		return;
	}
	set_low_water(fd, 1);
	if (!address_equal(&before, client))
		has_room &= admission_move(entrance->options.admission, &before, client);
	arrival_release(arrival);
	go_on(entrance, fd, client, has_room);
}

static void
on_readable(uv_poll_t *handle, int status, int events)
{
	Arrival *arrival = handle->data;
	uint8_t bytes[HEADER_BYTES];
	Address client = arrival->client;
	size_t used = 0;
	ssize_t got = recv(arrival->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	ProxyResult result = PROXY_REFUSED;

	(void) events;
	if (got < 0 && status == 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (status == 0 && got > 0)
		result = proxy_parse(bytes, (size_t) got, &used, &client);
	if (result == PROXY_INCOMPLETE && got == (ssize_t) sizeof(bytes))
		result = PROXY_REFUSED;
	if (result == PROXY_GOOD)
		arrival_pass(arrival, bytes, used, &client);
	else if (result == PROXY_INCOMPLETE)
		set_low_water(arrival->fd, (size_t) got + 1);
	else
	{
		metric_add(METRIC_REFUSED_PROXY, got > 0);
		arrival_drop(arrival);
	}
}

static void
on_deadline(TimerEntry *entry)
{
	metric_add(METRIC_TIMEOUT_ENTRANCE, 1);
	arrival_drop(container_of(entry, Arrival, deadline));
}

static void
await_header(Entrance *entrance, int fd, const Address *peer, bool has_room)
{
	Arrival *arrival = xcalloc(1, sizeof(*arrival));

	if (uv_poll_init(loop_uv(entrance->options.loop), &arrival->poll, fd) != 0)
	{
		admission_leave(entrance->options.admission, peer);
		close(fd);
		free(arrival);
		return;
	}
	arrival->entrance = entrance;
	arrival->fd = fd;
	arrival->client = *peer;
	arrival->has_room = has_room;
	arrival->poll.data = arrival;
	list_init(&arrival->node);
	list_push_back(&entrance->arrivals, &arrival->node);
	timer_init(&arrival->deadline, on_deadline);
	timer_arm(entrance->options.wheel, &arrival->deadline, HEADER_TIMEOUT_MS);
	uv_poll_start(&arrival->poll, UV_READABLE, on_readable);
}

/* ---- the whole ---------------------------------------------------------- */

void
entrance_take(Entrance *entrance, int fd, const Address *peer)
{
	const EntranceOptions *options = &entrance->options;
	Admitted admitted = admission_enter(options->admission, peer);

	if (admitted == ADMISSION_DENIED)
		close(fd);
	else if (options->proxy_protocol && address_list_has(options->trusted, peer))
		await_header(entrance, fd, peer, admitted != ADMISSION_FULL);
	else
		go_on(entrance, fd, peer, admitted == ADMISSION_GRANTED);
}

Entrance *
entrance_create(const EntranceOptions *options)
{
	Entrance *entrance = xcalloc(1, sizeof(*entrance));

	entrance->options = *options;
	list_init(&entrance->arrivals);
	return entrance;
}

void
entrance_free(Entrance *entrance)
{
	ListNode *node;

	while ((node = list_first(&entrance->arrivals)))
		arrival_drop(list_entry(node, Arrival, node));
	free(entrance);
}
