/*
 * head.c
 *	  The head of an HTTP/1.1 request (RFC 9112), read strictly.
 */
#include "head.h"

#include <string.h>

#include "hex.h"

static const struct
{
	Method method;
	const char *name;
} methods[] = {
	{METHOD_GET, "GET"},		 {METHOD_HEAD, "HEAD"},	  {METHOD_POST, "POST"},
	{METHOD_PUT, "PUT"},		 {METHOD_PATCH, "PATCH"}, {METHOD_DELETE, "DELETE"},
	{METHOD_OPTIONS, "OPTIONS"},
};

const char *
method_name(Method method)
{
	for (size_t i = 0; i < lengthof(methods); i++)
		if (methods[i].method == method)
			return methods[i].name;
	return NULL;
}

void
methods_write(Buffer *to, unsigned allowed)
{
	const char *separator = "";

	for (size_t i = 0; i < lengthof(methods); i++)
		if (allowed & methods[i].method)
		{
			buffer_append_string(to, separator);
			buffer_append_string(to, methods[i].name);
			separator = ", ";
		}
}

/* ---- spans -------------------------------------------------------------- */

bool
span_is(Span span, const char *text)
{
	return string_equal_nocase(span.start, span.length, text);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static Span
trim(Span span)
{
	while (span.length > 0 && is_blank(span.start[0]))
	{
		span.start++;
		span.length--;
	}
	while (span.length > 0 && is_blank(span.start[span.length - 1]))
		span.length--;
	return span;
}

void
span_split(Span list, void (*take)(void *arg, Span element), void *arg)
{
	while (list.length > 0)
	{
		const char *comma = memchr(list.start, ',', list.length);
		size_t length = comma ? (size_t) (comma - list.start) : list.length;
		size_t step = length + (comma != NULL);

		take(arg, trim((Span){list.start, length}));
		list.start += step;
		list.length -= step;
	}
}

bool
span_is_field_value(Span value)
{
	for (size_t i = 0; i < value.length; i++)
	{
		unsigned char c = (unsigned char) value.start[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
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

/* ---- request line ------------------------------------------------------- */

/* An absolute path, printable, every %xx a byte other than NUL. */
static bool
is_target(Span target)
{
	if (target.length == 0 || target.start[0] != '/')
		return false;
	for (size_t i = 0; i < target.length; i++)
	{
		const char *at = target.start + i;

		if (*at <= ' ' || *at >= 0x7f)
			return false;
		if (*at == '%' && (target.length - i < 3 || hex_value(at[1]) < 0 || hex_value(at[2]) < 0 ||
						   (at[1] == '0' && at[2] == '0')))
			return false;
	}
	return true;
}

static Method
find_method(Span name)
{
	for (size_t i = 0; i < lengthof(methods); i++)
		if (name.length == strlen(methods[i].name) &&
			memcmp(name.start, methods[i].name, name.length) == 0)
			return methods[i].method;
	return 0;
}

/* What is wrong with the line, or PROBLEM_NONE. */
static ProblemId
read_request_line(Span line, Head *head)
{
	const char *end = line.start + line.length;
	const char *first = memchr(line.start, ' ', line.length);
	const char *second = first ? memchr(first + 1, ' ', (size_t) (end - first - 1)) : NULL;
	Span method = {line.start, first ? (size_t) (first - line.start) : 0};
	Span version;

	if (!second || !is_token(method))
		return PROBLEM_BAD_REQUEST;
	head->target = (Span){first + 1, (size_t) (second - first - 1)};
	version = (Span){second + 1, (size_t) (end - second - 1)};
	head->keep_alive = head->needs_host = span_is(version, "HTTP/1.1");
	if (!is_target(head->target) || (!head->keep_alive && !span_is(version, "HTTP/1.0")))
		return PROBLEM_BAD_REQUEST;
	head->method = find_method(method);
	return head->method ? PROBLEM_NONE : PROBLEM_METHOD_NOT_ALLOWED;
}

/* ---- fields ------------------------------------------------------------- */

/* Two hosts could be understood in two ways (RFC 9112, section 3.2). */
static ProblemId
take_host(Head *head, Span value)
{
	(void) value;
	if (head->has_host)
		return PROBLEM_BAD_REQUEST;
	head->has_host = true;
	return PROBLEM_NONE;
}

static ProblemId
take_content_length(Head *head, Span value)
{
	if (head->content_length >= 0 || head->chunked ||
		!parse_int64(value.start, value.length, &head->content_length) || head->content_length < 0)
		return PROBLEM_BAD_REQUEST;
	return PROBLEM_NONE;
}

/* With a length, or in HTTP/1.0, someone on the way may have seen another end of the
 * body (RFC 9112, section 6.1). */
static ProblemId
take_transfer_encoding(Head *head, Span value)
{
	if (head->chunked || head->content_length >= 0 || !head->needs_host ||
		!span_is(value, "chunked"))
		return PROBLEM_BAD_REQUEST;
	head->chunked = true;
	return PROBLEM_NONE;
}

static void
take_connection_option(void *arg, Span option)
{
	Head *head = arg;

	if (span_is(option, "close"))
		head->keep_alive = false;
}

static ProblemId
take_connection(Head *head, Span value)
{
	span_split(value, take_connection_option, head);
	return PROBLEM_NONE;
}

static ProblemId
take_upgrade(Head *head, Span value)
{
	head->websocket = span_is(value, "websocket");
	return PROBLEM_NONE;
}

static ProblemId
take_expect(Head *head, Span value)
{
	head->expects_continue = span_is(value, "100-continue");
	return PROBLEM_NONE;
}

static const struct
{
	const char *name;
	ProblemId (*take)(Head *head, Span value);
} field_rules[] = {
	{"Host", take_host},
	{"Content-Length", take_content_length},
	{"Transfer-Encoding", take_transfer_encoding},
	{"Connection", take_connection},
	{"Upgrade", take_upgrade},
	{"Expect", take_expect},
};

bool
head_split_field(Span line, HeadField *field)
{
	const char *colon = memchr(line.start, ':', line.length);

	field->name = (Span){line.start, colon ? (size_t) (colon - line.start) : 0};
	if (!is_token(field->name))
		return false;
	field->value = trim((Span){colon + 1, line.length - field->name.length - 1});
	return span_is_field_value(field->value);
}

static ProblemId
read_field(Span line, Head *head)
{
	HeadField *field = &head->fields[head->count];
	ProblemId problem = PROBLEM_NONE;

	if (head->count == HEAD_LINES_MAX)
		return PROBLEM_HEADERS_TOO_LARGE;
	if (!head_split_field(line, field))
		return PROBLEM_BAD_REQUEST;
	head->count++;
	for (size_t i = 0; i < lengthof(field_rules) && problem == PROBLEM_NONE; i++)
		if (span_is(field->name, field_rules[i].name))
			problem = field_rules[i].take(head, field->value);
	return problem;
}

HeadResult
head_parse(const char *bytes, size_t length, Head *head, ProblemId *problem)
{
	size_t seen = length < HEAD_BYTES_MAX ? length : HEAD_BYTES_MAX;
	const char *end = seen > 0 ? memmem(bytes, seen, "\r\n\r\n", 4) : NULL;
	bool first = true;

	head->count = 0;
	head->content_length = -1;
	head->has_host = head->chunked = head->expects_continue = head->websocket = false;
	*problem = PROBLEM_HEADERS_TOO_LARGE;
	if (!end)
		return length < HEAD_BYTES_MAX ? HEAD_INCOMPLETE : HEAD_REFUSED;
	*problem = PROBLEM_NONE;
	for (const char *at = bytes; at <= end && *problem == PROBLEM_NONE; first = false)
	{
		const char *line_end = memmem(at, (size_t) (end + 2 - at), "\r\n", 2);
		Span line = {at, (size_t) (line_end - at)};

		*problem = first ? read_request_line(line, head) : read_field(line, head);
		at = line_end + 2;
	}
	head->length = (size_t) (end + 4 - bytes);
	return *problem == PROBLEM_NONE ? HEAD_GOOD : HEAD_REFUSED;
}

bool
head_has_body(const Head *head)
{
	return head->chunked || head->content_length > 0;
}

Span
head_find(const Head *head, const char *name)
{
	for (size_t i = 0; i < head->count; i++)
		if (span_is(head->fields[i].name, name))
			return head->fields[i].value;
	return (Span){"", 0};
}

Span
head_bearer(const Head *head)
{
	Span value = head_find(head, "Authorization");

	if (value.length <= 7 || !span_is((Span){value.start, 7}, "Bearer "))
		return (Span){"", 0};
	for (value.start += 7, value.length -= 7; value.start[0] == ' '; value.length--)
		value.start++;
	return value;
}

/* ---- target ------------------------------------------------------------- */

static void
decode(Span text, bool plus_is_blank, Buffer *to)
{
	for (size_t i = 0; i < text.length; i++)
	{
		char c = text.start[i];

		if (c == '%')
		{
			c = (char) (hex_value(text.start[i + 1]) << 4 | hex_value(text.start[i + 2]));
			i += 2;
		}
		else if (c == '+' && plus_is_blank)
			c = ' ';
		buffer_append_char(to, c);
	}
}

static void
decode_query(Span query, Buffer *to)
{
	while (query.length > 0)
	{
		const char *amp = memchr(query.start, '&', query.length);
		size_t length = amp ? (size_t) (amp - query.start) : query.length;
		size_t step = length + (amp != NULL);

		if (length > 0)
		{
			decode((Span){query.start, length}, true, to);
			buffer_append_char(to, '\0');
		}
		query.start += step;
		query.length -= step;
	}
	buffer_append_char(to, '\0');
}

bool
head_decode_target(const Head *head, Buffer *path, Buffer *query)
{
	Span target = head->target;
	const char *mark = memchr(target.start, '?', target.length);
	size_t length = mark ? (size_t) (mark - target.start) : target.length;

	decode((Span){target.start, length}, false, path);
	decode_query((Span){target.start + length + (mark != NULL),
						target.length - length - (mark != NULL)},
				 query);
	return !memmem(target.start, length, "%2f", 3) && !memmem(target.start, length, "%2F", 3);
}
