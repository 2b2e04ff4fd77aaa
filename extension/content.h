/*
 * content.h
 *	  What the content of a message and a reaction may be.
 *
 *	  A text is kept byte for byte or refused as a whole, never changed:
 *
 *	  - It is UTF-8, which the server sees to.  NUL, surrogates and overlong forms
 *		do not get as far as here; PostgreSQL refuses them (22021, 22P05).
 *	  - It has something to see: not only white space, controls and characters
 *		that are invisible by definition.
 *	  - It is not longer than pg_parley.max_content_size, counted in bytes.
 *	  - At most 30 combining marks stand in a row.  That is the limit of UAX #15's
 *		stream-safe text; no language needs more, and piles of marks run over the
 *		lines around them.
 *	  - Everything else is kept, not normalized: control characters, combining
 *		marks, bidirectional controls.  Whoever shows a text isolates its direction
 *		(HTML: dir="auto").
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

/*
 * One emoji, by the grammar of UTS #51 (possible emoji, 1.4.9): a pictograph with
 * its modifiers, several joined by ZWJ, a flag or a keycap; at most EMOJI_MAX_BYTES.
 */
#define EMOJI_MAX_BYTES 64
extern bool IsEmoji(const char *text);

/* A character that changes the direction of what follows it (UAX #9). */
extern bool HasBidiControl(const char *text);

#endif /* PARLEY_CONTENT_H */
