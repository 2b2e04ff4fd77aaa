/*
 * cookie.h
 *	  Tokens in cookies (RFC 6265), for browsers whose scripts are not to see them.
 *
 * Both are HttpOnly and SameSite=Strict.  Where they are Secure, their names have the
 * prefixes by which a browser keeps other hosts from setting them.
 */
#ifndef PARLEY_COOKIE_H
#define PARLEY_COOKIE_H

#include "head.h"
#include "util.h"

#define COOKIE_TOKEN "parley_token"		/* an access token; sent to every address */
#define COOKIE_REFRESH "parley_refresh" /* a refresh token; sent to COOKIE_REFRESH_PATH only */
#define COOKIE_REFRESH_PATH "/api/v1/auth/refresh"
#define COOKIE_REFRESH_S (90 * 86400) /* longer than any session goes on without a refresh */

/* The value of one of the two; {"", 0} when there is none. */
Span cookie_find(const Head *head, const char *name);

/* A Set-Cookie field.  max_age_s 0 takes the cookie away. */
void cookie_write(Buffer *fields, const char *name, Span value, int64_t max_age_s, bool secure);

#endif /* PARLEY_COOKIE_H */
