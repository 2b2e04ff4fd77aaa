/*
 * pgpool.c
 *	  Requests on a few pipelined connections.
 *
 * The pool owns its connections and all requests.  A request is in exactly one list:
 * the pool's `waiting` or `refused`, or the `in_flight` of one connection; it is freed
 * after its `done`, its parameters wiped.  What happened to a request is decided
 * only by the answer to its Sync: before that, a lost connection leaves it unknown.
 */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "pgconn.h"
#include "pgpool.h"

/* More would only queue behind a slow request of the same connection. */
#define PIPELINE_DEPTH 16

/* Patience beyond what the server's own timeout allows a whole request. */
#define STALL_GRACE_MS 5000

#define SQLSTATE_OK "00000"
#define SQLSTATE_UNAVAILABLE "57P03"
#define SQLSTATE_UNKNOWN "08007"
#define SQLSTATE_NUL_CHARACTER "22021"

typedef struct PoolConn PoolConn;

struct PgReply
{
	PgOutcome outcome;
	const PGresult *result; /* PG_OK and PG_ERROR of the server, else NULL */
	const char *sqlstate;	/* when there is no result */
	const char *message;
};

typedef struct RequestCall
{
	const PgStatement *statement;
	const char *values[PGPOOL_MAX_PARAMS];
	unsigned serial; /* of the prepared statement that was used */
	bool prepares;	 /* sends a Parse before */
} RequestCall;

struct PgRequest
{
	ListNode node;
	PgPool *pool;
	PgDone done; /* NULL: cancelled */
	void *arg;
	int64_t asked_us;
	const PgReply *refusal; /* in `refused`: why */
	PGresult *result;		/* of the last call, or the first error */
	bool is_waiting;		/* in `waiting` */
	bool repeated;
	bool failed;	/* `result` is an error of the server */
	bool preparing; /* the answer to the Parse of call `answered` is due */
	int answered;	/* calls whose results are complete */
	int ncalls;
	RequestCall calls[PGPOOL_MAX_CALLS];
	size_t text_size;
	char text[]; /* the parameters, each terminated */
};

struct PoolConn
{
	PgPool *pool;
	PgConn *conn;
	ListNode in_flight; /* oldest first, as the answers come */
	int depth;
	Map prepared;	 /* PgStatement → serial of the server's statement */
	unsigned serial; /* last one used; a name is never used twice */
	int64_t progress_ms;
	TimerEntry stall;
};

struct PgPool
{
	Loop *loop;
	TimerWheel *wheel;
	PgPoolOptions options;
	ListNode waiting; /* oldest first */
	int nwaiting;
	ListNode refused; /* to be answered from the loop */
	TimerEntry patience;
	LoopTask dispatch;
	LoopTask release;
	bool closed;
	int up;
	PoolConn conns[];
};

static const PgReply reply_queue_full = {PG_UNAVAILABLE, NULL, SQLSTATE_UNAVAILABLE,
										 "too many requests wait for the database"};
static const PgReply reply_waited = {PG_UNAVAILABLE, NULL, SQLSTATE_UNAVAILABLE,
									 "no database connection was free in time"};
static const PgReply reply_closing = {PG_UNAVAILABLE, NULL, SQLSTATE_UNAVAILABLE,
									  "the server is shutting down"};
static const PgReply reply_lost = {PG_UNKNOWN, NULL, SQLSTATE_UNKNOWN,
								   "the database connection was lost before the answer"};
static const PgReply reply_nul = {PG_ERROR, NULL, SQLSTATE_NUL_CHARACTER,
								  "a text holds the character U+0000"};

/* ---- requests ----------------------------------------------------------- */

static size_t
text_size(const PgCall *calls, int ncalls)
{
	size_t size = 0;

	for (int i = 0; i < ncalls; i++)
	{
		for (int p = 0; p < calls[i].statement->nparams; p++)
			size += calls[i].params[p].value ? calls[i].params[p].length + 1 : 0;
	}
	return size;
}

/* libpq's text parameters end at a NUL: false when one holds another. */
static bool
copy_call(RequestCall *to, const PgCall *call, char **text)
{
	to->statement = call->statement;
	for (int p = 0; p < call->statement->nparams; p++)
	{
		const PgParam *param = &call->params[p];

		if (!param->value)
			continue;
		if (memchr(param->value, '\0', param->length))
			return false;
		memcpy(*text, param->value, param->length);
		(*text)[param->length] = '\0';
		to->values[p] = *text;
		*text += param->length + 1;
	}
	return true;
}

/* A caller's tables are wrong: that is no run-time condition. */
static void
check_calls(const PgCall *calls, int ncalls)
{
	bool good = ncalls >= 1 && ncalls <= PGPOOL_MAX_CALLS;

	for (int i = 0; good && i < ncalls; i++)
		good = calls[i].statement->nparams <= PGPOOL_MAX_PARAMS;
	if (good)
		return;
	log_error("pool: a request has too many statements or parameters");
	abort();
}

static PgRequest *
make_request(PgPool *pool, const PgCall *calls, int ncalls, PgDone done, void *arg)
{
	size_t size;
	PgRequest *request;
	char *text;

	check_calls(calls, ncalls);
	size = text_size(calls, ncalls);
	request = xcalloc(1, sizeof(*request) + size);
	text = request->text;

	list_init(&request->node);
	request->pool = pool;
	request->done = done;
	request->arg = arg;
	request->asked_us = clock_us();
	request->ncalls = ncalls;
	request->text_size = size;
	for (int i = 0; i < ncalls; i++)
	{
		if (!copy_call(&request->calls[i], &calls[i], &text))
			request->refusal = &reply_nul;
	}
	return request;
}

static void
free_request(PgRequest *request)
{
	list_remove(&request->node);
	PQclear(request->result);
	secure_zero(request->text, request->text_size);
	free(request);
}

static void
count_outcome(const PgRequest *request, PgOutcome outcome)
{
	static const MetricId counters[] = {
		[PG_OK] = METRIC_POOL_OK,
		[PG_ERROR] = METRIC_POOL_ERROR,
		[PG_UNAVAILABLE] = METRIC_POOL_UNAVAILABLE,
		[PG_UNKNOWN] = METRIC_POOL_UNKNOWN,
	};

	metric_add(counters[outcome], 1);
	metric_observe_us(METRIC_POOL_LATENCY, clock_us() - request->asked_us);
}

/* Takes the request out of its list, calls `done`, frees it. */
static void
answer(PgRequest *request, const PgReply *reply)
{
	list_remove(&request->node);
	count_outcome(request, reply->outcome);
	if (request->done)
		request->done(request->arg, reply);
	free_request(request);
}

/* Not those that the answers make: a caller that asks again at once waits a turn. */
static void
answer_refused(PgPool *pool)
{
	ListNode batch;
	ListNode *node;

	list_init(&batch);
	list_splice_back(&batch, &pool->refused);
	while ((node = list_pop_front(&batch)))
	{
		PgRequest *request = list_entry(node, PgRequest, node);

		answer(request, request->refusal);
	}
}

/* ---- the waiting queue -------------------------------------------------- */

static void
count_waiting(PgPool *pool, int delta)
{
	pool->nwaiting += delta;
	metric_add(METRIC_POOL_WAITING, delta);
}

/* `where` is the head or the last element of the queue. */
static void
add_waiting(PgPool *pool, ListNode *where, PgRequest *request)
{
	list_insert_after(where, &request->node);
	request->is_waiting = true;
	count_waiting(pool, 1);
}

static void
remove_waiting(PgPool *pool, PgRequest *request)
{
	list_remove(&request->node);
	request->is_waiting = false;
	count_waiting(pool, -1);
}

/* Of a queue that is not empty. */
static PgRequest *
take_waiting(PgPool *pool)
{
	PgRequest *request = list_entry(list_first(&pool->waiting), PgRequest, node);

	remove_waiting(pool, request);
	metric_observe_us(METRIC_POOL_WAIT, clock_us() - request->asked_us);
	return request;
}

static int64_t
patience_left_ms(const PgPool *pool, const PgRequest *request)
{
	return pool->options.wait_ms - (clock_us() - request->asked_us) / 1000;
}

/* The oldest waits longest, so one timer does for all. */
static void
watch_patience(PgPool *pool)
{
	ListNode *first = list_first(&pool->waiting);

	if (!first)
		timer_cancel(&pool->patience);
	else if (!timer_is_armed(&pool->patience))
		timer_arm(pool->wheel, &pool->patience,
				  patience_left_ms(pool, list_entry(first, PgRequest, node)));
}

static void
refuse(PgPool *pool, PgRequest *request, const PgReply *reply)
{
	request->refusal = reply;
	list_push_back(&pool->refused, &request->node);
	loop_task_post(pool->loop, &pool->dispatch);
}

static void
handle_patience(TimerEntry *timer)
{
	PgPool *pool = container_of(timer, PgPool, patience);
	ListNode *first;

	while ((first = list_first(&pool->waiting)) &&
		   patience_left_ms(pool, list_entry(first, PgRequest, node)) <= 0)
		refuse(pool, take_waiting(pool), &reply_waited);
	watch_patience(pool);
}

/* ---- prepared statements ------------------------------------------------ */

/*
 * Every Parse gets a name of its own, so a statement that turned out to be missing or
 * stale is simply prepared again, and what an older Parse came to no longer matters.
 */
static int64_t
statement_key(const PgStatement *statement)
{
	return (int64_t) (intptr_t) statement;
}

static unsigned
find_prepared(const PoolConn *conn, const PgStatement *statement)
{
	return (unsigned) (uintptr_t) map_get(&conn->prepared, statement_key(statement));
}

/* Only if no newer one has taken its place. */
static void
forget_prepared(PoolConn *conn, const RequestCall *call)
{
	if (find_prepared(conn, call->statement) == call->serial)
		map_remove(&conn->prepared, statement_key(call->statement));
}

static void
choose_prepared(PoolConn *conn, RequestCall *call)
{
	call->serial = find_prepared(conn, call->statement);
	call->prepares = call->serial == 0;
	if (!call->prepares)
		return;
	call->serial = ++conn->serial;
	map_put(&conn->prepared, statement_key(call->statement), (void *) (uintptr_t) call->serial);
}

/* ---- sending ------------------------------------------------------------ */

static bool
send_call(PoolConn *conn, PGconn *pq, RequestCall *call)
{
	const PgStatement *statement = call->statement;
	char name[64]; /* NAMEDATALEN of a stock server */

	choose_prepared(conn, call);
	snprintf(name, sizeof(name), "%.40s_%u", statement->name, call->serial);
	if (call->prepares && !PQsendPrepare(pq, name, statement->sql, 0, NULL))
		return false;
	return PQsendQueryPrepared(pq, name, statement->nparams, call->values, NULL, NULL, 0);
}

static void
push_in_flight(PoolConn *conn, PgRequest *request)
{
	PgPool *pool = conn->pool;

	list_push_back(&conn->in_flight, &request->node);
	metric_add(METRIC_POOL_IN_FLIGHT, 1);
	if (conn->depth++ > 0)
		return;
	conn->progress_ms = clock_ms();
	timer_arm(pool->wheel, &conn->stall,
			  pool->options.statement_timeout_ms * PGPOOL_MAX_CALLS + STALL_GRACE_MS);
}

static void
pop_in_flight(PoolConn *conn, PgRequest *request)
{
	list_remove(&request->node);
	metric_add(METRIC_POOL_IN_FLIGHT, -1);
	if (--conn->depth == 0)
		timer_cancel(&conn->stall);
}

/* A failure takes the connection down, and the request with it: it is in flight. */
static void
send_request(PoolConn *conn, PgRequest *request)
{
	PGconn *pq = pgconn_pq(conn->conn);
	bool sent = true;

	push_in_flight(conn, request);
	request->answered = 0;
	for (int i = 0; sent && i < request->ncalls; i++)
		sent = send_call(conn, pq, &request->calls[i]);
	request->preparing = request->calls[0].prepares;
	if (sent && PQpipelineSync(pq))
		pgconn_flush(conn->conn);
	else
		pgconn_fail(conn->conn, PQerrorMessage(pq));
}

/* NULL when none is up or all are full. */
static PoolConn *
least_loaded(PgPool *pool)
{
	PoolConn *best = NULL;

	for (int i = 0; i < pool->options.size; i++)
	{
		PoolConn *conn = &pool->conns[i];

		if (pgconn_is_up(conn->conn) && conn->depth < PIPELINE_DEPTH &&
			(!best || conn->depth < best->depth))
			best = conn;
	}
	return best;
}

static void
dispatch_waiting(PgPool *pool)
{
	PoolConn *conn;

	while (!list_is_empty(&pool->waiting) && (conn = least_loaded(pool)))
		send_request(conn, take_waiting(pool));
	if (!pool->closed)
		watch_patience(pool);
}

static void
run_dispatch(LoopTask *task)
{
	PgPool *pool = container_of(task, PgPool, dispatch);

	answer_refused(pool);
	dispatch_waiting(pool);
}

/* ---- answers ------------------------------------------------------------ */

static bool
is_error(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

static const char *
error_field(const PGresult *result, int field)
{
	const char *text = PQresultErrorField(result, field);

	return text ? text : "";
}

/* FATAL, PANIC and errors of libpq itself speak about the connection, not the request. */
static bool
ends_connection(const PGresult *result)
{
	const char *severity = error_field(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return is_error(result) && strcmp(severity, "ERROR") != 0;
}

/* The server's statement is not there any more, or its result type has changed. */
static bool
is_stale_statement(const PGresult *result)
{
	const char *sqlstate = error_field(result, PG_DIAG_SQLSTATE);

	if (strcmp(sqlstate, "26000") == 0)
		return true;
	return strcmp(sqlstate, "0A000") == 0 &&
		   strcmp(error_field(result, PG_DIAG_SOURCE_FUNCTION), "RevalidateCachedQuery") == 0;
}

static bool
is_success(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

/* One result of the oldest request; takes it over. */
static void
keep_result(PoolConn *conn, PgRequest *request, PGresult *result)
{
	bool failed = is_error(result);
	bool wanted = failed || (is_success(result) && !request->preparing);

	if (request->preparing && !is_success(result))
		forget_prepared(conn, &request->calls[request->answered]);
	if (request->failed || !wanted)
	{
		PQclear(result);
		return;
	}
	PQclear(request->result);
	request->result = result;
	request->failed = failed;
}

/* The results of one Parse or Execute are complete. */
static void
end_of_command(PgRequest *request)
{
	if (request->preparing)
		request->preparing = false;
	else if (request->answered < request->ncalls - 1)
		request->preparing = request->calls[++request->answered].prepares;
}

/* Nothing of the request took effect, so it may run once more. */
static bool
repeat_request(PoolConn *conn, PgRequest *request)
{
	PgPool *pool = conn->pool;

	if (!request->failed || request->repeated || !is_stale_statement(request->result))
		return false;
	/* Where one was lost, the others may be too. */
	for (int i = 0; i < request->ncalls; i++)
		forget_prepared(conn, &request->calls[i]);
	PQclear(request->result);
	request->result = NULL;
	request->failed = false;
	request->repeated = true;
	add_waiting(pool, &pool->waiting, request);
	metric_add(METRIC_POOL_REPEATED, 1);
	return true;
}

/* The Sync is answered: the request is over. */
static void
finish_request(PoolConn *conn, PgRequest *request)
{
	PgReply reply = {PG_OK, request->result, SQLSTATE_OK, ""};

	if (request->failed)
		reply.outcome = PG_ERROR;
	pop_in_flight(conn, request);
	pgconn_settled(conn->conn);
	if (!repeat_request(conn, request))
		answer(request, &reply);
	if (!list_is_empty(&conn->pool->waiting))
		loop_task_post(conn->pool->loop, &conn->pool->dispatch);
}

static void
take_result(PoolConn *conn, PgRequest *request, PGresult *result)
{
	if (!result)
		end_of_command(request);
	else if (ends_connection(result))
	{
		pgconn_fail(conn->conn, PQresultErrorMessage(result));
		PQclear(result);
	}
	else if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
		keep_result(conn, request, result);
	else
	{
		PQclear(result);
		finish_request(conn, request);
	}
}

static void
handle_input(void *arg, PGconn *pq)
{
	PoolConn *conn = arg;
	ListNode *first;

	conn->progress_ms = clock_ms();
	/* A result may end the connection, `done` may close the pool. */
	while (pgconn_pq(conn->conn) == pq && (first = list_first(&conn->in_flight)) && !PQisBusy(pq))
		take_result(conn, list_entry(first, PgRequest, node), PQgetResult(pq));
}

/* ---- connections -------------------------------------------------------- */

static void
count_up(PgPool *pool, int delta)
{
	pool->up += delta;
	metric_add(METRIC_POOL_CONNECTIONS, delta);
}

static void
handle_up(void *arg, PGconn *pq)
{
	PoolConn *conn = arg;

	if (!PQenterPipelineMode(pq))
	{
		pgconn_fail(conn->conn, PQerrorMessage(pq));
		return;
	}
	count_up(conn->pool, 1);
	metric_add(METRIC_POOL_CONNECTS, 1);
	if (conn->pool->up == 1)
		log_info("pool: connected to the database");
	loop_task_post(conn->pool->loop, &conn->pool->dispatch);
}

/*
 * What the server had refused before stays refused; all else that was sent is unknown.
 * The answers go out when nothing of the connection is in use any more.
 */
static void
abandon_in_flight(PoolConn *conn)
{
	ListNode *node;

	while ((node = list_first(&conn->in_flight)))
	{
		PgRequest *request = list_entry(node, PgRequest, node);
		PgReply reply = reply_lost;

		pop_in_flight(conn, request);
		if (request->failed)
			reply = (PgReply){PG_ERROR, request->result, SQLSTATE_OK, ""};
		answer(request, &reply);
	}
}

static void
handle_down(void *arg, bool was_up, const char *why)
{
	PoolConn *conn = arg;

	(void) why;
	map_free(&conn->prepared);
	if (!was_up)
		return;
	count_up(conn->pool, -1);
	abandon_in_flight(conn);
}

/* The server's statement_timeout should have come first: it does not answer at all. */
static void
handle_stall(TimerEntry *timer)
{
	PoolConn *conn = container_of(timer, PoolConn, stall);
	const PgPoolOptions *options = &conn->pool->options;
	int64_t limit = options->statement_timeout_ms * PGPOOL_MAX_CALLS + STALL_GRACE_MS;
	int64_t left = conn->progress_ms + limit - clock_ms();

	if (left > 0)
		timer_arm(conn->pool->wheel, &conn->stall, left);
	else
		pgconn_fail(conn->conn, "the server has stopped answering");
}

static const PgConnHandlers handlers = {handle_up, handle_input, handle_down};

/* ---- interface ---------------------------------------------------------- */

static void
open_conn(PgPool *pool, PoolConn *conn, int number)
{
	char *name = xasprintf("pool %d", number);
	/* JIT compilation costs more than any statement of ours. */
	char *settings = xasprintf("-c statement_timeout=%lld -c lock_timeout=%lld -c jit=off",
							   (long long) pool->options.statement_timeout_ms,
							   (long long) pool->options.lock_timeout_ms);
	PgConnOptions options = {name, pool->options.conninfo, settings, false};

	conn->pool = pool;
	list_init(&conn->in_flight);
	timer_init(&conn->stall, handle_stall);
	conn->conn = pgconn_create(pool->loop, pool->wheel, &options, &handlers, conn);
	free(settings);
	free(name);
	pgconn_start(conn->conn);
}

/* Answers made by closing may have led to new requests: refuse those before. */
static void
run_release(LoopTask *task)
{
	PgPool *pool = container_of(task, PgPool, release);

	loop_task_cancel(&pool->dispatch);
	answer_refused(pool);
	if (list_is_empty(&pool->refused))
		free(pool);
	else
		loop_task_post(pool->loop, task);
}

PgPool *
pgpool_create(Loop *loop, TimerWheel *wheel, const PgPoolOptions *options)
{
	PgPool *pool = xcalloc(1, sizeof(*pool) + (size_t) options->size * sizeof(PoolConn));

	pool->loop = loop;
	pool->wheel = wheel;
	pool->options = *options;
	list_init(&pool->waiting);
	list_init(&pool->refused);
	timer_init(&pool->patience, handle_patience);
	loop_task_init(&pool->dispatch, run_dispatch);
	loop_task_init(&pool->release, run_release);
	for (int i = 0; i < options->size; i++)
		open_conn(pool, &pool->conns[i], i + 1);
	pool->options.conninfo = NULL; /* the caller's; the connections have copies */
	return pool;
}

static void
close_conn(PoolConn *conn)
{
	if (pgconn_is_up(conn->conn))
		count_up(conn->pool, -1);
	pgconn_close(conn->conn);
	map_free(&conn->prepared);
	abandon_in_flight(conn);
}

void
pgpool_close(PgPool *pool)
{
	if (pool->closed)
		return;
	pool->closed = true;
	timer_cancel(&pool->patience);
	loop_task_cancel(&pool->dispatch);
	for (int i = 0; i < pool->options.size; i++)
		close_conn(&pool->conns[i]);
	while (!list_is_empty(&pool->waiting))
		answer(take_waiting(pool), &reply_closing);
	answer_refused(pool);
	loop_task_post(pool->loop, &pool->release);
}

void
pgpool_set_patience(PgPool *pool, int queue, int64_t wait_ms)
{
	pool->options.queue = queue;
	pool->options.wait_ms = wait_ms;
	timer_cancel(&pool->patience);
	watch_patience(pool);
}

int
pgpool_connections(const PgPool *pool)
{
	return pool->up;
}

PgRequest *
pgpool_request(PgPool *pool, const PgCall *calls, int ncalls, PgDone done, void *arg)
{
	PgRequest *request = make_request(pool, calls, ncalls, done, arg);

	if (request->refusal)
		refuse(pool, request, request->refusal);
	else if (pool->closed)
		refuse(pool, request, &reply_closing);
	else if (pool->nwaiting >= pool->options.queue)
		refuse(pool, request, &reply_queue_full);
	else
	{
		add_waiting(pool, pool->waiting.prev, request);
		loop_task_post(pool->loop, &pool->dispatch);
	}
	return request;
}

void
pgpool_cancel(PgRequest *request)
{
	request->done = NULL;
	if (!request->is_waiting)
		return;
	remove_waiting(request->pool, request);
	free_request(request);
}

/* ---- replies ------------------------------------------------------------ */

bool
pgreply_ok(const PgReply *reply)
{
	return reply->outcome == PG_OK;
}

const char *
pgreply_sqlstate(const PgReply *reply)
{
	bool from_server = reply->outcome == PG_ERROR && reply->result;

	return from_server ? error_field(reply->result, PG_DIAG_SQLSTATE) : reply->sqlstate;
}

const char *
pgreply_message(const PgReply *reply)
{
	bool from_server = reply->outcome == PG_ERROR && reply->result;

	return from_server ? error_field(reply->result, PG_DIAG_MESSAGE_PRIMARY) : reply->message;
}

const char *
pgreply_detail(const PgReply *reply)
{
	bool from_server = reply->outcome == PG_ERROR && reply->result;

	return from_server ? error_field(reply->result, PG_DIAG_MESSAGE_DETAIL) : "";
}

int
pgreply_rows(const PgReply *reply)
{
	return pgreply_ok(reply) ? PQntuples(reply->result) : 0;
}

int
pgreply_columns(const PgReply *reply)
{
	return pgreply_ok(reply) ? PQnfields(reply->result) : 0;
}

/* libpq would complain on stderr. */
static bool
in_range(const PgReply *reply, int row, int column)
{
	return row >= 0 && row < pgreply_rows(reply) && column >= 0 && column < pgreply_columns(reply);
}

const char *
pgreply_value(const PgReply *reply, int row, int column)
{
	return in_range(reply, row, column) ? PQgetvalue(reply->result, row, column) : "";
}

size_t
pgreply_length(const PgReply *reply, int row, int column)
{
	return in_range(reply, row, column) ? (size_t) PQgetlength(reply->result, row, column) : 0;
}

bool
pgreply_is_null(const PgReply *reply, int row, int column)
{
	return !in_range(reply, row, column) || PQgetisnull(reply->result, row, column);
}

int64_t
pgreply_int64(const PgReply *reply, int row, int column, int64_t otherwise)
{
	int64_t value;
	size_t length = pgreply_length(reply, row, column);

	return parse_int64(pgreply_value(reply, row, column), length, &value) ? value : otherwise;
}
