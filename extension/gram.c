/*
 * gram.c
 *	  Pieces of texts, as numbers that an index of int4[] can hold.
 */
#include "gram.h"

#include <stdlib.h>

/* Unicode blocks of scripts without spaces, by first and last character. */
static const uint32_t unspaced[][2] = {
	{0x0e00, 0x0eff},	/* Thai, Lao */
	{0x1000, 0x109f},	/* Myanmar */
	{0x1100, 0x11ff},	/* Hangul Jamo */
	{0x1780, 0x17ff},	/* Khmer */
	{0x2e80, 0x2fff},	/* CJK radicals */
	{0x3001, 0x9fff},	/* kana to CJK unified ideographs; not the space before them */
	{0xa960, 0xa97f},	/* Hangul Jamo Extended-A */
	{0xac00, 0xd7ff},	/* Hangul syllables */
	{0xf900, 0xfaff},	/* CJK compatibility ideographs */
	{0xff66, 0xffdc},	/* halfwidth kana and Hangul */
	{0x1b000, 0x1b16f}, /* kana supplements */
	{0x20000, 0x3ffff}, /* CJK extensions */
};

bool
GramIsUnspaced(uint32_t character)
{
	for (size_t i = 0; i < sizeof(unspaced) / sizeof(unspaced[0]); i++)
	{
		if (character >= unspaced[i][0] && character <= unspaced[i][1])
			return true;
	}
	return false;
}

static bool
IsSpace(uint32_t character)
{
	return character <= ' ' || character == 0xa0 || character == 0x3000;
}

uint32_t
GramNextCharacter(const unsigned char **text, const unsigned char *end)
{
	uint32_t first = *(*text)++;
	int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
	uint32_t character = more ? first & (0x3fu >> more) : first;

	for (; more > 0 && *text < end; more--)
		character = character << 6 | (*(*text)++ & 0x3f);
	return character;
}

/* FNV-1a over three bytes of each character. */
static int32_t
Hash(const uint32_t *characters, int count)
{
	uint32_t hash = 2166136261u;

	for (int i = 0; i < count; i++)
	{
		for (int shift = 0; shift < 24; shift += 8)
			hash = (hash ^ (characters[i] >> shift & 0xff)) * 16777619u;
	}
	return (int32_t) hash;
}

static int
Compare(const void *a, const void *b)
{
	int32_t left = *(const int32_t *) a;
	int32_t right = *(const int32_t *) b;

	return left < right ? -1 : left > right;
}

static size_t
SortUnique(int32_t *grams, size_t count)
{
	size_t kept = 0;

	qsort(grams, count, sizeof(*grams), Compare);
	for (size_t i = 0; i < count; i++)
	{
		if (kept == 0 || grams[i] != grams[kept - 1])
			grams[kept++] = grams[i];
	}
	return kept;
}

size_t
GramsOf(int32_t *grams, const char *text, size_t length)
{
	const unsigned char *next = (const unsigned char *) text;
	const unsigned char *end = next + length;
	uint32_t last[3] = {' ', ' ', ' '}; /* the newest at the end */
	size_t count = 0;

	while (next < end)
	{
		last[0] = last[1];
		last[1] = last[2];
		last[2] = GramNextCharacter(&next, end);
		if (IsSpace(last[2]))
			continue;
		if (GramIsUnspaced(last[2]))
		{
			grams[count++] = Hash(&last[2], 1);
			if (GramIsUnspaced(last[1]))
				grams[count++] = Hash(&last[1], 2);
		}
		if (!IsSpace(last[0]) && !IsSpace(last[1]))
			grams[count++] = Hash(last, 3);
	}
	return SortUnique(grams, count);
}

bool
GramsUnspaced(const char *text, size_t length)
{
	const unsigned char *next = (const unsigned char *) text;
	const unsigned char *end = next + length;

	while (next < end)
	{
		if (GramIsUnspaced(GramNextCharacter(&next, end)))
			return true;
	}
	return false;
}
