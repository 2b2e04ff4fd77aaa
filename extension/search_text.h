/*
 * search_text.h
 *	  How search reads texts: folded (fold.h), and at most so many bytes of one.
 */
#ifndef PARLEY_SEARCH_TEXT_H
#define PARLEY_SEARCH_TEXT_H

#include "postgres.h"

/*
 * What a message has behind them is not found.  So that no message is too large for a
 * tsvector, nor takes the time of all others.
 */
#define SEARCH_MAX_BYTES (256 * 1024)

/* `text` folded, palloc'd. */
extern char *SearchFold(const char *text);

#endif /* PARLEY_SEARCH_TEXT_H */
