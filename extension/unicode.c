/*
 * unicode.c
 *	  The characters of a text.
 *
 * The server has the normalization forms; case it only has by locale, and before
 * PostgreSQL 17 by no locale that every server has.
 */
#include "postgres.h"

#include "unicode.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "unicode_tables.h"

PG_FUNCTION_INFO_V1(chat_fold_case);

static const Range spaces[] = {
	{0x0020, 0x0020}, {0x00A0, 0x00A0}, {0x1680, 0x1680}, {0x2000, 0x200A},
	{0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
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

pg_wchar
UnicodeNext(const char **text)
{
	const unsigned char *at = (const unsigned char *) *text;

	if (*at == '\0')
		return 0;
	*text += pg_utf_mblen(at);
	return utf8_to_unicode(at);
}

bool
UnicodeIsInvisible(pg_wchar c)
{
	return IsIn(c, invisible, lengthof(invisible));
}

bool
UnicodeIsSpace(pg_wchar c)
{
	return IsIn(c, spaces, lengthof(spaces));
}

bool
UnicodeIsTextEmoji(pg_wchar c)
{
	return IsIn(c, text_emoji, lengthof(text_emoji));
}

bool
UnicodeIsVirama(pg_wchar c)
{
	return IsIn(c, viramas, lengthof(viramas));
}

/* ---- one form for texts that are the same ------------------------------- */

/* Ends with a 0. */
static pg_wchar *
Decode(const char *text)
{
	pg_wchar *characters = palloc((strlen(text) + 1) * sizeof(pg_wchar));
	pg_wchar *to = characters;

	while ((*to = UnicodeNext(&text)) != 0)
		to++;
	return characters;
}

static char *
Encode(const pg_wchar *characters)
{
	StringInfoData text;
	unsigned char bytes[MAX_MULTIBYTE_CHAR_LEN];

	initStringInfo(&text);
	for (; *characters; characters++)
	{
		unicode_to_utf8(*characters, bytes);
		appendBinaryStringInfo(&text, (const char *) bytes, pg_utf_mblen(bytes));
	}
	return text.data;
}

static bool
IsAscii(const char *text)
{
	while (*text && !IS_HIGHBIT_SET(*text))
		text++;
	return *text == '\0';
}

char *
UnicodeNormalize(UnicodeNormalizationForm form, const char *text)
{
	pg_wchar *characters;
	pg_wchar *normalized;
	char *result;

	if (IsAscii(text))
		return pstrdup(text);
	characters = Decode(text);
	normalized = unicode_normalize(form, characters);
	result = Encode(normalized);
	pfree(characters);
	pfree(normalized);
	return result;
}

static pg_wchar
Fold(pg_wchar c)
{
	int low = 0;
	int high = lengthof(foldings);

	if (c < 0x80)
		return pg_ascii_tolower((unsigned char) c);
	while (low < high)
	{
		int middle = (low + high) / 2;
		const Folding *run = &foldings[middle];

		if (c > run->last)
			low = middle + 1;
		else if (c < run->first)
			high = middle;
		else
			return (c - run->first) % run->step == 0 ? c + run->distance : c;
	}
	return c;
}

char *
UnicodeFold(const char *text)
{
	char *normalized = UnicodeNormalize(UNICODE_NFC, text);
	pg_wchar *characters = Decode(normalized);
	char *folded;

	for (pg_wchar *c = characters; *c; c++)
		*c = Fold(*c);
	folded = Encode(characters);
	pfree(characters);
	pfree(normalized);
	return folded;
}

Datum
chat_fold_case(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(UnicodeFold(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}
