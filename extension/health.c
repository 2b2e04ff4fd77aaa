/*
 * health.c
 *	  The settings, and what is wrong with the server.
 *
 * A check is a row of a table: a statement that gives a row for each problem, with
 * what to paste against it, and none if all is well.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "result.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(chat_settings);
PG_FUNCTION_INFO_V1(chat_health);

/* ---- settings ----------------------------------------------------------- */

static SpiQuery show_settings = {
	.sql =
		"SELECT name, setting, unit, boot_val, min_val, max_val, short_desc "
		"FROM pg_catalog.pg_settings WHERE name LIKE 'pg\\_parley.%' ORDER BY name COLLATE \"C\"",
	.read_only = true,
};

Datum
chat_settings(PG_FUNCTION_ARGS)
{
	return SpiReturnRows(fcinfo, &show_settings, SpiNoArgs);
}

/* ---- health ------------------------------------------------------------- */

typedef struct Check
{
	const char *name;
	SpiQuery query; /* problem text, remedy text */
} Check;

#define RELOAD " || ' SELECT pg_reload_conf();'"
#define RESTART " || ' -- then restart the server'"
#define SET(name, value) "'ALTER SYSTEM SET " name " = " value ";'"

/*
 * A list setting with one more library: as ALTER SYSTEM wants it, item by item.  A server may lack the
 * setting: then the value is NULL, here and below.
 */
#define ADD_LIBRARY(name) \
	"'ALTER SYSTEM SET " name \
	" = ' || coalesce((SELECT string_agg(quote_literal(trim(item)), ', ') " \
	"|| ', ' FROM unnest(string_to_array(nullif(current_setting('" name \
	"', true), ''), ',')) item), '') " \
	"|| '''pg_parley'';'"

/* Of a path counts the last part. */
#define LISTS_US(name) \
	"current_setting('" name "', true) ~ '(^|[,/ ])\"?pg_parley(\\.so)?\"?($|[, ])'"

static Check checks[] = {
	{"encoding", .query.sql = "SELECT 'the encoding of the database is ' || getdatabaseencoding(), "
							  "'CREATE DATABASE chat ENCODING ''UTF8'' TEMPLATE template0;' "
							  "WHERE getdatabaseencoding() <> 'UTF8'"},
	{"version", .query.sql =
					"SELECT format('the database has version %s of the extension, the server %s', "
					"e.extversion, a.default_version), 'ALTER EXTENSION pg_parley UPDATE;' "
					"FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname "
					"WHERE e.extname = 'pg_parley' AND e.extversion <> a.default_version"},
	{"preload", .query.sql = "SELECT 'the library is not in shared_preload_libraries: "
							 "rate limits are kept in a table, "
							 "slower, and an error takes its count back', " ADD_LIBRARY(
								 "shared_preload_libraries") RESTART
				" WHERE NOT coalesce(" LISTS_US("shared_preload_libraries") ", false)"},
	{"wal_level", .query.sql = "SELECT 'wal_level is ' || current_setting('wal_level') "
							   "|| ': gateways must ask tables for "
							   "what is new', " SET("wal_level", "logical") RESTART
				  " WHERE current_setting('wal_level') <> 'logical'"},
	{"output_plugin_libraries",
	 .query.sql = "SELECT 'the server does not allow pg_parley as an output plugin', " ADD_LIBRARY(
		 "output_plugin_libraries") RELOAD " WHERE NOT " LISTS_US("output_plugin_libraries")},
	{"replication_slots",
	 .query.sql =
		 "SELECT format('all %s replication slots are taken: a gateway that starts gets none', "
		 "count(*)), format(" SET("max_replication_slots", "%s") RESTART
	 ", count(*) + 10) "
	 "FROM pg_replication_slots "
	 "HAVING count(*) >= current_setting('max_replication_slots')::int"},
	{"wal_senders",
	 .query.sql = "SELECT format('all %s WAL senders are taken: a gateway that starts gets none', "
				  "count(*)), "
				  "format(" SET("max_wal_senders", "%s") RESTART
	 ", count(*) + 10) "
	 "FROM pg_stat_replication HAVING count(*) >= current_setting('max_wal_senders')::int"},
	{"max_slot_wal_keep_size",
	 .query.sql =
		 "SELECT 'a gateway that hangs can make the server keep WAL until the disk is full', " SET(
			 "max_slot_wal_keep_size", "''10GB''") RELOAD
	 " WHERE current_setting('max_slot_wal_keep_size') = '-1'"},
	{"synchronous_standby",
	 .query.sql =
		 "SELECT 'synchronous_standby_names matches parley-pushd: commits wait for its answer and "
		 "are taken for replicated, but it stores nothing', "
		 "format('ALTER SYSTEM SET synchronous_standby_names = %L;'" RELOAD
		 " || ' -- your standbys by name', coalesce(string_agg(DISTINCT "
		 "quote_ident(r.application_name), ', ') FILTER (WHERE s.slot_type = 'physical' "
		 "OR s.slot_type IS NULL), '')) "
		 "FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid "
		 "HAVING current_setting('synchronous_standby_names') "
		 "~* '(^|[ ,(])\"?([*]|parley-pushd)\"?($|[ ,)])' "
		 "OR bool_or(s.plugin = 'pg_parley' AND r.sync_state <> 'async')"},
	{"forgotten_slot",
	 .query.sql =
		 "SELECT format('nobody reads slot %s, and it keeps %s of WAL', slot_name, "
		 "pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))), "
		 "format('SELECT pg_drop_replication_slot(%L);', slot_name) FROM pg_replication_slots "
		 "WHERE plugin = 'pg_parley' AND NOT active AND NOT pg_is_in_recovery()"},
	{"long_transaction",
	 .query.sql =
		 "SELECT format('process %s has been in a transaction for %s: new feeds wait for it, and "
		 "nothing is vacuumed', pid, date_trunc('second', clock_timestamp() - xact_start)), "
		 "format('SELECT pg_terminate_backend(%s);', pid) FROM pg_stat_activity "
		 "WHERE backend_xid IS NOT NULL AND backend_type = 'client backend' "
		 "AND xact_start < clock_timestamp() - interval '5 minutes'"},
	{"old_snapshot",
	 .query.sql =
		 "SELECT format('process %s sees the database as it was %s transactions ago: dead rows "
		 "cannot be removed, and every message sent or read takes longer', pid, "
		 "age(backend_xmin)), format('SELECT pg_terminate_backend(%s);', pid) "
		 "FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND datname = current_database() "
		 "AND pid <> pg_backend_pid() AND backend_type = 'client backend' "
		 "AND (age(backend_xmin) > 10000 OR xact_start < clock_timestamp() - interval '5 minutes')"
		 " UNION ALL "
		 "SELECT format('transaction %L has been prepared, but not finished, for %s transactions: "
		 "dead rows cannot be removed, and every message sent or read takes longer', gid, "
		 "age(transaction)), format('ROLLBACK PREPARED %L; -- or COMMIT PREPARED', gid) "
		 "FROM pg_prepared_xacts WHERE database = current_database() AND (age(transaction) > 10000 "
		 "OR prepared < clock_timestamp() - interval '5 minutes')"},
	{"durability",
	 .query.sql = "SELECT name || ' is off: what was sent can be lost in a crash', "
				  "format(" SET("%s", "on") RELOAD
	 ", name) FROM pg_settings "
	 "WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'"},
	{"logged_parameters",
	 .query.sql =
		 "SELECT format('the log of the server shows the parameters of statements of role %s: "
		 "passwords and tokens among them', current_setting('session_authorization')), "
		 "format('ALTER ROLE %I SET log_parameter_max_length = 0; -- then connect anew', "
		 "current_setting('session_authorization')) "
		 "WHERE current_setting('log_parameter_max_length') <> '0' "
		 "AND (current_setting('log_statement') = 'all' "
		 "OR current_setting('log_min_duration_statement') <> '-1' "
		 "OR current_setting('log_min_duration_sample') <> '-1' "
		 "OR current_setting('log_transaction_sample_rate')::float8 > 0)"},
	{"autovacuum", .query.sql = "SELECT name || ' is off: tables grow without bound', "
								"format(" SET("%s", "on") RELOAD
				   ", name) FROM pg_settings "
				   "WHERE name IN ('autovacuum', 'track_counts') AND setting = 'off'"},
	{"signing_key", .query.sql =
						"SELECT 'there is no key to sign access tokens with: nobody can log in', "
						"'SELECT chat.rotate_key();' WHERE NOT EXISTS (SELECT FROM chat.jwt_key)"},
	{"password_cost",
	 .query.sql =
		 "SELECT format('hashing a password takes %s kB and %s passes: too cheap', m.setting, "
		 "t.setting), 'ALTER SYSTEM SET pg_parley.argon2_memory = ''19MB''; "
		 "ALTER SYSTEM SET pg_parley.argon2_iterations = 2;'" RELOAD
		 " FROM pg_settings m, pg_settings t WHERE m.name = 'pg_parley.argon2_memory' "
		 "AND t.name = 'pg_parley.argon2_iterations' "
		 "AND m.setting::bigint * t.setting::bigint < 19456 * 2"},
	{"audit_sealing",
	 .query.sql =
		 "SELECT format('%s rows of the audit log are not sealed, the oldest for %s', count(*), "
		 "date_trunc('second', clock_timestamp() - min(at))), 'SELECT chat.audit_seal();' "
		 "FROM chat.audit_pending HAVING min(at) < clock_timestamp() - interval '1 hour'"},
	{"retention",
	 .query.sql =
		 "SELECT format('nobody has called apply_retention() for %s: messages are kept too long, "
		 "or not archived', date_trunc('second', clock_timestamp() - called_at)), "
		 "'SELECT * FROM chat.apply_retention(); -- every minute, while more is true' "
		 "FROM chat.retention_job WHERE called_at < clock_timestamp() - interval '1 hour' "
		 "AND (current_setting('pg_parley.retention') <> '0' "
		 "OR current_setting('pg_parley.archive_after') <> '0' "
		 "OR EXISTS (SELECT FROM chat.retention))"},
	{"search",
	 .query.sql =
		 "SELECT format('%s messages of conversation %s could not be indexed, such as %s: %s', "
		 "count(*), conversation_id, min(seq), (array_agg(reason ORDER BY seq))[1]), "
		 "format('DELETE FROM chat.search_state WHERE conversation_id = %s; -- tries again', "
		 "conversation_id) FROM chat.search_skipped GROUP BY conversation_id "
		 "ORDER BY conversation_id LIMIT 10"},
	{"attachments",
	 .query.sql = "SELECT format('%s attachments were never sent, the oldest for %s', count(*), "
				  "date_trunc('second', clock_timestamp() - min(created_at))), "
				  "'SELECT chat.clean_attachments(); -- every day, until it is 0' "
				  "FROM chat.attachment WHERE seq IS NULL "
				  "HAVING min(created_at) < clock_timestamp() - interval '2 days'"},
	{"login_limits",
	 .query.sql =
		 "SELECT format('%s is not limited by %s', action, scope), "
		 "format('SELECT chat.reset_rate_limit(%L, %L);', action, scope) FROM chat.rate_limit "
		 "WHERE burst IS NULL AND action IN ('signup', 'login', 'login_failure') "
		 "AND scope <> 'all'"},
};

static void
PutFinding(Tuplestorestate *store, TupleDesc description, const char *name, char *problem,
		   char *remedy)
{
	bool ok = problem == NULL;
	Datum values[] = {
		CStringGetTextDatum(name),
		BoolGetDatum(ok),
		ok ? (Datum) 0 : CStringGetTextDatum(problem),
		ok ? (Datum) 0 : CStringGetTextDatum(remedy),
	};
	bool nulls[] = {false, false, ok, ok};

	tuplestore_putvalues(store, description, values, nulls);
}

Datum
chat_health(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Tuplestorestate *store = ResultStore(fcinfo, &description);

	SpiBegin();
	for (int i = 0; i < (int) lengthof(checks); i++)
	{
		uint64 problems = SpiRun(&checks[i].query, SpiNoArgs);

		for (uint64 row = 0; row < problems; row++)
			PutFinding(store, description, checks[i].name, SpiGetText(row, 1), SpiGetText(row, 2));
		if (problems == 0)
			PutFinding(store, description, checks[i].name, NULL, NULL);
	}
	SpiEnd();
	return (Datum) 0;
}
