/*
 * chatload.c
 *	  The load generator's command line.
 */
#include "scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

typedef struct ScenarioRow
{
	const char *name;
	int (*run)(const Options *options);
	const char *help;
} ScenarioRow;

static const ScenarioRow scenarios[] = {
	{"bounce", bounce_run, "time until a crowd that comes back has what it missed"},
	{"fanout", fanout_run, "deliveries/s from a room's sender to its members, with checks"},
	{"idle", idle_run, "memory of the server per idle connection"},
	{"latency", latency_run, "time from chat.send to the WebSocket frame"},
};

typedef enum OptionType
{
	OPTION_TEXT,
	OPTION_NUMBER
} OptionType;

typedef struct OptionRow
{
	const char *name;
	OptionType type;
	size_t offset;	 /* in Options */
	int64_t minimum; /* of a number */
	const char *standard;
	const char *help;
} OptionRow;

#define TEXT(name, field, standard, help) \
	{ \
		name, OPTION_TEXT, offsetof(Options, field), 0, standard, help \
	}
#define NUMBER(name, field, minimum, standard, help) \
	{ \
		name, OPTION_NUMBER, offsetof(Options, field), minimum, standard, help \
	}

static const OptionRow option_rows[] = {
	TEXT("--host", host, "127.0.0.1", "IPv4 address of the server"),
	NUMBER("--port", port, 1, "8080", "its port"),
	TEXT("--plan", plan, "plan.txt", "who connects: see plan.h"),
	TEXT("--database", database, "", "latency: libpq connection string of the sender"),
	NUMBER("--server-pid", server_pid, 0, "0", "process whose CPU time and memory to read"),
	NUMBER("--connections", connections, 0, "0", "use only so many lines of the plan; 0: all"),
	NUMBER("--rate", rate, 0, "0", "fanout: messages/s over all rooms; 0: closed loop"),
	NUMBER("--window", window, 1, "4", "fanout, closed loop: messages under way per room"),
	NUMBER("--nap-us", nap_us, 0, "500", "fanout, closed loop: pause between two looks at sockets"),
	NUMBER("--seconds", seconds, 1, "5", "fanout: how long to measure"),
	NUMBER("--warmup-ms", warmup_ms, 0, "500", "fanout: load before the measuring"),
	NUMBER("--content", content_length, 1, "64", "fanout: bytes of text a message"),
	NUMBER("--samples", samples, 1, "500", "latency: how many messages"),
	NUMBER("--interval-ms", interval_ms, 1, "10", "latency: mean pause between two"),
	NUMBER("--missed", missed, 0, "0", "bounce: messages a room since the plan was made"),
	NUMBER("--ver", ver, 0, "0", "bounce: the version of every room that clients know"),
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void
set_option(Options *options, const OptionRow *row, const char *value)
{
	void *field = (char *) options + row->offset;
	char *end;
	int64_t number;

	if (row->type == OPTION_TEXT)
	{
		*(const char **) field = value;
		return;
	}
	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || number < row->minimum)
		die("%s takes a number from %" PRId64 " up, not \"%s\"", row->name, row->minimum, value);
	*(int64_t *) field = number;
}

static void
parse_option(Options *options, const char *name, const char *value)
{
	for (size_t i = 0; i < COUNT_OF(option_rows); i++)
		if (strcmp(option_rows[i].name, name) == 0)
		{
			if (value == NULL)
				die("%s needs a value", name);
			set_option(options, &option_rows[i], value);
			return;
		}
	die("unknown option \"%s\"; chatload --help lists them", name);
}

static void
print_help(void)
{
	puts("Usage: chatload SCENARIO [OPTION VALUE]...\n\nScenarios:");
	for (size_t i = 0; i < COUNT_OF(scenarios); i++)
		printf("  %-14s %s\n", scenarios[i].name, scenarios[i].help);
	puts("\nOptions:");
	for (size_t i = 0; i < COUNT_OF(option_rows); i++)
		printf("  %-14s %s (%s)\n", option_rows[i].name, option_rows[i].help,
			   option_rows[i].standard);
	puts("\nPrints \"name value\" lines.  Exit status: 0; 1 something was lost, doubled or out\n"
		 "of order; 2 no measurement.");
}

static void
report_percentile(const char *prefix, const char *name, uint64_t value)
{
	printf("%s_%s_us %.1f\n", prefix, name, (double) value / 1000.0);
}

void
report_histogram(const char *prefix, const Histogram *histogram)
{
	report_percentile(prefix, "p50", histogram_percentile(histogram, 50));
	report_percentile(prefix, "p90", histogram_percentile(histogram, 90));
	report_percentile(prefix, "p99", histogram_percentile(histogram, 99));
	report_percentile(prefix, "p999", histogram_percentile(histogram, 99.9));
	report_percentile(prefix, "max", histogram->max);
}

int
main(int argc, char **argv)
{
	Options options = {0};

	if (argc < 2 || strcmp(argv[1], "--help") == 0)
	{
		print_help();
		return argc < 2 ? 2 : 0;
	}
	for (size_t i = 0; i < COUNT_OF(option_rows); i++)
		set_option(&options, &option_rows[i], option_rows[i].standard);
	for (int i = 2; i < argc; i += 2)
		parse_option(&options, argv[i], argv[i + 1]);
	for (size_t i = 0; i < COUNT_OF(scenarios); i++)
		if (strcmp(scenarios[i].name, argv[1]) == 0)
			return scenarios[i].run(&options);
	die("unknown scenario \"%s\"; chatload --help lists them", argv[1]);
}
