/*
 * address.h
 *	  Addresses of clients, and lists of networks.
 *
 * An Address has no port and no family: IPv4 is kept as IPv4-mapped IPv6 (RFC 4291,
 * section 2.5.5.2), so that one comparison serves both.
 */
#ifndef PARLEY_ADDRESS_H
#define PARLEY_ADDRESS_H

#include "util.h"

struct sockaddr;

/* All zero: not known (a Unix socket, say). */
typedef struct Address
{
	uint8_t bytes[16];
} Address;

#define ADDRESS_TEXT_SIZE 48

/* Not known unless the socket is of IPv4 or IPv6. */
Address address_of_socket(const struct sockaddr *from);

/* "192.0.2.1" or "2001:db8::1" and nothing else. */
bool address_parse(const char *text, size_t length, Address *address) MUST_CHECK;

bool address_is_known(const Address *address);

/* Known, and not the machine itself. */
bool address_is_remote(const Address *address);

bool address_equal(const Address *a, const Address *b);

/* "" when it is not known. */
void address_write(char to[ADDRESS_TEXT_SIZE], const Address *address);

/*
 * What limits per address count by: the address itself in IPv4, the first 64 bits in
 * IPv6, for whoever has one such address has all of its network.
 */
Address address_subscriber(const Address *address);

/* ---- lists -------------------------------------------------------------- */

typedef struct AddressNetwork
{
	Address base;
	int bits; /* of 128 */
} AddressNetwork;

/* All zero is a valid empty list. */
typedef struct AddressList
{
	AddressNetwork *networks;
	size_t count;
} AddressList;

/* "10.0.0.0/8, ::1"; false, with one line in `why`, when an element is no network. */
bool address_list_parse(AddressList *list, const char *text, Buffer *why) MUST_CHECK;

void address_list_free(AddressList *list);

/* An address that is not known is in no list. */
bool address_list_has(const AddressList *list, const Address *address);

#endif /* PARLEY_ADDRESS_H */
