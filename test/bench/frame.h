/*
 * frame.h
 *	  WebSocket framing (RFC 6455), as much as a client and a test server need.
 *
 * Extensions are never negotiated, so a reserved bit is a violation.  Nothing here
 * allocates or does I/O.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 6455, section 5.2 */
typedef enum FrameOpcode
{
	FRAME_CONTINUATION = 0x0,
	FRAME_TEXT = 0x1,
	FRAME_BINARY = 0x2,
	FRAME_CLOSE = 0x8,
	FRAME_PING = 0x9,
	FRAME_PONG = 0xA
} FrameOpcode;

typedef struct Frame
{
	uint8_t opcode;
	bool fin;
	uint8_t *payload; /* points into the parsed bytes, already unmasked */
	size_t length;
} Frame;

/* What frame_parse found. */
typedef enum FrameResult
{
	FRAME_COMPLETE,
	FRAME_PARTIAL,	/* more bytes are needed; nothing was consumed */
	FRAME_VIOLATION /* not RFC 6455 */
} FrameResult;

#define FRAME_MAX_HEADER 14
#define FRAME_MAX_LENGTH (16 * 1024 * 1024)
#define FRAME_KEY_SIZE 25	 /* base64 of 16 bytes, with the terminator */
#define FRAME_ACCEPT_SIZE 29 /* base64 of 20 bytes, with the terminator */

/*
 * Reads one frame from `size` bytes at `from`.  `masked` is what the sender must
 * have done: true when reading a client's frames (section 5.1).  Unmasks in place.
 * On FRAME_COMPLETE *consumed is the size of header and payload.
 */
FrameResult frame_parse(uint8_t *from, size_t size, bool masked, Frame *frame, size_t *consumed);

/*
 * Writes the header of a final frame of `length` bytes and, when `mask` is not
 * NULL, that masking key.  Returns the header's size, at most FRAME_MAX_HEADER.
 */
size_t frame_put_header(uint8_t *to, FrameOpcode opcode, size_t length, const uint8_t *mask);

/* XORs `length` bytes with the four bytes of `mask` (section 5.3). */
void frame_mask(uint8_t *bytes, size_t length, const uint8_t mask[4]);

/* Sec-WebSocket-Key from 16 bytes; Sec-WebSocket-Accept from a key (section 4.2.2). */
void frame_make_key(const uint8_t nonce[16], char key[FRAME_KEY_SIZE]);
void frame_accept_key(const char *key, char accept[FRAME_ACCEPT_SIZE]);

#endif
