/*
 * pgparam.h
 *	  A parameter of a statement, in text form.
 */
#ifndef PARLEY_PGPARAM_H
#define PARLEY_PGPARAM_H

#include <stdio.h>
#include <string.h>

#include "util.h"

/* `value` NULL is SQL NULL; it belongs to somebody else and need not be terminated. */
typedef struct PgParam
{
	const char *value;
	size_t length;
} PgParam;

#define PGPARAM_NULL ((PgParam){NULL, 0})

/* NULL is SQL NULL. */
static inline PgParam
pgparam_text(const char *text)
{
	return text ? (PgParam){text, strlen(text)} : PGPARAM_NULL;
}

/* Good until the buffer changes; SQL NULL when it never held anything. */
static inline PgParam
pgparam_buffer(const Buffer *buffer)
{
	return (PgParam){(const char *) buffer->data, buffer->length};
}

#define PGPARAM_DIGITS 24

/* `digits` has to live as long as the parameter. */
static inline PgParam
pgparam_int64(char digits[PGPARAM_DIGITS], int64_t number)
{
	return (PgParam){digits, (size_t) snprintf(digits, PGPARAM_DIGITS, "%lld", (long long) number)};
}

#endif /* PARLEY_PGPARAM_H */
