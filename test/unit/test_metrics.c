/*
 * test_metrics.c
 *	  Counters, gauges and histograms, and that Prometheus could read them.
 */
#include "metrics.h"
#include "tap.h"

/* Each line is a comment or `name{labels} value`. */
/* Or one that every program has (Prometheus: "Writing client libraries"). */
static bool
has_our_name(const char *line)
{
	return string_starts_with(line, "parley_") || string_starts_with(line, "process_");
}

static bool
is_well_formed(char *text)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
	{
		size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz_");

		if ((string_starts_with(line, "# HELP ") || string_starts_with(line, "# TYPE ")) &&
			has_our_name(line + strlen("# HELP ")))
			continue;
		if (!has_our_name(line) || (line[name] != ' ' && line[name] != '{') ||
			strspn(strrchr(line, ' ') + 1, "0123456789.-") == 0)
			return false;
	}
	return true;
}

static int
count_of(const char *text, const char *part)
{
	int count = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		count++;
	return count;
}

int
main(void)
{
	Buffer text = BUFFER_EMPTY;

	metric_add(METRIC_FEED_EVENTS, 3);
	metric_add(METRIC_FEED_EVENTS, 4);
	metric_set(METRIC_CONNECTIONS, 9);
	metric_add(METRIC_CONNECTIONS, -2);
	metric_observe_us(METRIC_COMMIT_TO_SOCKET, -5);
	metric_observe_us(METRIC_COMMIT_TO_SOCKET, 250);
	metric_observe_us(METRIC_COMMIT_TO_SOCKET, 251);
	metric_observe_us(METRIC_COMMIT_TO_SOCKET, INT64_C(99000000));
	metric_add(METRIC_POOL_ERROR, 2);
	is_number(metric_get(METRIC_FEED_EVENTS), 7, "a counter adds");
	is_number(metric_get(METRIC_CONNECTIONS), 7, "a gauge is set and moved");
	is_number(metric_get(METRIC_COMMIT_TO_SOCKET), 4, "a histogram counts");

	metrics_write(&text);
	is_like(buffer_cstring(&text), "\nparley_feed_events_total 7\n", "counter line");
	is_like(buffer_cstring(&text), "# TYPE parley_connections gauge\nparley_connections 7\n",
			"gauge lines");
	is_like(buffer_cstring(&text), "parley_commit_to_socket_seconds_bucket{le=\"0.0001\"} 1\n",
			"first bucket");
	is_like(buffer_cstring(&text), "parley_commit_to_socket_seconds_bucket{le=\"0.00025\"} 2\n",
			"a bound belongs to its bucket");
	is_like(buffer_cstring(&text), "parley_commit_to_socket_seconds_bucket{le=\"10\"} 3\n",
			"buckets are cumulative");
	is_like(buffer_cstring(&text), "parley_commit_to_socket_seconds_bucket{le=\"+Inf\"} 4\n",
			"the last one holds all");
	is_like(buffer_cstring(&text), "parley_commit_to_socket_seconds_sum 99.000501\n",
			"sum in seconds");
	is_like(buffer_cstring(&text), "parley_pool_requests_total{outcome=\"error\"} 2\n", "labels");
	is_number(count_of(buffer_cstring(&text), "# TYPE parley_pool_requests_total "), 1,
			  "rows of one name have one header");
	ok(is_well_formed((char *) text.data), "all lines are well formed");
	buffer_free(&text);
	return done_testing();
}
