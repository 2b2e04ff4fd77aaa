/*
 * handshake.h
 *	  The request that asks for a WebSocket (RFC 6455, section 4.2): whether it is
 *	  good, and what it brings.
 */
#ifndef PARLEY_HANDSHAKE_H
#define PARLEY_HANDSHAKE_H

#include "head.h"
#include "problem.h"

/* Spans of the head. */
typedef struct Handshake
{
	Span key;	/* Sec-WebSocket-Key */
	bool chat;	/* the client offers the subprotocol chat.v1 */
	Span token; /* of bearer.<token> or Authorization; length 0: none */
} Handshake;

/*
 * What is wrong with the handshake, or PROBLEM_COUNT.  An Origin, if there is one, has
 * to be the host itself or in the list, which is comma-separated.
 */
ProblemId handshake_read(const Head *head, const char *allowed_origins, Handshake *handshake);

#endif /* PARLEY_HANDSHAKE_H */
