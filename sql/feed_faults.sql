-- The output plugin takes any row of any table: altered tables, NULL where we rule it out, every
-- replica identity.  None of it may end a backend, for that restarts the server.
\i sql/include/setup.psql

SELECT current_setting('wal_level') = 'logical'
	   AND coalesce(current_setting('output_plugin_libraries', true) ~ 'pg_parley', true) AS decodes \gset
\if :decodes
\else
\echo this server does not decode: nothing to test
\q
\endif
\i sql/include/feed.psql

\o /dev/null
BEGIN; SELECT chat.act_as(1); SELECT chat.create_group('team', ARRAY['bob', 'carol']); SELECT chat.send(1, 'message ' || n) FROM generate_series(1, 3) n; COMMIT;
SELECT * FROM pg_temp.events();
\o

-- a reaction whose row the WAL does not name: its message is sent whole, once
CREATE FUNCTION pg_temp.react_and_unreact() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM chat.act_as(2);
	PERFORM chat.react(1, 1, '👍');
	PERFORM chat.unreact(1, 1, '👍');
	PERFORM chat.react(1, 2, '🎉');
END
$$;
CREATE FUNCTION pg_temp.told() RETURNS TABLE (kind text, number bigint, added text, reactions text)
LANGUAGE sql AS $$ SELECT kind, number, event::json ->> 'added', event::json ->> 'reactions' FROM pg_temp.events() $$;
SELECT pg_temp.react_and_unreact();
SELECT * FROM pg_temp.told();
ALTER TABLE chat.reaction REPLICA IDENTITY NOTHING;
SELECT pg_temp.react_and_unreact();
SELECT * FROM pg_temp.told();
ALTER TABLE chat.reaction REPLICA IDENTITY FULL;
SELECT pg_temp.react_and_unreact();
SELECT * FROM pg_temp.told();
ALTER TABLE chat.reaction ADD COLUMN rid bigserial NOT NULL;
CREATE UNIQUE INDEX reaction_rid ON chat.reaction (rid);
ALTER TABLE chat.reaction REPLICA IDENTITY USING INDEX reaction_rid;
SELECT pg_temp.react_and_unreact();
SELECT * FROM pg_temp.told();
-- the deletion of a message takes its reactions along
BEGIN; SELECT chat.act_as(1); SELECT chat.delete(1, 2); COMMIT;
SELECT * FROM pg_temp.told();
ALTER TABLE chat.reaction REPLICA IDENTITY DEFAULT;
DROP INDEX chat.reaction_rid;
ALTER TABLE chat.reaction DROP COLUMN rid;

-- columns that a user adds, fills and drops; rows from before have fewer
ALTER TABLE chat.message ADD COLUMN note text DEFAULT 'a note', ADD COLUMN mark int;
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'one column more'); SELECT content FROM chat.edit(1, 1, 'edited'); COMMIT;
ALTER TABLE chat.message DROP COLUMN note, DROP COLUMN mark;
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'and none'); COMMIT;
SELECT kind, number, event::json ->> 'content' AS content FROM pg_temp.events();

-- a column that is called otherwise: a warning, and the other tables go on
ALTER TABLE chat.conversation RENAME COLUMN name TO title;
UPDATE chat.conversation SET title = 'renamed' WHERE id = 1;
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'goes on'); COMMIT;
SELECT kind, number, event::json ->> 'content' AS content FROM pg_temp.events();
ALTER TABLE chat.conversation RENAME COLUMN title TO name;
UPDATE chat.conversation SET name = 'team' WHERE id = 1;
SELECT kind, event::json ->> 'name' AS name FROM pg_temp.events();

-- a table that was put aside, and another in its place: neither is ours by name alone
ALTER TABLE chat.conversation RENAME TO conversation_old;
CREATE TABLE chat.conversation (LIKE chat.conversation_old INCLUDING ALL);
INSERT INTO chat.conversation SELECT * FROM chat.conversation_old;
UPDATE chat.conversation SET name = 'copy';
UPDATE chat.conversation_old SET name = 'old';
DROP TABLE chat.conversation;
ALTER TABLE chat.conversation_old RENAME TO conversation;
UPDATE chat.conversation SET name = 'back' WHERE id = 1;
SELECT kind, event::json ->> 'name' AS name FROM pg_temp.events();

-- the schema has another name: what is done to the tables is still sent
ALTER SCHEMA chat RENAME TO talk;
UPDATE talk.conversation SET name = 'moved' WHERE id = 1;
ALTER SCHEMA talk RENAME TO chat;
UPDATE chat.conversation SET name = 'home' WHERE id = 1;
SELECT kind, event::json ->> 'name' AS name FROM pg_temp.events();

-- a table that is written anew sends none of its rows again
ALTER TABLE chat.message ADD COLUMN stamp uuid DEFAULT gen_random_uuid();
ALTER TABLE chat.message DROP COLUMN stamp;
VACUUM FULL chat.message;
CLUSTER chat.message USING message_pkey;
SELECT * FROM pg_temp.events();

-- shards of a Citus cluster, by its catalog: not by name, and not where the schema is another
SET allow_system_table_mods = on;
BEGIN;
CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass NOT NULL, shardid bigint PRIMARY KEY, shardstorage "char");
CREATE TABLE chat.message_102010 (LIKE chat.message);
CREATE TABLE chat.message_102011 (LIKE chat.message);
CREATE TABLE chat.message_102012 (LIKE chat.message);
CREATE TABLE chat.message_99999999999999999999 (LIKE chat.message);
CREATE TABLE public.message_102013 (LIKE chat.message);
INSERT INTO pg_catalog.pg_dist_shard VALUES
	('chat.message', 102010, 't'), ('chat.member', 102011, 't'), ('chat.message', 102013, 't');
COMMIT;
INSERT INTO chat.message_102010 SELECT * FROM chat.message WHERE seq = 1;
INSERT INTO chat.message_102011 SELECT * FROM chat.message WHERE seq = 1;
INSERT INTO chat.message_102012 SELECT * FROM chat.message WHERE seq = 1;
INSERT INTO chat.message_99999999999999999999 SELECT * FROM chat.message WHERE seq = 1;
INSERT INTO public.message_102013 SELECT * FROM chat.message WHERE seq = 1;
UPDATE chat.message_102010 SET changed = 'p';
SELECT transaction, kind, number FROM pg_temp.events();

-- replication origins: a subscription's rows are sent, a shard that is moved is not, nor is
-- what is marked to be replicated no further (origin 65535)
SELECT pg_replication_origin_create('parley_subscription') > 0 AS created;
INSERT INTO pg_replication_origin VALUES (65535, 'parley_no_further');
SELECT pg_replication_origin_session_setup('parley_subscription');
UPDATE chat.conversation SET name = 'subscribed' WHERE id = 1;
INSERT INTO chat.message_102010 SELECT * FROM chat.message WHERE seq = 3;
SELECT pg_replication_origin_session_reset();
SELECT pg_replication_origin_session_setup('parley_no_further');
UPDATE chat.conversation SET name = 'no further' WHERE id = 1;
SELECT pg_replication_origin_session_reset();
UPDATE chat.conversation SET name = 'own' WHERE id = 1;
SELECT kind, event::json ->> 'name' AS name FROM pg_temp.events();
SELECT pg_replication_origin_drop('parley_subscription');
SELECT pg_replication_origin_drop('parley_no_further');
DROP TABLE pg_catalog.pg_dist_shard, chat.message_102010, chat.message_102011, chat.message_102012,
	chat.message_99999999999999999999, public.message_102013;
RESET allow_system_table_mods;

-- every table of the feed with every replica identity: rows come, change and go, all columns NULL
-- but for identities
CREATE FUNCTION pg_temp.empty_row(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	item text;
BEGIN
	FOR item IN SELECT conname FROM pg_constraint WHERE conrelid = name::regclass AND contype = 'c' LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', name, item);
	END LOOP;
	FOR item IN SELECT conname FROM pg_constraint WHERE conrelid = name::regclass AND contype = 'p' LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', name, item);
	END LOOP;
	FOR item IN SELECT attname FROM pg_attribute WHERE attrelid = name::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' LOOP
		EXECUTE format('ALTER TABLE %1$s ALTER %2$I DROP NOT NULL, ALTER %2$I DROP DEFAULT', name, item);
	END LOOP;
	EXECUTE format('INSERT INTO %s DEFAULT VALUES', name);
END
$$;
CREATE FUNCTION pg_temp.change_empty_rows(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	first_column text := (SELECT attname FROM pg_attribute WHERE attrelid = name::regclass AND attnum > 0 AND attidentity = '' ORDER BY attnum LIMIT 1);
	identity text;
BEGIN
	FOREACH identity IN ARRAY ARRAY['NOTHING', 'FULL', 'DEFAULT'] LOOP
		EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', name, identity);
		EXECUTE format('INSERT INTO %s DEFAULT VALUES', name);
		EXECUTE format('UPDATE %1$s SET %2$I = NULL WHERE %2$I IS NULL', name, first_column);
		EXECUTE format('DELETE FROM %1$s WHERE %2$I IS NULL', name, first_column);
	END LOOP;
END
$$;
BEGIN;
SET LOCAL session_replication_role = replica;
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['chat.account', 'chat.conversation', 'chat.member', 'chat.message', 'chat.reaction', 'chat.session'] LOOP
		PERFORM pg_temp.empty_row(name);
		PERFORM pg_temp.change_empty_rows(name);
	END LOOP;
END
$$;
COMMIT;
SELECT kind, conversation, account, number, event FROM pg_temp.events();

-- a row whose every column is NULL but for what was done to it
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO chat.reaction DEFAULT VALUES;
INSERT INTO chat.message (changed) SELECT unnest('{r,e,d,p,a,?}'::"char"[]);
UPDATE chat.message SET ver = NULL WHERE conversation_id IS NULL;
INSERT INTO chat.member (changed) VALUES ('r'), ('d'), ('m'), ('b'), ('?');
COMMIT;
SELECT kind, conversation, account, number, event FROM pg_temp.events();

SELECT pg_drop_replication_slot('pg_parley_feed_test');
