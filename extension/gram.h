/*
 * gram.h
 *	  The pieces of a text by which an index finds a part of it.
 *
 * Every three characters in a row are a piece; of scripts that are written without
 * spaces (Han, kana, Hangul, Thai, Lao, Khmer, Burmese) also every one and every two, because a
 * word of theirs is often no longer.  No piece has white space in it.  Whatever is
 * part of a text has no piece that the text does not have; the reverse has to be
 * checked on the text.
 *
 * Pure C11, no PostgreSQL header.
 */
#ifndef PARLEY_GRAM_H
#define PARLEY_GRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At most so many pieces has a text of `length` bytes. */
#define GRAM_MAX(length) (3 * (length))

/*
 * Writes the pieces of a text (UTF-8, folded) as hash values, sorted and each
 * once, and returns how many.
 */
extern size_t GramsOf(int32_t *grams, const char *text, size_t length);

/* The character at *text, which moves past it; bytes that are not UTF-8 stand for themselves. */
extern uint32_t GramNextCharacter(const unsigned char **text, const unsigned char *end);

/* Whether a character is of a script without spaces. */
extern bool GramIsUnspaced(uint32_t character);

/* Whether any character is of a script without spaces. */
extern bool GramsUnspaced(const char *text, size_t length);

#endif /* PARLEY_GRAM_H */
