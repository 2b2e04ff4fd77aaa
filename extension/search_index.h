/*
 * search_index.h
 *	  The search index beside the messages: language and pieces of texts.
 */
#ifndef PARLEY_SEARCH_INDEX_H
#define PARLEY_SEARCH_INDEX_H

#include "postgres.h"

#include "utils/array.h"

/* Defines the settings; called once, from _PG_init. */
extern void SearchInit(void);

/* `text` in lower case as the database does it; palloc'd. */
extern char *SearchLower(const char *text);

/*
 * The pieces (gram.h) of a text in lower case, as an int4[].  NULL if it has none: it is
 * too short for the index to find.
 */
extern ArrayType *SearchGrams(const char *lower);

/* A LIKE pattern, palloc'd: what contains the text, or what begins with it. */
extern char *SearchPattern(const char *text, bool anywhere);

#endif /* PARLEY_SEARCH_INDEX_H */
