/*
 * link.h
 *	  Where the next page of a list is (RFC 8288).
 */
#ifndef PARLEY_LINK_H
#define PARLEY_LINK_H

#include "util.h"

/*
 * A Link field with rel="next": the same address and query (decoded pairs, each terminated,
 * then an empty one), but with the pairs of `next`, "name=value", a line each, for theirs.
 */
void link_write_next(Buffer *fields, const char *path, const char *query, const char *next);

#endif /* PARLEY_LINK_H */
