/*
 * ticket.h
 *	  Tickets: what a browser shows to open a WebSocket where it can't send a header.
 *	  A ticket may end up in logs of addresses, so it is good for one use and 30 s.
 */
#ifndef PARLEY_TICKET_H
#define PARLEY_TICKET_H

#include "postgres.h"

#include "errors.h"

#define TICKET_OK PARLEY_ERROR_COUNT

typedef struct TicketClaims
{
	int64 account_id;
	int64 session_id;
	int64 expires_at_s; /* of the connection it opens, in Unix seconds */
} TicketClaims;

/*
 * Uses a ticket up and says what it was good for; TICKET_OK, or why not.  A refusal
 * is not raised: a second use is in the audit log, which must commit.
 */
extern ParleyError TicketUse(text *ticket, TicketClaims *claims);

#endif /* PARLEY_TICKET_H */
