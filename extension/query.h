/*
 * query.h
 *	  What people type into a search box.
 *
 * Pure C11, no PostgreSQL header.
 *
 *	 cat dog            both words             "cat dog"     next to each other
 *	 cat or dog         either                 -cat -"a b"   without
 *	 from:alice from:me                        in:7 in:team in:"the team" in:bob
 *	 before:2026-11-21 after:2026-11 after:2026
 *	 has:link has:attachment has:reaction has:reply has:pin has:mention
 *
 * Nothing is an error: an operator that is unknown or whose value makes no sense is
 * searched as words, and so is one with a minus; a quote that is not closed is left
 * out.  Of an operator that comes twice the last counts.
 */
#ifndef PARLEY_QUERY_H
#define PARLEY_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#define QUERY_MAX_LENGTH 1000 /* bytes; the caller refuses what is longer */
#define QUERY_MAX_TERMS 32	  /* what comes after them is left out: is_cut */

/*
 * Enough for all strings of a SearchQuery: its words are the text with at most an `or`, a
 * dash, quotes and spaces more a term; the terms and values together are the text.
 */
#define QUERY_WORDS_SIZE (QUERY_MAX_LENGTH + 7 * QUERY_MAX_TERMS + 1)
#define QUERY_BUFFER_SIZE (QUERY_WORDS_SIZE + 2 * QUERY_MAX_LENGTH + 2)

/* What a message must have, as bits. */
typedef enum QueryHas
{
	QUERY_HAS_LINK = 1,
	QUERY_HAS_REPLY = 2,
	QUERY_HAS_ATTACHMENT = 4,
	QUERY_HAS_REACTION = 8,
	QUERY_HAS_PIN = 16,
	QUERY_HAS_MENTION = 32
} QueryHas;

/* A day of the calendar that exists; year 0: none was given. */
typedef struct QueryDate
{
	int year;
	int month;
	int day;
} QueryDate;

/* All strings are in the buffer given to QueryParse(). */
typedef struct SearchQuery
{
	const char *words; /* the terms again, in the syntax of websearch_to_tsquery() */
	const char *terms[QUERY_MAX_TERMS];
	int term_count;
	const char *excluded[QUERY_MAX_TERMS]; /* with a minus */
	int excluded_count;
	bool is_cut;	   /* there were more terms */
	bool alternatives; /* there is an "or" between terms */
	const char *from;  /* NULL: not given */
	const char *in;	   /* NULL: not given */
	QueryDate before;
	QueryDate after;
	unsigned has; /* QueryHas */
} SearchQuery;

/* text: at most QUERY_MAX_LENGTH bytes of UTF-8; buffer: QUERY_BUFFER_SIZE bytes. */
extern void QueryParse(SearchQuery *query, const char *text, char *buffer);

#endif /* PARLEY_QUERY_H */
