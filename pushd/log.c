/*
 * log.c
 *	  Levels, and the two sinks on stderr.
 *
 * A line is built in a fixed array and written with one write(), so that lines of
 * several processes on one stderr do not mix.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define LOG_TEXT_SIZE 1024

/* Worst case of the text in JSON is six bytes for one; plus the other members. */
#define LOG_LINE_SIZE (LOG_TEXT_SIZE * 6 + 128)

static void write_text(void *arg, const LogRecord *record);
static void write_json(void *arg, const LogRecord *record);

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_ERROR] = "error",
};

static const LogSink format_sinks[] = {
	[LOG_FORMAT_TEXT] = write_text,
	[LOG_FORMAT_JSON] = write_json,
};

static LogLevel threshold = LOG_LEVEL_INFO;
static LogFormat stderr_format = LOG_FORMAT_TEXT;
static LogSink other_sink;
static void *other_sink_arg;

const char *
log_level_name(LogLevel level)
{
	return level_names[level];
}

void
log_set_level(LogLevel level)
{
	threshold = level;
}

void
log_set_format(LogFormat format)
{
	stderr_format = format;
}

void
log_set_sink(LogSink sink, void *arg)
{
	other_sink = sink;
	other_sink_arg = arg;
}

bool
log_wants(LogLevel level)
{
	return level >= threshold;
}

/*
 * What comes from outside must not be able to end a line or steer a terminal, and
 * a text cut within a character, or of another encoding, must not spoil the JSON.
 */
static void
mask_text(char *text)
{
	bool is_utf8 = utf8_is_valid(text, strlen(text));

	for (; *text; text++)
	{
		unsigned char byte = (unsigned char) *text;

		if (byte < 0x20 || byte == 0x7f)
			*text = ' ';
		else if (byte >= 0x80 && !is_utf8)
			*text = '?';
	}
}

static void
write_line(Buffer *line)
{
	ssize_t written;

	buffer_append_char(line, '\n');
	written = write(STDERR_FILENO, line->data, line->length);
	(void) written; /* there is nowhere to complain */
}

static void
write_text(void *arg, const LogRecord *record)
{
	uint8_t memory[LOG_LINE_SIZE];
	Buffer line = {memory, 0, sizeof(memory)};
	char when[RFC3339_SIZE];

	(void) arg;
	format_rfc3339(when, record->wall_time_us);
	buffer_printf(&line, "%s %-5s ", when, log_level_name(record->level));
	if (record->id)
		buffer_printf(&line, "[%llu] ", (unsigned long long) record->id);
	buffer_append_string(&line, record->text);
	write_line(&line);
}

static void
write_json(void *arg, const LogRecord *record)
{
	uint8_t memory[LOG_LINE_SIZE];
	Buffer line = {memory, 0, sizeof(memory)};
	char when[RFC3339_SIZE];

	(void) arg;
	format_rfc3339(when, record->wall_time_us);
	buffer_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\"", when, log_level_name(record->level));
	if (record->id)
		buffer_printf(&line, ",\"id\":%llu", (unsigned long long) record->id);
	buffer_append_string(&line, ",\"message\":");
	buffer_append_json(&line, record->text, strlen(record->text));
	buffer_append_char(&line, '}');
	write_line(&line);
}

void
log_write(LogLevel level, uint64_t id, const char *format, ...)
{
	char text[LOG_TEXT_SIZE];
	LogRecord record = {level, wall_us(), id, text};
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	mask_text(text);
	if (other_sink)
		other_sink(other_sink_arg, &record);
	else
		format_sinks[stderr_format](NULL, &record);
}
