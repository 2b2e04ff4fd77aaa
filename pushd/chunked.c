/*
 * chunked.c
 *	  A request body that comes in chunks (RFC 9112, section 7.1).
 *
 * Chunks are moved down over the lines between them, in the caller's buffer; nothing is
 * allocated here.
 */
#include "chunked.h"

#include <string.h>

#include "head.h"
#include "hex.h"

/* Takes the line at the start of `rest` off it, without its end. */
static ChunkedResult
take_line(Span *rest, size_t max, Span *line)
{
	size_t seen = rest->length < max ? rest->length : max;
	const char *end = memmem(rest->start, seen, "\r\n", 2);

	if (!end)
		return seen == max ? CHUNKED_REFUSED : CHUNKED_INCOMPLETE;
	*line = (Span){rest->start, (size_t) (end - rest->start)};
	*rest = (Span){end + 2, rest->length - line->length - 2};
	return CHUNKED_GOOD;
}

/* Nothing, or blanks and what a semicolon begins. */
static bool
are_extensions(Span text)
{
	size_t blanks = 0;

	while (blanks < text.length && (text.start[blanks] == ' ' || text.start[blanks] == '\t'))
		blanks++;
	return text.length == 0 ||
		   (blanks < text.length && text.start[blanks] == ';' && span_is_field_value(text));
}

static ChunkedResult
take_size(Chunked *chunked, Span *rest, ProblemId *problem)
{
	size_t room = chunked->limit - chunked->length;
	size_t size = 0;
	size_t digits = 0;
	Span line;
	ChunkedResult result = take_line(rest, CHUNK_LINE_MAX, &line);

	*problem = PROBLEM_BAD_REQUEST;
	if (result != CHUNKED_GOOD)
		return result;
	for (; digits < line.length && hex_value(line.start[digits]) >= 0; digits++)
		if (size <= room)
			size = size << 4 | (size_t) hex_value(line.start[digits]);
	if (digits == 0 || !are_extensions((Span){line.start + digits, line.length - digits}))
		return CHUNKED_REFUSED;
	*problem = PROBLEM_PAYLOAD_TOO_LARGE;
	if (size > room)
		return CHUNKED_REFUSED;
	chunked->left = size;
	chunked->stage = size > 0 ? CHUNKED_DATA : CHUNKED_TRAILER;
	return CHUNKED_GOOD;
}

static ChunkedResult
take_data(Chunked *chunked, Span *rest, char *body)
{
	size_t length = rest->length < chunked->left ? rest->length : chunked->left;

	memmove(body + chunked->length, rest->start, length);
	chunked->length += length;
	chunked->left -= length;
	*rest = (Span){rest->start + length, rest->length - length};
	if (chunked->left > 0)
		return CHUNKED_INCOMPLETE;
	chunked->stage = CHUNKED_END;
	return CHUNKED_GOOD;
}

static ChunkedResult
take_end(Chunked *chunked, Span *rest, ProblemId *problem)
{
	Span line;
	ChunkedResult result = take_line(rest, 2, &line);

	*problem = PROBLEM_BAD_REQUEST;
	if (result == CHUNKED_GOOD)
		chunked->stage = CHUNKED_SIZE;
	return result;
}

static ChunkedResult
take_trailer(Chunked *chunked, Span *rest, ProblemId *problem)
{
	Span line;
	HeadField field;
	ChunkedResult result = take_line(rest, HEAD_BYTES_MAX - chunked->trailer_bytes, &line);

	*problem = PROBLEM_HEADERS_TOO_LARGE;
	if (result != CHUNKED_GOOD)
		return result;
	chunked->trailer_bytes += line.length + 2;
	if (line.length == 0)
		chunked->stage = CHUNKED_COMPLETE;
	*problem = PROBLEM_BAD_REQUEST;
	return line.length == 0 || head_split_field(line, &field) ? CHUNKED_GOOD : CHUNKED_REFUSED;
}

static ChunkedResult
take_next(Chunked *chunked, Span *rest, char *body, ProblemId *problem)
{
	switch (chunked->stage)
	{
		case CHUNKED_SIZE:
			return take_size(chunked, rest, problem);
		case CHUNKED_DATA:
			return take_data(chunked, rest, body);
		case CHUNKED_END:
			return take_end(chunked, rest, problem);
		case CHUNKED_TRAILER:
			return take_trailer(chunked, rest, problem);
		case CHUNKED_COMPLETE:
			break;
	}
	return CHUNKED_GOOD;
}

void
chunked_begin(Chunked *chunked, size_t limit)
{
	*chunked = (Chunked){.limit = limit};
}

/* What is not read yet moves down once a call, however many chunks were before it. */
ChunkedResult
chunked_decode(Chunked *chunked, Buffer *in, ProblemId *problem)
{
	size_t length = in->length;
	char *body = (char *) in->data;
	Span rest;
	ChunkedResult result = CHUNKED_GOOD;

	if (length == chunked->length)
		return CHUNKED_INCOMPLETE;
	rest = (Span){body + chunked->length, length - chunked->length};
	while (result == CHUNKED_GOOD && chunked->stage != CHUNKED_COMPLETE)
		result = take_next(chunked, &rest, body, problem);
	memmove(body + chunked->length, rest.start, rest.length);
	in->length = chunked->length + rest.length;
	secure_zero(in->data + in->length, length - in->length);
	return result;
}
