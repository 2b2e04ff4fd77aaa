/*
 * util.h
 *	  What every part of the load generator needs: a clock, a clean death, memory.
 *
 * The x-functions end the program when memory runs out; nothing they return is
 * ever NULL.
 */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

/* One line to stderr, then exit status 2: the measurement could not be made. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);

/* CLOCK_MONOTONIC in nanoseconds: one clock for both ends, they share a process. */
uint64_t now_ns(void);

/* A TCP socket to host:port (numeric), non-blocking and connecting, TCP_NODELAY set. */
int socket_connect(const char *host, int port);

/* A non-blocking listening socket on host:port. */
int socket_listen(const char *host, int port);

#endif
