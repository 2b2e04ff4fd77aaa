/*
 * login.h
 *	  Who a connection belongs to: its credential, the question to the database, and
 *	  the answer taken over by the hub.
 *
 * A Login is embedded in its owner.  The credential is kept only until it is answered,
 * for the question is asked again when the feed was lost meanwhile.
 */
#ifndef PARLEY_LOGIN_H
#define PARLEY_LOGIN_H

#include "address.h"
#include "credential.h"
#include "hub.h"
#include "pgpool.h"
#include "problem.h"
#include "tokens.h"
#include "util.h"

#define LOGIN_REQUEST_ID_MAX 64

typedef struct Login Login;

/* Valid only within `granted`. */
typedef struct LoginGrant
{
	int64_t session_id;
	int64_t expires_in_s; /* above 0 */
	const char *user;	  /* JSON */
	const char *timeline; /* of chat.timeline() */
} LoginGrant;

/* Exactly one is called for a question, from the loop, with the login still there. */
typedef struct LoginHandlers
{
	/* The connection is in the hub. */
	void (*granted)(Login *login, const LoginGrant *grant);

	/* The connection is as it was before. */
	void (*refused)(Login *login, ProblemId id, const char *message);

	/* The feed was lost while the database was asked: ask again when it is back, unless
	 * the credential was a ticket, which is used up. */
	void (*stale)(Login *login);
} LoginHandlers;

typedef struct LoginOptions
{
	PgPool *pool;
	Tokens *tokens; /* of login_tokens_create() */
	Hub *hub;
	const LoginHandlers *handlers;
} LoginOptions;

struct Login
{
	const LoginOptions *options;
	HubConnection *connection;
	int64_t scope;
	uint64_t log_id;
	Address client; /* whose address; may be set at any time before the question */

	CredentialKind kind;
	char *credential; /* NULL: no login is under way */
	char request_id[LOGIN_REQUEST_ID_MAX + 1];
	bool has_request_id;
	TokenQuestion token;
	PgRequest *ticket;
	Snapshot snapshot;
};

/* Collects the tokens of all logins. */
Tokens *login_tokens_create(Loop *loop, PgPool *pool) MUST_CHECK;

void login_init(Login *login, const LoginOptions *options, HubConnection *connection, int64_t scope,
				uint64_t log_id);

/* Keeps a copy; `request_id` may be NULL.  Only when no login is under way. */
void login_begin(Login *login, const Credential *credential, const char *request_id);

bool login_is_under_way(const Login *login);

/* What the answer has to repeat, or NULL. */
const char *login_request_id(const Login *login);

/* Asks the database; a handler is called with the answer, unless login_forget() comes first. */
void login_ask(Login *login);

/* The login is over, whatever came of it: wipes the credential.  Safe to repeat. */
void login_forget(Login *login);

#endif /* PARLEY_LOGIN_H */
