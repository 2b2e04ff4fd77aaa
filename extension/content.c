/*
 * content.c
 *	  Rules for the content of messages and for emoji.
 */
#include "compat.h"

#include "content.h"

#include "mb/pg_wchar.h"

#include "guc.h"

#define MAX_MARKS 30

static int max_content_kb = 16;

static const IntSetting settings[] = {
	{"pg_parley.max_content_size", "The longest content a message may have.", &max_content_kb, 1,
	 1024, GUC_UNIT_KB},
};

void
ContentInit(void)
{
	DefineSettings(settings, lengthof(settings));
}

/* ---- characters --------------------------------------------------------- */

typedef struct Range
{
	pg_wchar first;
	pg_wchar last;
} Range;

/* White_Space, Cc, Default_Ignorable_Code_Point (Unicode 15), and the empty Braille pattern. */
static const Range invisible[] = {
	{0x0000, 0x0020},	{0x007F, 0x00A0},	{0x00AD, 0x00AD}, {0x034F, 0x034F}, {0x061C, 0x061C},
	{0x115F, 0x1160},	{0x1680, 0x1680},	{0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x2000, 0x200F},
	{0x2028, 0x202F},	{0x205F, 0x206F},	{0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164},
	{0xFE00, 0xFE0F},	{0xFEFF, 0xFEFF},	{0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3},
	{0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

static const Range bidi_controls[] = {
	{0x061C, 0x061C},
	{0x200E, 0x200F},
	{0x202A, 0x202E},
	{0x2066, 0x2069},
};

/* Blocks that have pictographs; keycaps and flags are in the grammar. */
static const Range pictographs[] = {
	{0x00A9, 0x00A9}, {0x00AE, 0x00AE},	  {0x203C, 0x203C},	  {0x2049, 0x2049},	  {0x2122, 0x2122},
	{0x2139, 0x2139}, {0x2190, 0x21FF},	  {0x2300, 0x23FF},	  {0x24C2, 0x24C2},	  {0x25A0, 0x27BF},
	{0x2934, 0x2935}, {0x2B00, 0x2BFF},	  {0x3030, 0x3030},	  {0x303D, 0x303D},	  {0x3297, 0x3297},
	{0x3299, 0x3299}, {0x1F000, 0x1F1E5}, {0x1F200, 0x1F3FA}, {0x1F400, 0x1FAFF},
};

static bool
IsIn(pg_wchar c, const Range *ranges, int count)
{
	for (int i = 0; i < count && ranges[i].first <= c; i++)
	{
		if (c <= ranges[i].last)
			return true;
	}
	return false;
}

#define IS_IN(c, ranges) IsIn(c, ranges, lengthof(ranges))

/* The character at *text, which moves on; 0 at the end. */
static pg_wchar
Next(const char **text)
{
	const unsigned char *at = (const unsigned char *) *text;

	if (*at == '\0')
		return 0;
	*text += pg_utf_mblen(at);
	return utf8_to_unicode(at);
}

bool
HasBidiControl(const char *text)
{
	pg_wchar c;

	while ((c = Next(&text)) != 0)
	{
		if (IS_IN(c, bidi_controls))
			return true;
	}
	return false;
}

/* ---- content ------------------------------------------------------------ */

static bool
IsInvisible(const char *text)
{
	pg_wchar c;

	while ((c = Next(&text)) != 0)
	{
		if (!IS_IN(c, invisible))
			return false;
	}
	return true;
}

/* What is invisible neither is a mark nor ends a pile of them: joiners would hide it. */
static bool
PilesMarks(const char *text)
{
	int marks = 0;

	while (*text)
	{
		const char *at = text;
		pg_wchar c = Next(&text);

		if (c < 0x80)
			marks = 0;
		else if (!IS_IN(c, invisible))
			marks = pg_encoding_dsplen(PG_UTF8, at) == 0 ? marks + 1 : 0;
		if (marks > MAX_MARKS)
			return true;
	}
	return false;
}

ParleyError
ContentCheck(const char *content, bool has_attachments)
{
	if (content == NULL || (IsInvisible(content) && (content[0] != '\0' || !has_attachments)))
		return PARLEY_ERROR_INVALID_CONTENT;
	if (strlen(content) > (size_t) max_content_kb * 1024)
		return PARLEY_ERROR_CONTENT_TOO_LONG;
	return PilesMarks(content) ? PARLEY_ERROR_INVALID_CONTENT : CONTENT_OK;
}

void
ContentRaise(ParleyError refusal, const char *content)
{
	if (refusal == PARLEY_ERROR_CONTENT_TOO_LONG)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_CONTENT_TOO_LONG),
						errmsg("the content is longer than %d kB", max_content_kb)));
	if (content == NULL || IsInvisible(content))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_CONTENT),
						errmsg("the content of a message must not be empty")));
	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_CONTENT),
					errmsg("the content has more than %d combining marks in a row", MAX_MARKS)));
}

/* ---- emoji -------------------------------------------------------------- */

#define ZERO_WIDTH_JOINER 0x200D
#define EMOJI_PRESENTATION 0xFE0F
#define KEYCAP 0x20E3
#define TAG_FIRST 0xE0020
#define TAG_LAST 0xE007E
#define TAG_END 0xE007F

static pg_wchar
Peek(const char *text)
{
	return Next(&text);
}

static bool
Take(const char **text, pg_wchar first, pg_wchar last)
{
	pg_wchar c = Peek(*text);

	if (c == 0 || c < first || c > last)
		return false;
	Next(text);
	return true;
}

static bool
TakeRegion(const char **text)
{
	return Take(text, 0x1F1E6, 0x1F1FF);
}

/* A digit, # or * in a box. */
static bool
TakeKeycap(const char **text)
{
	pg_wchar c = Peek(*text);

	if (!((c >= '0' && c <= '9') || c == '#' || c == '*'))
		return false;
	Next(text);
	Take(text, EMOJI_PRESENTATION, EMOJI_PRESENTATION);
	return Take(text, KEYCAP, KEYCAP);
}

/* A pictograph, and a skin tone, a presentation or tags (the flag of Wales). */
static bool
TakePictograph(const char **text)
{
	if (!IS_IN(Peek(*text), pictographs))
		return false;
	Next(text);
	if (Take(text, 0x1F3FB, 0x1F3FF))
		return true;
	if (Take(text, EMOJI_PRESENTATION, EMOJI_PRESENTATION))
	{
		Take(text, KEYCAP, KEYCAP);
		return true;
	}
	if (!Take(text, TAG_FIRST, TAG_LAST))
		return true;
	while (Take(text, TAG_FIRST, TAG_LAST))
		;
	return Take(text, TAG_END, TAG_END);
}

bool
IsEmoji(const char *text)
{
	if (strlen(text) > EMOJI_MAX_BYTES)
		return false;
	if (TakeRegion(&text))
		return TakeRegion(&text) && *text == '\0';
	if (Peek(text) < 0x80)
		return TakeKeycap(&text) && *text == '\0';
	do
	{
		if (!TakePictograph(&text))
			return false;
	} while (Take(&text, ZERO_WIDTH_JOINER, ZERO_WIDTH_JOINER));
	return *text == '\0';
}
