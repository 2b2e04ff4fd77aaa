/*
 * metrics.h
 *	  Counters, gauges and histograms in one table, with Prometheus text output.
 *
 * The table is the registry: to measure something new, add a row.  Rows that
 * share a name differ by label and stand next to each other.  Values live in
 * static memory and start at zero.
 */
#ifndef PARLEY_METRICS_H
#define PARLEY_METRICS_H

#include <stdint.h>

#include "util.h"

#ifndef PARLEY_VERSION
#define PARLEY_VERSION "unknown"
#endif

/* X(symbol, type, name, labels, help) */
#define PARLEY_METRICS(X) \
	X(CONNECTIONS, GAUGE, "parley_connections", "", "Open WebSocket connections") \
	X(CONNECTIONS_ACCEPTED, COUNTER, "parley_connections_accepted_total", "", \
	  "WebSocket connections accepted") \
	X(FRAMES_RECEIVED, COUNTER, "parley_frames_received_total", "", "Frames from clients") \
	X(FRAMES_REFUSED, COUNTER, "parley_frames_refused_total", "", \
	  "Client frames answered with an error") \
	X(FRAMES_SENT, COUNTER, "parley_frames_sent_total", "", "Frames to clients") \
	X(BYTES_SENT, COUNTER, "parley_bytes_sent_total", "", "Payload bytes to clients") \
	X(BYTES_DEFLATED, COUNTER, "parley_bytes_deflated_total", "", \
	  "Payload bytes to clients that compression saved") \
	X(FRAMES_DROPPED, COUNTER, "parley_frames_dropped_total", "reason=\"outbox_full\"", \
	  "Frames not sent, by reason") \
	X(FRAMES_DROPPED_EPHEMERAL, COUNTER, "parley_frames_dropped_total", "reason=\"ephemeral\"", \
	  "") \
	X(FRAMES_DROPPED_SLOW, COUNTER, "parley_frames_dropped_total", "reason=\"slow_consumer\"", "") \
	X(FRAMES_DROPPED_CLOSED, COUNTER, "parley_frames_dropped_total", "reason=\"closed\"", "") \
	X(OUTBOX_BYTES, GAUGE, "parley_outbox_bytes", "", "Bytes that wait for slow clients") \
	X(REFUSED_FULL, COUNTER, "parley_refused_total", "reason=\"full\"", \
	  "Connections and logins refused, by reason") \
	X(REFUSED_ADDRESS, COUNTER, "parley_refused_total", "reason=\"address_full\"", "") \
	X(REFUSED_ACCOUNT, COUNTER, "parley_refused_total", "reason=\"account_full\"", "") \
	X(REFUSED_LOGINS, COUNTER, "parley_refused_total", "reason=\"login_rate\"", "") \
	X(REFUSED_PROXY, COUNTER, "parley_refused_total", "reason=\"proxy_header\"", "") \
	X(REFUSED_TLS, COUNTER, "parley_refused_total", "reason=\"tls_handshake\"", "") \
	X(TLS_CONNECTIONS, GAUGE, "parley_tls_connections", "", "Open connections under TLS") \
	X(TIMEOUT_ENTRANCE, COUNTER, "parley_timeouts_total", "stage=\"entrance\"", \
	  "Connections that took too long, by what was due") \
	X(TIMEOUT_HEAD, COUNTER, "parley_timeouts_total", "stage=\"head\"", "") \
	X(TIMEOUT_BODY, COUNTER, "parley_timeouts_total", "stage=\"body\"", "") \
	X(TIMEOUT_ANSWER, COUNTER, "parley_timeouts_total", "stage=\"answer\"", "") \
	X(TIMEOUT_IDLE, COUNTER, "parley_timeouts_total", "stage=\"idle\"", "") \
	X(HTTP_REQUESTS, COUNTER, "parley_http_requests_total", "", "HTTP requests") \
	X(HTTP_ERRORS, COUNTER, "parley_http_errors_total", "", "HTTP answers of 500 and above") \
	X(COMMIT_TO_SOCKET, HISTOGRAM, "parley_commit_to_socket_seconds", "", \
	  "From the commit of a message to its first write to a socket") \
	X(BATCHES, COUNTER, "parley_send_batches_total", "", "Group commits") \
	X(BATCHED_MESSAGES, COUNTER, "parley_send_batched_messages_total", "", \
	  "Messages in group commits") \
	X(LOGIN_BATCHES, COUNTER, "parley_login_batches_total", "", \
	  "Questions whose tokens these are, many at once") \
	X(BATCHED_LOGINS, COUNTER, "parley_login_batched_tokens_total", "", "Tokens in them") \
	X(POSITION_REPORTS, COUNTER, "parley_position_reports_total", "", \
	  "Read and delivered positions from clients") \
	X(POSITION_BATCHES, COUNTER, "parley_position_batches_total", "", \
	  "Group commits of positions") \
	X(FEED_STATE, GAUGE, "parley_feed_state", "", \
	  "WAL feed: 0 down, 1 connecting, 2 creating slot, 3 streaming") \
	X(FEED, GAUGE, "parley_feed", "", \
	  "Where events come from: 0 nowhere, 1 the tables, 2 the WAL") \
	X(TABLE_FEED_POLLS, COUNTER, "parley_table_feed_polls_total", "", "Polls of the tables") \
	X(TABLE_FEED_EVENTS, COUNTER, "parley_table_feed_events_total", "", \
	  "Events read from the tables") \
	X(TABLE_FEED_FAILURES, COUNTER, "parley_table_feed_failures_total", "", \
	  "Polls of the tables that failed") \
	X(FEED_CHUNKS, COUNTER, "parley_feed_chunks_total", "", "Chunks read from the WAL") \
	X(FEED_EVENTS, COUNTER, "parley_feed_events_total", "", "Events read from the WAL") \
	X(FEED_BYTES, COUNTER, "parley_feed_bytes_total", "", "Bytes read from the WAL feed") \
	X(FEED_STARTS, COUNTER, "parley_feed_starts_total", "", "Times the WAL feed began to stream") \
	X(FEED_FAILURES, COUNTER, "parley_feed_failures_total", "", \
	  "Times the WAL feed was lost or could not start") \
	X(FEED_YIELDS, COUNTER, "parley_feed_yields_total", "", \
	  "Turns in which the WAL feed had more than one turn's share") \
	X(EXCHANGE_SENT, COUNTER, "parley_exchange_payloads_total", "way=\"sent\"", \
	  "Notifications between processes") \
	X(EXCHANGE_RECEIVED, COUNTER, "parley_exchange_payloads_total", "way=\"received\"", "") \
	X(EXCHANGE_REFUSED, COUNTER, "parley_exchange_payloads_total", "way=\"refused\"", "") \
	X(EXCHANGE_DROPPED, COUNTER, "parley_exchange_dropped_total", "", \
	  "Typing and presence that other processes were not told, since too much waited") \
	X(PRESENCE_CHANGES, COUNTER, "parley_presence_changes_total", "", \
	  "Accounts that came or went, as this process found out first") \
	X(TYPING_FRAMES, COUNTER, "parley_typing_frames_total", "outcome=\"taken\"", \
	  "Typing frames of clients") \
	X(TYPING_THROTTLED, COUNTER, "parley_typing_frames_total", "outcome=\"throttled\"", "") \
	X(FEED_REPEATS, COUNTER, "parley_feed_repeats_total", "", \
	  "Messages that the feed brought again, and clients did not get") \
	X(FEED_HOLES, COUNTER, "parley_feed_holes_total", "", \
	  "Times the feed left out messages of a conversation") \
	X(RING_BYTES, GAUGE, "parley_ring_bytes", "", "Memory of recent events") \
	X(RING_CONVERSATIONS, GAUGE, "parley_ring_conversations", "", \
	  "Conversations with recent events in memory") \
	X(RESUMES_HIT, COUNTER, "parley_resumes_total", "from=\"ring\"", \
	  "Syncs answered, by where the answer came from") \
	X(RESUMES_MISS, COUNTER, "parley_resumes_total", "from=\"database\"", "") \
	X(RESUME_ROUNDS, COUNTER, "parley_resume_queries_total", "", \
	  "Queries that answered syncs, many at once") \
	X(POOL_CONNECTIONS, GAUGE, "parley_pool_connections", "", "Pool connections that are up") \
	X(POOL_CONNECTS, COUNTER, "parley_pool_connects_total", "", "Pool connections made") \
	X(POOL_IN_FLIGHT, GAUGE, "parley_pool_in_flight", "", "Requests sent and not yet answered") \
	X(POOL_WAITING, GAUGE, "parley_pool_waiting", "", "Requests that wait for a connection") \
	X(POOL_OK, COUNTER, "parley_pool_requests_total", "outcome=\"ok\"", "Requests by outcome") \
	X(POOL_ERROR, COUNTER, "parley_pool_requests_total", "outcome=\"error\"", "") \
	X(POOL_UNAVAILABLE, COUNTER, "parley_pool_requests_total", "outcome=\"unavailable\"", "") \
	X(POOL_UNKNOWN, COUNTER, "parley_pool_requests_total", "outcome=\"unknown\"", "") \
	X(POOL_REPEATED, COUNTER, "parley_pool_repeated_total", "", \
	  "Requests sent again because a prepared statement was gone") \
	X(FEED_LAG_BYTES, GAUGE, "parley_feed_lag_bytes", "", \
	  "Bytes of the log that the server has told of and the feed has not handed over") \
	X(FEED_LAG_MS, GAUGE, "parley_feed_lag_milliseconds", "", \
	  "Age of the last commit that was handed over, while there is a lag in bytes") \
	X(CANARY_STATE, GAUGE, "parley_canary_well", "", \
	  "1 when the last canary came back through the feed in time") \
	X(CANARY_AGE_MS, GAUGE, "parley_canary_age_milliseconds", "", \
	  "Since the last canary came back; -1 when none has") \
	X(CANARY_SENT, COUNTER, "parley_canaries_total", "outcome=\"sent\"", \
	  "Canaries written, not taken by the database, not back in time") \
	X(CANARY_FAILED, COUNTER, "parley_canaries_total", "outcome=\"failed\"", "") \
	X(CANARY_LATE, COUNTER, "parley_canaries_total", "outcome=\"late\"", "") \
	X(CANARY_SECONDS, HISTOGRAM, "parley_canary_seconds", "", \
	  "From writing a canary to its return through the feed") \
	X(HTTP_SECONDS, HISTOGRAM, "parley_http_request_seconds", "", \
	  "From the head of a request to the head of its answer") \
	X(RELOADS, COUNTER, "parley_reloads_total", "outcome=\"ok\"", "Reloads by SIGHUP") \
	X(RELOADS_FAILED, COUNTER, "parley_reloads_total", "outcome=\"failed\"", "") \
	X(BUILD_INFO, GAUGE, "parley_build_info", "version=\"" PARLEY_VERSION "\"", \
	  "Always 1; the labels tell what runs") \
	X(START_TIME, GAUGE, "process_start_time_seconds", "", "Unix time of the start") \
	X(RESIDENT_BYTES, GAUGE, "process_resident_memory_bytes", "", "Resident memory") \
	X(OPEN_FILES, GAUGE, "process_open_fds", "", "Open file descriptors") \
	X(MAX_FILES, GAUGE, "process_max_fds", "", "How many there may be") \
	X(CPU_MS, COUNTER, "parley_cpu_milliseconds_total", "", "Processor time, user and system") \
	X(LOOP_TURN, HISTOGRAM, "parley_loop_turn_seconds", "", \
	  "Turns of the event loop: what one does holds everybody up") \
	X(POOL_WAIT, HISTOGRAM, "parley_pool_wait_seconds", "", \
	  "How long a request waited for a connection, of those that had to") \
	X(POOL_LATENCY, HISTOGRAM, "parley_pool_request_seconds", "", \
	  "From a request to its answer, waiting included")

/*
 * Counters whose labels are known only at run time, but come from tables of ours, never
 * from outside.  X(symbol, name, help)
 */
#define PARLEY_METRIC_FAMILIES(X) \
	X(HTTP_ANSWERS, "parley_http_answers_total", "HTTP answers by route and status") \
	X(CLOSES, "parley_closes_total", "WebSocket connections that ended, by reason")

typedef enum MetricFamily
{
#define PARLEY_METRIC_FAMILY_ENUM(symbol, name, help) METRIC_FAMILY_##symbol,
	PARLEY_METRIC_FAMILIES(PARLEY_METRIC_FAMILY_ENUM)
#undef PARLEY_METRIC_FAMILY_ENUM
	METRIC_FAMILY_COUNT
} MetricFamily;

typedef enum MetricId
{
#define PARLEY_METRIC_ENUM(symbol, type, name, labels, help) METRIC_##symbol,
	PARLEY_METRICS(PARLEY_METRIC_ENUM)
#undef PARLEY_METRIC_ENUM
	METRIC_COUNT
} MetricId;

/* Counters and gauges. */
void metric_add(MetricId id, int64_t delta);

/* One more in a family; `labels` as in the text form: name="value",… */
void metric_count(MetricFamily family, const char *labels);

/* Gauges. */
void metric_set(MetricId id, int64_t value);

/* Counters and gauges: the value; histograms: how many observations. */
int64_t metric_get(MetricId id);

/* Histograms; negative durations (clocks of two machines) count as zero. */
void metric_observe_us(MetricId id, int64_t duration_us);

/* Appends all of them in Prometheus' text format 0.0.4. */
void metrics_write(Buffer *to);

#endif /* PARLEY_METRICS_H */
