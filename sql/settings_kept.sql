-- A user's trigger sees and is planned with the session's settings, in every call: what our own
-- statements are planned with ends before they run.
\i sql/include/setup.psql
CREATE TABLE seen (at text, seqscan text, jit text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.seen VALUES (TG_TABLE_NAME, current_setting('enable_seqscan'), current_setting('jit'));
	RETURN NULL;
END
$$;
CREATE TRIGGER see AFTER INSERT ON chat.message FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER see AFTER INSERT ON chat.member FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER see AFTER UPDATE ON chat.account FOR EACH ROW EXECUTE FUNCTION see();

-- In a session that has planned nothing yet.
\set QUIET on
\c
\set QUIET off
SET jit = on;
BEGIN;
SELECT chat.act_as(1);
SELECT (chat.create_group('team', '{bob}')).id;
SELECT seq FROM chat.send(1, 'first');
SELECT seq FROM chat.send(1, 'second');
SELECT username FROM chat.update_profile(bio => 'a trigger sees this');
COMMIT;
SELECT * FROM seen;

-- After the plans have been made anew, and where the session wants it otherwise.
TRUNCATE seen;
ALTER TABLE chat.message ADD COLUMN note text;
SET enable_seqscan = off;
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'third'); COMMIT;
RESET enable_seqscan;
ALTER TABLE chat.message DROP COLUMN note;
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'fourth'); COMMIT;
SELECT * FROM seen;

SET client_min_messages = warning;
DROP TABLE seen CASCADE;
DROP FUNCTION see CASCADE;
