/*
 * test_etag.c
 *	  Entity tags.
 */
#include "etag.h"

#include "tap.h"

static bool
matches(const char *etag, const char *field)
{
	return etag_matches(etag, field, strlen(field));
}

int
main(void)
{
	char strong[ETAG_SIZE];
	char weak[ETAG_SIZE];
	char other[ETAG_SIZE];

	etag_write(strong, ETAG_STRONG, "a", 1);
	etag_write(weak, ETAG_WEAK, "a", 1);
	etag_write(other, ETAG_STRONG, "b", 1);
	is_text(strong, "\"af63dc4c8601ec8c\"", "a strong one");
	is_text(weak, "W/\"af63dc4c8601ec8c\"", "a weak one");
	ok(strcmp(strong, other) != 0, "another content");
	etag_write(other, ETAG_STRONG, NULL, 0);
	is_text(other, "\"cbf29ce484222325\"", "no content");

	ok(matches(strong, strong) && matches(weak, strong) && matches(strong, weak),
	   "weak or strong is the same to If-None-Match");
	ok(matches(weak, "\"x\", W/\"af63dc4c8601ec8c\""), "one of a list");
	ok(matches(strong, "*"), "any");
	ok(!matches(strong, "\"x\"") && !matches(strong, "**"), "none of them");
	ok(!etag_matches(strong, NULL, 0), "no field");
	return done_testing();
}
