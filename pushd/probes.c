/*
 * probes.c
 *	  What machines ask pushd about itself.
 */
#include "probes.h"

#include "metrics.h"
#include "problem.h"
#include "vitals.h"

void
probe_livez(const RouteServices *services, RouteLocal *answer)
{
	(void) services;
	answer->content_type = "application/json";
	buffer_append_string(answer->body, "{\"status\":\"ok\"}");
}

/* ---- readiness ---------------------------------------------------------- */

typedef struct Readiness
{
	bool draining;
	bool flows;
	int connections;
	CanaryReport canary;
} Readiness;

static bool
is_draining(const Readiness *readiness)
{
	return readiness->draining;
}

static bool
is_feed_down(const Readiness *readiness)
{
	return !readiness->flows;
}

static bool
is_feed_stalled(const Readiness *readiness)
{
	return readiness->canary.state == CANARY_LATE;
}

static bool
is_database_down(const Readiness *readiness)
{
	return readiness->connections == 0;
}

static bool
is_read_only(const Readiness *readiness)
{
	return readiness->connections > 0 && readiness->canary.state == CANARY_NOT_SENT;
}

static const struct
{
	const char *name;
	bool (*holds)(const Readiness *readiness);
} reasons[] = {
	{"draining", is_draining},
	{"feed_down", is_feed_down},
	{"feed_stalled", is_feed_stalled},
	{"database_down", is_database_down},
	{"database_refuses_writes", is_read_only},
};

static int
write_reasons(Buffer *to, const Readiness *readiness)
{
	int count = 0;

	for (size_t i = 0; i < lengthof(reasons); i++)
		if (reasons[i].holds(readiness))
			buffer_printf(to, "%s\"%s\"", count++ ? "," : "", reasons[i].name);
	return count;
}

void
probe_readyz(const RouteServices *services, RouteLocal *answer)
{
	Readiness readiness = {.draining = *services->draining,
						   .flows = feed_flows(services->feed),
						   .connections = pgpool_connections(services->pool)};
	Buffer names = BUFFER_EMPTY;
	bool ready;

	canary_report(services->canary, &readiness.canary);
	ready = write_reasons(&names, &readiness) == 0;
	answer->status = ready ? 200 : 503;
	answer->content_type = "application/json";
	buffer_printf(answer->body, "{\"status\":\"%s\",\"reasons\":[%s],",
				  ready ? "ok" : "unavailable", buffer_cstring(&names));
	feed_describe(services->feed, answer->body);
	buffer_printf(answer->body, ",\"pool_connections\":%d,\"canary\":{\"state\":\"%s\",\"age_ms\":",
				  readiness.connections, canary_state_name(readiness.canary.state));
	if (readiness.canary.age_ms < 0)
		buffer_append_string(answer->body, "null,\"latency_ms\":null}}");
	else
		buffer_printf(answer->body, "%lld,\"latency_ms\":%.3f}}",
					  (long long) readiness.canary.age_ms,
					  (double) readiness.canary.latency_us / 1000);
	buffer_free(&names);
}

/* ---- metrics ------------------------------------------------------------ */

/* How much of the log the server has told of and we have not; in seconds by the last commit. */
static void
collect_feed(const Feed *feed)
{
	int64_t bytes;
	int64_t ms;

	feed_lag(feed, &bytes, &ms);
	metric_set(METRIC_FEED_LAG_BYTES, bytes);
	metric_set(METRIC_FEED_LAG_MS, ms);
}

static void
collect_canary(Canary *canary)
{
	CanaryReport report;

	canary_report(canary, &report);
	metric_set(METRIC_CANARY_STATE, report.state == CANARY_WELL);
	metric_set(METRIC_CANARY_AGE_MS, report.age_ms);
}

void
probe_metrics(const RouteServices *services, RouteLocal *answer)
{
	if (!address_list_has(services->metrics_access, answer->client))
	{
		answer->status = 403;
		answer->content_type = "application/problem+json";
		problem_write(answer->body, PROBLEM_FORBIDDEN, "metrics-access does not list this address",
					  answer->request_name);
		return;
	}
	vitals_collect();
	collect_feed(services->feed);
	collect_canary(services->canary);
	answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(answer->body);
}
