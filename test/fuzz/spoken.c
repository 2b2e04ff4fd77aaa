/*
 * spoken.c
 *	  The functions that frames.c calls.  Each looks at all it is given, for the sanitizer.
 */
#include "spoken.h"

#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "calls.h"
#include "frames.h"

static int outcomes;
static int64_t scope_now;
static volatile size_t seen;

static void
look_at(const char *text)
{
	seen += text ? strlen(text) : 0;
}

int
spoken_receive(const char *text, size_t length, int64_t scope)
{
	static const Frames frames;

	outcomes = 0;
	scope_now = scope;
	frames_receive(&frames, NULL, text, length);
	return outcomes;
}

void
session_problem(Session *session, ProblemId id, const char *request_id, const char *message)
{
	(void) session;
	if (id >= PROBLEM_COUNT || problem_get(id)->status >= 500)
		abort();
	look_at(request_id);
	look_at(message);
	outcomes++;
}

SessionState
session_state(const Session *session)
{
	(void) session;
	return SESSION_LIVE;
}

int64_t
session_scope(const Session *session)
{
	(void) session;
	return scope_now;
}

int64_t
session_account_id(const Session *session)
{
	(void) session;
	return 1;
}

void
session_authenticate(Session *session, const Credential *credential, const char *request_id)
{
	(void) session;
	look_at(credential->text);
	look_at(request_id);
	outcomes++;
}

/* This session is live, and only one that waits for its login keeps frames. */
void
session_defer(Session *session, const char *text, size_t length, bool is_call, SessionTake take,
			  const void *arg)
{
	(void) session;
	(void) text;
	(void) length;
	(void) is_call;
	(void) take;
	(void) arg;
	abort();
}

void
batcher_send(Batcher *batcher, Session *session, const BatcherSend *send)
{
	(void) batcher;
	(void) session;
	if (memchr(send->content, '\0', send->content_length) ||
		!utf8_is_valid(send->content, send->content_length) || send->conversation_id < 1 ||
		send->reply_to < 0)
		abort();
	look_at(send->id);
	outcomes++;
}

void
positions_report(Positions *positions, Session *session, PositionKind kind, int64_t conversation_id,
				 int64_t seq, const char *request_id)
{
	(void) positions;
	(void) session;
	if (kind >= POSITION_KINDS || conversation_id < 1 || seq < 1)
		abort();
	look_at(request_id);
	outcomes++;
}

/* As calls_run() reads it. */
void
calls_run(PgPool *pool, Quota *quota, Session *session, const Call *call)
{
	const Route *route = route_by_name(call->method);
	Arguments arguments = {0};
	Refusal refusal;

	(void) pool;
	(void) quota;
	(void) session;
	if (route && !arguments_read_object(route, call->params, scope_now, &arguments, &refusal) &&
		problem_get(refusal.id)->status >= 500)
		abort();
	arguments_free(&arguments);
	look_at(call->id);
	outcomes++;
}

void
typing_frame(Typing *typing, Session *session, const char *request_id, int64_t conversation_id,
			 bool is_typing)
{
	(void) typing;
	(void) session;
	(void) is_typing;
	if (conversation_id < 1)
		abort();
	look_at(request_id);
	outcomes++;
}

void
catchup_sync(Catchup *catchup, Session *session, const CatchupSync *sync)
{
	(void) catchup;
	(void) session;
	for (size_t i = 0; i < sync->count; i++)
		if (sync->cursors[i].conversation_id < 1 || sync->cursors[i].cursor.seq < 0 ||
			sync->cursors[i].cursor.ver < 0)
			abort();
	look_at(sync->id);
	outcomes++;
}

void
presence_active(Presence *presence, int64_t account_id)
{
	(void) presence;
	(void) account_id;
}
