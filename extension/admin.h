/*
 * admin.h
 *	  Administrators.  Whoever is authenticated as an account is one if the account
 *	  is listed in chat.admin, whatever role the connection has: a gateway acts for
 *	  all of them.  Without an account it is the role that counts: it must have the
 *	  privileges of chat_admin.
 */
#ifndef PARLEY_ADMIN_H
#define PARLEY_ADMIN_H

#include "postgres.h"

/* Whether the caller is one. */
extern bool AdminIs(void);

/* Raises PARLEY_ERROR_FORBIDDEN unless the caller is an administrator. */
extern void AdminRequire(void);

#endif /* PARLEY_ADMIN_H */
