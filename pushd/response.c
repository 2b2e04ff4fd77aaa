/*
 * response.c
 *	  One answer of HTTP/1.1: its head, what comes behind it, and how far both are sent.
 */
#include "response.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

static const char *const policies[] = {
	[RESPONSE_API] = "default-src 'none'; frame-ancestors 'none'",
	[RESPONSE_ASSET] =
		"default-src 'self'; connect-src 'self'; img-src 'self' data:; object-src 'none'; "
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	[RESPONSE_FILE] = "default-src 'none'; sandbox; frame-ancestors 'none'",
};

/* RFC 9110, section 15. */
static const struct
{
	int status;
	const char *phrase;
} phrases[] = {
	{200, "OK"},
	{201, "Created"},
	{204, "No Content"},
	{206, "Partial Content"},
	{304, "Not Modified"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{413, "Content Too Large"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{422, "Unprocessable Content"},
	{426, "Upgrade Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{503, "Service Unavailable"},
};

static const char *
phrase_of(int status)
{
	for (size_t i = 0; i < lengthof(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}

static void
write_date(Buffer *to)
{
	time_t now = time(NULL);
	struct tm parts;
	char text[40];

	gmtime_r(&now, &parts);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
	buffer_printf(to, "date: %s\r\n", text);
}

void
response_begin(Response *response, int status, ResponsePolicy policy)
{
	response->status = status;
	buffer_printf(&response->head, "HTTP/1.1 %d %s\r\n", status, phrase_of(status));
	write_date(&response->head);
	buffer_printf(&response->head,
				  "content-security-policy: %s\r\nx-content-type-options: nosniff\r\n"
				  "referrer-policy: no-referrer\r\ncross-origin-resource-policy: same-origin\r\n"
				  "cross-origin-opener-policy: same-origin\r\nx-frame-options: DENY\r\n",
				  policies[policy]);
}

void
response_end(Response *response, const uint8_t *bytes, size_t length, bool is_head, bool close)
{
	if (close)
		buffer_append_string(&response->head, "connection: close\r\n");
	if (response->status != 204 && response->status != 304)
		buffer_printf(&response->head, "content-length: %zu\r\n", length);
	buffer_append_string(&response->head, "\r\n");
	response->bytes = bytes;
	response->length = is_head ? 0 : length;
	response->written = 0;
}

void
response_close(Response *response)
{
	response->head.length -= 2; /* the empty line */
	buffer_append_string(&response->head, "connection: close\r\n\r\n");
}

void
response_go_on(Response *response, const uint8_t *bytes, size_t length)
{
	buffer_reset(&response->head);
	response->bytes = bytes;
	response->length = length;
	response->written = 0;
}

ResponseProgress
response_send(Response *response, int fd)
{
	size_t head_length = response->head.length;
	size_t head_left = response->written < head_length ? head_length - response->written : 0;
	size_t content_written = response->written - (head_length - head_left);
	struct iovec parts[2] = {
		{response->head.data + (head_length - head_left), head_left},
		{(void *) (uintptr_t) (response->bytes + content_written),
		 response->length - content_written},
	};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent;

	if (response->length == content_written)
		message.msg_iovlen = 1;
	sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? RESPONSE_STUCK : RESPONSE_LOST;
	response->written += (size_t) sent;
	if (response->written == head_length + response->length)
		return RESPONSE_SENT;
	return sent > 0 ? RESPONSE_MOVED : RESPONSE_STUCK;
}

void
response_forget(Response *response)
{
	buffer_free(&response->head);
	buffer_wipe(&response->content);
	response->bytes = NULL;
	response->length = response->written = 0;
}
