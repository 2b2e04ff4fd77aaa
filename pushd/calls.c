/*
 * calls.c
 *	  What REST can do, by a `call` frame.
 */
#include "calls.h"

#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "caller.h"
#include "pgproblem.h"

static const PgStatement act = {"gateway_act", "SELECT chat.gateway_act($1, $2)", 2};

/* A call that the database is carrying out. */
typedef struct Running
{
	Session *session;
	const Route *route;
	bool has_id;
	char id[];
} Running;

static const char *
running_id(const Running *running)
{
	return running->has_id ? running->id : NULL;
}

/* Newlines separate the objects of a frame; PostgreSQL sets some between values. */
static void
append_line(Buffer *to, const char *json, size_t length)
{
	size_t start = to->length;
	uint8_t *at;

	buffer_append(to, json, length);
	while ((at = memchr(to->data + start, '\n', to->length - start)))
		*at = ' ';
}

static void
answer_result(const Running *running, const PgReply *reply)
{
	bool has_value = route_answers_json(running->route) && !pgreply_is_null(reply, 0, 0);
	Buffer text = BUFFER_EMPTY;

	buffer_append_string(&text, "{\"type\":\"result\",\"id\":");
	buffer_append_json_or_null(&text, running_id(running));
	buffer_append_string(&text, ",\"result\":");
	if (has_value)
		append_line(&text, pgreply_value(reply, 0, 0), pgreply_length(reply, 0, 0));
	else
		buffer_append_string(&text, "null");
	buffer_append_char(&text, '}');
	session_call_answer(running->session, &text);
	buffer_free(&text);
}

static void
on_answer(void *arg, const PgReply *reply)
{
	Running *running = arg;

	if (pgreply_ok(reply))
		answer_result(running, reply);
	else
	{
		ProblemId id =
			pgproblem_of(reply, running->route->statement.name, session_id(running->session));

		session_problem(running->session, id, running_id(running), pgproblem_detail(reply, id));
		session_call_end(running->session);
	}
	free(running);
}

static void
start(PgPool *pool, Session *session, const char *id, const Route *route,
	  const Arguments *arguments)
{
	size_t size = id ? strlen(id) + 1 : 0;
	Running *running = xmalloc(sizeof(Running) + size);
	char account[PGPARAM_DIGITS];
	char login[PGPARAM_DIGITS];
	PgParam params[] = {pgparam_int64(account, session_account_id(session)),
						pgparam_int64(login, session_login_id(session))};
	Caller caller;
	PgCall calls[] = {caller_call(&caller, session_client(session), NULL),
					  {&act, params},
					  {&route->statement, arguments->params}};

	*running = (Running){.session = session, .route = route, .has_id = id != NULL};
	if (id)
		memcpy(running->id, id, size);
	session_call_begin(session);
	(void) pgpool_request(pool, calls, lengthof(calls), on_answer, running);
}

static bool
has_quota(Quota *quota, const Route *route, const Session *session)
{
	int64_t account_id = session_account_id(session);
	uint64_t caller = quota_caller(quota, &account_id, sizeof(account_id));

	return quota_take(quota, route->rate, caller, clock_ms()).retry_after_s == 0;
}

void
calls_run(PgPool *pool, Quota *quota, Session *session, const Call *call)
{
	const Route *route = route_by_name(call->method);
	Arguments arguments;
	Refusal refusal;

	if (!route)
	{
		session_problem(session, PROBLEM_UNKNOWN_METHOD, call->id,
						problem_get(PROBLEM_UNKNOWN_METHOD)->title);
		return;
	}
	if (!has_quota(quota, route, session))
	{
		session_problem(session, PROBLEM_THROTTLED, call->id,
						problem_get(PROBLEM_THROTTLED)->title);
		return;
	}
	if (arguments_read_object(route, call->params, session_scope(session), &arguments, &refusal))
		start(pool, session, call->id, route, &arguments);
	else
		session_problem(session, refusal.id, call->id, refusal.detail);
	arguments_free(&arguments);
}
