/*
 * admission.c
 *	  Who may come in.
 *
 * One Guest per address that has a connection or has tried a login within the last
 * minute, in a hash chain; a guest who has neither is freed when its chain is next
 * walked.  Login attempts are a bucket that drips.
 */
#include "admission.h"

#include <stdlib.h>
#include <string.h>

#include "metrics.h"

#define BUCKETS 4096
#define TOLD_MAX 64 /* beyond the limits: those who are told so */
#define MINUTE_MS 60000

typedef struct Guest
{
	struct Guest *next;
	Address address;
	bool is_limited;
	size_t connections;
	double tries; /* in the bucket */
	int64_t tried_ms;
} Guest;

struct Admission
{
	AdmissionLimits limits;
	uint64_t secret; /* so that nobody can choose addresses of one chain */
	size_t connections;
	Guest *buckets[BUCKETS];
};

static Guest **
chain_of(Admission *admission, const Address *address)
{
	uint64_t halves[2];
	uint64_t hash;

	memcpy(halves, address->bytes, sizeof(halves));
	hash = (halves[0] ^ admission->secret) * UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ (hash >> 32) ^ halves[1]) * UINT64_C(0xd6e8feb86659fd93);
	return &admission->buckets[(hash >> 40) % BUCKETS];
}

static bool
is_of_no_use(const Guest *guest, int64_t now_ms)
{
	return guest->connections == 0 && now_ms - guest->tried_ms > MINUTE_MS;
}

/* The guest at this address, in front of its chain. */
static Guest *
find_guest(Admission *admission, const Address *address)
{
	Address subscriber = address_subscriber(address);
	Guest **chain = chain_of(admission, &subscriber);
	Guest **link = chain;
	Guest *guest = NULL;
	int64_t now_ms = clock_ms();

	while (*link)
	{
		Guest *here = *link;
		bool wanted = address_equal(&here->address, &subscriber);

		if (!wanted && !is_of_no_use(here, now_ms))
		{
			link = &here->next;
			continue;
		}
		*link = here->next;
		if (wanted)
			guest = here;
		else
			free(here);
	}
	if (!guest)
	{
		guest = xcalloc(1, sizeof(*guest));
		guest->address = subscriber;
		guest->tried_ms = -MINUTE_MS - 1;
	}
	guest->is_limited =
		address_is_remote(address) && !address_list_has(admission->limits.trusted, address);
	guest->next = *chain;
	*chain = guest;
	return guest;
}

static bool
has_too_many(const Admission *admission, const Guest *guest)
{
	size_t limit = admission->limits.connections_per_address;

	return limit > 0 && guest->is_limited && guest->connections > limit;
}

Admitted
admission_enter(Admission *admission, const Address *address)
{
	Guest *guest = find_guest(admission, address);
	Admitted result = ADMISSION_FULL;
	size_t beyond;

	guest->connections++;
	if (++admission->connections > admission->limits.connections)
		beyond = admission->connections - admission->limits.connections;
	else if (has_too_many(admission, guest))
	{
		result = ADMISSION_ADDRESS_FULL;
		beyond = guest->connections - admission->limits.connections_per_address;
	}
	else
		return ADMISSION_GRANTED;
	metric_add(result == ADMISSION_FULL ? METRIC_REFUSED_FULL : METRIC_REFUSED_ADDRESS, 1);
	if (beyond <= TOLD_MAX)
		return result;
	guest->connections--;
	admission->connections--;
	return ADMISSION_DENIED;
}

void
admission_leave(Admission *admission, const Address *address)
{
	find_guest(admission, address)->connections--;
	admission->connections--;
}

bool
admission_move(Admission *admission, const Address *from, const Address *to)
{
	Guest *guest;

	find_guest(admission, from)->connections--;
	guest = find_guest(admission, to);
	guest->connections++;
	if (!has_too_many(admission, guest))
		return true;
	metric_add(METRIC_REFUSED_ADDRESS, 1);
	return false;
}

int64_t
admission_try_login(Admission *admission, const Address *address, int64_t now_ms)
{
	double per_minute = (double) admission->limits.logins_per_minute;
	Guest *guest = find_guest(admission, address);
	double dripped = (double) (now_ms - guest->tried_ms) / MINUTE_MS * per_minute;

	if (admission->limits.logins_per_minute == 0 || !guest->is_limited)
		return 0;
	guest->tries = guest->tries > dripped ? guest->tries - dripped : 0;
	guest->tried_ms = now_ms;
	if (guest->tries + 1 > per_minute)
	{
		metric_add(METRIC_REFUSED_LOGINS, 1);
		return 1 + (int64_t) ((guest->tries + 1 - per_minute) * MINUTE_MS / per_minute / 1000);
	}
	guest->tries += 1;
	return 0;
}

Admission *
admission_create(const AdmissionLimits *limits)
{
	Admission *admission = xcalloc(1, sizeof(*admission));

	admission->limits = *limits;
	admission->secret = random_u64();
	return admission;
}

void
admission_set_limits(Admission *admission, const AdmissionLimits *limits)
{
	admission->limits = *limits;
}

void
admission_free(Admission *admission)
{
	for (size_t i = 0; i < BUCKETS; i++)
	{
		while (admission->buckets[i])
		{
			Guest *guest = admission->buckets[i];

			admission->buckets[i] = guest->next;
			free(guest);
		}
	}
	free(admission);
}
