/*
 * content.h
 *	  What the content of a message may be.
 *
 *	  A text is kept byte for byte or refused as a whole, never changed:
 *
 *	  - It is UTF-8, which the server sees to.  NUL, surrogates and overlong forms
 *		do not get as far as here; PostgreSQL refuses them (22021, 22P05).
 *	  - It has something to see: not only white space, controls and characters
 *		that are invisible by definition.
 *	  - It is not longer than pg_parley.max_content_size, counted in bytes.
 *	  - At most LEGIBLE_MAX_MARKS combining marks stand in a row.
 *	  - Everything else is kept, not normalized: control characters, combining
 *		marks, bidirectional controls.  A program that shows a text isolates its
 *		direction (HTML: dir="auto").
 */
#ifndef PARLEY_CONTENT_H
#define PARLEY_CONTENT_H

#include "postgres.h"

#include "errors.h"

#define CONTENT_OK PARLEY_ERROR_COUNT

/* Defines the settings; called once, from _PG_init. */
extern void ContentInit(void);

/*
 * CONTENT_OK, INVALID_CONTENT or CONTENT_TOO_LONG.  NULL is not valid.  Where there
 * are attachments there may be nothing to read.
 */
extern ParleyError ContentCheck(const char *content, bool has_attachments);

/* Raises what ContentCheck() found, with the reason. */
extern void ContentRaise(ParleyError refusal, const char *content);

#endif /* PARLEY_CONTENT_H */
