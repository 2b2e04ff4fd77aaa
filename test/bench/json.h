/*
 * json.h
 *	  Just enough reading of the one-line JSON objects that a server sends.
 *
 * A field is found by the first place where its quoted name and a colon stand.
 * That is right for events whose strings the bench itself wrote, and nothing else;
 * it keeps the generator faster than what it measures.
 */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is it {"type":"<type>"…, with the type as its first field? */
bool json_type_is(const char *text, size_t length, const char *type);

/* False when there is no such field or it is no integer. */
bool json_integer(const char *text, size_t length, const char *name, int64_t *value);

/* The inside of a string without escapes; NULL when there is no such field. */
const char *json_string(const char *text, size_t length, const char *name, size_t *string_length);

#endif
