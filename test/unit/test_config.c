/*
 * test_config.c
 *	  Settings from four sources, their precedence, and one line for what is wrong.
 */
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "tap.h"

#define MAX_ARGUMENTS 16

static Config config;
static Buffer output;

/* Parses `flags` (NULL-terminated), `environment` and leaves the rest in the globals. */
static ConfigResult
parse(const char *const *flags, const char *const *environment)
{
	static const char *const nothing[] = {NULL};
	char *argv[MAX_ARGUMENTS] = {(char *) "parley-pushd"};
	int argc = 1;

	for (; flags && *flags; flags++)
		argv[argc++] = (char *) *flags;
	config_free(&config);
	buffer_reset(&output);
	return config_parse(&config, argc, argv, (char **) (environment ? environment : nothing),
						&output);
}

#define FLAGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
refuses(const char *const *flags, const char *line)
{
	bool invalid = parse(flags, NULL) == CONFIG_INVALID;

	ok(invalid && strcmp(buffer_cstring(&output), line) == 0, line);
	if (strcmp(buffer_cstring(&output), line) != 0)
		printf("# got \"%s\"\n", buffer_cstring(&output));
}

static const char *
write_file(const char *contents)
{
	static char path[] = "/tmp/parley-test-config-XXXXXX";
	static int file = -1;

	if (file < 0)
		file = mkstemp(path);
	if (file < 0 || ftruncate(file, 0) != 0 ||
		pwrite(file, contents, strlen(contents), 0) != (ssize_t) strlen(contents))
		perror(path);
	return path;
}

static void
test_defaults(void)
{
	is_number(parse(NULL, NULL), CONFIG_OK, "nothing given is fine");
	is_text(config.listen_address, "127.0.0.1", "default address");
	is_number(config.listen_port, 8080, "default port");
	is_number(config.log_level, LOG_LEVEL_INFO, "default level");
	is_text(config.web_root, "", "no web root");
}

static void
test_command(void)
{
	is_number(parse(NULL, NULL), CONFIG_OK, "no command");
	is_number(config.command, COMMAND_SERVE, "serves");
	is_number(parse(FLAGS("doctor", "--listen-port=7"), NULL), CONFIG_OK, "a command and a flag");
	is_number(config.command, COMMAND_DOCTOR, "the command");
	is_number(config.listen_port, 7, "and the flag");
	refuses(FLAGS("doktor"), "doktor: unexpected argument (try --help)");
	refuses(FLAGS("--listen-port=7", "doctor"), "doctor: unexpected argument (try --help)");
	refuses(FLAGS("doctor", "doctor"), "doctor: unexpected argument (try --help)");
}

static void
test_precedence(void)
{
	const char *path = write_file("# comment\n\n listen-port = 1111 \nlog-level=debug\r\n"
								  "database = host=/x password='a = b #c'\npool-size = 3\n");
	const char *environment[] = {"PATH=/bin",	   "PARLEY_LISTEN_PORT=2222", "PARLEY_POOL_SIZE=5",
								 "PARLEY_HOME=/x", "PARLEY_PORT=1",			  NULL};

	is_number(parse(FLAGS("--config", path), NULL), CONFIG_OK, "a file alone");
	is_number(config.listen_port, 1111, "its port");
	is_number(config.log_level, LOG_LEVEL_DEBUG, "its level");
	is_text(config.database, "host=/x password='a = b #c'", "a value may hold = and #");
	is_text(config.config_file, path, "the file's name is kept");
	is_number(parse(FLAGS("--config", path, "--pool-size=7"), environment), CONFIG_OK,
			  "all sources");
	is_number(config.listen_port, 2222, "environment wins over file");
	is_number(config.pool_size, 7, "flag wins over environment");
	is_number(config.log_level, LOG_LEVEL_DEBUG, "file wins over default");
	environment[0] = xasprintf("PARLEY_CONFIG=%s", path);
	parse(NULL, environment);
	is_number(config.log_level, LOG_LEVEL_DEBUG, "the environment may name the file");
	free((char *) environment[0]);
}

static void
test_refusals(void)
{
	refuses(FLAGS("--listen-port", "abc"),
			"--listen-port: \"abc\" is not a number from 0 to 65535");
	refuses(FLAGS("--listen-port", "65536"),
			"--listen-port: \"65536\" is not a number from 0 to 65535");
	refuses(FLAGS("--listen-port", ""), "--listen-port: \"\" is not a number from 0 to 65535");
	refuses(FLAGS("--log-level", "loud"), "--log-level: \"loud\" is none of debug|info|warn|error");
	refuses(FLAGS("--log-level", ""), "--log-level: \"\" is none of debug|info|warn|error");
	refuses(FLAGS("--nosuch=secret"), "--nosuch: no such option (try --help)");
	refuses(FLAGS("--listen-port"), "--listen-port: a value is missing (try --help)");
	refuses(FLAGS("-x"), "-x: no such option (try --help)");
	refuses(FLAGS("start"), "start: unexpected argument (try --help)");
	refuses(FLAGS("--help=1"), "--help: no such option (try --help)");
	refuses(FLAGS("--config", "/nonexistent/file"), "/nonexistent/file: No such file or directory");
}

static void
file_refuses(const char *contents, const char *complaint)
{
	const char *path = write_file(contents);
	char *line = xasprintf("%s:%s", path, complaint);

	is_number(parse(FLAGS("--config", path), NULL), CONFIG_INVALID, complaint);
	is_text(buffer_cstring(&output), line, "and says where");
	free(line);
}

static void
test_file_refusals(void)
{
	const char *environment[] = {"PARLEY_HEARTBEAT_S=0", NULL};

	file_refuses("pool-size = 1\nlisten_port = 1\n", "2: no such key: listen_port");
	file_refuses("password hunter2\n", "1: this is no `key = value` line");
	file_refuses("pool-size = 0", "1: pool-size: \"0\" is not a number from 1 to 64");
	file_refuses("config = /etc/other", "1: no such key: config");
	is_number(parse(NULL, environment), CONFIG_INVALID, "a bad variable");
	is_text(buffer_cstring(&output), "PARLEY_HEARTBEAT_S: \"0\" is not a number from 1 to 3600",
			"is named as it was written");
}

static void
test_answers(void)
{
	is_number(parse(FLAGS("--version"), NULL), CONFIG_DONE, "--version");
	is_text(buffer_cstring(&output), "parley-pushd (pg_parley) 0.0.0-test", "tells the version");
	is_number(parse(FLAGS("--help", "--nosuch"), NULL), CONFIG_DONE, "--help");
	is_like(buffer_cstring(&output), "\n  --listen-port PORT ", "lists the keys");
	is_like(buffer_cstring(&output), "[8080]", "and defaults");
}

static void
test_reload(void)
{
	char *argv[] = {(char *) "parley-pushd", (char *) "--config",
					(char *) write_file("heartbeat-s = 60\nallowed-origins = https://a\n"), NULL};
	int argc = 3;

	is_number(config_load(&config, argc, argv), CONFIG_OK, "loads a file");
	log_set_level(LOG_LEVEL_ERROR);
	write_file("heartbeat-s = 90\nlisten-port = 9999\nallowed-origins = https://b\n");
	ok(config_reload(&config, argc, argv), "reloads it");
	is_number(config.heartbeat_s, 90, "a reloadable key follows");
	is_text(config.allowed_origins, "https://b", "a text too");
	is_number(config.listen_port, 8080, "another one stays");
	write_file("heartbeat-s = 100\npool-size = x\n");
	log_set_level(LOG_LEVEL_ERROR + 1);
	ok(!config_reload(&config, argc, argv), "a file with an error is refused");
	is_number(config.heartbeat_s, 90, "and changes nothing");
	unlink(argv[2]);
}

int
main(void)
{
	test_defaults();
	test_command();
	test_precedence();
	test_refusals();
	test_file_refusals();
	test_answers();
	config_free(&config);
	test_reload();
	config_free(&config);
	buffer_free(&output);
	return done_testing();
}
