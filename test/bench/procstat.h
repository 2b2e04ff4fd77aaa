/*
 * procstat.h
 *	  What the kernel says of a process, from proc(5).
 */
#ifndef BENCH_PROCSTAT_H
#define BENCH_PROCSTAT_H

#include <stdint.h>

/* CPU time so far, in seconds; the kernel counts in steps of 10 ms. */
typedef struct CpuTime
{
	double user;
	double system;
} CpuTime;

/* These die when there is no such process. */
CpuTime procstat_cpu(int64_t pid);

/* Resident private memory in bytes (Private_Clean + Private_Dirty of smaps_rollup). */
int64_t procstat_private_bytes(int64_t pid);

/* VmRSS in bytes. */
int64_t procstat_resident_bytes(int64_t pid);

#endif
