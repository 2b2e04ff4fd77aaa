/*
 * metrics.c
 *	  The values behind the table of metrics.h, and their text form.
 */
#include <string.h>

#include "metrics.h"

typedef enum MetricType
{
	METRIC_TYPE_COUNTER,
	METRIC_TYPE_GAUGE,
	METRIC_TYPE_HISTOGRAM
} MetricType;

typedef struct MetricRow
{
	MetricType type;
	const char *name;
	const char *labels;
	const char *help;
} MetricRow;

/* Upper bounds of the histogram's buckets; the last one has none. */
static const int64_t bounds_us[] = {100,   250,	   500,	   1000,   2500,	5000,	 10000,	  25000,
									50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};

#define BUCKET_COUNT (lengthof(bounds_us) + 1)

typedef struct MetricValue
{
	int64_t total; /* of counters and gauges; sum of a histogram in µs */
	int64_t count;
	int64_t buckets[BUCKET_COUNT]; /* not cumulative */
} MetricValue;

static const MetricRow rows[METRIC_COUNT] = {
#define PARLEY_METRIC_ROW(symbol, type, name, labels, help) \
	[METRIC_##symbol] = {METRIC_TYPE_##type, name, labels, help},
	PARLEY_METRICS(PARLEY_METRIC_ROW)
#undef PARLEY_METRIC_ROW
};

static const char *const type_names[] = {
	[METRIC_TYPE_COUNTER] = "counter",
	[METRIC_TYPE_GAUGE] = "gauge",
	[METRIC_TYPE_HISTOGRAM] = "histogram",
};

static MetricValue values[METRIC_COUNT];

void
metric_add(MetricId id, int64_t delta)
{
	values[id].total += delta;
}

void
metric_set(MetricId id, int64_t value)
{
	values[id].total = value;
}

int64_t
metric_get(MetricId id)
{
	return rows[id].type == METRIC_TYPE_HISTOGRAM ? values[id].count : values[id].total;
}

void
metric_observe_us(MetricId id, int64_t duration_us)
{
	MetricValue *value = &values[id];
	size_t bucket = 0;

	if (duration_us < 0)
		duration_us = 0;
	while (bucket < lengthof(bounds_us) && duration_us > bounds_us[bucket])
		bucket++;
	value->buckets[bucket]++;
	value->count++;
	value->total += duration_us;
}

/* ---- families ----------------------------------------------------------- */

static const struct
{
	const char *name;
	const char *help;
} families[METRIC_FAMILY_COUNT] = {
#define PARLEY_METRIC_FAMILY_ROW(symbol, name, help) {name, help},
	PARLEY_METRIC_FAMILIES(PARLEY_METRIC_FAMILY_ROW)
#undef PARLEY_METRIC_FAMILY_ROW
};

typedef struct Labelled
{
	struct Labelled *next; /* in the order of their coming */
	int64_t total;
	char labels[];
} Labelled;

static Labelled *labelled[METRIC_FAMILY_COUNT];

void
metric_count(MetricFamily family, const char *labels)
{
	Labelled **link = &labelled[family];

	while (*link && strcmp((*link)->labels, labels) != 0)
		link = &(*link)->next;
	if (!*link)
	{
		*link = xcalloc(1, sizeof(Labelled) + strlen(labels) + 1);
		memcpy((*link)->labels, labels, strlen(labels));
	}
	(*link)->total++;
}

static void
write_family(Buffer *to, MetricFamily family)
{
	buffer_printf(to, "# HELP %s %s\n# TYPE %s counter\n", families[family].name,
				  families[family].help, families[family].name);
	for (const Labelled *row = labelled[family]; row; row = row->next)
		buffer_printf(to, "%s{%s} %lld\n", families[family].name, row->labels,
					  (long long) row->total);
}

static void
write_histogram(Buffer *to, const MetricRow *row, const MetricValue *value)
{
	int64_t cumulative = 0;
	const char *separator = row->labels[0] ? "," : "";

	for (size_t i = 0; i < BUCKET_COUNT; i++)
	{
		cumulative += value->buckets[i];
		buffer_printf(to, "%s_bucket{%s%sle=\"", row->name, row->labels, separator);
		if (i < lengthof(bounds_us))
			buffer_printf(to, "%g", (double) bounds_us[i] / 1e6);
		else
			buffer_append_string(to, "+Inf");
		buffer_printf(to, "\"} %lld\n", (long long) cumulative);
	}
	buffer_printf(to, "%s_sum%s%s%s %.6f\n", row->name, row->labels[0] ? "{" : "", row->labels,
				  row->labels[0] ? "}" : "", (double) value->total / 1e6);
	buffer_printf(to, "%s_count%s%s%s %lld\n", row->name, row->labels[0] ? "{" : "", row->labels,
				  row->labels[0] ? "}" : "", (long long) value->count);
}

static void
write_plain(Buffer *to, const MetricRow *row, const MetricValue *value)
{
	buffer_append_string(to, row->name);
	if (row->labels[0])
		buffer_printf(to, "{%s}", row->labels);
	buffer_printf(to, " %lld\n", (long long) value->total);
}

void
metrics_write(Buffer *to)
{
	for (size_t id = 0; id < METRIC_COUNT; id++)
	{
		const MetricRow *row = &rows[id];

		if (id == 0 || strcmp(row->name, rows[id - 1].name) != 0)
			buffer_printf(to, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
						  type_names[row->type]);
		if (row->type == METRIC_TYPE_HISTOGRAM)
			write_histogram(to, row, &values[id]);
		else
			write_plain(to, row, &values[id]);
	}
	for (int family = 0; family < METRIC_FAMILY_COUNT; family++)
		write_family(to, (MetricFamily) family);
}
