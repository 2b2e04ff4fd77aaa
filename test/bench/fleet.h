/*
 * fleet.h
 *	  Thousands of chat.v1 WebSocket clients on one epoll loop.
 *
 * Each client connects, does the RFC 6455 handshake, sends an `auth` frame with its
 * token, and is ready once `welcome` has come.  From then on every JSON object it
 * receives (a frame may hold several, one a line) goes to `on_object`.  A close, a
 * refused handshake or a protocol violation ends the program with the reason:
 * no figure is worth printing after one.
 */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "plan.h"

typedef enum ClientState
{
	CLIENT_HANDSHAKE,
	CLIENT_AUTH,
	CLIENT_READY
} ClientState;

/* Bytes kept between two turns; no memory while empty and never used. */
typedef struct Bytes
{
	uint8_t *data;
	size_t size;
	size_t capacity;
} Bytes;

typedef struct Client
{
	int fd;
	ClientState state;
	Member *member;
	Bytes in;		/* the start of a frame whose rest has not come */
	Bytes out;		/* what the socket would not take */
	Bytes fragment; /* the start of a fragmented message */
	char key[FRAME_KEY_SIZE];
} Client;

/* `now` is when the bytes were read from the socket. */
typedef void (*FleetObject)(void *context, Client *client, const char *text, size_t length,
							uint64_t now);

typedef struct Fleet
{
	const char *host;
	int port;
	int epoll_fd;
	Client *clients;
	size_t n_clients;
	size_t n_opened;
	size_t n_ready;
	uint64_t frames; /* data frames received */
	uint64_t bytes;	 /* payload of those */
	FleetObject on_object;
	void (*on_auth)(void *context, Client *client); /* its token was sent; or NULL */
	void (*on_foreign)(void *context);				/* a socket of fleet_watch is readable */
	void *context;
} Fleet;

/* Room for one client per member of the plan; opens nothing yet. */
void fleet_init(Fleet *fleet, const char *host, int port, Plan *plan);

/* Connects clients until `wanted` of them are ready; dies if that takes over 60 s. */
void fleet_connect(Fleet *fleet, size_t wanted);

/* Serves sockets until the clock passes `until`, but returns after one turn of work. */
void fleet_turn(Fleet *fleet, uint64_t until);

/* Calls on_foreign when `fd`, which stays the caller's, has something to read. */
void fleet_watch(Fleet *fleet, int fd);

/* Sends one text frame; what the socket does not take now is kept and sent later. */
void fleet_send(Fleet *fleet, Client *client, const char *text, size_t length);

/* Resets every connection, so that no port lingers in TIME_WAIT. */
void fleet_close(Fleet *fleet);

#endif
