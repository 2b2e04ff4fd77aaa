/*
 * quota.c
 *	  How often somebody may call REST: token buckets in a table of fixed size.
 *
 * A bucket lives in one of the WAYS slots that its key leads to.
 */
#include "quota.h"

#include <stdlib.h>
#include <string.h>

#define SETS 4096 /* a power of two */
#define WAYS 4
#define MS_PER_MINUTE 60000.0

typedef struct Bucket
{
	uint64_t key; /* 0: the slot is free */
	int64_t at_ms;
	double tokens; /* at that time */
	double burst;
	double per_ms;
} Bucket;

struct Quota
{
	uint64_t secret;
	double scale;
	Bucket buckets[SETS][WAYS];
};

static const struct
{
	const char *name;
	int burst;
	int per_minute;
} classes[RATE_CLASS_COUNT] = {
#define RATE_CLASS_ROW(symbol, name, burst, per_minute) {name, burst, per_minute},
	RATE_CLASSES(RATE_CLASS_ROW)
#undef RATE_CLASS_ROW
};

/* FNV-1a, from the secret on. */
uint64_t
quota_caller(const Quota *quota, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint64_t hash = quota->secret;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 1099511628211u;
	return hash;
}

static double
level(const Bucket *bucket, int64_t now_ms)
{
	double tokens = bucket->tokens + (double) (now_ms - bucket->at_ms) * bucket->per_ms;

	return tokens < bucket->burst ? tokens : bucket->burst;
}

/* The caller's bucket; a new one, full, takes the slot of the one that is fullest. */
static Bucket *
bucket_of(Quota *quota, RateClass class, uint64_t caller, int64_t now_ms)
{
	uint64_t key = ((caller ^ class) * 0x9e3779b97f4a7c15u) | 1;
	Bucket *set = quota->buckets[(key >> 32) % SETS];
	Bucket *chosen = &set[0];

	for (int i = 0; i < WAYS; i++)
	{
		if (set[i].key == key)
			return &set[i];
		if (chosen->key != 0 && (set[i].key == 0 || level(&set[i], now_ms) / set[i].burst >
														level(chosen, now_ms) / chosen->burst))
			chosen = &set[i];
	}
	*chosen = (Bucket){.key = key, .at_ms = now_ms};
	chosen->burst = classes[class].burst * quota->scale;
	chosen->burst = chosen->burst < 1 ? 1 : chosen->burst;
	chosen->per_ms = classes[class].per_minute * quota->scale / MS_PER_MINUTE;
	chosen->tokens = chosen->burst;
	return chosen;
}

static int64_t
seconds_for(const Bucket *bucket, double tokens)
{
	return (int64_t) (tokens / bucket->per_ms / 1000.0) + 1;
}

QuotaState
quota_take(Quota *quota, RateClass class, uint64_t caller, int64_t now_ms)
{
	QuotaState state = {0};
	Bucket *bucket;

	if (quota->scale <= 0 || classes[class].burst == 0)
		return state;
	bucket = bucket_of(quota, class, caller, now_ms);
	bucket->tokens = level(bucket, now_ms);
	bucket->at_ms = now_ms;
	if (bucket->tokens >= 1)
		bucket->tokens -= 1;
	else
		state.retry_after_s = seconds_for(bucket, 1 - bucket->tokens);
	state.limit = (int64_t) bucket->burst;
	state.window_s = seconds_for(bucket, bucket->burst) - 1;
	state.remaining = (int64_t) bucket->tokens;
	state.full_in_s = seconds_for(bucket, bucket->burst - bucket->tokens);
	return state;
}

const char *
quota_class_name(RateClass class)
{
	return classes[class].name;
}

void
quota_write_fields(Buffer *fields, RateClass class, const QuotaState *state)
{
	if (state->limit == 0)
		return;
	buffer_printf(fields,
				  "ratelimit-policy: \"%s\";q=%lld;w=%lld\r\nratelimit: \"%s\";r=%lld;t=%lld\r\n",
				  classes[class].name, (long long) state->limit, (long long) state->window_s,
				  classes[class].name, (long long) state->remaining, (long long) state->full_in_s);
}

Quota *
quota_create(int64_t percent)
{
	Quota *quota = xcalloc(1, sizeof(Quota));

	quota->secret = random_u64();
	quota->scale = (double) percent / 100;
	return quota;
}

void
quota_set_percent(Quota *quota, int64_t percent)
{
	double scale = (double) percent / 100;

	if (scale == quota->scale)
		return;
	quota->scale = scale;
	memset(quota->buckets, 0, sizeof(quota->buckets));
}

void
quota_free(Quota *quota)
{
	free(quota);
}
