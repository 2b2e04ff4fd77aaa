/*
 * frame.c
 *	  WebSocket framing (RFC 6455).
 */
#include "frame.h"

#include <openssl/evp.h>
#include <string.h>

#include "util.h"

#define FIN_BIT 0x80
#define RESERVED_BITS 0x70
#define OPCODE_BITS 0x0F
#define MASK_BIT 0x80
#define LENGTH_BITS 0x7F
#define LENGTH_IS_16_BITS 126
#define LENGTH_IS_64_BITS 127
#define MAX_CONTROL_LENGTH 125
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static uint64_t
get_big_endian(const uint8_t *from, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | from[i];
	return value;
}

static void
put_big_endian(uint8_t *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t) (value >> (8 * (bytes - 1 - i)));
}

/* How many bytes after the first two carry the length. */
static unsigned
length_bytes(uint8_t second)
{
	switch (second & LENGTH_BITS)
	{
		case LENGTH_IS_16_BITS:
			return 2;
		case LENGTH_IS_64_BITS:
			return 8;
		default:
			return 0;
	}
}

static bool
first_byte_is_valid(uint8_t first)
{
	switch (first & OPCODE_BITS)
	{
		case FRAME_CONTINUATION:
		case FRAME_TEXT:
		case FRAME_BINARY:
			return (first & RESERVED_BITS) == 0;
		case FRAME_CLOSE:
		case FRAME_PING:
		case FRAME_PONG:
			/* Control frames are never fragmented (section 5.4). */
			return (first & (RESERVED_BITS | FIN_BIT)) == FIN_BIT;
		default:
			return false;
	}
}

static bool
length_is_valid(uint8_t first, uint64_t length)
{
	bool control = (first & 0x08) != 0;

	return length <= (control ? MAX_CONTROL_LENGTH : FRAME_MAX_LENGTH);
}

FrameResult
frame_parse(uint8_t *from, size_t size, bool masked, Frame *frame, size_t *consumed)
{
	unsigned extra;
	size_t header;
	uint64_t length;

	if (size < 2)
		return FRAME_PARTIAL;
	if (!first_byte_is_valid(from[0]) || ((from[1] & MASK_BIT) != 0) != masked)
		return FRAME_VIOLATION;
	extra = length_bytes(from[1]);
	header = 2 + extra + (masked ? 4 : 0);
	if (size < header)
		return FRAME_PARTIAL;
	length = extra > 0 ? get_big_endian(from + 2, extra) : from[1] & LENGTH_BITS;
	if (!length_is_valid(from[0], length))
		return FRAME_VIOLATION;
	if (size - header < length)
		return FRAME_PARTIAL;
	if (masked)
		frame_mask(from + header, length, from + header - 4);
	frame->opcode = from[0] & OPCODE_BITS;
	frame->fin = (from[0] & FIN_BIT) != 0;
	frame->payload = from + header;
	frame->length = length;
	*consumed = header + length;
	return FRAME_COMPLETE;
}

size_t
frame_put_header(uint8_t *to, FrameOpcode opcode, size_t length, const uint8_t *mask)
{
	uint8_t mask_bit = mask != NULL ? MASK_BIT : 0;
	size_t size = 2;

	to[0] = (uint8_t) (FIN_BIT | opcode);
	if (length <= MAX_CONTROL_LENGTH)
		to[1] = (uint8_t) (mask_bit | length);
	else if (length <= UINT16_MAX)
	{
		to[1] = mask_bit | LENGTH_IS_16_BITS;
		put_big_endian(to + 2, length, 2);
		size += 2;
	}
	else
	{
		to[1] = mask_bit | LENGTH_IS_64_BITS;
		put_big_endian(to + 2, length, 8);
		size += 8;
	}
	if (mask != NULL)
	{
		memcpy(to + size, mask, 4);
		size += 4;
	}
	return size;
}

void
frame_mask(uint8_t *bytes, size_t length, const uint8_t mask[4])
{
	for (size_t i = 0; i < length; i++)
		bytes[i] ^= mask[i % 4];
}

void
frame_make_key(const uint8_t nonce[16], char key[FRAME_KEY_SIZE])
{
	EVP_EncodeBlock((unsigned char *) key, nonce, 16);
}

void
frame_accept_key(const char *key, char accept[FRAME_ACCEPT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (context == NULL || EVP_DigestInit_ex(context, EVP_sha1(), NULL) != 1 ||
		EVP_DigestUpdate(context, key, strlen(key)) != 1 ||
		EVP_DigestUpdate(context, ACCEPT_GUID, strlen(ACCEPT_GUID)) != 1 ||
		EVP_DigestFinal_ex(context, digest, &length) != 1)
		die("libcrypto has no SHA-1");
	EVP_MD_CTX_free(context);
	EVP_EncodeBlock((unsigned char *) accept, digest, (int) length);
}
