-- A clock that was set back: times run against the numbers, and the numbers hold.
\i sql/include/setup.psql

\o /dev/null
BEGIN;
SELECT chat.act_as(1);
SELECT chat.create_group('team', ARRAY['bob']);
SELECT chat.send(1, 'message ' || n) FROM generate_series(1, 40) n;
COMMIT;
-- From 21 on the clock is an hour behind; 1 to 10 were sent long before.
UPDATE chat.message SET created_at = created_at - CASE WHEN seq <= 10 THEN interval '2 days' ELSE interval '1 hour' END WHERE seq <= 10 OR seq > 20;
CREATE VIEW pg_temp.kept AS SELECT
	(SELECT string_agg(format('%s-%s', first_seq, last_seq), ' ' ORDER BY first_seq) FROM chat.archive) AS blocks,
	(SELECT format('%s-%s', min(seq), max(seq)) FROM chat.message) AS rows, (SELECT count(*) FROM chat.message) AS count,
	(SELECT purged_seq FROM chat.conversation_counter WHERE conversation_id = 1) AS purged_seq;
CREATE FUNCTION pg_temp.shown() RETURNS bigint LANGUAGE sql AS $$
	SELECT chat.act_as(1); SELECT count(DISTINCT (h).seq) FROM chat.history(1, max_results => 100) h
$$;
\o

-- what is archived is a beginning: 21 to 39 are older than 11 to 20, and wait for them
SELECT * FROM chat.archive(now() - interval '30 minutes');
SELECT * FROM pg_temp.kept;
SELECT pg_temp.shown();
SELECT count(*) FROM chat.archive('infinity');
SELECT * FROM pg_temp.kept;
SELECT pg_temp.shown();

-- one that became a row again, and is newer than those around it, ends what is purged
BEGIN; SELECT chat.act_as(1); SELECT count(chat.edit(1, 15, 'edited')); COMMIT;
BEGIN; SELECT chat.purge(now() - interval '30 minutes'); SELECT * FROM pg_temp.kept; ROLLBACK;
BEGIN; SELECT chat.act_as(1); SELECT count(chat.edit(1, 5, 'edited')); COMMIT;
UPDATE chat.message SET created_at = created_at + interval '2 days' WHERE seq = 5;
SELECT chat.purge(now() - interval '1 day');
SELECT * FROM pg_temp.kept;
SELECT pg_temp.shown();
