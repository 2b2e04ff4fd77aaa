/*
 * tablefeed.c
 *	  Committed events read from the tables.
 *
 * One poll is under way at a time.  The next begins INTERVAL_MS after it did, or at once
 * when something was left or somebody is in a hurry; a slow database is given time
 * (PAUSE_SHARE).  Where commits notify, polls wait for that, and IDLE_MS at the longest.
 */
#include "tablefeed.h"

#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "log.h"
#include "metrics.h"
#include "pgarray.h"

#define INTERVAL_MS 100
#define IDLE_MS 1000
#define RETRY_MS 500
#define SLOW_INTERVAL_MS 500 /* reading positions and profiles */
#define PAUSE_SHARE 3		 /* pauses are this many times as long as the polls */

static const PgStatement gateway_feed = {
	"gateway_feed",
	"SELECT next_cursor, snapshot_xmin, next_xid, wakes, more, moved_ids, moved_seqs, moved_vers,"
	" encode(events, 'hex') FROM chat.gateway_feed($1, $2, $3, $4, $5, $6, $7)",
	7};

enum
{
	COLUMN_CURSOR,
	COLUMN_SNAPSHOT_XMIN,
	COLUMN_NEXT_XID,
	COLUMN_WAKES,
	COLUMN_MORE,
	COLUMN_IDS,
	COLUMN_SEQS,
	COLUMN_VERS,
	COLUMN_EVENTS
};

struct TableFeed
{
	TableFeedOptions options;
	bool started;
	char *cursor;	   /* NULL: the next poll is a first one */
	char *slow_cursor; /* the same for what is asked less often */
	int64_t slow_due_ms;
	bool asks_slow; /* the poll under way does */
	bool wakes;		/* commits notify */
	bool hurries;
	bool fails; /* that is in the log */
	uint64_t number;
	int64_t began_ms;
	Buffer positions; /* HubPosition, as the poll under way tells them */
	PgRequest *request;
	TimerEntry timer;
	LoopTask task;
};

/* ---- the answer --------------------------------------------------------- */

static void
keep_cursor(char **cursor, const char *text)
{
	free(*cursor);
	*cursor = text ? xstrdup(text) : NULL;
}

/* False when the answer is not what it should be. */
static bool
take_chunk(TableFeed *feed, const PgReply *reply)
{
	Buffer bytes = BUFFER_EMPTY;
	ParleyChunk chunk;
	size_t size = pgreply_length(reply, 0, COLUMN_EVENTS) / 2;
	bool good =
		hex_read(buffer_reserve(&bytes, size), size, pgreply_value(reply, 0, COLUMN_EVENTS));

	buffer_advance(&bytes, size);
	good = good && parley_get_chunk(bytes.data, bytes.length, &chunk);
	if (good && chunk.events > 0)
	{
		metric_add(METRIC_TABLE_FEED_EVENTS, chunk.events);
		feed->options.handlers->on_chunk(feed->options.arg, &chunk,
										 bytes.data + PARLEY_CHUNK_HEADER_SIZE, chunk.bytes);
	}
	buffer_free(&bytes);
	return good;
}

static const HubPosition *
told_position(const TableFeed *feed, int64_t conversation_id)
{
	const HubPosition *rows = (const HubPosition *) (void *) feed->positions.data;

	for (size_t low = 0, high = feed->positions.length / sizeof(HubPosition); low < high;)
	{
		size_t middle = (low + high) / 2;

		if (rows[middle].conversation_id == conversation_id)
			return &rows[middle];
		if (rows[middle].conversation_id < conversation_id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* What did not move was told as well: up to where it is. */
static bool
take_positions(TableFeed *feed, const PgReply *reply)
{
	Buffer lists[3] = {BUFFER_EMPTY, BUFFER_EMPTY, BUFFER_EMPTY};
	const HubPosition *rows = (const HubPosition *) (void *) feed->positions.data;
	bool good = true;

	for (size_t i = 0; i < feed->positions.length / sizeof(HubPosition); i++)
		hub_advance(feed->options.hub, &rows[i], rows[i].seq, rows[i].ver);
	for (int i = 0; i < 3; i++)
		good = good && pgarray_parse_int64(pgreply_value(reply, 0, COLUMN_IDS + i), &lists[i]) &&
			   lists[i].length == lists[0].length;
	for (size_t i = 0; good && i < lists[0].length / sizeof(int64_t); i++)
	{
		HubPosition to = {.conversation_id = ((int64_t *) (void *) lists[0].data)[i],
						  .seq = ((int64_t *) (void *) lists[1].data)[i],
						  .ver = ((int64_t *) (void *) lists[2].data)[i]};
		const HubPosition *from = told_position(feed, to.conversation_id);

		hub_advance(feed->options.hub, from ? from : &HUB_POSITION_NONE(to.conversation_id), to.seq,
					to.ver);
	}
	for (int i = 0; i < 3; i++)
		buffer_free(&lists[i]);
	return good;
}

static void
take_answer(TableFeed *feed, const PgReply *reply)
{
	TablePoll poll = {.number = feed->number,
					  .snapshot_xmin = pgreply_int64(reply, 0, COLUMN_SNAPSHOT_XMIN, 0),
					  .next_xid = pgreply_int64(reply, 0, COLUMN_NEXT_XID, 0),
					  .complete = pgreply_value(reply, 0, COLUMN_MORE)[0] == 'f'};

	if (!take_chunk(feed, reply) || !take_positions(feed, reply))
		log_error("table feed: the answer of chat.gateway_feed() has another form");
	feed->wakes = pgreply_value(reply, 0, COLUMN_WAKES)[0] == 't';
	if (!feed->slow_cursor || (feed->asks_slow && poll.complete))
	{
		keep_cursor(&feed->slow_cursor, pgreply_value(reply, 0, COLUMN_CURSOR));
		feed->slow_due_ms = clock_ms() + SLOW_INTERVAL_MS;
	}
	keep_cursor(&feed->cursor, pgreply_value(reply, 0, COLUMN_CURSOR));
	feed->hurries |= !poll.complete;
	feed->options.handlers->on_poll(feed->options.arg, &poll);
}

static void
forget_cursors(TableFeed *feed)
{
	keep_cursor(&feed->cursor, NULL);
	keep_cursor(&feed->slow_cursor, NULL);
}

/* ---- polls -------------------------------------------------------------- */

static void
schedule(TableFeed *feed, int64_t pause_ms)
{
	if (feed->hurries)
		loop_task_post(feed->options.loop, &feed->task);
	else
		timer_arm(feed->options.wheel, &feed->timer, pause_ms);
}

static int64_t
pause_after(const TableFeed *feed)
{
	int64_t took_ms = clock_ms() - feed->began_ms;
	int64_t pause_ms = (feed->wakes ? IDLE_MS : INTERVAL_MS) - took_ms;

	return pause_ms > took_ms * PAUSE_SHARE ? pause_ms : took_ms * PAUSE_SHARE;
}

static void
complain(TableFeed *feed, const PgReply *reply)
{
	if (!feed->fails)
		log_warn("table feed: %s %s", pgreply_sqlstate(reply), pgreply_message(reply));
	feed->fails = true;
	feed->hurries = false;
	metric_add(METRIC_TABLE_FEED_FAILURES, 1);
}

static void
on_answer(void *arg, const PgReply *reply)
{
	TableFeed *feed = arg;
	bool good = pgreply_rows(reply) == 1;

	feed->request = NULL;
	if (!good)
		complain(feed, reply);
	else if (pgreply_is_null(reply, 0, COLUMN_CURSOR))
	{
		forget_cursors(feed);
		feed->hurries = true;
		feed->options.handlers->on_lost(feed->options.arg);
	}
	else
	{
		if (feed->fails)
			log_info("table feed: goes on");
		feed->fails = false;
		take_answer(feed, reply);
	}
	if (feed->started)
		schedule(feed, good ? pause_after(feed) : RETRY_MS);
}

static int
compare_positions(const void *a, const void *b)
{
	int64_t left = ((const HubPosition *) a)->conversation_id;
	int64_t right = ((const HubPosition *) b)->conversation_id;

	return left < right ? -1 : left > right;
}

static void
append_number(Buffer *array, int64_t number)
{
	if (number < 0)
		pgarray_append_null(array);
	else
		pgarray_append_int64(array, number);
}

/* The three arrays of positions. */
static void
write_positions(TableFeed *feed, Buffer arrays[3])
{
	HubPosition *rows;
	size_t count;

	feed->positions.length = 0;
	hub_positions(feed->options.hub, &feed->positions);
	rows = (HubPosition *) (void *) feed->positions.data;
	count = feed->positions.length / sizeof(HubPosition);
	if (count > 1)
		qsort(rows, count, sizeof(HubPosition), compare_positions);
	for (int i = 0; i < 3; i++)
		pgarray_begin(&arrays[i]);
	for (size_t i = 0; i < count; i++)
	{
		append_number(&arrays[0], rows[i].conversation_id);
		append_number(&arrays[1], rows[i].seq);
		append_number(&arrays[2], rows[i].ver);
	}
	for (int i = 0; i < 3; i++)
		pgarray_end(&arrays[i]);
}

static void
write_accounts(TableFeed *feed, Buffer *array)
{
	Buffer ids = BUFFER_EMPTY;

	hub_online_accounts(feed->options.hub, &ids);
	pgarray_begin(array);
	for (size_t i = 0; i < ids.length / sizeof(int64_t); i++)
		pgarray_append_int64(array, ((const int64_t *) (void *) ids.data)[i]);
	pgarray_end(array);
	buffer_free(&ids);
}

static void
poll_now(TableFeed *feed)
{
	static const char wire[] = {'0' + PARLEY_WIRE_VERSION};
	Buffer arrays[4] = {BUFFER_EMPTY, BUFFER_EMPTY, BUFFER_EMPTY, BUFFER_EMPTY};
	PgParam params[7] = {{wire, sizeof(wire)}, pgparam_text(feed->cursor)};
	PgCall call = {&gateway_feed, params};

	feed->number++;
	feed->hurries = false;
	feed->began_ms = clock_ms();
	feed->asks_slow = feed->cursor && feed->began_ms >= feed->slow_due_ms;
	params[2] = pgparam_text(feed->asks_slow ? feed->slow_cursor : NULL);
	write_positions(feed, arrays);
	write_accounts(feed, &arrays[3]);
	for (int i = 0; i < 4; i++)
		params[3 + i] = pgparam_buffer(&arrays[i]);
	metric_add(METRIC_TABLE_FEED_POLLS, 1);
	feed->request = pgpool_request(feed->options.pool, &call, 1, on_answer, feed);
	for (int i = 0; i < 4; i++)
		buffer_free(&arrays[i]);
}

static void
poll_if_idle(TableFeed *feed)
{
	timer_cancel(&feed->timer);
	if (feed->started && !feed->request)
		poll_now(feed);
}

static void
on_time(TimerEntry *entry)
{
	poll_if_idle(container_of(entry, TableFeed, timer));
}

static void
on_task(LoopTask *task)
{
	poll_if_idle(container_of(task, TableFeed, task));
}

/* Anybody may notify: a poll more is all that it can bring about. */
static void
on_wake(void *arg, const char *payload, int backend_pid)
{
	TableFeed *feed = arg;

	(void) payload;
	(void) backend_pid;
	if (feed->started)
		(void) tablefeed_hurry(feed);
}

/* ---- interface ---------------------------------------------------------- */

TableFeed *
tablefeed_create(const TableFeedOptions *options)
{
	TableFeed *feed = xcalloc(1, sizeof(TableFeed));

	feed->options = *options;
	timer_init(&feed->timer, on_time);
	loop_task_init(&feed->task, on_task);
	listenfeed_subscribe(options->listen, PARLEY_WAKE_CHANNEL, on_wake, NULL, feed);
	return feed;
}

void
tablefeed_start(TableFeed *feed)
{
	if (feed->started)
		return;
	feed->started = true;
	(void) tablefeed_hurry(feed);
}

void
tablefeed_stop(TableFeed *feed)
{
	feed->started = false;
	feed->fails = false;
	timer_cancel(&feed->timer);
	loop_task_cancel(&feed->task);
	if (feed->request)
		pgpool_cancel(feed->request);
	feed->request = NULL;
	forget_cursors(feed);
}

uint64_t
tablefeed_hurry(TableFeed *feed)
{
	feed->hurries = true;
	if (!feed->request)
		loop_task_post(feed->options.loop, &feed->task);
	return feed->number + 1;
}

void
tablefeed_free(TableFeed *feed)
{
	forget_cursors(feed);
	buffer_free(&feed->positions);
	free(feed);
}
