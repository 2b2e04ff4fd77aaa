/*
 * account.h
 *	  Accounts: profiles and how to find them.
 */
#ifndef PARLEY_ACCOUNT_H
#define PARLEY_ACCOUNT_H

#include "postgres.h"

/*
 * A closed account keeps its id, under the user name deleted-<id> and the address
 * <id>@closed.invalid (RFC 6761), which no sign-up can have.
 */
#define ACCOUNT_CLOSED_PREFIX "deleted-"
#define ACCOUNT_CLOSED_DOMAIN "closed.invalid"

/*
 * Makes an account and its secret and returns its id.  Checks all arguments;
 * raises the INVALID_* and *_TAKEN errors.  display_name may be NULL: the user
 * name stands in.
 */
extern int64 AccountCreate(const char *username, const char *email, const char *password,
						   const char *display_name);

/*
 * The address as it is stored, palloc'd; INVALID_EMAIL unless an account may have it.  Two
 * addresses are the same if they have the same NFC, but for the case of ASCII letters.
 */
extern char *AccountReadEmail(const char *email);

/* Gives the account another address; EMAIL_TAKEN. */
extern void AccountChangeEmail(int64 account_id, const char *email);

/* The id of the open account of that user name, 0 if there is none; inside SpiBegin(). */
extern int64 AccountFind(const char *username);

/* The same, or the error USER_NOT_FOUND. */
extern int64 AccountRequire(const char *username);
extern void AccountRaiseUnknown(const char *username) pg_attribute_noreturn();

/*
 * Keeps an account from being closed until the transaction ends, so that it can be made a
 * member of something; false if it is closed, or 0.  Before any conversation is locked,
 * as chat.delete_account() does.  Inside SpiBegin().
 */
extern bool AccountHold(int64 account_id);

/* Raises USER_NOT_FOUND unless the account exists and is open. */
extern void AccountRequireOpen(int64 account_id);

/* The profile as a chat.user_info, in the current memory context. */
extern Datum AccountShow(int64 account_id);

#endif /* PARLEY_ACCOUNT_H */
