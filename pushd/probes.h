/*
 * probes.h
 *	  What machines ask pushd about itself: /livez, /readyz and /metrics.
 */
#ifndef PARLEY_PROBES_H
#define PARLEY_PROBES_H

#include "address.h"
#include "canary.h"
#include "feed.h"
#include "pgpool.h"
#include "util.h"

/* What the routes about pushd itself look at. */
typedef struct RouteServices
{
	PgPool *pool;
	PgPool *login_pool; /* for ANSWER_GRANT: a hash takes long, and others must not wait for it */
	Feed *feed;
	Canary *canary;
	const AddressList *metrics_access;
	const bool *draining;
} RouteServices;

typedef struct RouteLocal
{
	int status;
	const char *content_type;
	Buffer *body;
	const Address *client;
	const char *request_name;
} RouteLocal;

void probe_livez(const RouteServices *services, RouteLocal *answer);

/* 200 when a client that comes now would be served; else 503 and the reasons. */
void probe_readyz(const RouteServices *services, RouteLocal *answer);

/* 403 for who is in none of the networks of metrics-access. */
void probe_metrics(const RouteServices *services, RouteLocal *answer);

#endif /* PARLEY_PROBES_H */
