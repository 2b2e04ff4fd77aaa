/*
 * feed.c
 *	  The feed of committed events, wherever it comes from.
 */
#include "feed.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "pgarray.h"
#include "tablefeed.h"
#include "walfeed.h"

#define CHECK_MS 1000
#define KEPT_MAX_BYTES (64 * 1024 * 1024)

/* A chunk of the WAL while settling. */
typedef struct KeptChunk
{
	ListNode node;
	ParleyChunk chunk;
	size_t length;
	uint8_t events[];
} KeptChunk;

struct Feed
{
	FeedOptions options;
	WalFeed *wal;
	TableFeed *table;
	FeedSource source;
	char *why; /* the WAL feed does not stream; "" */

	ListNode kept;
	size_t kept_bytes;
	uint64_t settling_poll; /* the first that began when the WAL streamed */
	int64_t horizon;		/* when all transactions before have ended; 0: not known yet */

	TimerEntry check;
	PgRequest *question; /* which backends the new slot waits for */
	char *blockers;		 /* their pids, "1, 2"; NULL: not known */
};

static const char *const source_names[] = {
	[FEED_NONE] = "none",
	[FEED_TABLE] = "table",
	[FEED_SETTLING] = "table",
	[FEED_WAL] = "wal",
};

static void
replace(char **text, char *by)
{
	free(*text);
	*text = by;
}

/* ---- events ------------------------------------------------------------- */

/* What polls have told is left out of what the WAL says again. */
static void
pass_on(Feed *feed, const ParleyChunk *chunk, const uint8_t *events, size_t length, bool told)
{
	ParleyEvent header;
	bool messages = false;

	if (chunk->events > 1)
		feed->options.on_batch(feed->options.arg, true);
	while (length > 0 && parley_get_event(events, length, &header))
	{
		size_t size = PARLEY_EVENT_HEADER_SIZE + header.length;

		if (!told || !hub_was_told(feed->options.hub, &header))
		{
			feed->options.on_event(feed->options.arg, chunk->xid, &header,
								   events + PARLEY_EVENT_HEADER_SIZE);
			messages |= header.kind == PARLEY_EVENT_MESSAGE;
		}
		events += size;
		length -= size;
	}
	if (chunk->events > 1)
		feed->options.on_batch(feed->options.arg, false);
	if (length > 0)
		log_error("feed: %zu bytes at the end of a chunk are not an event", length);
	if (messages)
		metric_observe_us(METRIC_COMMIT_TO_SOCKET, wall_us() - chunk->commit_time);
}

static void
on_table_chunk(void *arg, const ParleyChunk *chunk, const uint8_t *events, size_t length)
{
	pass_on(arg, chunk, events, length, false);
}

/* ---- chunks of the WAL while settling ----------------------------------- */

static void
drop_kept(Feed *feed)
{
	ListNode *first;

	while ((first = list_first(&feed->kept)))
	{
		list_remove(first);
		free(list_entry(first, KeptChunk, node));
	}
	feed->kept_bytes = 0;
}

static void
let_through(Feed *feed)
{
	ListNode *first;

	while ((first = list_first(&feed->kept)))
	{
		KeptChunk *kept = list_entry(first, KeptChunk, node);

		list_remove(first);
		feed->kept_bytes -= kept->length;
		pass_on(feed, &kept->chunk, kept->events, kept->length, true);
		free(kept);
	}
}

static void
keep(Feed *feed, const ParleyChunk *chunk, const uint8_t *events, size_t length)
{
	KeptChunk *kept = xmalloc(sizeof(KeptChunk) + length);

	kept->chunk = *chunk;
	kept->length = length;
	memcpy(kept->events, events, length);
	list_init(&kept->node);
	list_push_back(&feed->kept, &kept->node);
	feed->kept_bytes += length;
	if (feed->kept_bytes > KEPT_MAX_BYTES)
		walfeed_restart(feed->wal, "too much was committed while older transactions go on");
}

static void
on_wal_chunk(void *arg, const ParleyChunk *chunk, const uint8_t *events, size_t length)
{
	Feed *feed = arg;

	if (feed->source == FEED_WAL)
		pass_on(feed, chunk, events, length, true);
	else
		keep(feed, chunk, events, length);
}

/* ---- from one source to another ----------------------------------------- */

static void
set_source(Feed *feed, FeedSource source)
{
	bool flowed = feed->source != FEED_NONE;
	bool flows = source != FEED_NONE;

	feed->source = source;
	hub_feed_is_partial(feed->options.hub, source == FEED_TABLE || source == FEED_SETTLING);
	metric_set(METRIC_FEED, source == FEED_WAL ? 2 : flows);
	if (flowed && !flows)
		hub_reset(feed->options.hub);
	feed->options.on_source(feed->options.arg, source);
}

static void
use_wal(Feed *feed)
{
	tablefeed_stop(feed->table);
	/* Memberships that a snapshot from before does not know may have been told by polls only. */
	hub_distrust_snapshots(feed->options.hub);
	let_through(feed);
	log_info("feed: from the WAL, slot %s", walfeed_slot_name(feed->wal));
	set_source(feed, FEED_WAL);
}

static void
settle(Feed *feed)
{
	log_info("feed: the WAL streams, settling");
	feed->horizon = 0;
	feed->settling_poll = tablefeed_hurry(feed->table);
	set_source(feed, FEED_SETTLING);
}

static void
on_poll(void *arg, const TablePoll *poll)
{
	Feed *feed = arg;

	if (feed->source == FEED_NONE)
	{
		log_warn("feed: from the tables (%s)", feed->why);
		set_source(feed, FEED_TABLE);
	}
	if (feed->source != FEED_SETTLING || poll->number < feed->settling_poll || !poll->complete)
		return;
	if (feed->horizon == 0)
		feed->horizon = poll->next_xid;
	if (poll->snapshot_xmin >= feed->horizon)
		use_wal(feed);
}

/* Where the WAL streams meanwhile, that is enough. */
static void
on_table_lost(void *arg)
{
	Feed *feed = arg;
	bool streams = feed->source == FEED_SETTLING;

	log_warn("feed: the server was restarted or is another: clients come back");
	drop_kept(feed);
	set_source(feed, FEED_NONE);
	if (streams)
		use_wal(feed);
}

static const TableFeedHandlers table_handlers = {on_table_chunk, on_poll, on_table_lost};

static void
on_wal_streams(Feed *feed)
{
	replace(&feed->why, xstrdup(""));
	replace(&feed->blockers, NULL);
	if (feed->source == FEED_NONE)
		use_wal(feed);
	else if (feed->source == FEED_TABLE)
		settle(feed);
}

static void
on_wal_missing(Feed *feed, const char *why)
{
	if (why[0] != '\0')
		replace(&feed->why, xstrdup(why));
	if (feed->source == FEED_SETTLING)
	{
		drop_kept(feed);
		set_source(feed, FEED_TABLE);
	}
	else if (feed->source == FEED_WAL)
		set_source(feed, FEED_NONE);
	if (why[0] != '\0')
		tablefeed_start(feed->table);
}

static void
on_wal_state(void *arg, WalFeedState state, const char *why)
{
	if (state == WALFEED_STREAMING)
		on_wal_streams(arg);
	else
		on_wal_missing(arg, why);
}

static const WalFeedHandlers wal_handlers = {on_wal_chunk, on_wal_state};

/* ---- what a new slot waits for ------------------------------------------ */

static const PgStatement find_blockers = {
	"slot_blockers", "SELECT array_to_string(pg_catalog.pg_blocking_pids($1), ', ')", 1};

static void
on_blockers(void *arg, const PgReply *reply)
{
	Feed *feed = arg;
	const char *pids = pgreply_value(reply, 0, 0);

	feed->question = NULL;
	if (walfeed_state(feed->wal) != WALFEED_CREATING_SLOT || pids[0] == '\0' ||
		(feed->blockers && strcmp(pids, feed->blockers) == 0))
		return;
	replace(&feed->blockers, xstrdup(pids));
	log_warn("feed degraded, waiting for pid %s", pids);
}

static void
ask_blockers(Feed *feed)
{
	char pid[PGPARAM_DIGITS];
	PgParam param = pgparam_int64(pid, walfeed_backend_pid(feed->wal));
	PgCall call = {&find_blockers, &param};

	feed->question = pgpool_request(feed->options.pool, &call, 1, on_blockers, feed);
}

static void
on_check(TimerEntry *entry)
{
	Feed *feed = container_of(entry, Feed, check);

	if (walfeed_state(feed->wal) == WALFEED_CREATING_SLOT && !feed->question)
		ask_blockers(feed);
	timer_arm(feed->options.wheel, &feed->check, CHECK_MS);
}

/* ---- interface ---------------------------------------------------------- */

Feed *
feed_create(const FeedOptions *options)
{
	Feed *feed = xcalloc(1, sizeof(Feed));

	feed->options = *options;
	feed->why = xstrdup("");
	list_init(&feed->kept);
	timer_init(&feed->check, on_check);
	timer_arm(options->wheel, &feed->check, CHECK_MS);
	feed->table = tablefeed_create(&(TableFeedOptions){.loop = options->loop,
													   .wheel = options->wheel,
													   .pool = options->pool,
													   .listen = options->listen,
													   .hub = options->hub,
													   .handlers = &table_handlers,
													   .arg = feed});
	feed->wal =
		walfeed_create(options->loop, options->wheel, options->conninfo, &wal_handlers, feed);
	return feed;
}

void
feed_stop(Feed *feed)
{
	timer_cancel(&feed->check);
	if (feed->question)
		pgpool_cancel(feed->question);
	feed->question = NULL;
	walfeed_close(feed->wal);
	tablefeed_stop(feed->table);
}

void
feed_free(Feed *feed)
{
	tablefeed_free(feed->table);
	drop_kept(feed);
	free(feed->why);
	free(feed->blockers);
	free(feed);
}

bool
feed_flows(const Feed *feed)
{
	return feed->source != FEED_NONE;
}

void
feed_describe(const Feed *feed, Buffer *json)
{
	bool streams = walfeed_state(feed->wal) == WALFEED_STREAMING;

	buffer_printf(json, "\"feed\":\"%s\",\"feed_state\":\"%s\"", source_names[feed->source],
				  walfeed_state_name(walfeed_state(feed->wal)));
	if (streams)
		buffer_printf(json, ",\"slot\":\"%s\"", walfeed_slot_name(feed->wal));
	else
		buffer_append_string(json, ",\"slot\":null");
	buffer_append_string(json, ",\"reason\":");
	if (!streams && feed->blockers)
		buffer_printf(json, "\"feed degraded, waiting for pid %s\"", feed->blockers);
	else if (feed->why[0] != '\0')
		buffer_append_json(json, feed->why, strlen(feed->why));
	else
		buffer_append_string(json, "null");
}

uint64_t
feed_lsn(const Feed *feed)
{
	WalPosition position;

	walfeed_position(feed->wal, &position);
	return feed->source == FEED_WAL ? position.received_lsn : 0;
}

void
feed_lag(const Feed *feed, int64_t *bytes, int64_t *ms)
{
	WalPosition position;

	walfeed_position(feed->wal, &position);
	*bytes = (int64_t) (position.server_lsn - position.received_lsn);
	if (walfeed_state(feed->wal) != WALFEED_STREAMING || *bytes < 0)
		*bytes = 0;
	*ms = *bytes > 0 && position.commit_time_us > 0 ? (wall_us() - position.commit_time_us) / 1000
													: 0;
}
