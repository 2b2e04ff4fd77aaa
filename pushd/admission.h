/*
 * admission.h
 *	  Who may come in: how many connections there are, in all and per address, and how
 *	  often one address may try a login.
 *
 * A connection holds a place from the moment it is accepted until its last socket is
 * closed, whatever it becomes.  When a proxy tells who the client is, the place moves
 * to that address.  Addresses of IPv6 count by their first 64 bits.  The machine itself
 * (loopback) is not limited: it is a proxy that nobody has told us of, or a test.
 */
#ifndef PARLEY_ADMISSION_H
#define PARLEY_ADMISSION_H

#include "address.h"
#include "util.h"

typedef struct Admission Admission;

typedef struct AdmissionLimits
{
	size_t connections;				/* in all */
	size_t connections_per_address; /* 0: no limit */
	int64_t logins_per_minute;		/* of one address; 0: no limit */
	const AddressList *trusted;		/* proxies: they come for many and are not limited */
} AdmissionLimits;

typedef enum Admitted
{
	ADMISSION_GRANTED,
	ADMISSION_FULL,			/* too many in all; a few more get a place to be told so */
	ADMISSION_ADDRESS_FULL, /* too many of this address; likewise */
	ADMISSION_DENIED		/* no place is taken: close at once */
} Admitted;

Admission *admission_create(const AdmissionLimits *limits) MUST_CHECK;
void admission_free(Admission *admission);
void admission_set_limits(Admission *admission, const AdmissionLimits *limits);

/* Takes a place, unless ADMISSION_DENIED. */
Admitted admission_enter(Admission *admission, const Address *address) MUST_CHECK;

void admission_leave(Admission *admission, const Address *address);

/* The place at `from` becomes one at `to`; false when `to` has too many (it moves all the same). */
bool admission_move(Admission *admission, const Address *from, const Address *to) MUST_CHECK;

/*
 * One more try to sign up, log in or refresh.  0: go on; else after how many seconds
 * the next one may come.
 */
int64_t admission_try_login(Admission *admission, const Address *address, int64_t now_ms);

#endif /* PARLEY_ADMISSION_H */
