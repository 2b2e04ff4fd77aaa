/*
 * openapi.h
 *	  The description of the REST API (OpenAPI 3.1), made from the table of routes and
 *	  the table of shapes.
 */
#ifndef PARLEY_OPENAPI_H
#define PARLEY_OPENAPI_H

#include "util.h"

/* Appends the document; it is the same for as long as the process runs. */
void openapi_write(Buffer *to);

#endif /* PARLEY_OPENAPI_H */
