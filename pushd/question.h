/*
 * question.h
 *	  Statements of a request, each in a transaction that knows whose it is.
 */
#ifndef PARLEY_QUESTION_H
#define PARLEY_QUESTION_H

#include "request.h"

/*
 * Runs the statement as the caller of the request; `done` gets the request.  The request
 * is REQUEST_ASKING until then.
 */
void question_ask(Request *request, const PgStatement *statement, const PgParam *params,
				  PgDone done);

/* The same with nobody waiting for the answer, for what has to be undone. */
void question_ask_alone(const Request *request, const PgStatement *statement,
						const PgParam *params);

/* A problem for what the server said. */
void question_answer_failure(Request *request, const PgReply *reply);

#endif /* PARLEY_QUESTION_H */
