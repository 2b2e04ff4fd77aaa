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

/*
 * The pieces (gram.h) of a folded text (search_text.h), as an int4[].  NULL if it has none: it is
 * too short for the index to find.
 */
extern ArrayType *SearchGrams(const char *folded);

/* A LIKE pattern, palloc'd: what contains the text, or what begins with it. */
extern char *SearchPattern(const char *text, bool anywhere);

#endif /* PARLEY_SEARCH_INDEX_H */
