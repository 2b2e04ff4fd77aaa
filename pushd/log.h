/*
 * log.h
 *	  Log lines: a level, an optional connection or request id, a text.
 *
 * Lines go to one sink (text on stderr unless set otherwise).  Control characters
 * in the text are masked, so that what comes from outside cannot forge a line.
 * There is deliberately no call that logs headers, frames, parameters or
 * connection strings: a line holds what its caller spelled out, and a caller
 * never spells out tokens, passwords or message contents.
 */
#ifndef PARLEY_LOG_H
#define PARLEY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "util.h"

typedef enum LogLevel
{
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR
} LogLevel;

typedef enum LogFormat
{
	LOG_FORMAT_TEXT, /* 2026-11-21T00:54:00.123Z warn  [42] text */
	LOG_FORMAT_JSON	 /* {"time":"…","level":"warn","id":42,"message":"text"} */
} LogFormat;

typedef struct LogRecord
{
	LogLevel level;
	int64_t wall_time_us;
	uint64_t id;	  /* 0: belongs to no connection or request */
	const char *text; /* one line, no newline; valid only during the call */
} LogRecord;

typedef void (*LogSink)(void *arg, const LogRecord *record);

/* Names as in the configuration: "debug", "info", "warn", "error". */
const char *log_level_name(LogLevel level);

void log_set_level(LogLevel level);
void log_set_format(LogFormat format);

/* Another place for the lines; NULL goes back to stderr.  The sink must not log. */
void log_set_sink(LogSink sink, void *arg);

/* Whether a line of this level would be written; for costly arguments. */
bool log_wants(LogLevel level);

/* Texts longer than 1 kB are cut.  Use the macros. */
void log_write(LogLevel level, uint64_t id, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_at(level, id, ...) \
	do \
	{ \
		if (log_wants(level)) \
			log_write(level, id, __VA_ARGS__); \
	} while (0)

#define log_debug(...) log_at(LOG_LEVEL_DEBUG, 0, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, 0, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LEVEL_WARN, 0, __VA_ARGS__)
#define log_error(...) log_at(LOG_LEVEL_ERROR, 0, __VA_ARGS__)

/* The same with the id of the connection or request that the line is about. */
#define log_debug_id(id, ...) log_at(LOG_LEVEL_DEBUG, id, __VA_ARGS__)
#define log_warn_id(id, ...) log_at(LOG_LEVEL_WARN, id, __VA_ARGS__)

#endif /* PARLEY_LOG_H */
