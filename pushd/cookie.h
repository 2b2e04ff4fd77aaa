/*
 * cookie.h
 *	  The cookie that a browser may have instead of a token of its own: its name, and
 *	  how to find it in a request.
 *
 * A browser sends it along with whatever page asks for; who takes it as a login checks
 * the Origin.
 */
#ifndef PARLEY_COOKIE_H
#define PARLEY_COOKIE_H

#include "head.h"

#define COOKIE_TOKEN "parley_token"

/* The value of the first cookie of this name (RFC 6265, section 5.4); length 0: none. */
Span cookie_find(const Head *head, const char *name);

#endif /* PARLEY_COOKIE_H */
