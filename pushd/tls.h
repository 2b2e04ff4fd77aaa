/*
 * tls.h
 *	  TLS in front of everything: what comes encrypted from a client goes in plain through
 *	  a pair of sockets to whoever serves it, and back.
 *
 * So neither HTTP nor libwebsockets knows of TLS, and a certificate is changed in one
 * place.  The price is one more copy, and two more file descriptors per connection.
 * TLS 1.2 and 1.3 with forward secrecy and authenticated encryption, no renegotiation,
 * no compression, ALPN http/1.1, session tickets.
 */
#ifndef PARLEY_TLS_H
#define PARLEY_TLS_H

#include <time.h>

#include "address.h"
#include "loop.h"
#include "timerwheel.h"
#include "util.h"

typedef struct Tls Tls;

typedef struct TlsSettings
{
	const char *cert; /* PEM file with the chain */
	const char *key;  /* PEM file */
	bool only_1_3;
} TlsSettings;

typedef struct TlsHandlers
{
	/* The handshake is done: `fd` is what the client says in plain. */
	void (*on_ready)(void *arg, int fd, const Address *client);

	/* It will not be. */
	void (*on_failed)(void *arg, const Address *client);
} TlsHandlers;

/* NULL, with one line in `why`, when the files are not good. */
Tls *tls_create(Loop *loop, TimerWheel *wheel, const TlsSettings *settings, Buffer *why) MUST_CHECK;

/* For handshakes from now on.  False, with one line in `why`, and nothing has changed. */
bool tls_reload(Tls *tls, const TlsSettings *settings, Buffer *why) MUST_CHECK;

/* Drops the handshakes that are under way: whom they would be handed to is about to go. */
void tls_drain(Tls *tls);

/* Drops all connections; the memory of each goes when libuv has closed its handles. */
void tls_free(Tls *tls);

/* Takes over a socket. `handlers` must outlive the handshake. */
void tls_accept(Tls *tls, int fd, const Address *client, const TlsHandlers *handlers, void *arg);

/* Whether the files are good together, and until when the certificate is. */
bool tls_probe(const TlsSettings *settings, time_t *not_after, Buffer *why) MUST_CHECK;

#endif /* PARLEY_TLS_H */
