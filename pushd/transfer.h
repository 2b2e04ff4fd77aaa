/*
 * transfer.h
 *	  Files on their way between a client and the database, in pieces: of a file no more
 *	  than a few pieces are ever in memory here.
 *
 * libpq takes a parameter, and gives a value, only as a whole.  So a file goes in pieces
 * of their own statements, each when the one before it has arrived; who reads slowly, or
 * sends slowly, slows down the other side.  An upload of more than one piece becomes an
 * attachment with its last step (chat.attach_finish); one that breaks off is cancelled, unless
 * the daemon is about to end: chat.attach_begin() forgets what is old.
 */
#ifndef PARLEY_TRANSFER_H
#define PARLEY_TRANSFER_H

#include "arguments.h"
#include "request.h"

#define TRANSFER_PIECE_BYTES (256 * 1024)

/* The request is of a route of the kind ANSWER_UPLOAD, its arguments are read (and copied
 * here); it is REQUEST_PIECES then. */
void transfer_begin_upload(Request *request, const Arguments *arguments);

/* The next bytes of the file, a whole piece unless they are the last. */
void transfer_take(Request *request, const uint8_t *bytes, size_t length, bool last);

/* The request is of the kind ANSWER_DOWNLOAD, and `reply` says what is there. */
void transfer_begin_download(Request *request, const PgReply *reply);

/* All that the response has is sent: whether there is more, which is asked for then. */
bool transfer_go_on(Request *request) MUST_CHECK;

/* The request ends, with the transfer or before. NULL is fine. */
void transfer_end(Transfer *transfer);

#endif /* PARLEY_TRANSFER_H */
