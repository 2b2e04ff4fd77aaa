/*
 * origin.h
 *	  Whether a browser asks for a page of ours or for somebody else's: which origins
 *	  may, and what they are told (Fetch standard: CORS protocol).
 */
#ifndef PARLEY_ORIGIN_H
#define PARLEY_ORIGIN_H

#include "head.h"
#include "util.h"

/*
 * Whether "https://chat.example" is the host itself.  The scheme only says which port is the default one,
 * for a proxy may speak TLS and this daemon not.
 */
bool origin_is_own(Span origin, Span host);

/* Whether the list, comma-separated, has the origin. */
bool origin_is_listed(Span origin, const char *allowed_origins);

/*
 * Whether a request that is authenticated by a cookie, or sets one, comes from a page
 * that may make it.  Browsers say where such a request comes from, in Origin or in
 * Sec-Fetch-Site; one that says neither is refused.
 */
bool origin_may_act(const Head *head, const char *allowed_origins);

/*
 * Fields that let a page of a listed origin read the answer.  The answer varies with the
 * Origin as soon as there is a list.  `preflight`: the methods that the address has, 0
 * for an answer that is none to a preflight.
 */
void origin_write_fields(Buffer *fields, const Head *head, const char *allowed_origins,
						 unsigned preflight);

#endif /* PARLEY_ORIGIN_H */
