/*
 * unicode.h
 *	  The characters of a text: what they are, and one form for texts that are the same.
 *
 *	  Nothing here depends on the locale, the collation or the library of either: what
 *	  comes out is the same in every database, and can be kept in an index.  Texts are
 *	  UTF-8, as in every database that has the extension.
 */
#ifndef PARLEY_UNICODE_H
#define PARLEY_UNICODE_H

#include "postgres.h"

#include "common/unicode_norm.h"
#include "mb/pg_wchar.h"

/* The character at *text, which moves on; 0 at the end. */
extern pg_wchar UnicodeNext(const char **text);

/* White space, controls, and what is invisible by definition (Default_Ignorable_Code_Point). */
extern bool UnicodeIsInvisible(pg_wchar c);

/* White space that keeps its place in a line (general category Zs). */
extern bool UnicodeIsSpace(pg_wchar c);

/* An emoji that is shown as text unless U+FE0F follows. */
extern bool UnicodeIsTextEmoji(pg_wchar c);

/* The sign of Indic scripts that joins the consonants around it. */
extern bool UnicodeIsVirama(pg_wchar c);

/* The normalization form (UAX #15) of a text, palloc'd: up to 18 times as long. */
extern char *UnicodeNormalize(UnicodeNormalizationForm form, const char *text);

/*
 * The form by which names are compared whatever their case, palloc'd: NFC, and then each
 * character's simple case folding.  "I" is "i" for everybody, Turks as well.
 */
extern char *UnicodeFold(const char *text);

#endif /* PARLEY_UNICODE_H */
