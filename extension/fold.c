/*
 * fold.c
 *	  Texts as search compares them, and the words in them.
 */
#include "fold.h"

#include <string.h>

#include "gram.h"

/* first + n * step becomes to + n * growth; 0: is left out. */
typedef struct FoldRange
{
	uint32_t first;
	uint32_t last;
	int step;
	uint32_t to;
	int growth;
} FoldRange;

/* What becomes several characters: UTF-8. */
typedef struct FoldString
{
	uint32_t from;
	const char *to;
} FoldString;

typedef struct FoldKindRange
{
	uint32_t first;
	uint32_t last;
} FoldKindRange;

#include "fold_table.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- characters --------------------------------------------------------- */

int
FoldEncode(uint32_t c, char *bytes)
{
	if (c < 0x80)
	{
		bytes[0] = (char) c;
		return 1;
	}
	if (c < 0x800)
	{
		bytes[0] = (char) (0xc0 | c >> 6);
		bytes[1] = (char) (0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000)
	{
		bytes[0] = (char) (0xe0 | c >> 12);
		bytes[1] = (char) (0x80 | (c >> 6 & 0x3f));
		bytes[2] = (char) (0x80 | (c & 0x3f));
		return 3;
	}
	bytes[0] = (char) (0xf0 | c >> 18);
	bytes[1] = (char) (0x80 | (c >> 12 & 0x3f));
	bytes[2] = (char) (0x80 | (c >> 6 & 0x3f));
	bytes[3] = (char) (0x80 | (c & 0x3f));
	return 4;
}

/* The last of the sorted entries of `size` bytes that does not begin behind c; -1: there is none. */
static int
FindEntry(const void *entries, size_t count, size_t size, uint32_t c)
{
	size_t low = 0;
	size_t high = count;

	while (low < high)
	{
		size_t middle = (low + high) / 2;
		uint32_t first;

		memcpy(&first, (const char *) entries + middle * size, sizeof(first));
		if (first <= c)
			low = middle + 1;
		else
			high = middle;
	}
	return (int) low - 1;
}

#define FIND(entries, c) FindEntry(entries, LENGTH_OF(entries), sizeof((entries)[0]), c)

static bool
IsOfKind(const FoldKindRange *kinds, size_t count, uint32_t c)
{
	int at = FindEntry(kinds, count, sizeof(*kinds), c);

	return at >= 0 && c <= kinds[at].last;
}

#define IS_OF_KIND(kinds, c) IsOfKind(kinds, LENGTH_OF(kinds), c)

static int
Expand(const char *string, uint32_t *characters)
{
	const unsigned char *next = (const unsigned char *) string;
	const unsigned char *end = next + strlen(string);
	int count = 0;

	while (next < end)
		characters[count++] = GramNextCharacter(&next, end);
	return count;
}

/* What a character becomes; returns how many they are. */
static int
FoldCharacter(uint32_t c, uint32_t *folded)
{
	int at;

	folded[0] = c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
	if (c < 0x80)
		return 1;
	at = FIND(strings, c);
	if (at >= 0 && strings[at].from == c)
		return Expand(strings[at].to, folded);
	at = FIND(ranges, c);
	if (at >= 0 && c <= ranges[at].last && (c - ranges[at].first) % (uint32_t) ranges[at].step == 0)
		folded[0] = ranges[at].to + (c - ranges[at].first) / (uint32_t) ranges[at].step *
										(uint32_t) ranges[at].growth;
	return folded[0] != 0;
}

/* ---- what is put together ----------------------------------------------- */

#define HANGUL 0xac00
#define VOICED 0x3099
#define SEMIVOICED 0x309a

/* Unicode 3.12: a leading consonant, a vowel, a trailing consonant. */
static uint32_t
ComposeHangul(uint32_t c, uint32_t next)
{
	if (c >= 0x1100 && c <= 0x1112 && next >= 0x1161 && next <= 0x1175)
		return HANGUL + ((c - 0x1100) * 21 + next - 0x1161) * 28;
	if (c >= HANGUL && c <= 0xd7a3 && (c - HANGUL) % 28 == 0 && next > 0x11a7 && next <= 0x11c2)
		return c + next - 0x11a7;
	return 0;
}

/* Hiragana; katakana are the same, 0x60 further on. */
static uint32_t
ComposeKana(uint32_t c, uint32_t mark)
{
	uint32_t hiragana = c >= 0x30a1 && c <= 0x30fe ? c - 0x60 : c;

	if (hiragana >= 0x306f && hiragana <= 0x307b && (hiragana - 0x306f) % 3 == 0)
		return c + (mark == VOICED ? 1 : 2);
	if (mark != VOICED)
		return 0;
	if (hiragana == 0x3046)
		return c + 0x4e; /* vu */
	if ((hiragana >= 0x304b && hiragana <= 0x3061 && hiragana % 2 == 1) ||
		(hiragana >= 0x3064 && hiragana <= 0x3068 && hiragana % 2 == 0) || hiragana == 0x309d)
		return c + 1;
	return c >= 0x30ef && c <= 0x30f2 ? c + 8 : 0; /* va, vi, ve, vo */
}

/* A folded character and the one that follows it in the text; 0: they stay two. */
static uint32_t
Compose(uint32_t c, uint32_t next)
{
	if (next == 0xff9e || next == 0xff9f)
		next = next - 0xff9e + VOICED; /* halfwidth */
	if (next == VOICED || next == SEMIVOICED)
		return ComposeKana(c, next);
	if (next == 0x306)
		return c == 0x438 ? 0x439 : c == 0x443 ? 0x45e : 0;
	if (next == 0x308)
		return c == 0x456 ? 0x457 : 0;
	return ComposeHangul(c, next);
}

/* ---- reading ------------------------------------------------------------ */

void
FoldBegin(FoldReader *reader, const char *text, size_t length)
{
	memset(reader, 0, sizeof(*reader));
	reader->text = (const unsigned char *) text;
	reader->next = reader->text;
	reader->end = reader->text + length;
}

/* Takes what belongs to the character before: the rest of it, and what is left out. */
static uint32_t
TakeRest(FoldReader *reader, uint32_t c)
{
	uint32_t folded[FOLD_MAX_CHARACTERS];

	while (reader->next < reader->end && *reader->next >= 0x80)
	{
		const unsigned char *past = reader->next;
		uint32_t next = GramNextCharacter(&past, reader->end);
		uint32_t composed = Compose(c, next);

		if (composed)
			c = composed;
		else if (FoldCharacter(next, folded) > 0)
			break;
		reader->next = past;
	}
	return c;
}

uint32_t
FoldNext(FoldReader *reader)
{
	uint32_t c;

	while (reader->waiting_next == reader->waiting_count)
	{
		if (reader->next == reader->end)
			return 0;
		reader->begin = (size_t) (reader->next - reader->text);
		c = GramNextCharacter(&reader->next, reader->end);
		reader->upper = c >= 'A' && c <= 'Z';
		reader->waiting_next = 0;
		reader->waiting_count = FoldCharacter(c, reader->waiting);
		if (reader->waiting_count > 0)
			reader->waiting[reader->waiting_count - 1] =
				TakeRest(reader, reader->waiting[reader->waiting_count - 1]);
		reader->past = (size_t) (reader->next - reader->text);
	}
	return reader->waiting[reader->waiting_next++];
}

/* ---- words -------------------------------------------------------------- */

typedef enum Kind
{
	SEPARATOR,
	SPACED,
	UNSPACED,
	SYMBOL
} Kind;

static bool
IsDigit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

static Kind
KindOf(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || IsDigit(c) ? SPACED : SEPARATOR;
	if (IS_OF_KIND(separators, c))
		return SEPARATOR;
	if (IS_OF_KIND(symbols, c))
		return SYMBOL;
	return GramIsUnspaced(c) ? UNSPACED : SPACED;
}

void
WordBegin(WordReader *reader, const char *text, size_t length)
{
	FoldBegin(&reader->fold, text, length);
	reader->character = FoldNext(&reader->fold);
}

static void
AddPart(Word *word, int begin, int past)
{
	if (past - begin < 2 || word->part_count == WORD_MAX_PARTS)
		return;
	word->parts[word->part_count].begin = begin;
	word->parts[word->part_count++].length = past - begin;
}

/*
 * cases: of each byte 'A' for an upper case letter, 'a' for a lower case one, 0 for all else.
 * A part begins with the upper case letter after a lower case one, and with the last of several
 * before one.
 */
static void
FindParts(Word *word, const char *cases)
{
	int begin = 0;

	for (int i = 1; i < word->length; i++)
	{
		if (cases[i] == 'A' &&
			(cases[i - 1] == 'a' || (cases[i - 1] == 'A' && cases[i + 1] == 'a')))
		{
			AddPart(word, begin, i);
			begin = i;
		}
	}
	if (begin > 0)
		AddPart(word, begin, word->length);
}

/* The reader's character becomes the next of the word, unless that is long enough. */
static void
AddCharacter(Word *word, char *cases, const WordReader *reader)
{
	uint32_t c = reader->character;

	word->past = reader->fold.past;
	word->ascii &= c < 0x80;
	word->digits |= IsDigit(c);
	word->number &= IsDigit(c);
	if (word->length + 4 > WORD_MAX_BYTES)
		return;
	cases[word->length] = reader->fold.upper ? 'A' : c >= 'a' && c <= 'z' ? 'a' : '\0';
	word->length += FoldEncode(c, word->text + word->length);
}

bool
WordNext(WordReader *reader, Word *word)
{
	char cases[WORD_MAX_BYTES + 2] = {0};
	Kind kind;

	while (reader->character && KindOf(reader->character) == SEPARATOR)
		reader->character = FoldNext(&reader->fold);
	if (reader->character == 0)
		return false;
	kind = KindOf(reader->character);
	word->length = 0;
	word->part_count = 0;
	word->begin = reader->fold.begin;
	word->ascii = true;
	word->digits = false;
	word->number = true;
	word->symbol = kind == SYMBOL;
	do
	{
		AddCharacter(word, cases, reader);
		reader->character = FoldNext(&reader->fold);
	} while (reader->character && kind != SYMBOL && KindOf(reader->character) == kind);
	word->text[word->length] = '\0';
	FindParts(word, cases);
	return true;
}
