/*
 * emoji.h
 *	  What one emoji is, and the one spelling of it that is kept.
 *
 *	  An emoji may be spelled with and without the variation selector that asks for its
 *	  picture (U+FE0F), and shows the same.  The spelling that is kept is the one that
 *	  Unicode calls fully-qualified (UTS #51, ED-18a): U+FE0F stands after those emoji
 *	  that would else be text by emoji-variation-sequences.txt (❤️, 1️⃣) unless a skin tone
 *	  follows, and after no other (👍).
 */
#ifndef PARLEY_EMOJI_H
#define PARLEY_EMOJI_H

#include "postgres.h"

#include "mb/pg_wchar.h"

#define EMOJI_MAX_BYTES 64

/*
 * The spelling to keep, palloc'd; NULL where the text is not one emoji by the grammar of
 * UTS #51 (possible emoji, 1.4.9): a pictograph with its modifiers, several joined by
 * ZWJ, a flag or a keycap.  Neither spelling has more than EMOJI_MAX_BYTES.
 */
extern char *EmojiCanonical(const char *text);

/* A character that an emoji can begin with; keycaps and flags have others. */
extern bool EmojiIsPictograph(pg_wchar c);

#endif /* PARLEY_EMOJI_H */
