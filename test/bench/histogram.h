/*
 * histogram.h
 *	  A log-linear histogram of durations in nanoseconds.
 *
 * Each power of two is cut into 128 equal buckets, so a recorded value is known to
 * better than 0.8 % at any magnitude, recording is an increment, and no sample is
 * thrown away.  The idea is that of HdrHistogram (Gil Tene); the layout is ours.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_SUB_COUNT (1 << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB_COUNT)

typedef struct Histogram
{
	uint64_t count;
	uint64_t max; /* exact */
	uint64_t bucket[HISTOGRAM_BUCKETS];
} Histogram;

/* A zeroed Histogram is an empty one. */
void histogram_record(Histogram *histogram, uint64_t value);

/*
 * The value at or below which `percent` (0 to 100) of the samples lie: the upper
 * end of its bucket, but never above max.  0 when the histogram is empty.
 */
uint64_t histogram_percentile(const Histogram *histogram, double percent);

/* Exposed for the test: the bucket of a value, and the largest value of a bucket. */
unsigned histogram_bucket_of(uint64_t value);
uint64_t histogram_bucket_end(unsigned bucket);

#endif
