/*
 * ws.h
 *	  WebSocket connections on libwebsockets: messages of the client, frames to it,
 *	  close.
 *
 * The functions named ws_on_… are what server.c calls from libwebsockets' callback;
 * they return what the callback is to return.
 */
#ifndef PARLEY_WS_H
#define PARLEY_WS_H

#include "frames.h"
#include "http.h"
#include "loop.h"
#include "sessions.h"
#include "util.h"

struct lws;
struct lws_extension;

typedef struct Ws Ws;

typedef struct WsOptions
{
	Loop *loop;
	Sessions *sessions;
	Frames frames;
	size_t max_frame_bytes; /* of one message, fragments together */
} WsOptions;

Ws *ws_create(const WsOptions *options) MUST_CHECK;

void ws_set_max_frame_bytes(Ws *ws, size_t max_frame_bytes);

/* All connections must have gone. */
void ws_free(Ws *ws);

/*
 * A request head that libwebsockets takes: of the subprotocols `chat.v1` alone, and
 * the credential, wherever it was, in Authorization.  The caller wipes it.
 */
void ws_write_head(const HttpUpgrade *upgrade, Buffer *head);

/* For the vhost: permessage-deflate as far as libwebsockets has to know of it. */
const struct lws_extension *ws_extensions(void);

int ws_on_open(Ws *ws, struct lws *wsi);
int ws_on_receive(struct lws *wsi, const void *bytes, size_t length);
int ws_on_pong(struct lws *wsi);
int ws_on_writable(struct lws *wsi);
void ws_on_gone(struct lws *wsi);

#endif /* PARLEY_WS_H */
