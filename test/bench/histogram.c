/*
 * histogram.c
 *	  A log-linear histogram of durations.
 *
 * Values below 128 have a bucket each.  A value with its highest bit at position
 * b >= 7 goes to group b - 6, and there to the bucket that its next seven bits name.
 */
#include "histogram.h"

#include <math.h>

unsigned
histogram_bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < HISTOGRAM_SUB_COUNT)
		return (unsigned) value;
	shift = 63 - (unsigned) __builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return shift * HISTOGRAM_SUB_COUNT + (unsigned) (value >> shift);
}

uint64_t
histogram_bucket_end(unsigned bucket)
{
	unsigned shift;
	uint64_t top;

	if (bucket < HISTOGRAM_SUB_COUNT)
		return bucket;
	shift = bucket / HISTOGRAM_SUB_COUNT - 1;
	top = bucket - shift * HISTOGRAM_SUB_COUNT;
	/* (top + 1) << shift would overflow in the very last bucket. */
	return (top << shift) + ((UINT64_C(1) << shift) - 1);
}

void
histogram_record(Histogram *histogram, uint64_t value)
{
	histogram->bucket[histogram_bucket_of(value)]++;
	histogram->count++;
	if (value > histogram->max)
		histogram->max = value;
}

uint64_t
histogram_percentile(const Histogram *histogram, double percent)
{
	uint64_t wanted = (uint64_t) ceil(percent / 100.0 * (double) histogram->count);
	uint64_t seen = 0;

	if (histogram->count == 0)
		return 0;
	if (wanted == 0)
		wanted = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
	{
		seen += histogram->bucket[i];
		if (seen >= wanted)
		{
			uint64_t end = histogram_bucket_end(i);

			return end < histogram->max ? end : histogram->max;
		}
	}
	return histogram->max;
}
