/*
 * ws.h
 *	  WebSocket connections on libwebsockets: handshake, messages of the client,
 *	  frames to it, close.
 *
 * The functions named ws_on_… are what server.c calls from libwebsockets' callback;
 * they return what the callback is to return.
 */
#ifndef PARLEY_WS_H
#define PARLEY_WS_H

#include "frames.h"
#include "loop.h"
#include "session.h"
#include "util.h"

struct lws;

typedef struct Ws Ws;

typedef struct WsOptions
{
	Loop *loop;
	Sessions *sessions;
	Frames frames;
	size_t max_frame_bytes;		 /* of one message, fragments together */
	const char *allowed_origins; /* comma-separated, besides the host itself */
} WsOptions;

Ws *ws_create(const WsOptions *options) MUST_CHECK;

/* All connections must have gone. */
void ws_free(Ws *ws);

/* Before the upgrade: path and origin.  0: goes on; else answered. */
int ws_on_handshake(Ws *ws, struct lws *wsi, const char *path);

int ws_on_open(Ws *ws, struct lws *wsi);
int ws_on_receive(struct lws *wsi, const void *bytes, size_t length);
int ws_on_pong(struct lws *wsi);
int ws_on_writable(struct lws *wsi);
void ws_on_gone(struct lws *wsi);

/* Whether the origin is the host itself or in the list (in the header for the test). */
bool ws_origin_is_allowed(const char *origin, const char *host, const char *list);

#endif /* PARLEY_WS_H */
