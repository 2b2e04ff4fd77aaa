/*
 * sessions.c
 *	  All WebSocket clients of the process: how they come to be, and what is done to them
 *	  all.
 */
#include "sessions.h"

#include <stdlib.h>

struct Sessions
{
	SessionHost host;
	TimerEntry drain;
	int64_t drain_ms;
};

/* ---- drain -------------------------------------------------------------- */

/* At a time of its own, so that not all come back at once. */
static void
begin_leaving(Session *session, void *arg)
{
	const Sessions *sessions = arg;

	session_leave_in(session, (int64_t) (random_u64() % (uint64_t) (sessions->drain_ms + 1)));
}

static void
leave_when_due(Session *session, void *arg)
{
	session_leave_when_due(session, *(const int64_t *) arg);
}

static void
on_drain(TimerEntry *entry)
{
	Sessions *sessions = container_of(entry, Sessions, drain);
	int64_t now_ms = clock_ms();

	session_each(&sessions->host, leave_when_due, &now_ms);
	timer_arm(sessions->host.options.wheel, entry, TIMERWHEEL_TICK_MS);
}

void
sessions_drain(Sessions *sessions, int64_t over_ms)
{
	sessions->drain_ms = over_ms;
	session_each(&sessions->host, begin_leaving, sessions);
	timer_arm(sessions->host.options.wheel, &sessions->drain, TIMERWHEEL_TICK_MS);
}

/* ---- feed --------------------------------------------------------------- */

static void
go_on(Session *session, void *arg)
{
	(void) arg;
	session_go_on(session);
}

void
sessions_set_feed(Sessions *sessions, bool streaming)
{
	sessions->host.streaming = streaming;
	if (streaming)
		session_each(&sessions->host, go_on, NULL);
}

void
sessions_cork(Sessions *sessions)
{
	outlets_cork(&sessions->host.outlets);
}

void
sessions_uncork(Sessions *sessions)
{
	outlets_uncork(&sessions->host.outlets);
}

/* ---- the whole ---------------------------------------------------------- */

static void
follow_limits(Session *session, void *arg)
{
	(void) arg;
	session_follow_limits(session);
}

Session *
sessions_open(Sessions *sessions, const SessionTransport *transport, void *socket, int64_t scope)
{
	return session_open(&sessions->host, transport, socket, scope);
}

void
sessions_set_limits(Sessions *sessions, const SessionLimits *limits)
{
	SessionLimits before = sessions->host.options.limits;

	sessions->host.options.limits = *limits;
	if (limits->heartbeat_ms != before.heartbeat_ms ||
		limits->expiry_notice_ms != before.expiry_notice_ms)
		session_each(&sessions->host, follow_limits, NULL);
}

size_t
sessions_count(const Sessions *sessions)
{
	return sessions->host.count;
}

Sessions *
sessions_create(const SessionsOptions *options)
{
	Sessions *sessions = xcalloc(1, sizeof(Sessions));

	sessions->host =
		(SessionHost){.options = *options,
					  .login = {.pool = options->pool,
								.tokens = login_tokens_create(options->loop, options->pool),
								.hub = options->hub,
								.handlers = &session_login_handlers}};
	outlets_init(&sessions->host.outlets);
	list_init(&sessions->host.sessions);
	timer_init(&sessions->drain, on_drain);
	return sessions;
}

void
sessions_free(Sessions *sessions)
{
	timer_cancel(&sessions->drain);
	outlets_release(&sessions->host.outlets);
	tokens_free(sessions->host.login.tokens);
	free(sessions);
}
