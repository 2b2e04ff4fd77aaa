/*
 * test_gram.c
 *	  Pieces of texts: whatever is part of a text has no piece the text does not have.
 *
 * Links extension/gram.c alone; prints TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gram.h"
#include "tap.h"

/* Memory as large as the macro says, so that a sanitizer sees a piece too many. */
static size_t
count(const char *text)
{
	size_t length = strlen(text);
	int32_t *grams = malloc((GRAM_MAX(length) + !length) * sizeof(int32_t));
	size_t found = GramsOf(grams, text, length);

	free(grams);
	return found;
}

static bool
contains_all(const int32_t *whole, size_t whole_count, const int32_t *part, size_t part_count)
{
	size_t i = 0;

	for (size_t k = 0; k < part_count; k++)
	{
		while (i < whole_count && whole[i] < part[k])
			i++;
		if (i == whole_count || whole[i] != part[k])
			return false;
	}
	return true;
}

/* Every part of the text that begins and ends between characters. */
static bool
all_parts_found(const char *text)
{
	size_t length = strlen(text);
	int32_t *whole = malloc(GRAM_MAX(length) * sizeof(int32_t));
	int32_t *part = malloc(GRAM_MAX(length) * sizeof(int32_t));
	size_t whole_count = GramsOf(whole, text, length);
	bool found = true;

	for (size_t begin = 0; begin < length; begin++)
	{
		for (size_t end = begin + 1; end <= length; end++)
		{
			if ((text[begin] & 0xc0) == 0x80 || (text[end] & 0xc0) == 0x80)
				continue;
			found &=
				contains_all(whole, whole_count, part, GramsOf(part, text + begin, end - begin));
		}
	}
	free(whole);
	free(part);
	return found;
}

int
main(void)
{
	static const unsigned char broken[] = {0xe6, 0x9d, 0xff, 0xf0, 0x80};
	int32_t grams[GRAM_MAX(sizeof(broken))];

	ok(count("") == 0 && count("ab") == 0 && count("a b c d") == 0, "too short for a piece");
	ok(count("abc") == 1 && count("abcd") == 2 && count("abc de fgh") == 2, "three in a row");
	ok(count("abcabcabc") == 3, "each once");
	ok(count("größe") == 3, "a character is one, however many bytes");
	ok(count("東") == 1 && count("東京") == 3 && count("東京都") == 6, "Han: one, two and three");
	ok(count("東\u3000京") == 2, "an ideographic space is a space");
	ok(count("한국") == 3 && count("ไทย") == 6 && count("の") == 1, "other scripts without spaces");
	ok(count("中a") == 1 && count("a中b") == 2, "two only within such a script");
	ok(all_parts_found("the cat-like 東京都に住む größe 😀😀x"),
	   "parts have the pieces of the whole");
	ok(GramsUnspaced("x東", 4) && !GramsUnspaced("größe 😀", 12), "scripts without spaces are seen");
	ok(GramsOf(grams, (const char *) broken, sizeof(broken)) <= GRAM_MAX(sizeof(broken)),
	   "bytes that are no UTF-8 do no harm");
	return done_testing();
}
