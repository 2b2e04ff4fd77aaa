/*
 * deflate.c
 *	  permessage-deflate (RFC 7692): whether a client may have it, and messages packed
 *	  and unpacked.
 */
#include "deflate.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "metrics.h"

/* All members of a room get the same bytes, so all have the same window: one that most
 * small clients offer, and large enough for frames of at most 16 KiB. */
#define WINDOW_BITS 12
#define WINDOW_BITS_LEAST 8
#define WINDOW_BITS_MOST 15
#define LEVEL 3
#define MEMORY_LEVEL 8
#define WORTH_BYTES 128 /* less gains next to nothing */
#define UNPACK_STEP 4096
#define BETWEEN_BLOCKS 128 /* of z_stream.data_type, see inflate() in zlib.h */

/* Ends every message; is not sent (RFC 7692, section 7.2.1). */
static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff};

struct Deflater
{
	z_stream packing;
	z_stream unpacking;
	Buffer plain;  /* what `packed` was made from; empty: nothing yet */
	Event *packed; /* NULL: it does not get smaller */
};

/* ---- negotiation -------------------------------------------------------- */

typedef enum Parameter
{
	SERVER_ALONE,
	CLIENT_ALONE,
	SERVER_WINDOW,
	CLIENT_WINDOW,
	PARAMETER_COUNT
} Parameter;

static const struct
{
	const char *name;
	bool may_have_value;
	bool needs_value;
} parameters[PARAMETER_COUNT] = {
	[SERVER_ALONE] = {DEFLATE_SERVER_ALONE, false, false},
	[CLIENT_ALONE] = {DEFLATE_CLIENT_ALONE, false, false},
	[SERVER_WINDOW] = {"server_max_window_bits", true, true},
	[CLIENT_WINDOW] = {"client_max_window_bits", true, false},
};

static Span
trim(Span span)
{
	while (span.length > 0 && strchr(" \t", span.start[0]))
		span = (Span){span.start + 1, span.length - 1};
	while (span.length > 0 && strchr(" \t", span.start[span.length - 1]))
		span.length--;
	return span;
}

/* What stands before the byte; `rest` is what stands behind it, start NULL without it. */
static Span
split_at(Span span, char byte, Span *rest)
{
	const char *at = memchr(span.start, byte, span.length);

	if (!at)
	{
		*rest = (Span){NULL, 0};
		return trim(span);
	}
	*rest = (Span){at + 1, (size_t) (span.start + span.length - at - 1)};
	return trim((Span){span.start, (size_t) (at - span.start)});
}

/* 8 to 15, also in quotes; 0 for anything else. */
static int64_t
window_bits(Span value)
{
	int64_t bits;

	if (value.length > 2 && value.start[0] == '"' && value.start[value.length - 1] == '"')
		value = (Span){value.start + 1, value.length - 2};
	if (value.length == 0 || value.start[0] == '0' ||
		!parse_int64(value.start, value.length, &bits) || bits < WINDOW_BITS_LEAST ||
		bits > WINDOW_BITS_MOST)
		return 0;
	return bits;
}

/* Notes a parameter in `seen`; false when an offer that has it cannot be met. */
static bool
take_parameter(Span text, unsigned *seen)
{
	Span value;
	Span name = split_at(text, '=', &value);
	int64_t bits = value.start ? window_bits(trim(value)) : 0;

	for (size_t i = 0; i < PARAMETER_COUNT; i++)
	{
		if (!span_is(name, parameters[i].name))
			continue;
		if (*seen & 1u << i ||
			(value.start ? !parameters[i].may_have_value || bits == 0 : parameters[i].needs_value))
			return false;
		*seen |= 1u << i;
		return i != SERVER_WINDOW || bits >= WINDOW_BITS;
	}
	return false;
}

static void
take_offer(void *arg, Span offer)
{
	DeflateAnswer *answer = arg;
	unsigned seen = 0;
	Span rest;

	if (*answer != DEFLATE_DECLINED || !span_is(split_at(offer, ';', &rest), DEFLATE_NAME))
		return;
	while (rest.start)
		if (!take_parameter(split_at(rest, ';', &rest), &seen))
			return;
	*answer = seen & 1u << SERVER_WINDOW ? DEFLATE_ACCEPTED_WINDOW : DEFLATE_ACCEPTED;
}

DeflateAnswer
deflate_negotiate(Span offers)
{
	DeflateAnswer answer = DEFLATE_DECLINED;

	span_split(offers, take_offer, &answer);
	return answer;
}

/* ---- packing ------------------------------------------------------------ */

/* Length of the message packed, without its tail; 0 when that is not less. */
static size_t
pack(z_stream *stream, const Event *frame, uint8_t *to, size_t room)
{
	deflateReset(stream);
	stream->next_in = (Bytef *) (uintptr_t) (frame->frame + EVENT_HEADROOM);
	stream->avail_in = frame->length;
	stream->next_out = to;
	stream->avail_out = (uInt) room;
	if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in > 0 || stream->avail_out == 0)
		return 0;
	return stream->total_out - sizeof(tail);
}

/* The same event goes to one member after the other: what was packed last is kept. */
static bool
is_kept(const Deflater *deflater, const Event *frame)
{
	return deflater->plain.length == frame->length &&
		   memcmp(deflater->plain.data, frame->frame + EVENT_HEADROOM, frame->length) == 0;
}

static void
keep(Deflater *deflater, const Event *frame)
{
	Buffer packed = BUFFER_EMPTY;
	size_t room = frame->length;
	size_t length = pack(&deflater->packing, frame, buffer_reserve(&packed, room), room);

	if (deflater->packed)
		event_unref(deflater->packed);
	deflater->packed = NULL;
	buffer_advance(&packed, length);
	if (length > 0)
		deflater->packed = event_reply(&packed);
	buffer_free(&packed);
	buffer_reset(&deflater->plain);
	buffer_append(&deflater->plain, frame->frame + EVENT_HEADROOM, frame->length);
}

Event *
deflater_pack(Deflater *deflater, const Event *frame)
{
	if (frame->conversation_id == 0 || frame->length < WORTH_BYTES)
		return NULL;
	if (!is_kept(deflater, frame))
		keep(deflater, frame);
	if (deflater->packed)
		metric_add(METRIC_BYTES_DEFLATED, frame->length - deflater->packed->length);
	return deflater->packed;
}

/* ---- unpacking ---------------------------------------------------------- */

/* A block that says it is the last one may be followed by others (section 7.2.3.5). */
static UnpackResult
unpack(z_stream *stream, size_t max, Buffer *to)
{
	do
	{
		size_t room = max + 1 - to->length;
		int result;

		if (room > UNPACK_STEP)
			room = UNPACK_STEP;
		stream->next_out = buffer_reserve(to, room);
		stream->avail_out = (uInt) room;
		result = inflate(stream, Z_SYNC_FLUSH);
		buffer_advance(to, room - stream->avail_out);
		if (to->length > max)
			return UNPACK_TOO_LARGE;
		if (result == Z_STREAM_END)
			inflateReset(stream);
		else if (result != Z_OK && (result != Z_BUF_ERROR || stream->avail_in > 0))
			return UNPACK_BROKEN;
	} while (stream->avail_in > 0 || stream->avail_out == 0);
	return UNPACK_GOOD;
}

UnpackResult
deflater_unpack(Deflater *deflater, const uint8_t *bytes, size_t length, size_t max, Buffer *to)
{
	z_stream *stream = &deflater->unpacking;
	UnpackResult result;

	inflateReset(stream);
	stream->next_in = (Bytef *) (uintptr_t) bytes;
	stream->avail_in = (uInt) length;
	result = unpack(stream, max, to);
	if (result != UNPACK_GOOD)
		return result;
	stream->next_in = (Bytef *) (uintptr_t) tail;
	stream->avail_in = sizeof(tail);
	result = unpack(stream, max, to);
	if (result == UNPACK_GOOD && !(stream->data_type & BETWEEN_BLOCKS))
		return UNPACK_BROKEN;
	return result;
}

/* ---- life --------------------------------------------------------------- */

/* Negative: bare deflate, without a header of zlib's. */
Deflater *
deflater_create(void)
{
	Deflater *deflater = xcalloc(1, sizeof(Deflater));

	if (deflateInit2(&deflater->packing, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL,
					 Z_DEFAULT_STRATEGY) != Z_OK ||
		inflateInit2(&deflater->unpacking, -WINDOW_BITS_MOST) != Z_OK)
		abort(); /* no memory: as xmalloc() */
	return deflater;
}

void
deflater_free(Deflater *deflater)
{
	deflateEnd(&deflater->packing);
	inflateEnd(&deflater->unpacking);
	buffer_free(&deflater->plain);
	if (deflater->packed)
		event_unref(deflater->packed);
	free(deflater);
}
