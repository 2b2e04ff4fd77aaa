/*
 * search_text.c
 *	  How search reads texts: search_fold(), search_words(), search_query() and
 *	  search_snippet().
 *
 * Words come from fold.h and not from a parser of the server: those join what people see as
 * several words (alice@example.org, Alpha/Beta, pic.png), and their letters depend on the
 * locale.  A word then goes through the dictionaries that its configuration has for the
 * default parser's types of words, as parsetext() of the server does it.
 */
#include "compat.h"

#include "search_text.h"

#include <ctype.h>

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_type.h"
#include "tsearch/ts_utils.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "fold.h"

PG_FUNCTION_INFO_V1(chat_search_fold);
PG_FUNCTION_INFO_V1(chat_search_words);
PG_FUNCTION_INFO_V1(chat_search_query);
PG_FUNCTION_INFO_V1(chat_search_snippet);

/* wparser_def.c of the server */
#define DEFAULT_PARSER 3722
#define ASCIIWORD 1
#define WORD_T 2
#define NUMWORD 3
#define UNSIGNEDINT 22

/*
 * What a tsvector holds (MAXSTRPOS), less what aligns and counts its entries.  Lexemes are
 * taken as they come until then; a text of SEARCH_MAX_BYTES of words gets nowhere near.
 */
#define MAX_LEXEME_BYTES (MAXSTRPOS - 1024)
#define ENTRY_BYTES 6

/* ---- folded ------------------------------------------------------------- */

static size_t
ReadableLength(const char *text, size_t length)
{
	if (length <= SEARCH_MAX_BYTES)
		return length;
	return pg_encoding_mbcliplen(PG_UTF8, text, length, SEARCH_MAX_BYTES);
}

/* spans, unless NULL: of each byte of the result the character's begin and past in the text. */
typedef struct Span
{
	uint32 begin;
	uint32 past;
} Span;

static void
FoldInto(StringInfo folded, StringInfo spans, const char *text, size_t length)
{
	FoldReader reader;
	uint32 c;

	FoldBegin(&reader, text, ReadableLength(text, length));
	while ((c = FoldNext(&reader)) != 0)
	{
		char bytes[4];
		int count = FoldEncode(c, bytes);

		appendBinaryStringInfo(folded, bytes, count);
		for (int i = 0; spans && i < count; i++)
		{
			Span span = {reader.begin, reader.past};

			appendBinaryStringInfo(spans, (const char *) &span, sizeof(span));
		}
	}
}

char *
SearchFold(const char *text)
{
	StringInfoData folded;

	initStringInfo(&folded);
	FoldInto(&folded, NULL, text, strlen(text));
	return folded.data;
}

Datum
chat_search_fold(PG_FUNCTION_ARGS)
{
	text *content = PG_GETARG_TEXT_PP(0);
	StringInfoData folded;

	initStringInfo(&folded);
	FoldInto(&folded, NULL, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(folded.data, folded.len));
}

/* ---- lexemes ------------------------------------------------------------ */

typedef void (*LexemeSink)(void *arg, const char *lexeme, int length);

static int
TypeOf(const Word *word)
{
	if (word->number)
		return UNSIGNEDINT;
	if (word->digits)
		return NUMWORD;
	return word->ascii ? ASCIIWORD : WORD_T;
}

/*
 * The first dictionary that knows the word makes its lexemes, none for a stop word.  One that
 * wants the next word before it decides counts as one that does not know it.
 */
static void
Lexize(TSConfigCacheEntry *config, int type, const char *word, int length, LexemeSink sink,
	   void *arg)
{
	ListDictionary *map = type < config->lenmap ? &config->map[type] : NULL;

	for (int i = 0; map && i < map->len; i++)
	{
		TSDictionaryCacheEntry *dictionary = lookup_ts_dictionary_cache(map->dictIds[i]);
		DictSubState state = {0};
		TSLexeme *lexemes = (TSLexeme *) DatumGetPointer(
			FunctionCall4(&dictionary->lexize, PointerGetDatum(dictionary->dictData),
						  PointerGetDatum(word), Int32GetDatum(length), PointerGetDatum(&state)));

		if (lexemes == NULL || state.getnext)
			continue;
		if (lexemes->flags & TSL_FILTER)
		{
			word = lexemes->lexeme;
			length = strlen(word);
			continue;
		}
		for (; lexemes->lexeme; lexemes++)
			sink(arg, lexemes->lexeme, strlen(lexemes->lexeme));
		return;
	}
}

/* A configuration with a parser of its own knows other types of words: it counts as simple. */
static void
LexizeText(TSConfigCacheEntry *config, const Word *word, const char *text, int length,
		   LexemeSink sink, void *arg)
{
	if (word->symbol || config->prsId != DEFAULT_PARSER)
		sink(arg, text, length);
	else
		Lexize(config, TypeOf(word), text, length, sink, arg);
}

/* The lexemes of the word itself; with its parts, those of CamelCase, too. */
static void
LexizeWord(TSConfigCacheEntry *config, const Word *word, bool with_parts, LexemeSink sink,
		   void *arg)
{
	LexizeText(config, word, word->text, word->length, sink, arg);
	for (int i = 0; with_parts && i < word->part_count; i++)
		LexizeText(config, word, word->text + word->parts[i].begin, word->parts[i].length, sink,
				   arg);
}

/* ---- search_words() ----------------------------------------------------- */

typedef struct WordList
{
	ParsedText parsed;
	int bytes;
} WordList;

static void
AddLexeme(void *arg, const char *lexeme, int length)
{
	WordList *list = arg;
	ParsedText *parsed = &list->parsed;
	ParsedWord *word;

	if (length > MAXSTRLEN || list->bytes + length + ENTRY_BYTES > MAX_LEXEME_BYTES)
		return;
	list->bytes += length + ENTRY_BYTES;
	if (parsed->curwords == parsed->lenwords)
	{
		parsed->lenwords *= 2;
		parsed->words = repalloc(parsed->words, parsed->lenwords * sizeof(ParsedWord));
	}
	word = &parsed->words[parsed->curwords++];
	memset(word, 0, sizeof(*word));
	word->word = pnstrdup(lexeme, length);
	word->len = length;
	word->pos.pos = LIMITPOS(parsed->pos);
}

/* The conversation's id behind a space, as no word can be. */
static void
AddConversation(WordList *list, int64 conversation_id)
{
	char lexeme[20 + 2];

	snprintf(lexeme, sizeof(lexeme), " " INT64_FORMAT, conversation_id);
	list->parsed.pos = 1;
	AddLexeme(list, lexeme, strlen(lexeme));
	list->parsed.pos = 0;
}

Datum
chat_search_words(PG_FUNCTION_ARGS)
{
	TSConfigCacheEntry *config = lookup_ts_config_cache(PG_GETARG_OID(0));
	text *content = PG_GETARG_TEXT_PP(1);
	const char *string = VARDATA_ANY(content);
	WordList list = {.parsed.lenwords = 32};
	WordReader reader;
	Word word;

	list.parsed.words = palloc(list.parsed.lenwords * sizeof(ParsedWord));
	AddConversation(&list, PG_GETARG_INT64(2));
	WordBegin(&reader, string, ReadableLength(string, VARSIZE_ANY_EXHDR(content)));
	while (list.bytes < MAX_LEXEME_BYTES && WordNext(&reader, &word))
	{
		list.parsed.pos++;
		LexizeWord(config, &word, true, AddLexeme, &list);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_TSVECTOR(make_tsvector(&list.parsed));
}

/* ---- search_query() ----------------------------------------------------- */

/* A tsquery as text; what is empty (stop words alone) is left out with its operator. */
typedef struct QueryText
{
	StringInfoData text;
	StringInfoData variants; /* of one word: 'a'|'b' */
} QueryText;

static void
AddVariant(void *arg, const char *lexeme, int length)
{
	StringInfo variants = &((QueryText *) arg)->variants;

	if (variants->len > 0)
		appendStringInfoChar(variants, '|');
	appendStringInfoChar(variants, '\'');
	for (int i = 0; i < length; i++)
	{
		if (lexeme[i] == '\'' || lexeme[i] == '\\')
			appendStringInfoChar(variants, lexeme[i]);
		appendStringInfoChar(variants, lexeme[i]);
	}
	appendStringInfoChar(variants, '\'');
}

/* The words of a term one behind the other.  Returns false if it has none. */
static bool
AppendPhrase(QueryText *query, TSConfigCacheEntry *config, const char *term, int length)
{
	WordReader reader;
	Word word;
	int distance = 0;
	bool found = false;

	WordBegin(&reader, term, length);
	while (WordNext(&reader, &word))
	{
		resetStringInfo(&query->variants);
		LexizeWord(config, &word, false, AddVariant, query);
		distance++;
		if (query->variants.len == 0)
			continue;
		if (found)
			appendStringInfo(&query->text, "<%d>", distance);
		appendStringInfo(&query->text, "(%s)", query->variants.data);
		found = true;
		distance = 0;
	}
	return found;
}

/* One term, in the quotes of SearchQuery.words (query.h), that begins at `quote`. */
static void
AppendTerm(QueryText *query, TSConfigCacheEntry *config, const char *quote, int length,
		   bool negated, bool alternative)
{
	int before = query->text.len;

	if (before > 0)
		appendStringInfoChar(&query->text, alternative ? '|' : '&');
	appendStringInfoString(&query->text, negated ? "!(" : "(");
	if (AppendPhrase(query, config, quote, length))
		appendStringInfoChar(&query->text, ')');
	else
	{
		query->text.len = before;
		query->text.data[before] = '\0';
	}
}

Datum
chat_search_query(PG_FUNCTION_ARGS)
{
	TSConfigCacheEntry *config = lookup_ts_config_cache(PG_GETARG_OID(0));
	const char *next = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool alternative = false;
	QueryText query;

	initStringInfo(&query.text);
	initStringInfo(&query.variants);
	while (*next)
	{
		bool negated = *next == '-';
		const char *quote = strchr(next, '"');
		const char *end = quote ? strchr(quote + 1, '"') : NULL;

		if (end == NULL)
			break;
		alternative |= *next == 'o';
		negated |= alternative && quote[-1] == '-';
		AppendTerm(&query, config, quote + 1, end - quote - 1, negated, alternative);
		alternative = false;
		next = end + 1 + strspn(end + 1, " ");
	}
	return DirectFunctionCall1(tsqueryin, CStringGetDatum(query.text.data));
}

/* ---- search_snippet() --------------------------------------------------- */

#define SNIPPET_CHARACTERS 200
#define SNIPPET_BEFORE 60 /* of them before the first hit */
#define MAX_HITS 200

typedef struct Lexeme
{
	const char *text;
	int length;
} Lexeme;

typedef struct Snippet
{
	const char *content;
	uint32 length;
	Lexeme *lexemes; /* what to mark */
	int lexeme_count;
	bool is_hit; /* a lexeme of the word at hand is one of them */
	Span hits[MAX_HITS];
	int hit_count;
} Snippet;

/* Those that a message must have, without what a "not" is before. */
static void
CollectLexemes(Snippet *snippet, TSQuery query, QueryItem *item)
{
	check_stack_depth();
	if (item->type == QI_VAL)
	{
		Lexeme *lexeme = &snippet->lexemes[snippet->lexeme_count++];

		lexeme->text = GETOPERAND(query) + item->qoperand.distance;
		lexeme->length = item->qoperand.length;
	}
	else if (item->qoperator.oper != OP_NOT)
	{
		CollectLexemes(snippet, query, item + item->qoperator.left);
		CollectLexemes(snippet, query, item + 1);
	}
}

static void
CompareLexeme(void *arg, const char *lexeme, int length)
{
	Snippet *snippet = arg;

	for (int i = 0; i < snippet->lexeme_count; i++)
		snippet->is_hit |= snippet->lexemes[i].length == length &&
						   memcmp(snippet->lexemes[i].text, lexeme, length) == 0;
}

/* Where hits can still be shown: as far as a snippet reaches from the first. */
static bool
InReach(const Snippet *snippet, size_t begin)
{
	return snippet->hit_count < MAX_HITS &&
		   (snippet->hit_count == 0 ||
			begin < snippet->hits[0].begin + SNIPPET_CHARACTERS * (size_t) 4);
}

static void
FindWords(Snippet *snippet, TSConfigCacheEntry *config, TSQuery query)
{
	WordReader reader;
	Word word;

	if (query->size == 0)
		return;
	snippet->lexemes = palloc(query->size * sizeof(Lexeme));
	CollectLexemes(snippet, query, GETQUERY(query));
	WordBegin(&reader, snippet->content, ReadableLength(snippet->content, snippet->length));
	while (WordNext(&reader, &word) && InReach(snippet, word.begin))
	{
		snippet->is_hit = false;
		LexizeWord(config, &word, true, CompareLexeme, snippet);
		if (snippet->is_hit)
			snippet->hits[snippet->hit_count++] = (Span){word.begin, word.past};
		CHECK_FOR_INTERRUPTS();
	}
}

/* The part that comes first at or behind `from`, the longest of those; NULL: none does. */
static const char *
FindPart(const char *from, const Datum *parts, int count, int *length)
{
	const char *first = NULL;

	for (int i = 0; i < count; i++)
	{
		char *part = TextDatumGetCString(parts[i]);
		const char *at = *part ? strstr(from, part) : NULL;

		if (at && (first == NULL || at < first || (at == first && (int) strlen(part) > *length)))
		{
			first = at;
			*length = strlen(part);
		}
	}
	return first;
}

static void
FindParts(Snippet *snippet, ArrayType *array)
{
	StringInfoData folded;
	StringInfoData spans;
	const Span *span;
	const char *at;
	Datum *parts;
	int count;
	int length = 0;

	initStringInfo(&folded);
	initStringInfo(&spans);
	FoldInto(&folded, &spans, snippet->content, snippet->length);
	span = (const Span *) spans.data;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &parts, NULL, &count);
	for (at = folded.data; (at = FindPart(at, parts, count, &length)) != NULL; at += length)
	{
		Span hit = {span[at - folded.data].begin, span[at - folded.data + length - 1].past};

		if (!InReach(snippet, hit.begin))
			break;
		snippet->hits[snippet->hit_count++] = hit;
	}
}

/* `count` characters back from `at`, to the begin of a word if there is one on the way. */
static uint32
StepBack(const char *content, uint32 at, int count)
{
	uint32 space = 0;

	for (; at > 0 && count > 0; count--)
	{
		do
			at--;
		while (at > 0 && IS_HIGHBIT_SET(content[at]) && (content[at] & 0xc0) == 0x80);
		if (isspace((unsigned char) content[at]))
			space = at + 1;
	}
	return at > 0 && space > 0 ? space : at;
}

/* `count` characters on from `at`, less what would cut a word. */
static uint32
StepOn(const char *content, uint32 length, uint32 at, int count)
{
	uint32 space = 0;

	for (; at < length && count > 0; count--)
	{
		if (isspace((unsigned char) content[at]) && count < SNIPPET_BEFORE)
			space = at;
		at += pg_utf_mblen((const unsigned char *) content + at);
	}
	return at < length && space > 0 ? space : Min(at, length);
}

static void
AppendEscaped(StringInfo html, const char *text, uint32 length)
{
	for (uint32 i = 0; i < length; i++)
	{
		if (text[i] == '&')
			appendStringInfoString(html, "&amp;");
		else if (text[i] == '<')
			appendStringInfoString(html, "&lt;");
		else if (text[i] == '>')
			appendStringInfoString(html, "&gt;");
		else
			appendStringInfoChar(html, text[i]);
	}
}

static text *
ShowSnippet(const Snippet *snippet)
{
	uint32 begin = snippet->hit_count == 0 ? 0 : snippet->hits[0].begin;
	uint32 past;
	StringInfoData html;

	begin = StepBack(snippet->content, begin, SNIPPET_BEFORE);
	past = StepOn(snippet->content, snippet->length, begin, SNIPPET_CHARACTERS);
	initStringInfo(&html);
	appendStringInfoString(&html, begin > 0 ? "… " : "");
	for (int i = 0; i < snippet->hit_count && snippet->hits[i].past <= past; i++)
	{
		if (snippet->hits[i].begin < begin)
			continue;
		AppendEscaped(&html, snippet->content + begin, snippet->hits[i].begin - begin);
		appendStringInfoString(&html, "<mark>");
		begin = snippet->hits[i].past;
		AppendEscaped(&html, snippet->content + snippet->hits[i].begin,
					  begin - snippet->hits[i].begin);
		appendStringInfoString(&html, "</mark>");
	}
	AppendEscaped(&html, snippet->content + begin, past > begin ? past - begin : 0);
	appendStringInfoString(&html, past < snippet->length ? " …" : "");
	return cstring_to_text_with_len(html.data, html.len);
}

Datum
chat_search_snippet(PG_FUNCTION_ARGS)
{
	text *content;
	Snippet snippet = {0};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	content = PG_GETARG_TEXT_PP(0);
	snippet.content = VARDATA_ANY(content);
	snippet.length = VARSIZE_ANY_EXHDR(content);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		FindWords(&snippet, lookup_ts_config_cache(PG_GETARG_OID(1)), PG_GETARG_TSQUERY(2));
	else if (!PG_ARGISNULL(3))
		FindParts(&snippet, PG_GETARG_ARRAYTYPE_P(3));
	PG_RETURN_TEXT_P(ShowSnippet(&snippet));
}
