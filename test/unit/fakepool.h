/*
 * fakepool.h
 *	  A pool that the test plays: it remembers the request under way, with its parameters,
 *	  and answers it when it is told to.  For a program that is not linked with pgpool.c.
 */
#ifndef PARLEY_FAKEPOOL_H
#define PARLEY_FAKEPOOL_H

#include "pgpool.h"

struct PgReply
{
	const char *sqlstate; /* NULL: it went well */
	const char *const *cells;
	int rows;
	int columns;
};

static struct
{
	int requests; /* so far */
	PgDone done;  /* of the one under way; NULL: there is none */
	void *arg;
	Buffer params[PGPOOL_MAX_PARAMS];
} fake;

PgRequest *
pgpool_request(PgPool *pool, const PgCall *calls, int ncalls, PgDone done, void *arg)
{
	const PgCall *call = &calls[ncalls - 1];

	(void) pool;
	fake.requests++;
	fake.done = done;
	fake.arg = arg;
	for (int i = 0; i < call->statement->nparams; i++)
	{
		buffer_reset(&fake.params[i]);
		buffer_append(&fake.params[i], call->params[i].value, call->params[i].length);
	}
	return (PgRequest *) (void *) &fake;
}

void
pgpool_cancel(PgRequest *request)
{
	(void) request;
	fake.done = NULL;
}

bool
pgreply_ok(const PgReply *reply)
{
	return !reply->sqlstate;
}

const char *
pgreply_sqlstate(const PgReply *reply)
{
	return reply->sqlstate ? reply->sqlstate : "00000";
}

const char *
pgreply_message(const PgReply *reply)
{
	return reply->sqlstate ? "as the test says" : "";
}

int
pgreply_rows(const PgReply *reply)
{
	return reply->rows;
}

const char *
pgreply_value(const PgReply *reply, int row, int column)
{
	const char *value = reply->cells[row * reply->columns + column];

	return value ? value : "";
}

size_t
pgreply_length(const PgReply *reply, int row, int column)
{
	return strlen(pgreply_value(reply, row, column));
}

int64_t
pgreply_int64(const PgReply *reply, int row, int column, int64_t otherwise)
{
	const char *text = pgreply_value(reply, row, column);
	int64_t value;

	return parse_int64(text, strlen(text), &value) ? value : otherwise;
}

static inline const char *
fake_param(int number)
{
	return buffer_cstring(&fake.params[number]);
}

static inline void
fake_answer(const PgReply *reply)
{
	PgDone done = fake.done;

	fake.done = NULL;
	done(fake.arg, reply);
}

/* As a pool that is closed. */
static inline void
fake_close(void)
{
	if (fake.done)
		fake_answer(&(PgReply){.sqlstate = "57P03"});
}

static inline void
fake_free(void)
{
	for (size_t i = 0; i < lengthof(fake.params); i++)
		buffer_free(&fake.params[i]);
}

#endif /* PARLEY_FAKEPOOL_H */
