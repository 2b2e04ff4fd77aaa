/*
 * legible.c
 *	  What every text must be like that people see.
 */
#include "postgres.h"

#include "legible.h"

#include "emoji.h"
#include "unicode.h"

#define ZERO_WIDTH_NON_JOINER 0x200C
#define ZERO_WIDTH_JOINER 0x200D
#define MONGOLIAN_SEPARATOR 0x180E
#define EMOJI_PRESENTATION 0xFE0F
#define KEYCAP 0x20E3
#define BLACK_FLAG 0x1F3F4
#define TAG_END 0xE007F

static bool
IsWithin(pg_wchar c, pg_wchar first, pg_wchar last)
{
	return c >= first && c <= last;
}

static pg_wchar
Peek(const char *text)
{
	return UnicodeNext(&text);
}

bool
LegibleIsBlank(const char *text)
{
	pg_wchar c;

	while ((c = UnicodeNext(&text)) != 0)
	{
		if (!UnicodeIsInvisible(c))
			return false;
	}
	return true;
}

/* What is invisible neither is a mark nor ends a pile of them: joiners would hide it. */
bool
LegiblePilesMarks(const char *text)
{
	int marks = 0;

	while (*text)
	{
		const char *at = text;
		pg_wchar c = UnicodeNext(&text);

		if (c < 0x80)
			marks = 0;
		else if (!UnicodeIsInvisible(c))
			marks = pg_encoding_dsplen(PG_UTF8, at) == 0 ? marks + 1 : 0;
		if (marks > LEGIBLE_MAX_MARKS)
			return true;
	}
	return false;
}

/* ---- what is invisible, and in its place -------------------------------- */

static bool
IsMongolian(pg_wchar c)
{
	return IsWithin(c, 0x1800, 0x18AF) && !UnicodeIsInvisible(c);
}

/* Letters and marks whose shape depends on whether they are joined (RFC 5892, appendix A). */
static bool
IsJoined(pg_wchar c)
{
	static const pg_wchar blocks[][2] = {
		{0x0620, 0x0E7F}, /* Arabic, Syriac, N'Ko, Mandaic, the Indic scripts, Thai */
		{0x0F00, 0x109F}, /* Tibetan, Burmese */
		{0x1700, 0x17FF}, /* Philippine scripts, Khmer */
		{0x1900, 0x1CFF}, /* Limbu to Vedic */
		{0xA800, 0xABFF}, /* Syloti Nagri to Meetei Mayek */
		{0xFB50, 0xFDFF}, /* Arabic presentation forms */
		{0xFE70, 0xFEFC},	{0x10A00, 0x10FFF}, /* Kharoshthi to Sogdian */
		{0x11000, 0x11FFF},						/* the Indic scripts of later versions */
		{0x1E900, 0x1E95F},						/* Adlam */
	};

	for (int i = 0; i < (int) lengthof(blocks); i++)
	{
		if (IsWithin(c, blocks[i][0], blocks[i][1]))
			return !UnicodeIsInvisible(c);
	}
	return IsMongolian(c);
}

static bool
IsEmojiPart(pg_wchar c)
{
	return EmojiIsPictograph(c) || IsWithin(c, 0x1F3FB, 0x1F3FF) || c == EMOJI_PRESENTATION;
}

/* A joiner between two characters; 0 is the end. */
static bool
MayJoin(pg_wchar before, pg_wchar joiner, pg_wchar after)
{
	if (joiner == ZERO_WIDTH_JOINER && IsEmojiPart(before) && EmojiIsPictograph(after))
		return true;
	return IsJoined(before) && (IsJoined(after) || UnicodeIsVirama(before));
}

/* Only those that Unicode has variants of, roughly. */
static bool
MaySelect(pg_wchar before, pg_wchar selector, pg_wchar after)
{
	bool keycap = after == KEYCAP && before != 0 && before < 0x80 && strchr("0123456789#*", before);

	if (selector >= 0xE0100)
		return IsWithin(before, 0x3400, 0x9FFF) || IsWithin(before, 0xF900, 0xFAFF) ||
			   IsWithin(before, 0x20000, 0x3FFFF);
	if (selector >= 0xFE0E)
		return keycap || EmojiIsPictograph(before);
	if (selector >= 0xFE00)
		return before >= 0x1000 && !UnicodeIsInvisible(before);
	return IsMongolian(before);
}

static bool
IsTag(pg_wchar c)
{
	return IsWithin(c, 0xE0020, TAG_END);
}

/* An invisible character that shapes what is before it; `after` is 0 at the end. */
static bool
IsInItsPlace(pg_wchar before, pg_wchar c, pg_wchar after)
{
	if (c == ZERO_WIDTH_NON_JOINER || c == ZERO_WIDTH_JOINER)
		return MayJoin(before, c, after);
	if (c == MONGOLIAN_SEPARATOR)
		return IsMongolian(before) && IsMongolian(after);
	if (IsWithin(c, 0x180B, 0x180F) || IsWithin(c, 0xFE00, 0xFE0F) || IsWithin(c, 0xE0100, 0xE01EF))
		return MaySelect(before, c, after);
	if (IsTag(c))
		return (before == BLACK_FLAG || IsTag(before)) && (c == TAG_END || IsTag(after));
	return UnicodeIsSpace(c) && before != 0 && after != 0;
}

/* ---- the rules ---------------------------------------------------------- */

bool
LegibleName(const char *name)
{
	const char *at = name;
	pg_wchar before = 0;
	pg_wchar c;

	while ((c = UnicodeNext(&at)) != 0)
	{
		if (UnicodeIsInvisible(c) && !IsInItsPlace(before, c, Peek(at)))
			return false;
		before = c;
	}
	return before != 0 && !LegiblePilesMarks(name);
}

static bool
IsControl(pg_wchar c)
{
	return c < ' ' ? c != '\t' && c != '\n' && c != '\r' : IsWithin(c, 0x7F, 0x9F);
}

bool
LegibleText(const char *text)
{
	const char *at = text;
	pg_wchar c;

	while ((c = UnicodeNext(&at)) != 0)
	{
		if (IsControl(c))
			return false;
	}
	return !LegibleIsBlank(text) && !LegiblePilesMarks(text);
}

void
LegibleClean(char *text)
{
	const char *from = text;
	char *to = text;

	while (*from)
	{
		const char *at = from;
		pg_wchar c = UnicodeNext(&from);

		if (c == ' ' || !UnicodeIsInvisible(c))
		{
			memmove(to, at, from - at);
			to += from - at;
		}
	}
	*to = '\0';
}
