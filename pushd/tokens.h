/*
 * tokens.h
 *	  Asks the database whose tokens these are, many at a time: those that come while
 *	  one question is under way are the next, so that a crowd takes few.
 */
#ifndef PARLEY_TOKENS_H
#define PARLEY_TOKENS_H

#include "loop.h"
#include "pgpool.h"
#include "util.h"

typedef struct Tokens Tokens;

/* Embedded in its owner, who keeps it and the token until the answer or tokens_cancel(). */
typedef struct TokenQuestion
{
	const char *token;

	/* Called once, from the loop; without such a row all of the batch has failed. */
	void (*answered)(struct TokenQuestion *question, const PgReply *reply, int row);

	/* Private. */
	ListNode node;
	int64_t item;
} TokenQuestion;

/*
 * The statement takes a text[] and gives a row for each element, in order; the first column
 * is its place, from 1.
 */
Tokens *tokens_create(Loop *loop, PgPool *pool, const PgStatement *statement) MUST_CHECK;

/* No question may be open. */
void tokens_free(Tokens *tokens);

void tokens_ask(Tokens *tokens, TokenQuestion *question);

/* `answered` will not be called.  Safe to repeat, and for a question that is all zero. */
void tokens_cancel(TokenQuestion *question);

#endif /* PARLEY_TOKENS_H */
