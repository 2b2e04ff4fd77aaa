/*
 * query.c
 *	  Takes apart what was typed into a search box.
 *
 * One pass over the text: an operator goes into its field, everything else becomes a
 * term.  The terms are then written down once more for websearch_to_tsquery(), each
 * in quotes, so that no character of theirs means anything there.
 */
#include "query.h"

#include <ctype.h>
#include <string.h>

typedef struct Parser
{
	SearchQuery *query;
	const char *next; /* not yet read */
	char *free;		  /* the rest of the buffer */
	char *words;	  /* where the next word of query->words goes */
	bool or_waits;	  /* an "or" has been read, its right side has not */
	bool can_or;	  /* there is a left side */
} Parser;

/* A piece of the input: [-][name:]value, any of them in part quoted. */
typedef struct Token
{
	bool negated;
	bool quoted; /* as a whole */
	const char *begin;
	const char *end;
} Token;

static bool
IsSpace(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Past the closing quote of a quote that begins here; NULL if it is not closed. */
static const char *
SkipQuoted(const char *quote)
{
	const char *end = strchr(quote + 1, '"');

	return end ? end + 1 : NULL;
}

/* The end of a word; a value in quotes right after a colon belongs to it. */
static const char *
FindWordEnd(const char *c)
{
	for (; *c && !IsSpace(*c); c++)
	{
		const char *past = *c == ':' && c[1] == '"' ? SkipQuoted(c + 1) : NULL;

		if (past)
			return past;
	}
	return c;
}

static bool
NextToken(Parser *parser, Token *token)
{
	const char *c = parser->next;
	const char *past;

	while (IsSpace(*c))
		c++;
	if (*c == '\0')
		return false;
	token->negated = *c == '-' && c[1] != '\0' && !IsSpace(c[1]);
	if (token->negated)
		c++;
	past = *c == '"' ? SkipQuoted(c) : NULL;
	token->quoted = past != NULL;
	token->begin = past ? c + 1 : c;
	token->end = past ? past - 1 : FindWordEnd(c);
	parser->next = past ? past : token->end;
	return true;
}

/* A string in the buffer, its quotes made spaces, no space at its ends. */
static const char *
Keep(Parser *parser, const char *begin, const char *end)
{
	char *kept = parser->free;
	char *out = kept;

	for (; begin < end; begin++)
	{
		char c = *begin == '"' || IsSpace(*begin) ? ' ' : *begin;

		if (c != ' ' || out > kept)
			*out++ = c;
	}
	while (out > kept && out[-1] == ' ')
		out--;
	*out = '\0';
	parser->free = out + 1;
	return kept;
}

/* ---- operators ---------------------------------------------------------- */

static int
DaysIn(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* A number of exactly so many digits; -1 if it is not there. */
static int
ReadNumber(const char **text, int digits)
{
	int number = 0;

	for (int i = 0; i < digits; i++, (*text)++)
	{
		if (!isdigit((unsigned char) **text))
			return -1;
		number = number * 10 + (**text - '0');
	}
	return number;
}

/* YYYY, YYYY-MM or YYYY-MM-DD; what is missing is the first. */
static bool
ReadDate(const char *text, QueryDate *date)
{
	QueryDate read = {.month = 1, .day = 1};

	read.year = ReadNumber(&text, 4);
	if (read.year >= 1 && *text == '-')
	{
		text++;
		read.month = ReadNumber(&text, 2);
		if (read.month >= 1 && *text == '-')
		{
			text++;
			read.day = ReadNumber(&text, 2);
		}
	}
	if (*text != '\0' || read.year < 1 || read.month < 1 || read.month > 12 || read.day < 1 ||
		read.day > DaysIn(read.year, read.month))
		return false;
	*date = read;
	return true;
}

static bool
SetFrom(SearchQuery *query, const char *value)
{
	query->from = value;
	return true;
}

static bool
SetIn(SearchQuery *query, const char *value)
{
	query->in = value;
	return true;
}

static bool
SetBefore(SearchQuery *query, const char *value)
{
	return ReadDate(value, &query->before);
}

static bool
SetAfter(SearchQuery *query, const char *value)
{
	return ReadDate(value, &query->after);
}

/* All names of this syntax are ASCII. */
static bool
IsName(const char *name, const char *begin, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (name[i] == '\0' || tolower((unsigned char) begin[i]) != name[i])
			return false;
	}
	return name[length] == '\0';
}

static bool
SetHas(SearchQuery *query, const char *value)
{
	static const struct
	{
		const char *name;
		QueryHas has;
	} things[] = {
		{"link", QUERY_HAS_LINK},
		{"reply", QUERY_HAS_REPLY},
		{"attachment", QUERY_HAS_ATTACHMENT},
		{"file", QUERY_HAS_ATTACHMENT},
		{"reaction", QUERY_HAS_REACTION},
		{"pin", QUERY_HAS_PIN},
		{"mention", QUERY_HAS_MENTION},
	};

	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++)
	{
		if (IsName(things[i].name, value, strlen(value)))
		{
			query->has |= things[i].has;
			return true;
		}
	}
	return false;
}

static const struct
{
	const char *name;
	bool (*set)(SearchQuery *query, const char *value); /* false: the value makes no sense */
} operators[] = {
	{"from", SetFrom}, {"in", SetIn}, {"before", SetBefore}, {"after", SetAfter}, {"has", SetHas},
};

/* False if the token is none, or none that makes sense. */
static bool
ReadOperator(Parser *parser, const Token *token)
{
	const char *colon = memchr(token->begin, ':', (size_t) (token->end - token->begin));
	char *before = parser->free;
	const char *value;

	if (colon == NULL || token->quoted || token->negated)
		return false;
	value = Keep(parser, colon + 1, token->end);
	for (size_t i = 0; *value && i < sizeof(operators) / sizeof(operators[0]); i++)
	{
		if (IsName(operators[i].name, token->begin, (size_t) (colon - token->begin)) &&
			operators[i].set(parser->query, value))
			return true;
	}
	parser->free = before;
	return false;
}

/* ---- terms -------------------------------------------------------------- */

static void
WriteWord(Parser *parser, const char *text)
{
	size_t length = strlen(text);

	memcpy(parser->words, text, length);
	parser->words += length;
}

static void
AddTerm(Parser *parser, const Token *token)
{
	SearchQuery *query = parser->query;
	char *before = parser->free;
	const char *term = Keep(parser, token->begin, token->end);

	bool is_empty = *term == '\0' || strcmp(term, "-") == 0;

	if (is_empty || query->term_count + query->excluded_count == QUERY_MAX_TERMS)
	{
		query->is_cut |= !is_empty;
		parser->free = before;
		return;
	}
	if (parser->or_waits)
		WriteWord(parser, "or ");
	query->alternatives |= parser->or_waits;
	parser->or_waits = false;
	parser->can_or = true;
	if (token->negated)
		query->excluded[query->excluded_count++] = term;
	else
		query->terms[query->term_count++] = term;
	WriteWord(parser, token->negated ? "-\"" : "\"");
	WriteWord(parser, term);
	WriteWord(parser, "\" ");
}

static bool
IsOr(const Parser *parser, const Token *token)
{
	return !token->quoted && !token->negated && parser->can_or &&
		   IsName("or", token->begin, (size_t) (token->end - token->begin));
}

/* An "or" that nothing follows stays out; a lone dash is no word. */
void
QueryParse(SearchQuery *query, const char *text, char *buffer)
{
	Parser parser = {.query = query, .next = text, .words = buffer};
	Token token;

	memset(query, 0, sizeof(*query));
	query->words = buffer;
	parser.free = buffer + QUERY_WORDS_SIZE;
	while (NextToken(&parser, &token))
	{
		if (IsOr(&parser, &token))
			parser.or_waits = true;
		else if (!ReadOperator(&parser, &token))
			AddTerm(&parser, &token);
	}
	*parser.words = '\0';
}
