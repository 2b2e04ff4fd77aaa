/*
 * scenario.h
 *	  What chatload can measure, and how it is told.
 *
 * Every scenario prints "name value" lines to stdout.  It returns 0, or 1 when what
 * it received was wrong: then the figures are still printed, and the faults counted.
 */
#ifndef BENCH_SCENARIO_H
#define BENCH_SCENARIO_H

#include <stdint.h>

#include "histogram.h"

typedef struct Options
{
	const char *host;
	int64_t port;
	const char *plan;
	const char *database;	/* libpq conninfo */
	int64_t server_pid;		/* whose CPU time and memory to read; 0: nobody's */
	int64_t connections;	/* of the plan; 0: all */
	int64_t rate;			/* messages/s over all rooms; 0: closed loop */
	int64_t window;			/* closed loop: undelivered messages a room */
	int64_t nap_us;			/* closed loop: pause between two looks at the sockets, < 1 s */
	int64_t seconds;		/* of measuring */
	int64_t warmup_ms;		/* before it */
	int64_t content_length; /* bytes of text a message */
	int64_t samples;
	int64_t interval_ms; /* mean pause between two samples */
	int64_t missed;		 /* messages that every room got since the plan was made */
	int64_t ver;		 /* of every room, as the clients know it */
} Options;

/* Deliveries per second from a room's sender to all its members, and their latency. */
int fanout_run(const Options *options);

/* Memory of the server at 0, `connections` / 5 and `connections` idle connections. */
int idle_run(const Options *options);

/* From chat.send in SQL to the WebSocket frame, one message at a time. */
int latency_run(const Options *options);

/* Until all clients of the plan have what they missed, each message once, in order. */
int bounce_run(const Options *options);

/* p50, p90, p99, p99.9 and max in microseconds, as "<prefix>_p50_us <value>" lines. */
void report_histogram(const char *prefix, const Histogram *histogram);

#endif
