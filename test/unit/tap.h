/*
 * tap.h
 *	  What a unit test needs to speak the Test Anything Protocol: checks with a name,
 *	  and a plan at the end.
 */
#ifndef PARLEY_TAP_H
#define PARLEY_TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int tap_count = 0;
static int tap_failures = 0;

/* Returns `passed`. */
static inline bool
ok(bool passed, const char *name)
{
	tap_count++;
	if (!passed)
		tap_failures++;
	printf("%s %d - %s\n", passed ? "ok" : "not ok", tap_count, name);
	fflush(stdout);
	return passed;
}

static inline bool
is_number(int64_t got, int64_t expected, const char *name)
{
	if (ok(got == expected, name))
		return true;
	printf("# got %" PRId64 ", expected %" PRId64 "\n", got, expected);
	return false;
}

static inline bool
is_text(const char *got, const char *expected, const char *name)
{
	if (ok(strcmp(got, expected) == 0, name))
		return true;
	printf("# got \"%s\", expected \"%s\"\n", got, expected);
	return false;
}

static inline bool
is_like(const char *got, const char *part, const char *name)
{
	if (ok(strstr(got, part) != NULL, name))
		return true;
	printf("# got \"%s\", which should hold \"%s\"\n", got, part);
	return false;
}

/* The exit status of the program. */
static inline int
done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures ? 1 : 0;
}

#endif /* PARLEY_TAP_H */
