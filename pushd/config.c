/*
 * config.c
 *	  The table of settings, and the four sources that fill it.
 *
 * A Config owns its strings.  Values that may be secret (database) are of a type
 * that has no error text quoting them.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "config.h"

#ifndef PARLEY_VERSION
#define PARLEY_VERSION "unknown"
#endif

typedef enum KeyType
{
	KEY_TEXT,
	KEY_NETWORKS, /* a text that is an address list */
	KEY_NUMBER,
	KEY_CHOICE
} KeyType;

typedef struct Key
{
	const char *name;
	KeyType type;
	size_t field;
	const char *fallback;
	int64_t min;
	int64_t max;
	const char *what; /* KEY_CHOICE: names in the order of their values; else a word for help */
	bool reloadable;
	const char *help;
} Key;

#define FIELD(name) offsetof(Config, name)

/* clang-format off */
static const Key keys[] = {
	{"config", KEY_TEXT, FIELD(config_file), "", 0, 0, "FILE", false,
		"read settings from this file (`key = value` lines)"},
	{"listen-address", KEY_TEXT, FIELD(listen_address), "127.0.0.1", 0, 0, "ADDRESS", false,
		"serve HTTP and WebSocket on this address"},
	{"listen-port", KEY_NUMBER, FIELD(listen_port), "8080", 0, 65535, "PORT", false,
		"and this port; 0 takes a free one"},
	{"database", KEY_TEXT, FIELD(database), "dbname=chat user=parley_pushd", 0, 0, "CONNINFO", false,
		"libpq connection string or URI"},
	{"web-root", KEY_TEXT, FIELD(web_root), "", 0, 0, "FOLDER", false,
		"serve the web UI from this folder"},
	{"log-level", KEY_CHOICE, FIELD(log_level), "info", 0, 0, "debug|info|warn|error", true,
		"write lines of this level and above"},
	{"log-format", KEY_CHOICE, FIELD(log_format), "text", 0, 0, "text|json", true,
		"how a line looks"},
	{"pool-size", KEY_NUMBER, FIELD(pool_size), "4", 1, 64, "N", false,
		"database connections besides the feed"},
	{"login-pool-size", KEY_NUMBER, FIELD(login_pool_size), "2", 1, 64, "N", false,
		"database connections for sign-up, login and refresh alone"},
	{"pool-queue", KEY_NUMBER, FIELD(pool_queue), "4096", 1, 1000000, "N", true,
		"requests that may wait for a connection"},
	{"pool-wait-ms", KEY_NUMBER, FIELD(pool_wait_ms), "5000", 1, 600000, "MS", true,
		"how long they may wait"},
	{"statement-timeout-ms", KEY_NUMBER, FIELD(statement_timeout_ms), "10000", 100, 600000, "MS", false,
		"a statement that runs longer is cancelled"},
	{"auth-timeout-s", KEY_NUMBER, FIELD(auth_timeout_s), "5", 1, 300, "S", true,
		"a WebSocket that has not authenticated by then is closed"},
	{"reuse-port", KEY_CHOICE, FIELD(reuse_port), "off", 0, 0, "off|on", false,
		"let other daemons that say so, too, listen on the same port; the kernel spreads clients"},
	{"allow-url-token", KEY_CHOICE, FIELD(allow_url_token), "off", 0, 0, "off|on", true,
		"let WebSockets in by ?token=, which proxies log; tickets are better"},
	{"permessage-deflate", KEY_CHOICE, FIELD(permessage_deflate), "off", 0, 0, "off|on", true,
		"compress frames of one conversation for WebSockets that offer it"},
	{"expiry-notice-s", KEY_NUMBER, FIELD(expiry_notice_s), "60", 0, 3600, "S", true,
		"tell a WebSocket so long before its token ends"},
	{"request-timeout-s", KEY_NUMBER, FIELD(request_timeout_s), "10", 1, 300, "S", true,
		"the head of a request must arrive by then, each piece of its body in twice that; three times for a client to take some of the answer"},
	{"idle-timeout-s", KEY_NUMBER, FIELD(idle_timeout_s), "75", 1, 3600, "S", true,
		"an HTTP connection without a request is closed; longer than a proxy keeps one"},
	{"heartbeat-s", KEY_NUMBER, FIELD(heartbeat_s), "30", 1, 3600, "S", true,
		"ping a WebSocket that was silent this long"},
	{"max-frame-bytes", KEY_NUMBER, FIELD(max_frame_bytes), "65536", 1024, 16777216, "BYTES", true,
		"longest WebSocket message of a client"},
	{"max-body-bytes", KEY_NUMBER, FIELD(max_body_bytes), "262144", 1024, 67108864, "BYTES", true,
		"longest REST request body"},
	{"max-sync-bytes", KEY_NUMBER, FIELD(max_sync_bytes), "1048576", 1024, 67108864, "BYTES", true,
		"longest body of a request to catch up"},
	{"max-attachment-bytes", KEY_NUMBER, FIELD(max_attachment_bytes), "10485760", 1024, 268435456, "BYTES", true,
		"longest attachment to take; PostgreSQL has a limit of its own"},
	{"rest-quota-percent", KEY_NUMBER, FIELD(rest_quota_percent), "100", 0, 100000, "PERCENT", true,
		"of how often a caller may use REST; 0 does not limit it"},
	{"secure-cookies", KEY_CHOICE, FIELD(secure_cookies), "with-tls", 0, 0, "with-tls|always", true,
		"when cookies are for HTTPS only; always: a proxy in front speaks it"},
	{"lock-timeout-ms", KEY_NUMBER, FIELD(lock_timeout_ms), "1000", 0, 600000, "MS", false,
		"how long a statement may wait for another transaction; 0: to its own timeout"},
	{"max-outbox-bytes", KEY_NUMBER, FIELD(max_outbox_bytes), "262144", 4096, 67108864, "BYTES", true,
		"unsent bytes that a slow WebSocket may have"},
	{"ring-bytes", KEY_NUMBER, FIELD(ring_bytes), "67108864", 0, 68719476736, "BYTES", true,
		"memory for recent events, from which clients that come back are served"},
	{"ring-conversation-bytes", KEY_NUMBER, FIELD(ring_conversation_bytes), "262144", 0, 1073741824, "BYTES", true,
		"and at most for one conversation"},
	{"ring-age-s", KEY_NUMBER, FIELD(ring_age_s), "300", 1, 86400, "S", true,
		"how long messages are told from it, also when they have been purged meanwhile"},
	{"max-connections", KEY_NUMBER, FIELD(max_connections), "10000", 1, 1000000, "N", true,
		"HTTP and WebSocket connections together"},
	{"max-connections-per-address", KEY_NUMBER, FIELD(max_connections_per_address), "1000", 0, 1000000, "N", true,
		"of them from one address (IPv6: one /64); 0 is no limit"},
	{"max-connections-per-account", KEY_NUMBER, FIELD(max_connections_per_account), "100", 0, 1000000, "N", true,
		"WebSockets of one account; 0 is no limit"},
	{"max-logins-per-minute", KEY_NUMBER, FIELD(max_logins_per_minute), "120", 0, 1000000, "N", true,
		"sign-ups, logins and refreshes from one address; 0 is no limit"},
	{"trusted-proxies", KEY_NETWORKS, FIELD(trusted_proxies), "", 0, 0, "NETWORKS", true,
		"whose word about the client counts, such as 10.0.0.0/8, ::1"},
	{"client-address", KEY_CHOICE, FIELD(client_address), "socket", 0, 0,
		"socket|proxy-protocol|x-forwarded-for|forwarded", false,
		"where a trusted proxy says who the client is"},
	{"metrics-access", KEY_NETWORKS, FIELD(metrics_access), "127.0.0.0/8, ::1", 0, 0, "NETWORKS", true,
		"who may read /metrics"},
	{"drain-s", KEY_NUMBER, FIELD(drain_s), "5", 0, 600, "S", true,
		"after SIGTERM clients are sent away over this time"},
	{"canary-s", KEY_NUMBER, FIELD(canary_s), "5", 0, 600, "S", true,
		"how often a message of no conversation tries the feed; 0 never does"},
	{"tls-cert", KEY_TEXT, FIELD(tls_cert), "", 0, 0, "FILE", true,
		"certificate with its chain (PEM); serves HTTPS"},
	{"tls-key", KEY_TEXT, FIELD(tls_key), "", 0, 0, "FILE", true,
		"its private key (PEM)"},
	{"tls-min-version", KEY_CHOICE, FIELD(tls_min_version), "1.2", 0, 0, "1.2|1.3", true,
		"oldest TLS that is spoken"},
	{"redirect-port", KEY_NUMBER, FIELD(redirect_port), "0", 0, 65535, "PORT", false,
		"answer plain HTTP there with a redirect to HTTPS; 0 does not"},
	{"hsts-s", KEY_NUMBER, FIELD(hsts_s), "31536000", 0, 315360000, "S", true,
		"max-age of Strict-Transport-Security under TLS; 0 sends none"},
	{"presence-grace-s", KEY_NUMBER, FIELD(presence_grace_s), "5", 0, 600, "S", true,
		"an account whose last connection ends stays online this long"},
	{"presence-lease-s", KEY_NUMBER, FIELD(presence_lease_s), "15", 3, 60, "S", true,
		"the accounts of a process that dies are offline after this"},
	{"presence-members", KEY_NUMBER, FIELD(presence_members), "100", 0, 100000, "N", true,
		"in larger groups tell how many are online, not who"},
	{"typing-timeout-s", KEY_NUMBER, FIELD(typing_timeout_s), "6", 1, 60, "S", true,
		"typing ends by itself after this"},
	{"exchange-tick-ms", KEY_NUMBER, FIELD(exchange_tick_ms), "150", 20, 5000, "MS", true,
		"pause between two notifications to other processes"},
	{"allowed-origins", KEY_TEXT, FIELD(allowed_origins), "", 0, 0, "ORIGINS", true,
		"comma-separated; empty allows the server's own"},
};
/* clang-format on */

static const struct
{
	const char *name;
	Command command;
	const char *help;
} commands[] = {
	{"doctor", COMMAND_DOCTOR, "say what is wrong with settings, server and database, and end"},
};

enum
{
	KEY_COUNT = lengthof(keys),
	KEY_CONFIG = 0, /* of `keys` */
	FLAG_HELP = KEY_COUNT,
	FLAG_VERSION,
	FLAG_COUNT
};

/* Where an error text says that a value came from. */
typedef struct Source
{
	const char *prefix; /* "--", "PARLEY_" or "file:" */
	const char *name;	/* key as it is written there */
} Source;

static bool
is_text(const Key *key)
{
	return key->type == KEY_TEXT || key->type == KEY_NETWORKS;
}

static char **
text_field(Config *config, const Key *key)
{
	return (char **) (void *) ((char *) config + key->field);
}

static int64_t *
number_field(Config *config, const Key *key)
{
	return (int64_t *) (void *) ((char *) config + key->field);
}

/* ---- values ------------------------------------------------------------- */

/* Position of `text` in "a|b|c", or -1. */
static int64_t
find_choice(const char *choices, const char *text)
{
	size_t length = strlen(text);
	int64_t index = 0;

	for (const char *at = choices;; at++, index++)
	{
		size_t choice = strcspn(at, "|");

		if (choice == length && strncmp(at, text, length) == 0)
			return index;
		at += choice;
		if (*at == '\0')
			return -1;
	}
}

static bool
set_number(Config *config, const Key *key, const char *text)
{
	int64_t value;

	if (!parse_int64(text, strlen(text), &value) || value < key->min || value > key->max)
		return false;
	*number_field(config, key) = value;
	return true;
}

static bool
set_choice(Config *config, const Key *key, const char *text)
{
	int64_t value = find_choice(key->what, text);

	if (value < 0)
		return false;
	*number_field(config, key) = value;
	return true;
}

static void
set_text(Config *config, const Key *key, const char *text)
{
	char **field = text_field(config, key);
	char *previous = *field;

	*field = xstrdup(text);
	free(previous);
}

static bool
set_networks(Config *config, const Key *key, const char *text, Source source, Buffer *output)
{
	AddressList list;
	Buffer why = BUFFER_EMPTY;
	bool good = address_list_parse(&list, text, &why);

	if (good)
	{
		address_list_free(&list);
		set_text(config, key, text);
	}
	else
		buffer_printf(output, "%s%s: %s", source.prefix, source.name, buffer_cstring(&why));
	buffer_free(&why);
	return good;
}

/* False, with one line in `output`, when the text is no value of this key. */
static bool
set_value(Config *config, const Key *key, const char *text, Source source, Buffer *output)
{
	switch (key->type)
	{
		case KEY_TEXT:
			set_text(config, key, text);
			return true;
		case KEY_NETWORKS:
			return set_networks(config, key, text, source, output);
		case KEY_NUMBER:
			if (set_number(config, key, text))
				return true;
			buffer_printf(output, "%s%s: \"%s\" is not a number from %lld to %lld", source.prefix,
						  source.name, text, (long long) key->min, (long long) key->max);
			return false;
		case KEY_CHOICE:
			if (set_choice(config, key, text))
				return true;
			buffer_printf(output, "%s%s: \"%s\" is none of %s", source.prefix, source.name, text,
						  key->what);
			return false;
	}
	return false;
}

static void
set_defaults(Config *config)
{
	Buffer unused = BUFFER_EMPTY;

	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < KEY_COUNT; i++)
		(void) set_value(config, &keys[i], keys[i].fallback, (Source){"", keys[i].name}, &unused);
	buffer_free(&unused);
}

/* ---- flags -------------------------------------------------------------- */

static void
make_options(struct option options[FLAG_COUNT + 1])
{
	for (int i = 0; i < KEY_COUNT; i++)
		options[i] = (struct option){keys[i].name, required_argument, NULL, i};
	options[FLAG_HELP] = (struct option){"help", no_argument, NULL, FLAG_HELP};
	options[FLAG_VERSION] = (struct option){"version", no_argument, NULL, FLAG_VERSION};
	options[FLAG_COUNT] = (struct option){NULL, 0, NULL, 0};
}

static void
write_help_line(Buffer *output, const Key *key)
{
	Buffer flag = BUFFER_EMPTY;

	buffer_printf(&flag, "--%s %s", key->name, key->what);
	buffer_printf(output, "  %-36s %s", buffer_cstring(&flag), key->help);
	buffer_free(&flag);
	if (key->fallback[0])
		buffer_printf(output, " [%s]", key->fallback);
	buffer_append_string(output, key->reloadable ? " *\n" : "\n");
}

static void
write_help(Buffer *output)
{
	buffer_append_string(output, "parley-pushd carries the chat of pg_parley to browsers.\n\n"
								 "Usage: parley-pushd [command] [--key value]...\n\n");
	for (size_t i = 0; i < lengthof(commands); i++)
		buffer_printf(output, "  %-36s %s\n", commands[i].name, commands[i].help);
	for (size_t i = 0; i < KEY_COUNT; i++)
		write_help_line(output, &keys[i]);
	buffer_append_string(output,
						 "  --help, --version\n\n"
						 "[default], * SIGHUP reloads it.  A flag wins over the environment\n"
						 "(PARLEY_LISTEN_PORT for listen-port), which wins over the file.");
}

/* Whether the first argument is a command; flags follow it. */
static bool
read_command(Config *config, int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < lengthof(commands); i++)
	{
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		config->command = commands[i].command;
		return true;
	}
	return false;
}

/* What getopt stumbled over, without a value that may follow: it may be secret. */
static bool
refuse_flag(const char *argument, const char *problem, Buffer *output)
{
	buffer_printf(output, "%.*s: %s (try --help)", (int) strcspn(argument, "="), argument, problem);
	return false;
}

/* Notes each flag's value in `given`; *answered when --help or --version was. */
static bool
read_flags(int argc, char **argv, const char *given[KEY_COUNT], bool *answered, Buffer *output)
{
	struct option options[FLAG_COUNT + 1];
	int flag;

	make_options(options);
	opterr = 0;
	optind = 0; /* GNU: start anew */
	while (!*answered && (flag = getopt_long(argc, argv, "+:", options, NULL)) != -1)
	{
		if (flag == ':')
			return refuse_flag(argv[optind - 1], "a value is missing", output);
		if (flag == '?')
			return refuse_flag(argv[optind - 1], "no such option", output);
		*answered = flag >= KEY_COUNT;
		if (flag == FLAG_HELP)
			write_help(output);
		else if (flag == FLAG_VERSION)
			buffer_append_string(output, "parley-pushd (pg_parley) " PARLEY_VERSION);
		else
			given[flag] = optarg;
	}
	if (!*answered && optind < argc)
		return refuse_flag(argv[optind], "unexpected argument", output);
	return true;
}

static bool
apply_flags(Config *config, const char *const given[KEY_COUNT], Buffer *output)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
	{
		if (given[i] &&
			!set_value(config, &keys[i], given[i], (Source){"--", keys[i].name}, output))
			return false;
	}
	return true;
}

/* ---- environment -------------------------------------------------------- */

#define ENVIRONMENT_PREFIX "PARLEY_"

/* LISTEN_PORT for listen-port. */
static void
environment_name(const Key *key, char *to, size_t size)
{
	string_copy(to, size, key->name);
	for (; *to; to++)
		*to = (char) (*to == '-' ? '_' : *to - 'a' + 'A');
}

/* The value of PARLEY_`name`, or NULL. */
static const char *
find_variable(char **environment, const char *name)
{
	size_t length = strlen(name);

	for (; *environment; environment++)
	{
		const char *variable = *environment + strlen(ENVIRONMENT_PREFIX);

		if (string_starts_with(*environment, ENVIRONMENT_PREFIX) &&
			strncmp(variable, name, length) == 0 && variable[length] == '=')
			return variable + length + 1;
	}
	return NULL;
}

static bool
apply_environment(Config *config, char **environment, Buffer *output)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
	{
		char name[64];
		const char *value;

		environment_name(&keys[i], name, sizeof(name));
		value = find_variable(environment, name);
		if (value &&
			!set_value(config, &keys[i], value, (Source){ENVIRONMENT_PREFIX, name}, output))
			return false;
	}
	return true;
}

/* ---- file --------------------------------------------------------------- */

#define BLANKS " \t\r\n"

static const Key *
find_key(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
	{
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

static void
trim_end(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && strchr(BLANKS, text[length - 1]))
		text[--length] = '\0';
}

/* One line of the file; `where` is "path:line: ". */
static bool
apply_line(Config *config, char *line, const char *where, Buffer *output)
{
	char *name = line + strspn(line, BLANKS);
	char *value = strchr(name, '=');
	const Key *key;

	if (*name == '\0' || *name == '#')
		return true;
	if (!value)
	{
		buffer_printf(output, "%sthis is no `key = value` line", where);
		return false;
	}
	*value++ = '\0';
	value += strspn(value, BLANKS);
	trim_end(name);
	trim_end(value);
	key = find_key(name);
	if (!key || key == &keys[KEY_CONFIG])
	{
		buffer_printf(output, "%sno such key: %s", where, name);
		return false;
	}
	return set_value(config, key, value, (Source){where, name}, output);
}

static bool
apply_stream(Config *config, FILE *file, const char *path, Buffer *output)
{
	char *line = NULL;
	size_t size = 0;
	bool good = true;

	for (int number = 1; good && getline(&line, &size, file) >= 0; number++)
	{
		char *where = xasprintf("%s:%d: ", path, number);

		good = apply_line(config, line, where, output);
		free(where);
	}
	if (good && ferror(file))
	{
		buffer_printf(output, "%s: %s", path, strerror(errno));
		good = false;
	}
	if (line)
		secure_zero(line, size);
	free(line);
	return good;
}

static bool
apply_file(Config *config, const char *path, Buffer *output)
{
	FILE *file;
	bool good;

	if (path[0] == '\0')
		return true;
	file = fopen(path, "re");
	if (!file)
	{
		buffer_printf(output, "%s: %s", path, strerror(errno));
		return false;
	}
	good = apply_stream(config, file, path, output);
	fclose(file);
	return good;
}

/* ---- all of them -------------------------------------------------------- */

/* Which file to read is itself a setting, of the two sources that are no file. */
static const char *
choose_file(const char *const given[KEY_COUNT], char **environment)
{
	const char *variable = find_variable(environment, "CONFIG");

	if (given[KEY_CONFIG])
		return given[KEY_CONFIG];
	return variable ? variable : "";
}

ConfigResult
config_parse(Config *config, int argc, char **argv, char **environment, Buffer *output)
{
	const char *given[KEY_COUNT] = {NULL};
	bool answered = false;

	set_defaults(config);
	if (read_command(config, argc, argv))
	{
		argc--;
		argv++;
	}
	if (!read_flags(argc, argv, given, &answered, output))
		return CONFIG_INVALID;
	if (answered)
		return CONFIG_DONE;
	if (apply_file(config, choose_file(given, environment), output) &&
		apply_environment(config, environment, output) && apply_flags(config, given, output))
		return CONFIG_OK;
	return CONFIG_INVALID;
}

ConfigResult
config_load(Config *config, int argc, char **argv)
{
	Buffer output = BUFFER_EMPTY;
	ConfigResult result = config_parse(config, argc, argv, environ, &output);

	if (result == CONFIG_DONE)
		puts(buffer_cstring(&output));
	if (result == CONFIG_INVALID)
		fprintf(stderr, "parley-pushd: %s\n", buffer_cstring(&output));
	buffer_free(&output);
	return result;
}

static bool
is_equal(Config *a, Config *b, const Key *key)
{
	if (is_text(key))
		return strcmp(*text_field(a, key), *text_field(b, key)) == 0;
	return *number_field(a, key) == *number_field(b, key);
}

/* Takes over one changed key, or says why not. */
static void
reload_key(Config *config, Config *fresh, const Key *key)
{
	if (!key->reloadable)
		log_warn("%s has changed: that takes a restart", key->name);
	else if (is_text(key))
		set_text(config, key, *text_field(fresh, key));
	else
		*number_field(config, key) = *number_field(fresh, key);
}

bool
config_reload(Config *config, int argc, char **argv)
{
	Config fresh;
	Buffer output = BUFFER_EMPTY;
	ConfigResult result = config_parse(&fresh, argc, argv, environ, &output);

	if (result != CONFIG_OK)
		log_error("settings stay as they were: %s", buffer_cstring(&output));
	for (size_t i = 0; result == CONFIG_OK && i < KEY_COUNT; i++)
	{
		if (!is_equal(config, &fresh, &keys[i]))
			reload_key(config, &fresh, &keys[i]);
	}
	config_free(&fresh);
	buffer_free(&output);
	return result == CONFIG_OK;
}

void
config_free(Config *config)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
	{
		char **field = text_field(config, &keys[i]);

		if (!is_text(&keys[i]) || !*field)
			continue;
		secure_zero(*field, strlen(*field));
		free(*field);
		*field = NULL;
	}
}
