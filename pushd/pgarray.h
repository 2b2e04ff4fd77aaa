/*
 * pgarray.h
 *	  PostgreSQL arrays of one dimension in text form, written and read.
 */
#ifndef PARLEY_PGARRAY_H
#define PARLEY_PGARRAY_H

#include "util.h"

/*
 * Text form of a one-dimensional array, element by element: begin, append any number,
 * end; the buffer then holds e.g. {"a","b\"c",NULL}.  Good for any element type whose
 * separator is a comma.
 */
void pgarray_begin(Buffer *to);
void pgarray_append(Buffer *to, const char *value, size_t length);
void pgarray_append_int64(Buffer *to, int64_t value);
void pgarray_append_null(Buffer *to);
void pgarray_end(Buffer *to);

/* Reads a text-form array of integers, e.g. {1,2,3}: appends int64_t values to `to`.
 * False when it is anything else. */
bool pgarray_parse_int64(const char *text, Buffer *to) MUST_CHECK;

#endif /* PARLEY_PGARRAY_H */
