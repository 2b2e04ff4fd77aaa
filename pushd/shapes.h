/*
 * shapes.h
 *	  What answers look like: one table of shapes and their members, from which the
 *	  description of the API is made.
 */
#ifndef PARLEY_SHAPES_H
#define PARLEY_SHAPES_H

#include "util.h"

/*
 * The JSON Schema of a type: "int", "number", "text", "bool", "time", "uuid", "json" (anything)
 * or a shape; "[…]" is an array of it, and "…?" may be null.
 */
void shape_write_type(Buffer *to, const char *type);

/* {"user":{…},…}: the JSON Schemas of all shapes. */
void shapes_write(Buffer *to);

#endif /* PARLEY_SHAPES_H */
