/*
 * listener.c
 *	  The listening socket, and the head of the first request on every connection.
 *
 * A Greeting is a connection whose head is not complete, or one that was refused and
 * waits for its client to read the answer.  It owns its socket until it is handed on;
 * its memory goes in libuv's close callback.
 */
#include "listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#define HEAD_TIMEOUT_MS 10000
#define LINGER_TIMEOUT_MS 2000 /* for the client to read a refusal */
#define FULL_PAUSE_MS 200	   /* after the process ran out of file descriptors */
#define ACCEPTS_PER_TURN 64

struct Listener
{
	Loop *loop;
	TimerWheel *wheel;
	ListenerHandlers handlers;
	void *arg;
	int fd;
	uv_poll_t poll;
	TimerEntry pause;
	ListNode greetings;
	size_t pending;
};

typedef struct Greeting
{
	ListNode node;
	Listener *listener;
	int fd; /* -1: handed on */
	bool refused;
	uv_poll_t poll;
	TimerEntry deadline;
} Greeting;

/* ---- heads -------------------------------------------------------------- */

typedef struct Span
{
	const char *start;
	size_t length;
} Span;

typedef struct Head
{
	Span lines[HEAD_LINES_MAX + 1]; /* the request line first; no line ends */
	size_t count;
	size_t length; /* of all, with the empty line */
	bool rewrite;  /* a line is left out */
	bool has_body;
	bool has_authorization;
	Span token;		 /* of the subprotocol bearer.<token> */
	bool wants_chat; /* offers the subprotocol chat.v1 */
} Head;

static bool
span_is(Span span, const char *text)
{
	return string_equal_nocase(span.start, span.length, text);
}

static Span
trim(Span span)
{
	while (span.length > 0 && (*span.start == ' ' || *span.start == '\t'))
	{
		span.start++;
		span.length--;
	}
	while (span.length > 0 && strchr(" \t", span.start[span.length - 1]))
		span.length--;
	return span;
}

/* RFC 9110, section 5.6.2. */
static bool
is_token(Span span)
{
	for (size_t i = 0; i < span.length; i++)
	{
		unsigned char c = (unsigned char) span.start[i];

		if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return span.length > 0;
}

/* Printable, and every %xx a byte other than NUL. */
static bool
is_target(Span target)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	int arguments = 0;

	if (target.length == 0 || target.start[0] != '/')
		return false;
	for (size_t i = 0; i < target.length; i++)
	{
		const char *at = target.start + i;

		if (*at <= ' ' || *at >= 0x7f)
			return false;
		arguments += *at == '&' || *at == ';';
		if (*at != '%')
			continue;
		if (target.length - i < 3 || !strchr(digits, at[1]) || !strchr(digits, at[2]) ||
			(at[1] == '0' && at[2] == '0'))
			return false;
	}
	return arguments <= HEAD_ARGUMENTS_MAX;
}

static bool
check_request_line(Span line, ProblemId *problem)
{
	static const char *const methods[] = {"GET",   "HEAD",	 "POST",   "PUT",
										  "PATCH", "DELETE", "OPTIONS"};
	const char *end = line.start + line.length;
	const char *first = memchr(line.start, ' ', line.length);
	const char *second = first ? memchr(first + 1, ' ', (size_t) (end - first - 1)) : NULL;
	Span version = {second ? second + 1 : end, second ? (size_t) (end - second - 1) : 0};
	Span method = {line.start, first ? (size_t) (first - line.start) : 0};

	*problem = PROBLEM_BAD_REQUEST;
	if (!second || !is_token(method) ||
		!is_target((Span){first + 1, (size_t) (second - first - 1)}) ||
		(!span_is(version, "HTTP/1.1") && !span_is(version, "HTTP/1.0")))
		return false;
	*problem = PROBLEM_METHOD_NOT_ALLOWED;
	for (size_t i = 0; i < lengthof(methods); i++)
		if (method.length == strlen(methods[i]) &&
			memcmp(method.start, methods[i], method.length) == 0)
			return true;
	return false;
}

/* Remembers of the offered subprotocols what matters. */
static void
read_subprotocols(Head *head, Span list)
{
	static const char bearer[] = "bearer.";

	while (list.length > 0)
	{
		const char *comma = memchr(list.start, ',', list.length);
		size_t length = comma ? (size_t) (comma - list.start) : list.length;
		Span name = trim((Span){list.start, length});

		if (span_is(name, "chat.v1"))
			head->wants_chat = true;
		else if (name.length > strlen(bearer) && memcmp(name.start, bearer, strlen(bearer)) == 0 &&
				 is_token(name))
			head->token = (Span){name.start + strlen(bearer), name.length - strlen(bearer)};
		list.start += length + (comma != NULL);
		list.length -= length + (comma != NULL);
	}
}

typedef enum HeaderFate
{
	HEADER_KEEP,
	HEADER_DROP,
	HEADER_BAD,
	HEADER_NO_LENGTH
} HeaderFate;

static HeaderFate
judge_header(Head *head, Span name, Span value)
{
	int64_t number;

	if (span_is(name, "Content-Length"))
	{
		if (!parse_int64(value.start, value.length, &number) || number < 0)
			return HEADER_BAD;
		head->has_body |= number > 0;
	}
	if (span_is(name, "Transfer-Encoding"))
		return HEADER_NO_LENGTH;
	if (span_is(name, "Upgrade"))
		return span_is(value, "websocket") ? HEADER_KEEP : HEADER_DROP;
	head->has_authorization |= span_is(name, "Authorization");
	if (!span_is(name, "Sec-WebSocket-Protocol"))
		return HEADER_KEEP;
	read_subprotocols(head, value);
	return HEADER_DROP;
}

static HeaderFate
look_at_header(Head *head, Span line)
{
	const char *colon = memchr(line.start, ':', line.length);
	Span name = {line.start, colon ? (size_t) (colon - line.start) : 0};
	Span value;

	if (!colon || !is_token(name))
		return HEADER_BAD;
	value = trim((Span){colon + 1, line.length - name.length - 1});
	for (size_t i = 0; i < value.length; i++)
		if ((unsigned char) value.start[i] < ' ' && value.start[i] != '\t')
			return HEADER_BAD;
	return judge_header(head, name, value);
}

/* Cuts the head into lines. */
static HeadResult
cut_lines(const char *start, size_t length, Head *head)
{
	const char *end = memmem(start, length, "\r\n\r\n", 4);

	if (!end)
		return length < HEAD_BYTES_MAX ? HEAD_INCOMPLETE : HEAD_REFUSED;
	for (const char *at = start; at <= end;)
	{
		const char *line_end = memmem(at, (size_t) (end + 2 - at), "\r\n", 2);

		if (head->count == lengthof(head->lines))
			return HEAD_REFUSED;
		head->lines[head->count++] = (Span){at, (size_t) (line_end - at)};
		at = line_end + 2;
	}
	head->length = (size_t) (end + 4 - start);
	return HEAD_GOOD;
}

static void
append_line(Buffer *to, const char *text, Span span)
{
	buffer_append_string(to, text);
	buffer_append(to, span.start, span.length);
	buffer_append_string(to, "\r\n");
}

/* What is wrong with the lines, or PROBLEM_COUNT; writes those that are kept. */
static ProblemId
read_headers(Head *head, Buffer *text)
{
	append_line(text, "", head->lines[0]);
	for (size_t i = 1; i < head->count; i++)
		switch (look_at_header(head, head->lines[i]))
		{
			case HEADER_KEEP:
				append_line(text, "", head->lines[i]);
				break;
			case HEADER_DROP:
				head->rewrite = true;
				break;
			case HEADER_BAD:
				return PROBLEM_BAD_REQUEST;
			case HEADER_NO_LENGTH:
				return PROBLEM_LENGTH_REQUIRED;
		}
	return head->rewrite && head->has_body ? PROBLEM_BAD_REQUEST : PROBLEM_COUNT;
}

static HeadResult
judge_head(Head *head, HeadVerdict *verdict)
{
	if (!check_request_line(head->lines[0], &verdict->problem))
		return HEAD_REFUSED;
	verdict->problem = read_headers(head, &verdict->text);
	if (verdict->problem != PROBLEM_COUNT)
		return HEAD_REFUSED;
	if (!head->rewrite)
		return HEAD_GOOD;
	if (head->wants_chat)
		append_line(&verdict->text, "Sec-WebSocket-Protocol: ", (Span){"chat.v1", 7});
	if (head->token.length > 0 && !head->has_authorization)
		append_line(&verdict->text, "Authorization: Bearer ", head->token);
	buffer_append_string(&verdict->text, "\r\n");
	return HEAD_REWRITTEN;
}

void
head_check(const char *bytes, size_t length, HeadVerdict *verdict)
{
	Head head = {.count = 0};

	*verdict = (HeadVerdict){.problem = PROBLEM_HEADERS_TOO_LARGE};
	verdict->result = cut_lines(bytes, length < HEAD_BYTES_MAX ? length : HEAD_BYTES_MAX, &head);
	verdict->length = head.length;
	if (verdict->result == HEAD_GOOD)
		verdict->result = judge_head(&head, verdict);
}

/* ---- greetings ---------------------------------------------------------- */

static void
on_greeting_closed(uv_handle_t *handle)
{
	Greeting *greeting = handle->data;

	if (greeting->fd >= 0)
		close(greeting->fd);
	free(greeting);
}

/* Lets go of the handle; the socket is closed with it unless it was handed on. */
static void
greeting_end(Greeting *greeting)
{
	timer_cancel(&greeting->deadline);
	list_remove(&greeting->node);
	greeting->listener->pending--;
	uv_close((uv_handle_t *) &greeting->poll, on_greeting_closed);
}

/* Wakes us when there is more than what was seen already. */
static bool
wait_for_more(const Greeting *greeting, size_t seen)
{
	int mark = (int) seen + 1;

	return setsockopt(greeting->fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)) == 0;
}

/* The head may hold a token. */
static void
wipe(Buffer *bytes)
{
	if (bytes->data)
		secure_zero(bytes->data, bytes->length);
	buffer_free(bytes);
}

static void
greeting_refuse(Greeting *greeting, ProblemId problem)
{
	Buffer body = BUFFER_EMPTY;
	Buffer answer = BUFFER_EMPTY;

	problem_write(&body, problem, problem_get(problem)->title);
	buffer_printf(&answer,
				  "HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\n"
				  "content-length: %zu\r\ncache-control: no-store\r\nconnection: close\r\n",
				  problem_get(problem)->status, problem_get(problem)->title, body.length);
	if (problem == PROBLEM_METHOD_NOT_ALLOWED)
		buffer_append_string(&answer, "allow: GET, HEAD, POST, PUT, PATCH, DELETE\r\n");
	buffer_append_string(&answer, "\r\n");
	buffer_append(&answer, body.data, body.length);
	(void) send(greeting->fd, answer.data, answer.length, MSG_NOSIGNAL | MSG_DONTWAIT);
	buffer_free(&answer);
	buffer_free(&body);
	shutdown(greeting->fd, SHUT_WR);
	(void) wait_for_more(greeting, 0);
	greeting->refused = true;
	timer_arm(greeting->listener->wheel, &greeting->deadline, LINGER_TIMEOUT_MS);
}

/* Lets the handle go first: libuv has one for a socket only. */
static void
greeting_hand_on(Greeting *greeting, const Buffer *head)
{
	Listener *listener = greeting->listener;
	int fd = greeting->fd;

	greeting->fd = -1;
	greeting_end(greeting);
	listener->handlers.on_connection(listener->arg, fd, head);
}

static void
greeting_look(Greeting *greeting, char *bytes, size_t length, bool ended)
{
	HeadVerdict verdict;

	head_check(bytes, length, &verdict);
	switch (verdict.result)
	{
		case HEAD_INCOMPLETE:
			if (ended || !wait_for_more(greeting, length))
				greeting_end(greeting);
			break;
		case HEAD_GOOD:
			buffer_reset(&verdict.text);
			/* fallthrough */
		case HEAD_REWRITTEN:
			if (!wait_for_more(greeting, 0) ||
				(verdict.text.length > 0 &&
				 recv(greeting->fd, bytes, verdict.length, 0) != (ssize_t) verdict.length))
				greeting_end(greeting);
			else
				greeting_hand_on(greeting, &verdict.text);
			break;
		case HEAD_REFUSED:
			greeting_refuse(greeting, verdict.problem);
			break;
	}
	wipe(&verdict.text);
}

static void
on_readable(uv_poll_t *handle, int status, int events)
{
	Greeting *greeting = handle->data;
	char bytes[HEAD_BYTES_MAX];
	ssize_t got = recv(greeting->fd, bytes, sizeof(bytes), greeting->refused ? 0 : MSG_PEEK);

	(void) status;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		greeting_end(greeting);
	else if (!greeting->refused)
		greeting_look(greeting, bytes, (size_t) got, events & UV_DISCONNECT);
	secure_zero(bytes, sizeof(bytes));
}

static void
on_greeting_deadline(TimerEntry *entry)
{
	Greeting *greeting = container_of(entry, Greeting, deadline);

	if (greeting->refused)
		greeting_end(greeting);
	else
		greeting_refuse(greeting, PROBLEM_REQUEST_TIMEOUT);
}

static void
greet(Listener *listener, int fd)
{
	Greeting *greeting = xcalloc(1, sizeof(Greeting));
	int on = 1;

	if (uv_poll_init(loop_uv(listener->loop), &greeting->poll, fd) != 0)
	{
		close(fd);
		free(greeting);
		return;
	}
	(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	greeting->listener = listener;
	greeting->fd = fd;
	list_init(&greeting->node);
	list_push_back(&listener->greetings, &greeting->node);
	listener->pending++;
	timer_init(&greeting->deadline, on_greeting_deadline);
	greeting->poll.data = greeting;
	uv_poll_start(&greeting->poll, UV_READABLE | UV_DISCONNECT, on_readable);
	if (listener->handlers.has_room(listener->arg))
		timer_arm(listener->wheel, &greeting->deadline, HEAD_TIMEOUT_MS);
	else
		greeting_refuse(greeting, PROBLEM_TOO_MANY_CONNECTIONS);
}

/* ---- the listening socket ----------------------------------------------- */

static void
on_connect(uv_poll_t *handle, int status, int events)
{
	Listener *listener = handle->data;

	(void) status;
	(void) events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++)
	{
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			greet(listener, fd);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		{
			log_warn("cannot accept: %s", strerror(errno));
			uv_poll_stop(&listener->poll);
			timer_arm(listener->wheel, &listener->pause, FULL_PAUSE_MS);
			return;
		}
		else if (errno == EAGAIN)
			return;
	}
}

static void
on_pause_over(TimerEntry *entry)
{
	Listener *listener = container_of(entry, Listener, pause);

	uv_poll_start(&listener->poll, UV_READABLE, on_connect);
}

static int
bind_socket(const struct addrinfo *address, bool share_port)
{
	int on = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		(!share_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
		bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
open_socket(const ListenerOptions *options, Buffer *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL;
	char *port = xasprintf("%lld", (long long) options->port);
	int error = getaddrinfo(options->address[0] ? options->address : NULL, port, &hints, &found);
	int fd = -1;

	if (error == 0)
		fd = bind_socket(found, options->share_port);
	if (fd < 0)
		buffer_printf(why, "cannot listen on %s port %s: %s", options->address, port,
					  error ? gai_strerror(error) : strerror(errno));
	if (found)
		freeaddrinfo(found);
	free(port);
	return fd;
}

Listener *
listener_open(Loop *loop, TimerWheel *wheel, const ListenerOptions *options,
			  const ListenerHandlers *handlers, void *arg, Buffer *why)
{
	int fd = open_socket(options, why);
	Listener *listener;

	if (fd < 0)
		return NULL;
	listener = xcalloc(1, sizeof(Listener));
	*listener =
		(Listener){.loop = loop, .wheel = wheel, .handlers = *handlers, .arg = arg, .fd = fd};
	list_init(&listener->greetings);
	timer_init(&listener->pause, on_pause_over);
	uv_poll_init(loop_uv(loop), &listener->poll, fd);
	listener->poll.data = listener;
	uv_poll_start(&listener->poll, UV_READABLE, on_connect);
	return listener;
}

int
listener_port(const Listener *listener)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(listener->fd, (struct sockaddr *) &address, &length) != 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *) (void *) &address)->sin6_port);
	return ntohs(((struct sockaddr_in *) (void *) &address)->sin_port);
}

size_t
listener_pending(const Listener *listener)
{
	return listener->pending;
}

static void
on_listener_closed(uv_handle_t *handle)
{
	Listener *listener = handle->data;

	close(listener->fd);
	free(listener);
}

void
listener_close(Listener *listener)
{
	ListNode *node;

	while ((node = list_first(&listener->greetings)))
		greeting_end(list_entry(node, Greeting, node));
	timer_cancel(&listener->pause);
	uv_close((uv_handle_t *) &listener->poll, on_listener_closed);
}
