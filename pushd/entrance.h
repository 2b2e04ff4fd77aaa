/*
 * entrance.h
 *	  What a new socket passes through before it speaks HTTP: the count of places, the
 *	  header of a proxy, TLS.
 */
#ifndef PARLEY_ENTRANCE_H
#define PARLEY_ENTRANCE_H

#include "address.h"
#include "admission.h"
#include "http.h"
#include "loop.h"
#include "timerwheel.h"
#include "tls.h"

typedef struct Entrance Entrance;

typedef struct EntranceOptions
{
	Loop *loop;
	TimerWheel *wheel;
	Admission *admission;
	const AddressList *trusted; /* their sockets begin with a PROXY header */
	bool proxy_protocol;
	Tls *tls; /* NULL: none */
	Http *http;
} EntranceOptions;

Entrance *entrance_create(const EntranceOptions *options) MUST_CHECK;

/* Drops who is still in it; the memory of each goes when libuv has closed its handle. */
void entrance_free(Entrance *entrance);

/* Takes over a socket. */
void entrance_take(Entrance *entrance, int fd, const Address *peer);

#endif /* PARLEY_ENTRANCE_H */
