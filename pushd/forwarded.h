/*
 * forwarded.h
 *	  Who the client behind a proxy is: the PROXY protocol (versions 1 and 2 as
 *	  haproxy.org/download/2.6/doc/proxy-protocol.txt has them), X-Forwarded-For, and
 *	  Forwarded (RFC 7239).
 *
 * Anybody can write these.  What they say counts only from a proxy that is trusted, and
 * only in the one form that is configured: a proxy that sets X-Forwarded-For passes a
 * client's own Forwarded on.
 */
#ifndef PARLEY_FORWARDED_H
#define PARLEY_FORWARDED_H

#include "address.h"
#include "head.h"

typedef enum ForwardedForm
{
	FORWARDED_NOT, /* the other end of the socket is the client */
	FORWARDED_PROXY_PROTOCOL,
	FORWARDED_X_FORWARDED_FOR,
	FORWARDED_FORWARDED
} ForwardedForm;

typedef enum ProxyResult
{
	PROXY_INCOMPLETE,
	PROXY_GOOD,
	PROXY_REFUSED
} ProxyResult;

/*
 * Looks at the first bytes of a connection.  PROXY_GOOD: `used` bytes are the header;
 * `client` is set unless the proxy speaks for itself (LOCAL) or cannot say (UNKNOWN).
 */
ProxyResult proxy_parse(const uint8_t *bytes, size_t length, size_t *used, Address *client);

/*
 * The list is read from its end: as long as who wrote an element is trusted, its word
 * counts.  What is no address ends the walk.  Returns the last address that counts.
 */
Address forwarded_client(ForwardedForm form, const AddressList *trusted, const Head *head,
						 const Address *peer);

#endif /* PARLEY_FORWARDED_H */
