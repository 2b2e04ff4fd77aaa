/*
 * vitals.c
 *	  How the process itself is.
 */
#include "vitals.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "metrics.h"

/* libuv waits for input between its prepare and its check handles. */
struct Vitals
{
	uv_prepare_t before;
	uv_check_t after;
	int64_t woke_us;
	int open_handles;
};

static void
on_before_wait(uv_prepare_t *handle)
{
	const Vitals *vitals = handle->data;

	if (vitals->woke_us != 0)
		metric_observe_us(METRIC_LOOP_TURN, clock_us() - vitals->woke_us);
}

/* Callbacks of sockets have run by now: a turn counts from the end of the wait, which is when
 * libuv last took the time. */
static void
on_after_wait(uv_check_t *handle)
{
	Vitals *vitals = handle->data;

	vitals->woke_us = (int64_t) uv_now(handle->loop) * 1000;
}

Vitals *
vitals_create(Loop *loop)
{
	Vitals *vitals = xcalloc(1, sizeof(*vitals));

	uv_prepare_init(loop_uv(loop), &vitals->before);
	uv_check_init(loop_uv(loop), &vitals->after);
	vitals->before.data = vitals->after.data = vitals;
	vitals->open_handles = 2;
	uv_prepare_start(&vitals->before, on_before_wait);
	uv_check_start(&vitals->after, on_after_wait);
	uv_unref((uv_handle_t *) &vitals->before);
	uv_unref((uv_handle_t *) &vitals->after);
	metric_set(METRIC_BUILD_INFO, 1);
	metric_set(METRIC_START_TIME, wall_us() / 1000000);
	return vitals;
}

static void
on_closed(uv_handle_t *handle)
{
	Vitals *vitals = handle->data;

	if (--vitals->open_handles == 0)
		free(vitals);
}

void
vitals_close(Vitals *vitals)
{
	uv_close((uv_handle_t *) &vitals->before, on_closed);
	uv_close((uv_handle_t *) &vitals->after, on_closed);
}

static int64_t
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long long pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*s %lld", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static int64_t
open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int64_t count = -3; /* ".", ".." and the folder itself */

	if (!folder)
		return 0;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

void
vitals_collect(void)
{
	struct rusage usage;
	struct rlimit limit;

	metric_set(METRIC_RESIDENT_BYTES, resident_bytes());
	metric_set(METRIC_OPEN_FILES, open_files());
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		metric_set(METRIC_MAX_FILES, (int64_t) limit.rlim_cur);
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		metric_set(METRIC_CPU_MS, (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
									  (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
}
