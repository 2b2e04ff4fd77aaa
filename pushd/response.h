/*
 * response.h
 *	  One answer of HTTP/1.1: its head, what comes behind it, and how far both are sent.
 */
#ifndef PARLEY_RESPONSE_H
#define PARLEY_RESPONSE_H

#include "util.h"

/* All zero is a valid empty one. */
typedef struct Response
{
	int status;
	Buffer head;
	Buffer content;		  /* for what is made here; perhaps a secret */
	const uint8_t *bytes; /* what comes behind the head: content, or what outlives this */
	size_t length;
	size_t written; /* of head and bytes together */
} Response;

/* What a browser may do with it (Content-Security-Policy). */
typedef enum ResponsePolicy
{
	RESPONSE_API,
	RESPONSE_ASSET,
	RESPONSE_FILE /* somebody's, and not to be trusted */
} ResponsePolicy;

/* The status line and the fields of every answer.  Append others to `head`. */
void response_begin(Response *response, int status, ResponsePolicy policy);

/* Ends the head.  For HEAD the length is told and the bytes are not sent. */
void response_end(Response *response, const uint8_t *bytes, size_t length, bool is_head,
				  bool close);

/* Has the connection end with the answer, of which nothing is sent yet. */
void response_close(Response *response);

/* All is sent so far; these bytes come next. */
void response_go_on(Response *response, const uint8_t *bytes, size_t length);

typedef enum ResponseProgress
{
	RESPONSE_STUCK, /* the socket takes nothing now */
	RESPONSE_MOVED, /* it took some */
	RESPONSE_SENT,	/* all is sent */
	RESPONSE_LOST	/* the connection is broken */
} ResponseProgress;

/* Head and content leave in one piece where the socket takes them. */
ResponseProgress response_send(Response *response, int fd);

/* Wipes the content and frees all. */
void response_forget(Response *response);

#endif /* PARLEY_RESPONSE_H */
