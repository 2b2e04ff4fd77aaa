/*
 * main.c
 *	  parley-pushd: carries what was committed to browsers, and what browsers say to
 *	  the database.  Wiring only.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admission.h"
#include "assets.h"
#include "batcher.h"
#include "canary.h"
#include "catchup.h"
#include "config.h"
#include "doctor.h"
#include "exchange.h"
#include "feed.h"
#include "hub.h"
#include "jobs.h"
#include "listenfeed.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "notify.h"
#include "openapi.h"
#include "pgpool.h"
#include "positions.h"
#include "presence.h"
#include "profiles.h"
#include "quota.h"
#include "ring.h"
#include "server.h"
#include "sessions.h"
#include "timerwheel.h"
#include "tls.h"
#include "typing.h"
#include "vitals.h"

#define FILES_MAX 131072 /* libwebsockets keeps tables of this size */
#define READY_CHECK_MS 100
#define DRAIN_REST_MS 3000 /* for those that are slow to go */

typedef struct Daemon
{
	Config config;
	int argc;
	char **argv;
	Loop *loop;
	TimerWheel *wheel;
	PgPool *pool;
	PgPool *login_pool;
	Jobs *jobs;
	Exchange *exchange;
	Presence *presence;
	Profiles *profiles;
	Typing *typing;
	Hub *hub;
	Ring *ring;
	Catchup *catchup;
	Sessions *sessions;
	Batcher *batcher;
	Positions *positions;
	Assets *assets;
	Feed *feed;
	ListenFeed *listen;
	Ws *ws;
	Server *server;
	Quota *quota;
	Buffer openapi;
	AddressList trusted;
	AddressList metrics_access;
	Canary *canary;
	Notify *notify;
	Vitals *vitals;
	bool draining;
	Admission *admission;
	Tls *tls; /* NULL: none */
	TimerEntry ready_check;
	TimerEntry drain;
	int64_t drain_until_ms; /* 0: not shutting down */
} Daemon;

/* ---- feed --------------------------------------------------------------- */

static void
on_event(void *arg, uint32_t xid, const ParleyEvent *header, const uint8_t *json)
{
	Daemon *daemon = arg;

	if (header->kind == PARLEY_EVENT_CANARY)
		canary_heard(daemon->canary, header->number);
	else
		hub_feed(daemon->hub, xid, header, json);
	if (header->kind == PARLEY_EVENT_MESSAGE)
		typing_message(daemon->typing, header->conversation_id, header->account_id);
}

/* What one transaction has for a client goes out as one frame. */
static void
on_batch(void *arg, bool begins)
{
	Daemon *daemon = arg;

	if (begins)
		sessions_cork(daemon->sessions);
	else
		sessions_uncork(daemon->sessions);
}

/* Clients are let in while the feed flows; the canary flies through the WAL. */
static void
on_source(void *arg, FeedSource source)
{
	static const char *const status_of[] = {
		[FEED_NONE] = "no events come: see the log",
		[FEED_TABLE] = "events come from the tables",
		[FEED_SETTLING] = "events come from the tables",
		[FEED_WAL] = "events come from the WAL",
	};
	Daemon *daemon = arg;

	sessions_set_feed(daemon->sessions, source != FEED_NONE);
	notify_status(daemon->notify, status_of[source]);
	canary_set_streaming(daemon->canary, source == FEED_WAL);
}

static void
on_ready_check(TimerEntry *entry)
{
	Daemon *daemon = container_of(entry, Daemon, ready_check);

	if (!feed_flows(daemon->feed) || pgpool_connections(daemon->pool) == 0)
	{
		timer_arm(daemon->wheel, entry, READY_CHECK_MS);
		return;
	}
	log_info("ready: %s://%s:%d", daemon->tls ? "https" : "http", daemon->config.listen_address,
			 server_port(daemon->server));
	notify_ready(daemon->notify);
}

/* ---- presence ----------------------------------------------------------- */

static void
on_online(void *arg, int64_t account_id)
{
	presence_online(((Daemon *) arg)->presence, account_id);
}

static void
on_offline(void *arg, int64_t account_id)
{
	Daemon *daemon = arg;

	typing_offline(daemon->typing, account_id);
	presence_offline(daemon->presence, account_id);
}

static void
on_exchange_item(void *arg, const BulletinItem *item)
{
	Daemon *daemon = arg;

	if (item->kind == BULLETIN_TYPING)
		typing_take(daemon->typing, item);
	else
		presence_take(daemon->presence, item);
}

static void
on_exchange_missed(void *arg, int64_t seconds)
{
	presence_catch_up(((Daemon *) arg)->presence, seconds);
}

static const ExchangeHandlers exchange_handlers = {on_exchange_item, on_exchange_missed};

static void
on_profile(void *arg, int64_t account_id, Event *event)
{
	profiles_changed(((Daemon *) arg)->profiles, account_id, event);
}

static const HubHandlers hub_handlers = {on_online, on_offline, on_profile};

/* ---- start -------------------------------------------------------------- */

/* As many files as allowed, but within reason: some tables have one entry for each. */
static void
set_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max > FILES_MAX)
		limit.rlim_max = FILES_MAX;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("cannot set the limit of open files");
}

/* The folder of the web UI: as configured, else where a build or an install has it. */
static char *
find_web_root(const Config *config)
{
	static const char *const places[] = {"../web/dist", "../share/pg_parley/web"};
	char program[4096];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *end;

	if (config->web_root[0] != '\0')
		return xstrdup(config->web_root);
	program[length > 0 ? length : 0] = '\0';
	end = strrchr(program, '/');
	if (!end)
		return NULL;
	*end = '\0';
	for (size_t i = 0; i < lengthof(places); i++)
	{
		char *root = xasprintf("%s/%s", program, places[i]);
		char *index = xasprintf("%s/index.html", root);
		bool found = access(index, R_OK) == 0;

		free(index);
		if (found)
			return root;
		free(root);
	}
	return NULL;
}

static bool
load_assets(Daemon *daemon, Buffer *why)
{
	char *root = find_web_root(&daemon->config);

	if (!root)
	{
		log_info("no web UI: web-root is not set and none was found");
		return true;
	}
	daemon->assets = assets_load(root, why);
	if (daemon->assets)
		log_info("web UI: %zu files from %s", assets_count(daemon->assets), root);
	free(root);
	return daemon->assets != NULL;
}

static SessionLimits
session_limits(const Config *config)
{
	return (SessionLimits){.auth_timeout_ms = config->auth_timeout_s * 1000,
						   .heartbeat_ms = config->heartbeat_s * 1000,
						   .expiry_notice_ms = config->expiry_notice_s * 1000,
						   .max_outbox_bytes = (size_t) config->max_outbox_bytes,
						   .max_per_account = (size_t) config->max_connections_per_account};
}

static HandshakeRules
handshake_rules(const Config *config)
{
	return (HandshakeRules){.allowed_origins = config->allowed_origins,
							.allow_url_token = config->allow_url_token != 0,
							.deflate = config->permessage_deflate != 0};
}

static AdmissionLimits
admission_limits(const Daemon *daemon)
{
	const Config *config = &daemon->config;

	return (AdmissionLimits){
		.connections = (size_t) config->max_connections,
		.connections_per_address = (size_t) config->max_connections_per_address,
		.logins_per_minute = config->max_logins_per_minute,
		.trusted = &daemon->trusted,
	};
}

static HttpDeadlines
http_deadlines(const Config *config)
{
	return (HttpDeadlines){.head_ms = config->request_timeout_s * 1000,
						   .body_ms = config->request_timeout_s * 2000,
						   .answer_ms = config->request_timeout_s * 3000,
						   .idle_ms = config->idle_timeout_s * 1000};
}

static RingOptions
ring_options(const Config *config)
{
	return (RingOptions){.max_bytes = (size_t) config->ring_bytes,
						 .max_conversation_bytes = (size_t) config->ring_conversation_bytes,
						 .max_age_us = config->ring_age_s * INT64_C(1000000)};
}

static PresenceRules
presence_rules(const Config *config)
{
	return (PresenceRules){.grace_ms = config->presence_grace_s * 1000,
						   .lease_s = config->presence_lease_s,
						   .members_max = config->presence_members};
}

static TlsSettings
tls_settings(const Config *config)
{
	return (TlsSettings){config->tls_cert, config->tls_key, config->tls_min_version == 1};
}

/* False, with one line in `why`, when it is configured and cannot be had. */
static bool
start_tls(Daemon *daemon, Buffer *why)
{
	TlsSettings settings = tls_settings(&daemon->config);

	if (settings.cert[0] == '\0')
		return true;
	daemon->tls = tls_create(daemon->loop, daemon->wheel, &settings, why);
	return daemon->tls != NULL;
}

static uint64_t
on_feed_lsn(void *arg)
{
	return feed_lsn(((Daemon *) arg)->feed);
}

static void
start_catchup(Daemon *daemon)
{
	const Config *config = &daemon->config;
	RingOptions ring = ring_options(config);
	CatchupOptions options = {.loop = daemon->loop,
							  .wheel = daemon->wheel,
							  .pool = daemon->pool,
							  .hub = daemon->hub,
							  .max_kept_bytes = (size_t) config->max_outbox_bytes,
							  .feed_lsn = on_feed_lsn,
							  .arg = daemon};

	options.ring = daemon->ring = ring_create(&ring);
	hub_use_ring(daemon->hub, daemon->ring);
	daemon->catchup = catchup_create(&options);
}

static void
start_presence(Daemon *daemon)
{
	const Config *config = &daemon->config;

	daemon->exchange = exchange_create(daemon->wheel, daemon->pool, daemon->listen,
									   config->exchange_tick_ms, &exchange_handlers, daemon);
	daemon->presence = presence_create(&(PresenceOptions){.loop = daemon->loop,
														  .wheel = daemon->wheel,
														  .pool = daemon->pool,
														  .rules = presence_rules(config)});
	presence_start(daemon->presence, daemon->hub, daemon->exchange);
	daemon->typing = typing_create(&(TypingOptions){.wheel = daemon->wheel,
													.pool = daemon->pool,
													.hub = daemon->hub,
													.exchange = daemon->exchange,
													.timeout_ms = config->typing_timeout_s * 1000});
}

static void
start_database(Daemon *daemon)
{
	const Config *config = &daemon->config;
	PgPoolOptions options = {.conninfo = config->database,
							 .size = (int) config->pool_size,
							 .queue = (int) config->pool_queue,
							 .wait_ms = config->pool_wait_ms,
							 .statement_timeout_ms = config->statement_timeout_ms,
							 .lock_timeout_ms = config->lock_timeout_ms};

	daemon->pool = pgpool_create(daemon->loop, daemon->wheel, &options);
	options.size = (int) config->login_pool_size;
	daemon->login_pool = pgpool_create(daemon->loop, daemon->wheel, &options);
	daemon->listen = listenfeed_create(daemon->loop, daemon->wheel, config->database);
	daemon->jobs = jobs_create(daemon->wheel, daemon->pool);
	daemon->canary = canary_create(daemon->wheel, daemon->pool, config->canary_s * 1000);
	daemon->hub = hub_create(&hub_handlers, daemon);
	daemon->profiles = profiles_create(daemon->loop, daemon->pool, daemon->hub);
	start_presence(daemon);
	daemon->batcher = batcher_create(daemon->loop, daemon->wheel, daemon->pool);
	daemon->positions = positions_create(daemon->loop, daemon->wheel, daemon->pool);
	daemon->sessions = sessions_create(&(SessionsOptions){.loop = daemon->loop,
														  .wheel = daemon->wheel,
														  .pool = daemon->pool,
														  .hub = daemon->hub,
														  .limits = session_limits(config)});
	start_catchup(daemon);
	daemon->feed = feed_create(&(FeedOptions){.loop = daemon->loop,
											  .wheel = daemon->wheel,
											  .pool = daemon->pool,
											  .listen = daemon->listen,
											  .hub = daemon->hub,
											  .conninfo = config->database,
											  .on_event = on_event,
											  .on_batch = on_batch,
											  .on_source = on_source,
											  .arg = daemon});
}

static RequestOptions
request_options(const Daemon *daemon)
{
	const Config *config = &daemon->config;

	return (
		RequestOptions){.services = {.pool = daemon->pool,
									 .login_pool = daemon->login_pool,
									 .feed = daemon->feed,
									 .canary = daemon->canary,
									 .metrics_access = &daemon->metrics_access,
									 .draining = &daemon->draining},
						.assets = daemon->assets,
						.admission = daemon->admission,
						.quota = daemon->quota,
						.allowed_origins = config->allowed_origins,
						.hsts_s = daemon->tls ? config->hsts_s : 0,
						.secure_cookies = daemon->tls || config->secure_cookies,
						.max_body_bytes = (size_t) config->max_body_bytes,
						.max_sync_bytes = (size_t) config->max_sync_bytes,
						.max_attachment_bytes = (size_t) config->max_attachment_bytes,
						.document = {(const char *) daemon->openapi.data, daemon->openapi.length}};
}

static bool
start_server(Daemon *daemon, Buffer *why)
{
	const Config *config = &daemon->config;
	ServerOptions options;

	openapi_write(&daemon->openapi);
	daemon->quota = quota_create(config->rest_quota_percent);
	options = (ServerOptions){.listen = {.address = config->listen_address,
										 .port = config->listen_port,
										 .reuse_port = config->reuse_port != 0},
							  .redirect_port = daemon->tls ? config->redirect_port : 0,
							  .tls = daemon->tls,
							  .http = {.loop = daemon->loop,
									   .wheel = daemon->wheel,
									   .trusted = &daemon->trusted,
									   .forwarded = (ForwardedForm) config->client_address,
									   .deadlines = http_deadlines(config),
									   .request = request_options(daemon),
									   .handshake = handshake_rules(config)}};

	daemon->ws = ws_create(&(WsOptions){.loop = daemon->loop,
										.sessions = daemon->sessions,
										.frames = {.pool = daemon->pool,
												   .quota = daemon->quota,
												   .batcher = daemon->batcher,
												   .positions = daemon->positions,
												   .presence = daemon->presence,
												   .typing = daemon->typing,
												   .catchup = daemon->catchup},
										.max_frame_bytes = (size_t) config->max_frame_bytes});
	options.ws = daemon->ws;
	daemon->server = server_create(&options, why);
	return daemon->server && server_listen(daemon->server, why);
}

/* ---- reload ------------------------------------------------------------- */

/* Both are good: the settings were checked. */
static void
read_networks(Daemon *daemon)
{
	Buffer why = BUFFER_EMPTY;

	address_list_free(&daemon->trusted);
	address_list_free(&daemon->metrics_access);
	if (!address_list_parse(&daemon->trusted, daemon->config.trusted_proxies, &why) ||
		!address_list_parse(&daemon->metrics_access, daemon->config.metrics_access, &why))
		log_error("%s", buffer_cstring(&why));
	buffer_free(&why);
}

static void
apply_limits(Daemon *daemon)
{
	const Config *config = &daemon->config;
	SessionLimits sessions = session_limits(config);
	AdmissionLimits admission = admission_limits(daemon);
	HandshakeRules handshake = handshake_rules(config);
	RequestOptions request = request_options(daemon);
	HttpDeadlines deadlines = http_deadlines(config);

	log_set_level((LogLevel) config->log_level);
	log_set_format((LogFormat) config->log_format);
	read_networks(daemon);
	sessions_set_limits(daemon->sessions, &sessions);
	admission_set_limits(daemon->admission, &admission);
	server_configure(daemon->server, &request, &handshake, &deadlines);
	quota_set_percent(daemon->quota, config->rest_quota_percent);
	ws_set_max_frame_bytes(daemon->ws, (size_t) config->max_frame_bytes);
	canary_set_period(daemon->canary, config->canary_s * 1000);
}

static void
apply_to_subsystems(Daemon *daemon)
{
	const Config *config = &daemon->config;
	RingOptions ring = ring_options(config);
	PresenceRules presence = presence_rules(config);
	int queue = (int) config->pool_queue;

	ring_set_options(daemon->ring, &ring);
	presence_set_rules(daemon->presence, &presence);
	typing_set_timeout(daemon->typing, config->typing_timeout_s * 1000);
	exchange_set_tick(daemon->exchange, config->exchange_tick_ms);
	pgpool_set_patience(daemon->pool, queue, config->pool_wait_ms);
	pgpool_set_patience(daemon->login_pool, queue, config->pool_wait_ms);
}

/* The files may have changed under the same names.  To begin or end with TLS takes a restart. */
static bool
reload_tls(Daemon *daemon)
{
	TlsSettings settings = tls_settings(&daemon->config);
	Buffer why = BUFFER_EMPTY;
	bool good = true;

	if ((settings.cert[0] != '\0') != (daemon->tls != NULL))
		log_warn("tls-cert: to begin or end with TLS takes a restart");
	else if (daemon->tls)
		good = tls_reload(daemon->tls, &settings, &why);
	if (!good)
		log_error("the certificate stays as it was: %s", buffer_cstring(&why));
	buffer_free(&why);
	return good;
}

static void
on_reload_signal(void *arg, int signum)
{
	Daemon *daemon = arg;
	bool good;

	(void) signum;
	notify_reloading(daemon->notify);
	good = config_reload(&daemon->config, daemon->argc, daemon->argv);
	if (good)
	{
		apply_limits(daemon);
		apply_to_subsystems(daemon);
	}
	good &= reload_tls(daemon);
	metric_add(good ? METRIC_RELOADS : METRIC_RELOADS_FAILED, 1);
	log_info("%s", good ? "reloaded" : "reloaded in part: see above");
	notify_ready(daemon->notify);
}

/* ---- end ---------------------------------------------------------------- */

static void
on_drain(TimerEntry *entry)
{
	Daemon *daemon = container_of(entry, Daemon, drain);

	if (server_connections(daemon->server) == 0 || clock_ms() >= daemon->drain_until_ms)
		loop_stop(daemon->loop);
	else
		timer_arm(daemon->wheel, entry, TIMERWHEEL_TICK_MS);
}

/* The first signal drains, the second does not wait. */
static void
on_stop_signal(void *arg, int signum)
{
	Daemon *daemon = arg;

	if (daemon->drain_until_ms != 0)
	{
		loop_stop(daemon->loop);
		return;
	}
	log_info("%s: sending %zu clients away within %lld s", strsignal(signum),
			 sessions_count(daemon->sessions), (long long) daemon->config.drain_s);
	notify_stopping(daemon->notify);
	daemon->draining = true;
	daemon->drain_until_ms = clock_ms() + daemon->config.drain_s * 1000 + DRAIN_REST_MS;
	server_drain(daemon->server);
	sessions_drain(daemon->sessions, daemon->config.drain_s * 1000);
	timer_arm(daemon->wheel, &daemon->drain, TIMERWHEEL_TICK_MS);
}

/* In the reverse order of the start; the pool answers what is still under way. */
static void
stop(Daemon *daemon)
{
	timer_cancel(&daemon->ready_check);
	timer_cancel(&daemon->drain);
	feed_stop(daemon->feed);
	typing_stop(daemon->typing);
	presence_stop(daemon->presence);
	exchange_stop(daemon->exchange);
	listenfeed_close(daemon->listen);
	jobs_stop(daemon->jobs);
	canary_stop(daemon->canary);
	pgpool_close(daemon->pool);
	pgpool_close(daemon->login_pool);
	batcher_free(daemon->batcher);
	positions_free(daemon->positions);
	if (daemon->server)
		server_free(daemon->server);
	if (daemon->quota)
		quota_free(daemon->quota);
	buffer_free(&daemon->openapi);
	if (daemon->tls)
		tls_free(daemon->tls);
	if (daemon->ws)
		ws_free(daemon->ws);
	sessions_free(daemon->sessions);
	catchup_free(daemon->catchup);
	feed_free(daemon->feed);
	profiles_free(daemon->profiles);
	hub_free(daemon->hub);
	typing_free(daemon->typing);
	ring_free(daemon->ring);
	presence_free(daemon->presence);
	exchange_free(daemon->exchange);
	jobs_free(daemon->jobs);
	canary_free(daemon->canary);
	notify_free(daemon->notify);
	vitals_close(daemon->vitals);
	admission_free(daemon->admission);
	timerwheel_free(daemon->wheel);
}

/* Subsystems start in the order of their layers. */
static bool
start(Daemon *daemon, Buffer *why)
{
	AdmissionLimits limits;

	daemon->loop = loop_create();
	daemon->wheel = timerwheel_create(daemon->loop, TIMERWHEEL_TICK_MS);
	timer_init(&daemon->ready_check, on_ready_check);
	timer_init(&daemon->drain, on_drain);
	daemon->notify = notify_create(daemon->wheel);
	daemon->vitals = vitals_create(daemon->loop);
	read_networks(daemon);
	limits = admission_limits(daemon);
	daemon->admission = admission_create(&limits);
	start_database(daemon);
	if (!start_tls(daemon, why) || !start_server(daemon, why))
		return false;
	loop_on_signal(daemon->loop, SIGTERM, on_stop_signal, daemon);
	loop_on_signal(daemon->loop, SIGINT, on_stop_signal, daemon);
	loop_on_signal(daemon->loop, SIGHUP, on_reload_signal, daemon);
	timer_arm(daemon->wheel, &daemon->ready_check, READY_CHECK_MS);
	return true;
}

static int
run(Daemon *daemon)
{
	Buffer why = BUFFER_EMPTY;
	bool started = load_assets(daemon, &why);

	if (started)
	{
		started = start(daemon, &why);
		if (started)
			loop_run(daemon->loop);
		stop(daemon);
		(void) loop_free(daemon->loop);
	}
	if (!started)
		fprintf(stderr, "parley-pushd: %s\n", buffer_cstring(&why));
	buffer_free(&why);
	assets_free(daemon->assets);
	address_list_free(&daemon->trusted);
	address_list_free(&daemon->metrics_access);
	return started ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	Daemon daemon = {.argc = argc, .argv = argv};
	ConfigResult result = config_load(&daemon.config, argc, argv);
	int status = result == CONFIG_DONE ? EXIT_SUCCESS : EXIT_FAILURE;

	if (result == CONFIG_OK)
	{
		log_set_level((LogLevel) daemon.config.log_level);
		log_set_format((LogFormat) daemon.config.log_format);
		signal(SIGPIPE, SIG_IGN);
		set_file_limit();
		if (daemon.config.command == COMMAND_DOCTOR)
			status = doctor_run(&daemon.config) ? EXIT_SUCCESS : EXIT_FAILURE;
		else
			status = run(&daemon);
	}
	config_free(&daemon.config);
	return status;
}
