/*
 * doctor.c
 *	  The table of checks, and a connection of its own to ask on.
 *
 * A check is a statement that gives a row (what is wrong, what to paste) for each problem
 * and none if all is well, or a function.  Some only make sense when others went well:
 * those raise the stage, and who needs a later stage is left out.  What chat.health()
 * knows is not asked twice.
 */
#include "doctor.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tls.h"
#include "wire.h"

#ifndef PARLEY_VERSION
#define PARLEY_VERSION "unknown"
#endif

#define CONNECT_TIMEOUT_S "5"
#define STATEMENT_TIMEOUT "3s" /* also of the slot, which waits for transactions to end */
#define FILES_OF_OUR_OWN 64
#define SQLSTATE_SIZE 6
#define REFUSAL_WAIT_MS 5000
#define CLOCK_SKEW_MAX_US 1000000
#define CERTIFICATE_SOON_S (14 * 86400)

typedef enum Verdict
{
	VERDICT_OK,
	VERDICT_WARN,
	VERDICT_FAIL
} Verdict;

/* How far we came. */
typedef enum Stage
{
	STAGE_LOCAL,
	STAGE_CONNECTED,
	STAGE_EXTENSION,
	STAGE_GATEWAY, /* and may call what the daemon calls */
	STAGE_FEED	   /* and nothing that was asked speaks against a feed */
} Stage;

typedef struct Doctor
{
	const Config *config;
	PGconn *conn; /* NULL: none */
	Stage stage;
	int failures;
} Doctor;

typedef struct Check
{
	const char *name;
	Stage needs;
	Stage gives;	  /* when it found nothing */
	Verdict severity; /* of what the statement finds */
	const char *good; /* to say when it finds nothing */
	const char *sql;
	void (*probe)(Doctor *doctor, const struct Check *check); /* in place of it */
} Check;

/* ---- what it says ------------------------------------------------------- */

static void
write_indented(const char *text)
{
	while (*text)
	{
		size_t length = strcspn(text, "\n");

		printf("    %.*s\n", (int) length, text);
		text += length + (text[length] == '\n');
	}
}

/* `mend`: what to paste; NULL for none. */
static void
tell(Doctor *doctor, Verdict verdict, const char *name, const char *text, const char *mend)
{
	static const char *const words[] = {"ok", "warn", "fail"};
	size_t length = strlen(text);

	printf("%s %s: ", words[verdict], name);
	while (length > 0 && text[length - 1] == '\n')
		length--;
	for (size_t i = 0; i < length; i++)
		putchar((unsigned char) text[i] < ' ' ? ' ' : text[i]);
	putchar('\n');
	if (mend && verdict != VERDICT_OK)
		write_indented(mend);
	if (verdict == VERDICT_FAIL)
		doctor->failures++;
}

static void
pass(Doctor *doctor, const Check *check)
{
	tell(doctor, VERDICT_OK, check->name, check->good, NULL);
	if (check->gives > doctor->stage)
		doctor->stage = check->gives;
}

/* What PostgreSQL says itself. */
static void
tell_error(Doctor *doctor, const Check *check, const PGresult *result)
{
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	tell(doctor, VERDICT_FAIL, check->name, primary ? primary : PQerrorMessage(doctor->conn),
		 PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
}

static void
run_sql(Doctor *doctor, const Check *check)
{
	PGresult *result = PQexec(doctor->conn, check->sql);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		tell_error(doctor, check, result);
	else if (PQntuples(result) == 0)
		pass(doctor, check);
	else
		for (int row = 0; row < PQntuples(result); row++)
			tell(doctor, check->severity, check->name, PQgetvalue(result, row, 0),
				 PQgetvalue(result, row, 1));
	PQclear(result);
}

/* ---- this machine ------------------------------------------------------- */

/* The limit is what the daemon would raise it to. */
static void
probe_open_files(Doctor *doctor, const Check *check)
{
	const Config *config = doctor->config;
	int64_t each = config->tls_cert[0] != '\0' ? 3 : 1; /* tls.h */
	int64_t need = config->max_connections * each + config->pool_size + config->login_pool_size +
				   FILES_OF_OUR_OWN;
	struct rlimit limit;
	char *text;
	char *mend;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || (int64_t) limit.rlim_cur >= need)
	{
		pass(doctor, check);
		return;
	}
	text = xasprintf("max-connections is %lld, which takes %lld open files; the limit is %lld",
					 (long long) config->max_connections, (long long) need,
					 (long long) limit.rlim_cur);
	mend = xasprintf("LimitNOFILE=%lld   # in the systemd unit; in a shell: ulimit -Hn %lld",
					 (long long) need, (long long) need);
	tell(doctor, VERDICT_WARN, check->name, text, mend);
	free(text);
	free(mend);
}

static void
tell_certificate_end(Doctor *doctor, const Check *check, time_t not_after)
{
	static const char mend[] = "# renew the certificate, then send SIGHUP to parley-pushd";
	time_t now = time(NULL);
	Verdict verdict = not_after <= now						  ? VERDICT_FAIL
					  : not_after - now <= CERTIFICATE_SOON_S ? VERDICT_WARN
															  : VERDICT_OK;
	struct tm parts;
	char date[32];
	char *text;

	strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime_r(&not_after, &parts));
	text = xasprintf("%s until %s", verdict == VERDICT_FAIL ? "was good only" : "good", date);
	tell(doctor, verdict, check->name, text, mend);
	free(text);
}

static void
probe_certificate(Doctor *doctor, const Check *check)
{
	const Config *config = doctor->config;
	TlsSettings settings = {config->tls_cert, config->tls_key, config->tls_min_version == 1};
	Buffer why = BUFFER_EMPTY;
	time_t not_after;

	if (config->tls_cert[0] == '\0')
		pass(doctor, check);
	else if (tls_probe(&settings, &not_after, &why))
		tell_certificate_end(doctor, check, not_after);
	else
	{
		char *mend =
			xasprintf("ls -l %s %s   # the account of the daemon must read both\n"
					  "openssl x509 -noout -in %s; openssl pkey -noout -in %s",
					  config->tls_cert, config->tls_key, config->tls_cert, config->tls_key);

		tell(doctor, VERDICT_FAIL, check->name, buffer_cstring(&why), mend);
		free(mend);
	}
	buffer_free(&why);
}

static void
probe_web_root(Doctor *doctor, const Check *check)
{
	const char *root = doctor->config->web_root;
	char *index = xasprintf("%s/index.html", root);
	char *text = NULL;

	if (root[0] != '\0' && access(index, R_OK) != 0)
		text = xasprintf("%s: %s", index, strerror(errno));
	if (text)
		tell(doctor, VERDICT_FAIL, check->name, text,
			 "make web && sudo make -C pushd install   # which finds it without web-root");
	else
		pass(doctor, check);
	free(text);
	free(index);
}

/* ---- the connection ----------------------------------------------------- */

static void
ignore_notice(void *arg, const PGresult *notice)
{
	(void) arg;
	(void) notice;
}

/* `replication`: NULL or "database".  NULL, with `*why` set, when there is none. */
static PGconn *
connect_to_server(const Config *config, const char *replication, char **why)
{
	const char *names[] = {
		"gssencmode",  "dbname", "connect_timeout", "application_name", "client_encoding",
		"replication", NULL};
	const char *values[] = {
		"disable", config->database, CONNECT_TIMEOUT_S, "parley-pushd doctor", "UTF8", replication,
		NULL};
	PGconn *conn = PQconnectdbParams(names, values, 1);

	if (PQstatus(conn) == CONNECTION_OK)
	{
		PQsetNoticeReceiver(conn, ignore_notice, NULL);
		PQclear(PQexec(conn, "SET statement_timeout = '" STATEMENT_TIMEOUT "'"));
		PQclear(PQexec(conn, "SET search_path = pg_catalog, pg_temp"));
		return conn;
	}
	*why = xstrdup(PQerrorMessage(conn));
	PQfinish(conn);
	return NULL;
}

/*
 * The SQLSTATE with which the server does not let us in, "" when there is no server.  libpq
 * has it only as the end of its text, and only when it was asked to before.
 */
static void
find_refusal(const Config *config, char sqlstate[SQLSTATE_SIZE])
{
	const char *names[] = {"gssencmode", "dbname", NULL};
	const char *values[] = {"disable", config->database, NULL};
	PGconn *conn = PQconnectStartParams(names, values, 1);
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;
	const char *last;

	PQsetErrorVerbosity(conn, PQERRORS_SQLSTATE);
	while (step == PGRES_POLLING_READING || step == PGRES_POLLING_WRITING)
	{
		struct pollfd wait = {PQsocket(conn), step == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};

		step = poll(&wait, 1, REFUSAL_WAIT_MS) == 1 ? PQconnectPoll(conn) : PGRES_POLLING_FAILED;
	}
	last = strrchr(PQerrorMessage(conn), ' ');
	string_copy(sqlstate, SQLSTATE_SIZE, last ? last + 1 : "");
	PQfinish(conn);
}

static const char *
mend_of_refusal(const Config *config)
{
	static const struct
	{
		const char *sqlstate;
		const char *mend;
	} mends[] = {
		{"28000",
		 "CREATE ROLE parley_pushd LOGIN REPLICATION;   -- if there is none; if there is,\n"
		 "sudo -u parley_pushd parley-pushd doctor   # `peer` wants the account of its name"},
		{"28P01", "\\password parley_pushd\n"
				  "# then the same in a file, and passfile=FILE in the setting `database`"},
		{"3D000", "CREATE DATABASE chat;"},
		{"42501", "GRANT CONNECT ON DATABASE chat TO parley_pushd;"},
		{"08P01",
		 "host=… port=5432   # in the setting `database`: the server itself, not a pooler"},
		{"53300", "ALTER SYSTEM SET max_connections = 200; -- then restart the server"},
	};
	char sqlstate[SQLSTATE_SIZE];

	find_refusal(config, sqlstate);
	for (size_t i = 0; i < lengthof(mends); i++)
		if (strcmp(mends[i].sqlstate, sqlstate) == 0)
			return mends[i].mend;
	return "pg_lsclusters; pg_isready   # on the machine of the database";
}

/* libpq's own text would quote parts of it. */
static bool
is_conninfo(const char *text)
{
	PQconninfoOption *options = PQconninfoParse(text, NULL);

	PQconninfoFree(options);
	return options != NULL;
}

static void
probe_database(Doctor *doctor, const Check *check)
{
	char *why = NULL;

	if (strpbrk(doctor->config->database, "=:") && !is_conninfo(doctor->config->database))
	{
		tell(doctor, VERDICT_FAIL, check->name, "the connection string is not valid",
			 "database = host=/var/run/postgresql dbname=chat user=parley_pushd");
		return;
	}
	doctor->conn = connect_to_server(doctor->config, NULL, &why);
	if (doctor->conn)
		pass(doctor, check);
	else
		tell(doctor, VERDICT_FAIL, check->name, why, mend_of_refusal(doctor->config));
	free(why);
}

/* ---- server and database ------------------------------------------------ */

static void
probe_clock(Doctor *doctor, const Check *check)
{
	int64_t before = wall_us();
	PGresult *result =
		PQexec(doctor->conn, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
	int64_t after = wall_us();
	int64_t server;
	int64_t skew;
	char *text;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		tell_error(doctor, check, result);
		PQclear(result);
		return;
	}
	server = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	skew = server < before ? server - before : server > after ? server - after : 0;
	if (llabs(skew) < CLOCK_SKEW_MAX_US)
	{
		pass(doctor, check);
		return;
	}
	text = xasprintf("the server's clock is %.1f s %s ours: tokens seem to end early or late",
					 (double) llabs(skew) / 1000000, skew < 0 ? "behind" : "ahead of");
	tell(doctor, VERDICT_WARN, check->name, text, "timedatectl status   # on both machines");
	free(text);
}

/* Connections of our role may be those of the daemon that is being asked about. */
static void
probe_connections(Doctor *doctor, const Check *check)
{
	static const char sql[] =
		"SELECT format('this process takes up to %s connections, the server has %s for everybody', "
		"$1::int, room), format('ALTER SYSTEM SET max_connections = %s; -- then restart the "
		"server',"
		" current_setting('max_connections')::int + $1::int - room + 10) "
		"FROM (SELECT current_setting('max_connections')::int "
		"- current_setting('superuser_reserved_connections')::int - count(*) AS room "
		"FROM pg_stat_activity WHERE datid IS NOT NULL AND usename <> current_user) s "
		"WHERE room < $1::int";
	int64_t need = doctor->config->pool_size + doctor->config->login_pool_size + 1;
	char *number = xasprintf("%lld", (long long) need);
	const char *values[] = {number};
	PGresult *result = PQexecParams(doctor->conn, sql, 1, NULL, values, NULL, NULL, 0);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		tell_error(doctor, check, result);
	else if (PQntuples(result) == 0)
		pass(doctor, check);
	else
		tell(doctor, VERDICT_FAIL, check->name, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
	PQclear(result);
	free(number);
}

/* What chat.health() may find: with these nobody is served, or what is served is not safe … */
static const char *const vital[] = {"encoding", "signing_key", "synchronous_standby"};

/* … without these from the tables only (tablefeed.h); the rest warns, too. */
static const char *const of_the_feed[] = {"wal_level", "output_plugin_libraries",
										  "replication_slots", "wal_senders"};

static bool
is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Its rows under their own names. */
static void
probe_health(Doctor *doctor, const Check *check)
{
	PGresult *result =
		PQexec(doctor->conn, "SELECT \"check\", ok, problem, remedy FROM chat.health()");
	bool feed_is_possible = true;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		tell_error(doctor, check, result);
	for (int row = 0; row < PQntuples(result); row++)
	{
		const char *name = PQgetvalue(result, row, 0);

		if (PQgetvalue(result, row, 1)[0] == 't')
			tell(doctor, VERDICT_OK, name, check->good, NULL);
		else
		{
			bool fails = is_among(name, vital, lengthof(vital));

			tell(doctor, fails ? VERDICT_FAIL : VERDICT_WARN, name, PQgetvalue(result, row, 2),
				 PQgetvalue(result, row, 3));
			feed_is_possible &= !is_among(name, of_the_feed, lengthof(of_the_feed));
		}
	}
	PQclear(result);
	if (feed_is_possible && doctor->failures == 0)
		doctor->stage = check->gives;
}

/* ---- the feed itself ---------------------------------------------------- */

#define SLOT "'parley_doctor_' || pg_backend_pid()"
#define NUMBER_TEXT(number) NUMBER_TEXT_OF(number)
#define NUMBER_TEXT_OF(number) #number

static const char *const feed_steps[] = {
	"SELECT pg_create_logical_replication_slot(" SLOT ", '" PARLEY_PLUGIN_NAME "', true)",
	"SELECT count(*) FROM pg_logical_slot_peek_binary_changes(" SLOT
	", NULL, 1, '" PARLEY_WIRE_OPTION "', '" NUMBER_TEXT(PARLEY_WIRE_VERSION) "')",
};

#define QUERY_CANCELED "57014"

static void
tell_feed_error(Doctor *doctor, const Check *check, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (sqlstate && strcmp(sqlstate, QUERY_CANCELED) == 0)
		tell(doctor, VERDICT_WARN, check->name,
			 "no slot within " STATEMENT_TIMEOUT ": it waits for transactions that have written",
			 "SELECT pid, usename, xact_start, query FROM pg_stat_activity\n"
			 "WHERE backend_xid IS NOT NULL ORDER BY xact_start; -- pg_terminate_backend(pid)");
	else
		tell_error(doctor, check, result);
}

/* A slot, the output plugin and its version of the wire, on a connection as the feed has. */
static void
probe_feed(Doctor *doctor, const Check *check)
{
	char *why = NULL;
	PGconn *conn = connect_to_server(doctor->config, "database", &why);
	bool good = true;

	if (!conn)
	{
		tell(doctor, VERDICT_FAIL, check->name, why, NULL);
		free(why);
		return;
	}
	for (size_t i = 0; good && i < lengthof(feed_steps); i++)
	{
		PGresult *result = PQexec(conn, feed_steps[i]);

		good = PQresultStatus(result) == PGRES_TUPLES_OK;
		if (!good)
			tell_feed_error(doctor, check, result);
		PQclear(result);
	}
	if (good)
		pass(doctor, check);
	PQfinish(conn);
}

/* ---- all of them -------------------------------------------------------- */

static const Check checks[] = {
	{"open_files", .probe = probe_open_files, .good = "enough for max-connections"},
	{"certificate", .probe = probe_certificate, .good = "tls-cert is not set: no TLS"},
	{"web_root", .probe = probe_web_root, .good = "is not set, or has an index.html"},
	{"database", .probe = probe_database, .gives = STAGE_CONNECTED, .good = "answers"},
	{"clock", STAGE_CONNECTED, .probe = probe_clock, .good = "the same on both sides"},
	{"connections", STAGE_CONNECTED, .probe = probe_connections,
	 .good = "max_connections has room for pool-size and login-pool-size"},
	{"writable", STAGE_CONNECTED, .severity = VERDICT_FAIL, .good = "takes writes",
	 .sql = "SELECT 'the server takes no writes', CASE WHEN pg_is_in_recovery() THEN "
			"'# name the primary: database = host=a,b target_session_attrs=read-write …' ELSE "
			"'ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf();' END "
			"WHERE pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'"},
	{"prepared_transactions", STAGE_CONNECTED, .severity = VERDICT_WARN,
	 .good = "none is forgotten",
	 .sql = "SELECT format('%L waits since %s: a slot waits for it, and nothing is vacuumed', gid, "
			"date_trunc('second', prepared)), format('ROLLBACK PREPARED %L;', gid) "
			"FROM pg_prepared_xacts WHERE prepared < clock_timestamp() - interval '1 minute'"},
	{"replication_right", STAGE_CONNECTED, .severity = VERDICT_FAIL,
	 .good = "the role may read the feed",
	 .sql = "SELECT format('role %I may not read the write-ahead log', rolname), "
			"format('ALTER ROLE %I REPLICATION;', rolname) FROM pg_roles "
			"WHERE rolname = current_user AND NOT rolreplication AND NOT rolsuper"},
	{"least_rights", STAGE_CONNECTED, .severity = VERDICT_WARN, .good = "the role is no superuser",
	 .sql = "SELECT format('%I is a superuser: a hole in the daemon would be one in the server', "
			"rolname), 'CREATE ROLE parley_pushd LOGIN REPLICATION IN ROLE chat_gateway;' "
			"FROM pg_roles WHERE rolname = current_user AND rolsuper"},
	{"extension", STAGE_CONNECTED, STAGE_EXTENSION, VERDICT_FAIL, "the database has it",
	 .sql = "SELECT format('database %I does not have the extension', current_database()), "
			"'CREATE EXTENSION pg_parley;' "
			"WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_parley')"},
	{"same_version", STAGE_EXTENSION, .severity = VERDICT_WARN,
	 .good = "daemon and extension have one version",
	 .sql = "SELECT format('the daemon is of version %s, the extension of %s', '" PARLEY_VERSION
			"', extversion), CASE WHEN string_to_array(extversion, '.')::int[] > "
			"string_to_array('" PARLEY_VERSION "', '.')::int[] "
			"THEN 'make pushd && sudo make -C pushd install   # of the newer release' "
			"ELSE 'ALTER EXTENSION pg_parley UPDATE TO ''" PARLEY_VERSION "'';' END "
			"FROM pg_extension "
			"WHERE extname = 'pg_parley' AND extversion <> '" PARLEY_VERSION "'"},
	{"gateway_role", STAGE_EXTENSION, STAGE_GATEWAY, VERDICT_FAIL,
	 "the role may call what the daemon calls",
	 .sql = "SELECT format('role %I is no member of chat_gateway', current_user), "
			"format('GRANT chat_gateway TO %I;', current_user) "
			"WHERE NOT pg_has_role(current_user, 'chat_gateway', 'USAGE')"},
	{"health", STAGE_GATEWAY, STAGE_FEED, .probe = probe_health, .good = "as it should be"},
	{"feed", STAGE_FEED, .probe = probe_feed, .good = "a slot and the plugin's version were tried"},
};

bool
doctor_run(const Config *config)
{
	Doctor doctor = {.config = config};

	for (size_t i = 0; i < lengthof(checks); i++)
	{
		if (doctor.stage < checks[i].needs)
			continue;
		if (checks[i].probe)
			checks[i].probe(&doctor, &checks[i]);
		else
			run_sql(&doctor, &checks[i]);
	}
	PQfinish(doctor.conn);
	return doctor.failures == 0;
}
