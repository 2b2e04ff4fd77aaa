/*
 * handshake.h
 *	  The request that asks for a WebSocket (RFC 6455, section 4.2): whether it is
 *	  good, and what it brings.
 */
#ifndef PARLEY_HANDSHAKE_H
#define PARLEY_HANDSHAKE_H

#include "credential.h"
#include "deflate.h"
#include "head.h"
#include "problem.h"

/* Spans of the head, and of the query. */
typedef struct Handshake
{
	Span key;  /* Sec-WebSocket-Key */
	bool chat; /* the client offers the subprotocol chat.v1 */
	CredentialKind kind;
	Span credential;
	DeflateAnswer deflate;
} Handshake;

typedef struct HandshakeRules
{
	const char *allowed_origins; /* comma-separated, besides the host itself */
	bool allow_url_token;		 /* ?token=, which ends in logs of proxies and in histories */
	bool deflate;				 /* offers of permessage-deflate are taken */
} HandshakeRules;

/* Whether a WebSocket is served at the path; `scope` is its conversation, 0 for all. */
bool handshake_scope(const char *path, int64_t *scope);

/*
 * What is wrong with the handshake, or PROBLEM_NONE.  `query` is of
 * head_decode_target().  An Origin, if there is one, has to be the host itself or in
 * the list; there has to be one when it is a cookie that lets the client in, for any
 * page can make a browser send that.
 */
ProblemId handshake_read(const Head *head, const char *query, const HandshakeRules *rules,
						 Handshake *handshake);

#endif /* PARLEY_HANDSHAKE_H */
