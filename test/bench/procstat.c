/*
 * procstat.c
 *	  What the kernel says of a process, from proc(5).
 */
#include "procstat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static FILE *
open_proc(int64_t pid, const char *name)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%" PRId64 "/%s", pid, name);
	file = fopen(path, "r");
	if (file == NULL)
		die("cannot read %s: %s", path, strerror(errno));
	return file;
}

CpuTime
procstat_cpu(int64_t pid)
{
	FILE *file = open_proc(pid, "stat");
	char line[1024];
	unsigned long user;
	unsigned long system;
	double tick = 1.0 / (double) sysconf(_SC_CLK_TCK);
	const char *after_name;

	if (fgets(line, sizeof line, file) == NULL)
		die("cannot read the CPU time of process %" PRId64, pid);
	fclose(file);
	/* The name may hold anything, parentheses and blanks too: fields count from its end. */
	after_name = strrchr(line, ')');
	if (after_name == NULL ||
		sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			   &system) != 2)
		die("cannot make out the CPU time of process %" PRId64, pid);
	return (CpuTime){.user = (double) user * tick, .system = (double) system * tick};
}

/* Sum of all lines "<name>   <n> kB" of a file. */
static int64_t
sum_kilobytes(int64_t pid, const char *file_name, const char *prefix)
{
	FILE *file = open_proc(pid, file_name);
	char line[256];
	int64_t total = 0;
	int64_t value;

	while (fgets(line, sizeof line, file) != NULL)
	{
		const char *colon = strchr(line, ':');

		if (colon != NULL && strncmp(line, prefix, strlen(prefix)) == 0 &&
			sscanf(colon + 1, "%" SCNd64 " kB", &value) == 1)
			total += value;
	}
	fclose(file);
	return total * 1024;
}

int64_t
procstat_private_bytes(int64_t pid)
{
	return sum_kilobytes(pid, "smaps_rollup", "Private_");
}

int64_t
procstat_resident_bytes(int64_t pid)
{
	return sum_kilobytes(pid, "status", "VmRSS");
}
