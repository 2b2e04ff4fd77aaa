/*
 * forwarded.c
 *	  Who the client behind a proxy is.
 */
#include "forwarded.h"

#include <string.h>

/* ---- PROXY protocol ----------------------------------------------------- */

#define V1_LENGTH_MAX 107 /* with its line end */
#define V2_HEADER 16
#define V2_LOCAL 0x20
#define V2_PROXY 0x21
#define V2_INET 0x1
#define V2_INET6 0x2

static const uint8_t v1_signature[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t v2_signature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
									   0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* Whether the bytes are the signature, or may become it. */
static bool
begins(const uint8_t *bytes, size_t length, const uint8_t *signature, size_t size)
{
	return memcmp(bytes, signature, length < size ? length : size) == 0;
}

/* "TCP4 192.0.2.1 198.51.100.1 56324 443", without the line end. */
static ProxyResult
parse_v1_line(const char *line, const char *end, Address *client)
{
	const char *source = memchr(line, ' ', (size_t) (end - line));
	const char *behind;
	size_t family = source ? (size_t) (source - line) : (size_t) (end - line);

	if (family >= 7 && memcmp(line, "UNKNOWN", 7) == 0)
		return PROXY_GOOD;
	if (!source || family != 4 || (memcmp(line, "TCP4", 4) != 0 && memcmp(line, "TCP6", 4) != 0))
		return PROXY_REFUSED;
	source++;
	behind = memchr(source, ' ', (size_t) (end - source));
	if (!behind || !address_parse(source, (size_t) (behind - source), client))
		return PROXY_REFUSED;
	return PROXY_GOOD;
}

static ProxyResult
parse_v1(const uint8_t *bytes, size_t length, size_t *used, Address *client)
{
	size_t scope = length < V1_LENGTH_MAX ? length : V1_LENGTH_MAX;
	const uint8_t *end = memchr(bytes, '\n', scope);

	if (!end)
		return scope < V1_LENGTH_MAX ? PROXY_INCOMPLETE : PROXY_REFUSED;
	if (end[-1] != '\r')
		return PROXY_REFUSED;
	*used = (size_t) (end - bytes) + 1;
	return parse_v1_line((const char *) bytes + sizeof(v1_signature), (const char *) end - 1,
						 client);
}

static ProxyResult
parse_v2(const uint8_t *bytes, size_t length, size_t *used, Address *client)
{
	Address found = {{0}};
	size_t size;

	if (length < V2_HEADER)
		return PROXY_INCOMPLETE;
	size = (size_t) bytes[14] << 8 | bytes[15];
	if (bytes[12] != V2_LOCAL && bytes[12] != V2_PROXY)
		return PROXY_REFUSED;
	if (length < V2_HEADER + size)
		return PROXY_INCOMPLETE;
	*used = V2_HEADER + size;
	if (bytes[12] == V2_LOCAL)
		return PROXY_GOOD;
	if (bytes[13] >> 4 == V2_INET && size >= 12)
	{
		found.bytes[10] = found.bytes[11] = 0xff;
		memcpy(found.bytes + 12, bytes + V2_HEADER, 4);
	}
	else if (bytes[13] >> 4 == V2_INET6 && size >= 36)
		memcpy(found.bytes, bytes + V2_HEADER, sizeof(found.bytes));
	if (address_is_known(&found))
		*client = found;
	return PROXY_GOOD;
}

ProxyResult
proxy_parse(const uint8_t *bytes, size_t length, size_t *used, Address *client)
{
	if (length == 0)
		return PROXY_INCOMPLETE;
	if (begins(bytes, length, v2_signature, sizeof(v2_signature)))
		return parse_v2(bytes, length, used, client);
	if (!begins(bytes, length, v1_signature, sizeof(v1_signature)))
		return PROXY_REFUSED;
	return length < sizeof(v1_signature) ? PROXY_INCOMPLETE : parse_v1(bytes, length, used, client);
}

/* ---- fields of the head ------------------------------------------------- */

typedef struct Walk
{
	const AddressList *trusted;
	Address client;
	bool over;
} Walk;

static Span
trimmed(Span span)
{
	while (span.length > 0 && (span.start[0] == ' ' || span.start[0] == '\t'))
		span = (Span){span.start + 1, span.length - 1};
	while (span.length > 0 &&
		   (span.start[span.length - 1] == ' ' || span.start[span.length - 1] == '\t'))
		span.length--;
	return span;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80", each perhaps in quotes. */
static bool
parse_node(Span node, Address *address)
{
	const char *end;

	if (node.length >= 2 && node.start[0] == '"' && node.start[node.length - 1] == '"')
		node = (Span){node.start + 1, node.length - 2};
	if (node.length > 0 && node.start[0] == '[')
	{
		end = memchr(node.start, ']', node.length);
		return end && address_parse(node.start + 1, (size_t) (end - node.start - 1), address);
	}
	if (address_parse(node.start, node.length, address))
		return true;
	end = memchr(node.start, ':', node.length);
	return end && address_parse(node.start, (size_t) (end - node.start), address);
}

/* The value of for= in "for=192.0.2.60;proto=http;by=203.0.113.43". */
static Span
find_for(Span element)
{
	while (element.length > 0)
	{
		const char *end = memchr(element.start, ';', element.length);
		size_t length = end ? (size_t) (end - element.start) : element.length;
		Span pair = trimmed((Span){element.start, length});

		if (pair.length > 4 && span_is((Span){pair.start, 4}, "for="))
			return (Span){pair.start + 4, pair.length - 4};
		if (!end)
			break;
		element = (Span){end + 1, element.length - length - 1};
	}
	return (Span){"", 0};
}

/* One element, from the right. */
static void
step(Walk *walk, ForwardedForm form, Span element)
{
	Address address;
	Span node = trimmed(element);

	if (form == FORWARDED_FORWARDED)
		node = find_for(node);
	walk->over = !parse_node(node, &address);
	if (walk->over)
		return;
	walk->client = address;
	walk->over = !address_list_has(walk->trusted, &address);
}

/* All elements of one field, the last one first. */
static void
walk_field(Walk *walk, ForwardedForm form, Span value)
{
	while (!walk->over)
	{
		const char *comma = memrchr(value.start, ',', value.length);
		size_t before = comma ? (size_t) (comma - value.start) : 0;
		size_t skip = comma ? before + 1 : 0;

		step(walk, form, (Span){value.start + skip, value.length - skip});
		if (!comma)
			return;
		value.length = before;
	}
}

Address
forwarded_client(ForwardedForm form, const AddressList *trusted, const Head *head,
				 const Address *peer)
{
	Walk walk = {.trusted = trusted, .client = *peer};
	const char *name = form == FORWARDED_FORWARDED ? "Forwarded" : "X-Forwarded-For";

	if (form < FORWARDED_X_FORWARDED_FOR)
		return *peer;
	walk.over = !address_list_has(trusted, peer);
	for (size_t i = head->count; i-- > 0 && !walk.over;)
		if (span_is(head->fields[i].name, name))
			walk_field(&walk, form, head->fields[i].value);
	return walk.client;
}
