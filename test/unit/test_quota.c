/*
 * test_quota.c
 *	  Quotas: what is taken, what comes back, and that memory is bounded.
 */
#include "quota.h"

#include "tap.h"

static int
take_many(Quota *quota, uint64_t caller, int count, int64_t now_ms)
{
	int taken = 0;

	for (int i = 0; i < count; i++)
		taken += quota_take(quota, RATE_SEARCH, caller, now_ms).retry_after_s == 0;
	return taken;
}

static void
test_bucket(void)
{
	Quota *quota = quota_create(10); /* 60 at once, 24 a minute */
	uint64_t alice = quota_caller(quota, "alice", 5);
	uint64_t bob = quota_caller(quota, "bob", 3);
	QuotaState state = quota_take(quota, RATE_SEARCH, alice, 1000);
	Buffer fields = BUFFER_EMPTY;

	is_number(state.limit, 60, "how many");
	is_number(state.remaining, 59, "how many are left");
	is_number(state.window_s, 150, "in which time it fills");
	is_number(take_many(quota, alice, 100, 1000), 59, "no more than that");
	is_number(take_many(quota, bob, 100, 1000), 60, "each caller has its own");
	is_number(quota_take(quota, RATE_SEARCH, alice, 1000).retry_after_s, 3, "when to come again");
	is_number(take_many(quota, alice, 100, 1000 + 60000), 24, "what a minute brings");
	ok(quota_take(quota, RATE_READ, alice, 1000).retry_after_s == 0, "each class is its own");
	is_number(quota_take(quota, RATE_NONE, alice, 1000).limit, 0, "what is not limited");
	quota_write_fields(&fields, RATE_SEARCH, &state);
	is_text(buffer_cstring(&fields),
			"ratelimit-policy: \"search\";q=60;w=150\r\nratelimit: \"search\";r=59;t=3\r\n",
			"the fields");
	buffer_free(&fields);
	quota_free(quota);
}

/* A flood of callers takes the slots of those who used little. */
static void
test_flood(void)
{
	Quota *quota = quota_create(10);
	uint64_t alice = quota_caller(quota, "alice", 5);
	int again;

	take_many(quota, alice, 60, 1000);
	for (uint64_t i = 0; i < 200000; i++)
		(void) quota_take(quota, RATE_SEARCH, quota_caller(quota, &i, sizeof(i)), 1000);
	again = take_many(quota, alice, 60, 1000);
	is_number(again, 0, "a flood does not fill an empty bucket");
	quota_free(quota);
	quota = quota_create(0);
	is_number(take_many(quota, alice, 1000, 1000), 1000, "0 percent is no limit");
	quota_free(quota);
}

int
main(void)
{
	test_bucket();
	test_flood();
	return done_testing();
}
