/*
 * emoji.c
 *	  The grammar of emoji.
 *
 * A Reader takes the text apart and writes the spelling that is kept as it goes on.
 */
#include "postgres.h"

#include "emoji.h"

#include "lib/stringinfo.h"

#include "unicode.h"

#define ZERO_WIDTH_JOINER 0x200D
#define TEXT_PRESENTATION 0xFE0E
#define EMOJI_PRESENTATION 0xFE0F
#define KEYCAP 0x20E3
#define TONE_FIRST 0x1F3FB
#define TONE_LAST 0x1F3FF
#define TAG_FIRST 0xE0020
#define TAG_LAST 0xE007E
#define TAG_END 0xE007F

typedef struct Reader
{
	const char *text;
	StringInfoData kept;
} Reader;

/* Blocks that have pictographs. */
static const struct
{
	pg_wchar first;
	pg_wchar last;
} pictographs[] = {
	{0x00A9, 0x00A9}, {0x00AE, 0x00AE},	  {0x203C, 0x203C},	  {0x2049, 0x2049},	  {0x2122, 0x2122},
	{0x2139, 0x2139}, {0x2190, 0x21FF},	  {0x2300, 0x23FF},	  {0x24C2, 0x24C2},	  {0x25A0, 0x27BF},
	{0x2934, 0x2935}, {0x2B00, 0x2BFF},	  {0x3030, 0x3030},	  {0x303D, 0x303D},	  {0x3297, 0x3297},
	{0x3299, 0x3299}, {0x1F000, 0x1F1E5}, {0x1F200, 0x1F3FA}, {0x1F400, 0x1FAFF},
};

bool
EmojiIsPictograph(pg_wchar c)
{
	for (int i = 0; i < (int) lengthof(pictographs); i++)
	{
		if (c >= pictographs[i].first && c <= pictographs[i].last)
			return true;
	}
	return false;
}

static pg_wchar
Peek(const Reader *reader)
{
	const char *text = reader->text;

	return UnicodeNext(&text);
}

static void
Keep(Reader *reader, pg_wchar c)
{
	unsigned char bytes[MAX_MULTIBYTE_CHAR_LEN];

	unicode_to_utf8(c, bytes);
	appendBinaryStringInfo(&reader->kept, (const char *) bytes, pg_utf_mblen(bytes));
}

/* Passes over a character, which is not kept. */
static bool
Skip(Reader *reader, pg_wchar first, pg_wchar last)
{
	pg_wchar c = Peek(reader);

	if (c == 0 || c < first || c > last)
		return false;
	UnicodeNext(&reader->text);
	return true;
}

static bool
Take(Reader *reader, pg_wchar first, pg_wchar last)
{
	pg_wchar c = Peek(reader);

	if (!Skip(reader, first, last))
		return false;
	Keep(reader, c);
	return true;
}

static bool
SkipPresentation(Reader *reader)
{
	return Skip(reader, TEXT_PRESENTATION, EMOJI_PRESENTATION);
}

static bool
TakeRegion(Reader *reader)
{
	return Take(reader, 0x1F1E6, 0x1F1FF);
}

/* A digit, # or * in a box. */
static bool
TakeKeycap(Reader *reader)
{
	if (!Take(reader, '0', '9') && !Take(reader, '#', '#') && !Take(reader, '*', '*'))
		return false;
	SkipPresentation(reader);
	Keep(reader, EMOJI_PRESENTATION);
	return Take(reader, KEYCAP, KEYCAP);
}

/* A pictograph, and a skin tone, a box or tags (the flag of Wales). */
static bool
TakePictograph(Reader *reader)
{
	pg_wchar base = Peek(reader);
	bool presented;

	if (!EmojiIsPictograph(base))
		return false;
	Take(reader, base, base);
	presented = SkipPresentation(reader);
	if (Take(reader, TONE_FIRST, TONE_LAST))
	{
		SkipPresentation(reader);
		return true;
	}
	if (UnicodeIsTextEmoji(base))
		Keep(reader, EMOJI_PRESENTATION);
	if (presented && Take(reader, KEYCAP, KEYCAP))
		return true;
	if (!Take(reader, TAG_FIRST, TAG_LAST))
		return true;
	while (Take(reader, TAG_FIRST, TAG_LAST))
		;
	return Take(reader, TAG_END, TAG_END);
}

static bool
TakeEmoji(Reader *reader)
{
	if (TakeRegion(reader))
		return TakeRegion(reader);
	if (Peek(reader) < 0x80)
		return TakeKeycap(reader);
	do
	{
		if (!TakePictograph(reader))
			return false;
	} while (Take(reader, ZERO_WIDTH_JOINER, ZERO_WIDTH_JOINER));
	return true;
}

char *
EmojiCanonical(const char *text)
{
	Reader reader = {.text = text};

	if (strlen(text) > EMOJI_MAX_BYTES)
		return NULL;
	initStringInfo(&reader.kept);
	if (!TakeEmoji(&reader) || *reader.text != '\0' || reader.kept.len > EMOJI_MAX_BYTES)
		return NULL;
	return reader.kept.data;
}
