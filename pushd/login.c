/*
 * login.c
 *	  Who a connection belongs to: its credential, the question to the database, and
 *	  the answer taken over by the hub.
 */
#include "login.h"

#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "pgarray.h"
#include "pgproblem.h"

#define CONNECTED(item, from) \
	"SELECT " item ", error, account_id, session_id, expires_at_s, to_json(\"user\")," \
	" conversation_ids, vers, snapshot_xmin, last_seqs, last_vers, chat.timeline() FROM " from

/* What is wrong with a credential is returned: with a ticket, so that its being used commits. */
static const PgStatement statements[] = {
	[CREDENTIAL_TOKEN] = {"gateway_connect_batch",
						  CONNECTED("item", "chat.gateway_connect_batch($1)"), 1},
	[CREDENTIAL_TICKET] = {"gateway_connect_ticket",
						   CONNECTED("1", "chat.gateway_connect_ticket($1)"), 1},
};

enum
{
	COLUMN_ITEM,
	COLUMN_ERROR,
	COLUMN_ACCOUNT_ID,
	COLUMN_SESSION_ID,
	COLUMN_EXPIRES_AT,
	COLUMN_USER,
	COLUMN_CONVERSATIONS,
	COLUMN_VERS,
	COLUMN_SNAPSHOT_XMIN,
	COLUMN_LAST_SEQS,
	COLUMN_LAST_VERS,
	COLUMN_TIMELINE
};

static void
refuse(Login *login, ProblemId id, const char *message)
{
	login->options->handlers->refused(login, id, message);
}

/* ---- the answer --------------------------------------------------------- */

/* The arrays of the answer, and where their elements go; the first holds the ids. */
static const struct
{
	int column;
	size_t offset;
} membership_arrays[] = {
	{COLUMN_CONVERSATIONS, offsetof(HubMembership, conversation_id)},
	{COLUMN_VERS, offsetof(HubMembership, ver)},
	{COLUMN_LAST_SEQS, offsetof(HubMembership, last_seq)},
	{COLUMN_LAST_VERS, offsetof(HubMembership, last_ver)},
};

/* False when they are not what they should be. */
static bool
read_memberships(const PgReply *reply, int row, Buffer *members)
{
	Buffer values = BUFFER_EMPTY;
	bool good = true;

	for (size_t i = 0; good && i < lengthof(membership_arrays); i++)
	{
		size_t count;

		values.length = 0;
		good = pgarray_parse_int64(pgreply_value(reply, row, membership_arrays[i].column), &values);
		count = values.length / sizeof(int64_t);
		for (size_t at = 0; i == 0 && at < count; at++)
			buffer_append(members, &(HubMembership){0}, sizeof(HubMembership));
		good = good && members->length == count * sizeof(HubMembership);
		for (size_t at = 0; good && at < count; at++)
			memcpy(members->data + at * sizeof(HubMembership) + membership_arrays[i].offset,
				   values.data + at * sizeof(int64_t), sizeof(int64_t));
	}
	buffer_free(&values);
	return good;
}

static HubResult
connect_to_hub(Login *login, const PgReply *reply, int row, const Buffer *members)
{
	HubLogin as = {.account_id = pgreply_int64(reply, row, COLUMN_ACCOUNT_ID, 0),
				   .session_id = pgreply_int64(reply, row, COLUMN_SESSION_ID, 0),
				   .scope = login->scope,
				   .snapshot_xmin = pgreply_int64(reply, row, COLUMN_SNAPSHOT_XMIN, 0),
				   .members = (const HubMembership *) (void *) members->data,
				   .count = members->length / sizeof(HubMembership)};

	return hub_connect(login->options->hub, login->connection, &login->snapshot, &as);
}

static void
grant(Login *login, const PgReply *reply, int row)
{
	LoginGrant granted = {.session_id = pgreply_int64(reply, row, COLUMN_SESSION_ID, 0),
						  .expires_in_s =
							  pgreply_int64(reply, row, COLUMN_EXPIRES_AT, 0) - wall_us() / 1000000,
						  .user = pgreply_value(reply, row, COLUMN_USER),
						  .timeline = pgreply_value(reply, row, COLUMN_TIMELINE)};

	if (granted.expires_in_s <= 0)
		refuse(login, PROBLEM_TOKEN_EXPIRED, "The token has expired");
	else if (login->scope != 0 && !hub_is_member(login->connection, login->scope))
		refuse(login, PROBLEM_CONVERSATION_NOT_FOUND,
			   problem_get(PROBLEM_CONVERSATION_NOT_FOUND)->title);
	else
		login->options->handlers->granted(login, &granted);
}

static void
use_answer(Login *login, const PgReply *reply, int row, const Buffer *members)
{
	int64_t account_id = hub_account_id(login->connection);

	if (account_id != 0 && account_id != pgreply_int64(reply, row, COLUMN_ACCOUNT_ID, 0))
	{
		refuse(login, PROBLEM_FORBIDDEN, "The token is of another account");
		return;
	}
	switch (connect_to_hub(login, reply, row, members))
	{
		case HUB_CONNECTED:
			grant(login, reply, row);
			break;
		case HUB_STALE:
			login->options->handlers->stale(login);
			break;
		case HUB_SESSION_REVOKED:
			refuse(login, PROBLEM_SESSION_REVOKED, "The session has ended");
			break;
		case HUB_ACCOUNT_CLOSED:
			login->connection->end(login->connection, HUB_END_ACCOUNT_CLOSED);
			break;
	}
}

static void
fail(Login *login, const PgReply *reply)
{
	ProblemId id = pgproblem_of(reply, statements[login->kind].name, login->log_id);

	refuse(login, id, pgproblem_detail(reply, id));
}

static void
use_row(Login *login, const PgReply *reply, int row)
{
	Buffer members = BUFFER_EMPTY;

	if (row < pgreply_rows(reply) && !pgreply_is_null(reply, row, COLUMN_ERROR))
	{
		ProblemId id = problem_of_code(pgreply_value(reply, row, COLUMN_ERROR));

		refuse(login, id, problem_get(id)->title);
	}
	else if (row < pgreply_rows(reply) && read_memberships(reply, row, &members))
		use_answer(login, reply, row, &members);
	else
		fail(login, reply);
	buffer_free(&members);
}

static void
on_token(TokenQuestion *question, const PgReply *reply, int row)
{
	use_row(container_of(question, Login, token), reply, row);
}

static void
on_ticket(void *arg, const PgReply *reply)
{
	Login *login = arg;

	login->ticket = NULL;
	use_row(login, reply, 0);
}

/* ---- the question ------------------------------------------------------- */

void
login_init(Login *login, const LoginOptions *options, HubConnection *connection, int64_t scope,
		   uint64_t log_id)
{
	*login =
		(Login){.options = options, .connection = connection, .scope = scope, .log_id = log_id};
	list_init(&login->snapshot.node);
}

void
login_begin(Login *login, const Credential *credential, const char *request_id)
{
	login->kind = credential->kind;
	login->credential = xstrdup(credential->text);
	login->has_request_id = request_id != NULL;
	string_copy(login->request_id, sizeof(login->request_id), request_id ? request_id : "");
}

bool
login_is_under_way(const Login *login)
{
	return login->credential != NULL;
}

const char *
login_request_id(const Login *login)
{
	return login->has_request_id ? login->request_id : NULL;
}

Tokens *
login_tokens_create(Loop *loop, PgPool *pool)
{
	return tokens_create(loop, pool, &statements[CREDENTIAL_TOKEN]);
}

/* Who uses a ticket twice goes into the audit log, with the address. */
static void
ask_ticket(Login *login)
{
	Caller caller;
	PgParam param = {login->credential, strlen(login->credential)};
	PgCall calls[] = {caller_call(&caller, &login->client, NULL),
					  {&statements[CREDENTIAL_TICKET], &param}};

	login->ticket = pgpool_request(login->options->pool, calls, lengthof(calls), on_ticket, login);
}

void
login_ask(Login *login)
{
	hub_snapshot_begin(login->options->hub, &login->snapshot);
	if (login->kind == CREDENTIAL_TICKET)
	{
		ask_ticket(login);
		return;
	}
	login->token = (TokenQuestion){.token = login->credential, .answered = on_token};
	tokens_ask(login->options->tokens, &login->token);
}

void
login_forget(Login *login)
{
	if (login->credential)
	{
		secure_zero(login->credential, strlen(login->credential));
		free(login->credential);
		login->credential = NULL;
	}
	tokens_cancel(&login->token);
	if (login->ticket)
	{
		pgpool_cancel(login->ticket);
		login->ticket = NULL;
	}
	hub_snapshot_end(login->options->hub, &login->snapshot);
}
