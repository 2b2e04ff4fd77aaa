/*
 * question.c
 *	  Statements of a request, each in a transaction that knows whose it is.
 */
#include "question.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "caller.h"
#include "pgproblem.h"

static const PgStatement authenticate = {"authenticate", "SELECT chat.authenticate($1)", 1};

static PgRequest *
run(const Request *request, const PgStatement *statement, const PgParam *params, PgDone done,
	void *arg)
{
	const Route *route = request->match.route;
	const RouteServices *services = &request->options->services;
	PgPool *pool = route->answer == ANSWER_GRANT ? services->login_pool : services->pool;
	Span agent = head_find(&request->head, "User-Agent");
	char *agent_text = xstrndup(agent.start, agent.length);
	PgParam token = {(const char *) request->token.data, request->token.length};
	Caller caller;
	PgCall calls[3] = {caller_call(&caller, &request->client, agent_text), {&authenticate, &token}};
	int count = route->login ? 2 : 1;
	PgRequest *question;

	calls[count++] = (PgCall){statement, params};
	question = pgpool_request(pool, calls, count, done, arg);
	free(agent_text);
	return question;
}

void
question_ask(Request *request, const PgStatement *statement, const PgParam *params, PgDone done)
{
	request->state = REQUEST_ASKING;
	request->question = run(request, statement, params, done, request);
}

static void
ignore(void *arg, const PgReply *reply)
{
	(void) arg;
	(void) reply;
}

void
question_ask_alone(const Request *request, const PgStatement *statement, const PgParam *params)
{
	(void) run(request, statement, params, ignore, NULL);
}

/* "retry_after_s=7" in the detail of who is throttled. */
static int64_t
retry_after_of(const PgReply *reply)
{
	static const char name[] = "retry_after_s=";
	const char *at = strstr(pgreply_detail(reply), name);
	int64_t seconds = 0;

	if (at && !parse_int64(at + strlen(name), strspn(at + strlen(name), "0123456789"), &seconds))
		seconds = 0;
	return seconds;
}

void
question_answer_failure(Request *request, const PgReply *reply)
{
	char *what = xasprintf("request %s, %s", request->name, request->match.route->statement.name);
	ProblemId id = pgproblem_of(reply, what, request->id);

	free(what);
	answer_problem(request, id, pgproblem_detail(reply, id), retry_after_of(reply));
}
