/*
 * client.h
 *	  Where the call comes from.
 *
 *	  A gateway says whose call it passes on by chat.set_client(), which holds for the
 *	  transaction.  Otherwise the client is whoever holds the connection, unless that
 *	  is a gateway: its own address says nothing about the people behind it.
 */
#ifndef PARLEY_CLIENT_H
#define PARLEY_CLIENT_H

#include "postgres.h"

#include "utils/inet.h"

/* Called once, from _PG_init. */
extern void ClientInit(void);

/* NULL where it is not known, as on a Unix socket. */
extern inet *ClientAddress(void);

/* What the client calls itself, NULL where that is not known. */
extern const char *ClientAgent(void);

#endif /* PARLEY_CLIENT_H */
