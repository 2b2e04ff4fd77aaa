/*
 * address.c
 *	  Addresses of clients, and lists of networks.
 */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESS_BITS 128
#define MAPPED_BITS 96 /* in front of an IPv4 address */
#define SUBSCRIBER_BYTES 8
#define SEPARATORS ", \t"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool
is_mapped(const Address *address)
{
	return memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void
set_mapped(Address *address, const void *four_bytes)
{
	memcpy(address->bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(address->bytes + sizeof(mapped_prefix), four_bytes, 4);
}

Address
address_of_socket(const struct sockaddr *from)
{
	Address address = {{0}};

	if (from->sa_family == AF_INET)
		set_mapped(&address, &((const struct sockaddr_in *) (const void *) from)->sin_addr);
	else if (from->sa_family == AF_INET6)
		memcpy(address.bytes, &((const struct sockaddr_in6 *) (const void *) from)->sin6_addr,
			   sizeof(address.bytes));
	return address;
}

bool
address_parse(const char *text, size_t length, Address *address)
{
	char copy[INET6_ADDRSTRLEN];
	struct in_addr four;

	if (length == 0 || length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET6, copy, address->bytes) == 1)
		return true;
	if (inet_pton(AF_INET, copy, &four) != 1)
		return false;
	set_mapped(address, &four);
	return true;
}

bool
address_is_known(const Address *address)
{
	static const Address unknown;

	return memcmp(address, &unknown, sizeof(unknown)) != 0;
}

bool
address_is_remote(const Address *address)
{
	static const Address loopback = {{[15] = 1}};

	if (is_mapped(address))
		return address->bytes[sizeof(mapped_prefix)] != 127;
	return address_is_known(address) && !address_equal(address, &loopback);
}

bool
address_equal(const Address *a, const Address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void
address_write(char to[ADDRESS_TEXT_SIZE], const Address *address)
{
	to[0] = '\0';
	if (!address_is_known(address))
		return;
	if (is_mapped(address))
		inet_ntop(AF_INET, address->bytes + sizeof(mapped_prefix), to, ADDRESS_TEXT_SIZE);
	else
		inet_ntop(AF_INET6, address->bytes, to, ADDRESS_TEXT_SIZE);
}

Address
address_subscriber(const Address *address)
{
	Address subscriber = *address;

	if (!is_mapped(address))
		memset(subscriber.bytes + SUBSCRIBER_BYTES, 0, sizeof(subscriber.bytes) - SUBSCRIBER_BYTES);
	return subscriber;
}

/* ---- lists -------------------------------------------------------------- */

/* "address" or "address/bits". */
static bool
parse_network(const char *text, size_t length, AddressNetwork *network)
{
	const char *slash = memchr(text, '/', length);
	size_t address_length = slash ? (size_t) (slash - text) : length;
	int64_t bits;
	int64_t limit;

	if (!address_parse(text, address_length, &network->base))
		return false;
	/* What was written as IPv4 has a mask of IPv4. */
	limit = memchr(text, ':', address_length) ? ADDRESS_BITS : ADDRESS_BITS - MAPPED_BITS;
	bits = limit;
	if (slash &&
		(!parse_int64(slash + 1, length - address_length - 1, &bits) || bits < 0 || bits > limit))
		return false;
	network->bits = (int) (ADDRESS_BITS - limit + bits);
	return true;
}

bool
address_list_parse(AddressList *list, const char *text, Buffer *why)
{
	*list = (AddressList){NULL, 0};
	for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS))
	{
		size_t length = strcspn(text, SEPARATORS);
		AddressNetwork network;

		if (!parse_network(text, length, &network))
		{
			buffer_printf(why, "\"%.*s\" is no address or network", (int) length, text);
			address_list_free(list);
			return false;
		}
		list->networks = xreallocarray(list->networks, list->count + 1, sizeof(*list->networks));
		list->networks[list->count++] = network;
		text += length;
	}
	return true;
}

void
address_list_free(AddressList *list)
{
	free(list->networks);
	*list = (AddressList){NULL, 0};
}

static bool
network_has(const AddressNetwork *network, const Address *address)
{
	size_t whole = (size_t) network->bits / 8;
	int rest = network->bits % 8;

	if (memcmp(network->base.bytes, address->bytes, whole) != 0)
		return false;
	return rest == 0 || ((network->base.bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}

bool
address_list_has(const AddressList *list, const Address *address)
{
	for (size_t i = 0; address_is_known(address) && i < list->count; i++)
		if (network_has(&list->networks[i], address))
			return true;
	return false;
}
