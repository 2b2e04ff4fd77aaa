-- Settings, and what is wrong with the server.
\i sql/include/setup.psql

SELECT name, value, unit, initial, min, max FROM chat.settings() WHERE name = 'pg_parley.argon2_memory';
SELECT count(*) > 5 AS many, count(*) FILTER (WHERE meaning IS NULL OR name NOT LIKE 'pg\_parley.%') AS odd FROM chat.settings();

SELECT DISTINCT "check" FROM chat.health() ORDER BY 1;
SELECT count(*) FROM chat.health() WHERE ok <> (problem IS NULL) OR ok <> (remedy IS NULL);
SELECT * FROM chat.health() WHERE "check" IN ('encoding', 'version', 'signing_key', 'audit_sealing', 'login_limits', 'password_cost');
SELECT ok = (current_setting('wal_level') = 'logical') AS agrees FROM chat.health() WHERE "check" = 'wal_level';
SELECT ok = (current_setting('shared_preload_libraries') LIKE '%pg_parley%') AS agrees FROM chat.health() WHERE "check" = 'preload';
SELECT ok = (current_setting('max_slot_wal_keep_size') <> '-1') AS agrees FROM chat.health() WHERE "check" = 'max_slot_wal_keep_size';

-- remedies remedy
BEGIN; SELECT chat.act_as(1); SELECT (chat.attach((chat.create_group('team')).id, 'a', 'text/plain', 'x')).id; COMMIT;
BEGIN;
DELETE FROM chat.jwt_key;
SELECT chat.set_rate_limit('login', 'address', NULL, NULL);
INSERT INTO chat.audit_pending (at, kind) VALUES (now() - interval '2 hours', 'login');
SET LOCAL synchronous_commit = off;
SET LOCAL pg_parley.archive_after = '1d';
UPDATE chat.retention_job SET called_at = now() - interval '2 hours';
UPDATE chat.attachment SET created_at = now() - interval '3 days';
SELECT "check", regexp_replace(problem, '\d+ rows|for .*', '...', 'g') AS problem, remedy FROM chat.health()
	WHERE "check" IN ('signing_key', 'audit_sealing', 'login_limits', 'durability', 'retention', 'attachments') AND problem !~ 'fsync|full_page';
SELECT string_agg(regexp_replace(remedy, ' -- .*', ''), ' ') AS remedies FROM chat.health() WHERE "check" IN ('signing_key', 'audit_sealing', 'login_limits', 'retention', 'attachments') \gset
\o /dev/null
:remedies
\o
SELECT * FROM chat.health() WHERE "check" IN ('signing_key', 'audit_sealing', 'login_limits', 'retention', 'attachments');
ROLLBACK;

SET ROLE chat_user;
SELECT * FROM chat.health();
SELECT * FROM chat.settings();

-- secrets are parameters, which a server that logs statements writes down, unless the role says otherwise
RESET ROLE;
SET log_min_duration_statement = '1min';
SELECT replace(problem, session_user, '(role)') AS problem, replace(remedy, session_user, '(role)') AS remedy
	FROM chat.health() WHERE "check" = 'logged_parameters';
SET log_parameter_max_length = 0;
SELECT ok FROM chat.health() WHERE "check" = 'logged_parameters';
