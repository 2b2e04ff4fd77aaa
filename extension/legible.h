/*
 * legible.h
 *	  What every text must be like that people see: names, and what is written about
 *	  somebody.  (A message may be anything that can be seen: content.h.)
 *
 *	  A name stands in a line among others and says who or what something is.  Therefore
 *	  nothing in it may hide or turn its neighbours.  This is PRECIS' FreeformClass (RFC
 *	  8264) with what emoji and the standard's own contextual rules need:
 *
 *	  - It neither begins nor ends with white space.  Within, any space of a line will do.
 *	  - No control, no line or paragraph separator, and no bidirectional control (UAX #9).
 *	  - No other character that is invisible by definition, such as U+200B, U+3164 or a soft
 *		hyphen, except where it shapes what is next to it: ZWNJ and ZWJ between letters of
 *		a script that joins them (Arabic, the Indic ones, Mongolian) or after a virama, ZWJ
 *		between emoji, a variation selector after a character that has variants, tags
 *		in the flag of a region.
 *	  - At most 30 combining marks in a row.
 *
 *	  A text of several lines has something to see, and of the controls only tab, line feed
 *	  and carriage return; its direction ends with it.
 *
 *	  A text is refused as a whole or kept byte for byte.  Only what a client program says
 *	  of itself is cleaned, since nobody chose it.
 *
 *	  Tables do not check this: what was stored before a rule stays readable and can be restored.
 */
#ifndef PARLEY_LEGIBLE_H
#define PARLEY_LEGIBLE_H

#include "postgres.h"

#define LEGIBLE_MAX_MARKS 30

extern bool LegibleName(const char *name);
extern bool LegibleText(const char *text);

/* Takes out all that is invisible but the space, in place. */
extern void LegibleClean(char *text);

/* Nothing in the text can be seen; so it is with the empty one. */
extern bool LegibleIsBlank(const char *text);

/*
 * More than LEGIBLE_MAX_MARKS combining marks stand in a row.  That is the limit of
 * UAX #15's stream-safe text; no language needs more, and piles of marks run over the
 * lines around them.
 */
extern bool LegiblePilesMarks(const char *text);

#endif /* PARLEY_LEGIBLE_H */
