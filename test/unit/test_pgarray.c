/*
 * test_pgarray.c
 *	  Arrays in text form: written, read, and refused.
 */
#include "pgarray.h"

#include "tap.h"

static void
test_writing(void)
{
	Buffer text = BUFFER_EMPTY;

	pgarray_begin(&text);
	pgarray_end(&text);
	is_text(buffer_cstring(&text), "{}", "an empty array");
	buffer_reset(&text);
	pgarray_begin(&text);
	pgarray_append(&text, "a\"b\\c", 5);
	pgarray_append(&text, "", 0);
	pgarray_append_null(&text);
	pgarray_append(&text, "NULL", 4);
	pgarray_append(&text, "{x,y}", 5);
	pgarray_append_int64(&text, -7);
	pgarray_end(&text);
	is_text(buffer_cstring(&text), "{\"a\\\"b\\\\c\",\"\",NULL,\"NULL\",\"{x,y}\",-7}",
			"elements are quoted and escaped");
	buffer_free(&text);
}

static void
test_reading(void)
{
	static const char *const refused[] = {"",		"{",	"}",	 "1,2",	  "{1,2",	"1}",
										  "{1,}",	"{,1}", "{a}",	 "{1}}",  "{{1}}",	"{NULL}",
										  "{1,,2}", "{1 }", "{1}2}", "{1.5}", "{1},{2}"};
	Buffer values = BUFFER_EMPTY;
	const int64_t *numbers;
	char name[64];

	ok(pgarray_parse_int64("{}", &values) && values.length == 0, "reads an empty array");
	ok(pgarray_parse_int64("{1,-2,9223372036854775807}", &values), "reads numbers");
	numbers = (const int64_t *) (const void *) values.data;
	ok(values.length == 24 && numbers[0] == 1 && numbers[1] == -2 && numbers[2] == INT64_MAX,
	   "all of them");
	for (size_t i = 0; i < lengthof(refused); i++)
	{
		snprintf(name, sizeof(name), "refuses \"%s\"", refused[i]);
		ok(!pgarray_parse_int64(refused[i], &values), name);
	}
	buffer_free(&values);
}

int
main(void)
{
	test_writing();
	test_reading();
	return done_testing();
}
