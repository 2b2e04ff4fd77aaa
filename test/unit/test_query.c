/*
 * test_query.c
 *	  What is typed into a search box: words, phrases, operators, and everything that
 *	  only looks like one; hostile input within the buffer.
 *
 * Links extension/query.c alone; prints TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query.h"
#include "tap.h"

static void
append_list(char *text, const char *label, const char *const *terms, int count)
{
	for (int i = 0; i < count; i++)
	{
		strcat(text, i == 0 ? label : ",");
		strcat(text, terms[i]);
	}
}

static void
append_date(char *text, const char *label, QueryDate date)
{
	if (date.year)
		sprintf(text + strlen(text), " %s=%04d-%02d-%02d", label, date.year, date.month, date.day);
}

/* All of it on one line: what was not given is left out. */
static void
show(const SearchQuery *query, char *text)
{
	sprintf(text, "%s", query->words);
	append_list(text, "+", query->terms, query->term_count);
	append_list(text, " -", query->excluded, query->excluded_count);
	if (query->alternatives)
		strcat(text, " alternatives");
	if (query->from)
		sprintf(text + strlen(text), " from=%s", query->from);
	if (query->in)
		sprintf(text + strlen(text), " in=%s", query->in);
	append_date(text, "before", query->before);
	append_date(text, "after", query->after);
	if (query->has)
		sprintf(text + strlen(text), " has=%u", query->has);
}

static const struct
{
	const char *text;
	const char *shown;
} cases[] = {
	{"", ""},
	{" \t\n", ""},
	{"cat", "\"cat\" +cat"},
	{"  cat   dog ", "\"cat\" \"dog\" +cat,dog"},
	{"\"a cat\" dog", "\"a cat\" \"dog\" +a cat,dog"},
	{"\"a\"\"b\"c", "\"a\" \"b\" \"c\" +a,b,c"},
	{"cat -dog", "\"cat\" -\"dog\" +cat -dog"},
	{"-\"a dog\"", "-\"a dog\"  -a dog"},
	{"- cat - -", "\"cat\" +cat"},
	{"--x", "-\"-x\"  --x"},
	{"cat-dog", "\"cat-dog\" +cat-dog"},
	/* a quote that is not closed, or is empty */
	{"\"a cat", "\"a\" \"cat\" +a,cat"},
	{"\"", ""},
	{"\"\" \"  \" cat", "\"cat\" +cat"},
	{"a\"b", "\"a b\" +a b"},
	/* or */
	{"cat or dog", "\"cat\" or \"dog\" +cat,dog alternatives"},
	{"cat OR -dog", "\"cat\" or -\"dog\" +cat -dog alternatives"},
	{"or cat", "\"or\" \"cat\" +or,cat"},
	{"cat or", "\"cat\" +cat"},
	{"cat or or dog", "\"cat\" or \"dog\" +cat,dog alternatives"},
	{"cat \"or\" dog", "\"cat\" \"or\" \"dog\" +cat,or,dog"},
	/* operators */
	{"from:alice cat", "\"cat\" +cat from=alice"},
	{"FROM:alice from:bob", " from=bob"},
	{"in:7", " in=7"},
	{"in:\"the team\" cat", "\"cat\" +cat in=the team"},
	{"in:\"the team", "\"team\" +team in=the"},
	{"has:link has:reply has:FILE", " has=7"},
	{"has:mention has:pin", " has=48"},
	{"before:2026", " before=2026-01-01"},
	{"before:2026-11 after:2024-02-29", " before=2026-11-01 after=2024-02-29"},
	/* what only looks like one is words */
	{"from: cat", "\"from:\" \"cat\" +from:,cat"},
	{"from:\"\"", "\"from:\" +from:"},
	{"has:money", "\"has:money\" +has:money"},
	{"before:2026-02-29", "\"before:2026-02-29\" +before:2026-02-29"},
	{"before:2026-13", "\"before:2026-13\" +before:2026-13"},
	{"before:0000", "\"before:0000\" +before:0000"},
	{"before:20261", "\"before:20261\" +before:20261"},
	{"after:2026-1-1", "\"after:2026-1-1\" +after:2026-1-1"},
	{"after:2026-01-01x", "\"after:2026-01-01x\" +after:2026-01-01x"},
	{"after:yesterday", "\"after:yesterday\" +after:yesterday"},
	{"-from:bob", "-\"from:bob\"  -from:bob"},
	{"\"from:bob\"", "\"from:bob\" +from:bob"},
	{"http://x:80/", "\"http://x:80/\" +http://x:80/"},
	{":", "\":\" +:"},
	{"fro:x", "\"fro:x\" +fro:x"},
	{"fromm:x", "\"fromm:x\" +fromm:x"},
	/* what means something to a tsquery means nothing here */
	{"a & !b | <-> (c):*", "\"a\" \"&\" \"!b\" \"|\" \"<->\" \"(c):*\" +a,&,!b,|,<->,(c):*"},
	{"\xe6\x9d\xb1\xe4\xba\xac -\xe3\x81\xae", "\"\xe6\x9d\xb1\xe4\xba\xac\" -\"\xe3\x81\xae\" "
											   "+\xe6\x9d\xb1\xe4\xba\xac -\xe3\x81\xae"},
};

static void
parse(SearchQuery *query, const char *text)
{
	char *buffer = malloc(QUERY_BUFFER_SIZE);
	char shown[4 * QUERY_BUFFER_SIZE];

	QueryParse(query, text, buffer);
	show(query, shown);
	free(buffer);
}

/* Random texts of the characters that mean something, and one repeated, as long as they may be. */
static void
test_hostile(void)
{
	static const char alphabet[] = "\"\":-or oab in:2";
	char text[QUERY_MAX_LENGTH + 1];
	SearchQuery query;

	srand(1);
	for (int round = 0; round < 20000; round++)
	{
		int length = rand() % (QUERY_MAX_LENGTH + 1);

		for (int i = 0; i < length; i++)
			text[i] = alphabet[(size_t) rand() % (round % 2 ? 3 : sizeof(alphabet) - 1)];
		text[length] = '\0';
		parse(&query, text);
	}
	ok(true, "random texts stay within the buffer");

	for (size_t i = 0; i < sizeof(alphabet) - 1; i++)
	{
		memset(text, alphabet[i], QUERY_MAX_LENGTH);
		text[QUERY_MAX_LENGTH] = '\0';
		parse(&query, text);
		for (int k = 1; k < QUERY_MAX_LENGTH; k += 2)
			text[k] = ' ';
		parse(&query, text);
		ok(query.term_count + query.excluded_count <= QUERY_MAX_TERMS, "a long text has an end");
	}
}

int
main(void)
{
	char buffer[QUERY_BUFFER_SIZE];
	char shown[4 * QUERY_BUFFER_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		SearchQuery query;

		QueryParse(&query, cases[i].text, buffer);
		show(&query, shown);
		is_text(shown, cases[i].shown, *cases[i].text ? cases[i].text : "nothing");
	}
	test_hostile();
	return done_testing();
}
