/*
 * chunked.h
 *	  A request body that comes in chunks (RFC 9112, section 7.1), put together where
 *	  it lies.
 *
 * Read as strictly as a head.  Extensions of a chunk and fields behind the last one
 * (trailers) have to be well-formed and mean nothing here.
 */
#ifndef PARLEY_CHUNKED_H
#define PARLEY_CHUNKED_H

#include "problem.h"
#include "util.h"

#define CHUNK_LINE_MAX 256 /* bytes: the size, its extensions and the line's end */

typedef enum ChunkedStage
{
	CHUNKED_SIZE,	 /* the line before a chunk */
	CHUNKED_DATA,	 /* the chunk */
	CHUNKED_END,	 /* the line's end behind it */
	CHUNKED_TRAILER, /* behind the last chunk: fields, then an empty line */
	CHUNKED_COMPLETE
} ChunkedStage;

typedef struct Chunked
{
	size_t limit;  /* bytes of the body */
	size_t length; /* of it there so far */
	size_t left;   /* of the chunk */
	size_t trailer_bytes;
	ChunkedStage stage;
} Chunked;

typedef enum ChunkedResult
{
	CHUNKED_INCOMPLETE,
	CHUNKED_GOOD,
	CHUNKED_REFUSED
} ChunkedResult;

/* For a body of at most so many bytes. */
void chunked_begin(Chunked *chunked, size_t limit);

/*
 * Takes what came: `in` holds the first `length` bytes of the body and behind them
 * what was not read yet; call it again when more has been appended.  CHUNKED_GOOD: the
 * body is complete, and what follows it in `in` is the next request.  CHUNKED_REFUSED:
 * `problem` says why, and the connection is of no use any more.
 */
ChunkedResult chunked_decode(Chunked *chunked, Buffer *in, ProblemId *problem);

#endif /* PARLEY_CHUNKED_H */
