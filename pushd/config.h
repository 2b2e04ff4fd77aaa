/*
 * config.h
 *	  Settings: one table (in config.c) makes flags, environment variables, the
 *	  file, --help and --version.
 *
 * Precedence: flag, then environment (PARLEY_LISTEN_PORT for listen-port), then
 * file (`key = value`, # comments; --config or PARLEY_CONFIG names it), then default.
 */
#ifndef PARLEY_CONFIG_H
#define PARLEY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "util.h"

/* What to do: the first argument, when it is no flag. */
typedef enum Command
{
	COMMAND_SERVE, /* without one */
	COMMAND_DOCTOR
} Command;

/*
 * One field per key, and the command.  Strings are never NULL (empty when not set) and belong to
 * the Config; config_reload() may free those of reloadable keys, so keep no
 * pointer to them across it.
 */
typedef struct Config
{
	Command command;
	char *config_file;
	char *listen_address;
	int64_t listen_port; /* 0: any free port */
	char *database;		 /* libpq conninfo or URI; may hold a password: never log it */
	char *web_root;		 /* empty: no static files */
	int64_t log_level;	 /* LogLevel */
	int64_t log_format;	 /* LogFormat */
	int64_t pool_size;
	int64_t login_pool_size;
	int64_t pool_queue;	  /* requests that may wait for a connection */
	int64_t pool_wait_ms; /* how long they may */
	int64_t statement_timeout_ms;
	int64_t auth_timeout_s;
	int64_t heartbeat_s;
	int64_t request_timeout_s; /* for the head of a request */
	int64_t idle_timeout_s;	   /* between two requests */
	int64_t ring_bytes;		   /* of recent events */
	int64_t ring_conversation_bytes;
	int64_t ring_age_s;
	int64_t max_frame_bytes;	  /* one WebSocket message of a client */
	int64_t max_sync_bytes;		  /* the same of POST /sync */
	int64_t max_attachment_bytes; /* one upload */
	int64_t rest_quota_percent;	  /* of the limits in quota.h; 0: none */
	int64_t secure_cookies;		  /* whether a proxy in front of us speaks TLS: 0 or 1 */
	int64_t lock_timeout_ms;
	int64_t max_body_bytes;	  /* one REST request */
	int64_t max_outbox_bytes; /* unsent bytes per WebSocket connection */
	int64_t max_connections;  /* WebSocket and HTTP together */
	int64_t reuse_port;		  /* 0 or 1 */
	int64_t allow_url_token;  /* 0 or 1 */
	int64_t permessage_deflate;
	int64_t expiry_notice_s;			 /* tell a client so long before its token ends */
	int64_t max_connections_per_address; /* 0: no limit */
	int64_t max_connections_per_account; /* 0: no limit */
	int64_t max_logins_per_minute;		 /* of one address; 0: no limit */
	char *trusted_proxies;				 /* "10.0.0.0/8, ::1" */
	int64_t client_address;				 /* ForwardedForm */
	char *metrics_access;				 /* networks that may read /metrics */
	int64_t drain_s;					 /* to send all clients elsewhere after SIGTERM */
	int64_t canary_s;					 /* how often the feed is tried; 0: never */
	char *tls_cert;						 /* PEM with its chain; empty: no TLS */
	char *tls_key;
	int64_t tls_min_version;  /* 0: 1.2, 1: 1.3 */
	int64_t redirect_port;	  /* plain HTTP that sends to HTTPS; 0: none */
	int64_t hsts_s;			  /* max-age; 0: none */
	int64_t presence_grace_s; /* who comes back within it was not away */
	int64_t presence_lease_s; /* a process that is silent for so long is dead */
	int64_t presence_members; /* of larger groups only the number online is told */
	int64_t typing_timeout_s; /* typing ends by itself */
	int64_t exchange_tick_ms; /* between two notifications to other processes */
	char *allowed_origins;	  /* "https://a.example,https://b.example"; empty: same origin */
} Config;

typedef enum ConfigResult
{
	CONFIG_OK,
	CONFIG_DONE,   /* --help or --version was answered on stdout: exit 0 */
	CONFIG_INVALID /* one line went to stderr: exit non-zero */
} ConfigResult;

/* Reads flags, environment and file.  Config needs no initialisation; free it
 * with config_free() whatever the result. */
ConfigResult config_load(Config *config, int argc, char **argv) MUST_CHECK;

/*
 * The same without side effects, for tests and reloads: `environment` is like
 * environ; messages (help text or the one error line, no newline at its end)
 * go to `output`.
 */
ConfigResult config_parse(Config *config, int argc, char **argv, char **environment,
						  Buffer *output) MUST_CHECK;

/*
 * Reads all sources again and takes over the keys that can change at run time; a
 * changed key that cannot is named in a warning.  False (nothing changed, the
 * error logged) when something is invalid.
 */
bool config_reload(Config *config, int argc, char **argv) MUST_CHECK;

/* Also of a Config that is all zero. */
void config_free(Config *config);

#endif /* PARLEY_CONFIG_H */
