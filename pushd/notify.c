/*
 * notify.c
 *	  Tells the service manager how it goes.
 */
#include "notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct Notify
{
	TimerWheel *wheel;
	int fd; /* -1: nobody wants to know */
	struct sockaddr_un address;
	socklen_t address_length;
	int64_t watchdog_ms; /* 0: none */
	TimerEntry watchdog;
};

static void
send_state(const Notify *notify, const char *state)
{
	if (notify->fd >= 0)
		(void) sendto(notify->fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
					  (const struct sockaddr *) &notify->address, notify->address_length);
}

static void
on_watchdog(TimerEntry *entry)
{
	Notify *notify = container_of(entry, Notify, watchdog);

	send_state(notify, "WATCHDOG=1");
	timer_arm(notify->wheel, entry, notify->watchdog_ms);
}

/* A path, or an abstract name that begins with @. */
static void
open_socket(Notify *notify, const char *name)
{
	size_t length = name ? strlen(name) : 0;

	if (length < 2 || length >= sizeof(notify->address.sun_path) ||
		(name[0] != '/' && name[0] != '@'))
		return;
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, name, length);
	if (name[0] == '@')
		notify->address.sun_path[0] = '\0';
	notify->address_length = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length);
}

/* Of this process, and not of one that left us its environment. */
static void
start_watchdog(Notify *notify)
{
	const char *text = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t value;

	if (pid && (!parse_int64(pid, strlen(pid), &value) || value != getpid()))
		return;
	if (!text || notify->fd < 0 || !parse_int64(text, strlen(text), &value) || value < 1000)
		return;
	notify->watchdog_ms = value / 2000;
	timer_arm(notify->wheel, &notify->watchdog, notify->watchdog_ms);
}

Notify *
notify_create(TimerWheel *wheel)
{
	Notify *notify = xcalloc(1, sizeof(*notify));

	notify->wheel = wheel;
	notify->fd = -1;
	timer_init(&notify->watchdog, on_watchdog);
	open_socket(notify, getenv("NOTIFY_SOCKET"));
	start_watchdog(notify);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return notify;
}

void
notify_free(Notify *notify)
{
	timer_cancel(&notify->watchdog);
	if (notify->fd >= 0)
		close(notify->fd);
	free(notify);
}

void
notify_ready(const Notify *notify)
{
	send_state(notify, "READY=1");
}

void
notify_reloading(const Notify *notify)
{
	char text[80];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long) clock_us());
	send_state(notify, text);
}

void
notify_stopping(const Notify *notify)
{
	send_state(notify, "STOPPING=1");
}

void
notify_status(const Notify *notify, const char *status)
{
	char text[80];

	snprintf(text, sizeof(text), "STATUS=%s", status);
	send_state(notify, text);
}
