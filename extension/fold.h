/*
 * fold.h
 *	  Texts as search compares them, and the words in them.
 *
 * A folded text has no case, no accents, and one form of each character: what looks the
 * same or is typed in its place is the same (Unicode's compatibility decomposition and case
 * folding, without the marks of Latin, Greek, Cyrillic, Hebrew and Arabic letters; but Hangul,
 * kana, and three Cyrillic letters are put together).  It depends on no locale.
 *
 * A word is a run of letters and digits, of a script without spaces (gram.h) or of others but
 * not of both; a pictograph is a word of its own.  All else separates words.
 *
 * Index, query and highlighting all read texts through here.  Whatever changes here changes
 * what is in the index, which then has to be made anew.
 *
 * Pure C11, no PostgreSQL header.
 */
#ifndef PARLEY_FOLD_H
#define PARLEY_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOLD_MAX_CHARACTERS 18 /* of one character: U+FDFA */
#define WORD_MAX_BYTES 255	   /* what follows in a longer word does not count */
#define WORD_MAX_PARTS 8

/*
 * Reads one folded character after the other.  `begin` and `past` say where it comes from in
 * the text, what is left out behind it included, in bytes.
 */
typedef struct FoldReader
{
	const unsigned char *text;
	const unsigned char *next;
	const unsigned char *end;
	size_t begin;
	size_t past;
	bool upper; /* it was one of A to Z */
	uint32_t waiting[FOLD_MAX_CHARACTERS];
	int waiting_count;
	int waiting_next;
} FoldReader;

/* text: UTF-8, of `length` bytes; it stays the caller's. */
extern void FoldBegin(FoldReader *reader, const char *text, size_t length);

/* 0: there is no more. */
extern uint32_t FoldNext(FoldReader *reader);

/* Writes a character as UTF-8, at most four bytes, and returns how many. */
extern int FoldEncode(uint32_t character, char *bytes);

typedef struct Word
{
	char text[WORD_MAX_BYTES + 1]; /* folded */
	int length;
	size_t begin; /* where it is in the text, in bytes */
	size_t past;
	bool ascii;	 /* ASCII letters and digits alone */
	bool digits; /* has a digit 0 to 9 */
	bool number; /* only such digits */
	bool symbol;
	struct
	{
		int begin;
		int length;
	} parts[WORD_MAX_PARTS]; /* of CamelCase, each at least two letters */
	int part_count;
} Word;

typedef struct WordReader
{
	FoldReader fold;
	uint32_t character; /* read, but of no word yet */
} WordReader;

extern void WordBegin(WordReader *reader, const char *text, size_t length);

/* false: there is no more. */
extern bool WordNext(WordReader *reader, Word *word);

#endif /* PARLEY_FOLD_H */
