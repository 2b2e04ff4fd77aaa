-- The output plugin: which changes become events, in which order, in which form.
\i sql/include/setup.psql

-- From 15.19 on a server names the plugins it trusts.
SELECT current_setting('wal_level') = 'logical'
	   AND coalesce(current_setting('output_plugin_libraries', true) ~ 'pg_parley', true) AS decodes \gset
\if :decodes
\else
\echo this server does not decode: nothing to test
\q
\endif

\i sql/include/feed.psql

-- a group, messages, reading
BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT seq FROM chat.send(1, E'"quoted" \\ \n tab\t ü 😀 <b>', '00000000-0000-4000-8000-0000000000aa');
COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT chat.mark_read(1, 1); SELECT seq FROM chat.send(1, 'reply', NULL, 1); COMMIT;

-- rolled back: nothing
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'never'); ROLLBACK;
BEGIN; SELECT chat.act_as(1); SAVEPOINT s; SELECT seq FROM chat.send(1, 'never'); ROLLBACK TO s; SELECT seq FROM chat.send(1, 'kept'); COMMIT;

-- members go and come
BEGIN; SELECT chat.act_as(1); SELECT chat.remove_member(1, 3); SELECT username FROM chat.add_member(1, 'dave'); COMMIT;
SELECT * FROM pg_temp.events();

-- a message that is stored out of line is complete
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i)); COMMIT;
SELECT kind, number, length(event), event::json->>'content' = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i) AS whole FROM pg_temp.events();

-- changes of messages: edits and pins as the message is now, deletions by number, reactions one by one
BEGIN; SELECT chat.act_as(2); SELECT content FROM chat.edit(1, 2, 'an edited reply'); SELECT chat.react(1, 1, '👍'); SELECT chat.react(1, 1, '👍'); COMMIT;
BEGIN; SELECT chat.act_as(1); SELECT chat.react(1, 1, '👍'); SELECT chat.react(1, 2, '🎉'); SELECT chat.unreact(1, 1, '👍'); SELECT chat.unreact(1, 1, '👍'); SELECT chat.pin(1, 1); COMMIT;
BEGIN; SELECT chat.act_as(1); SELECT chat.react(1, 4, '👍'); SELECT chat.pin(1, 4); SELECT chat.delete(1, 2); COMMIT;
SELECT transaction, kind, conversation, account, number, CASE WHEN length(event) < 1000 THEN regexp_replace(event, '"edited_at":"[^"]*"', '"edited_at":"(time)"') ELSE length(event)::text END AS event FROM pg_temp.events();
BEGIN; SELECT chat.act_as(1); SAVEPOINT s; SELECT chat.react(1, 3, '👍'); ROLLBACK TO s; SELECT chat.react(1, 3, '🎉'); SELECT chat.mark_read(1, 4); COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT chat.mark_delivered(1, 3); COMMIT;
BEGIN; SELECT chat.act_as(1); SELECT chat.unpin(1, 4); SELECT id AS attachment FROM chat.attach(1, E'"a".txt', 'text/plain', 'a') \gset
SELECT seq FROM chat.send(1, '', NULL, NULL, ARRAY[:attachment]); COMMIT;
SELECT kind, conversation, account, number, regexp_replace(event, '"content":"[0-9a-f]{255,}"', '"content":"(long)"') AS event FROM pg_temp.events();

-- reactions that come without their message are no events: a dump that is loaded
INSERT INTO chat.reaction SELECT 1, 4, emoji, 2, now() FROM unnest(ARRAY['👍', '🎉']) emoji;
DELETE FROM chat.reaction WHERE account_id = 2 AND seq = 4;
SELECT * FROM pg_temp.events();

-- sessions: only their end; accounts: their changes and their end
SELECT (g).access_token AS token, (g).refresh_token AS refresh FROM chat.login('dave', 'correct horse') g \gset
SELECT (chat.refresh(:'refresh')).error;
BEGIN; SELECT chat.authenticate(:'token'); SELECT chat.logout(); COMMIT;
UPDATE chat.account SET display_name = 'Dave D.', bio = 'It''s me' WHERE id = 4;
UPDATE chat.account SET closed_at = now() WHERE id = 4;
SELECT * FROM pg_temp.events();

-- a value that an update did not touch is left out where the WAL leaves it out
UPDATE chat.account SET bio = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 120) i) WHERE id = 3;
SELECT kind, length(event::json->'user'->>'bio') FROM pg_temp.events();
ALTER TABLE chat.account ALTER bio SET STORAGE EXTERNAL;
UPDATE chat.account SET bio = bio || '.' WHERE id = 3;
SELECT kind, length(event::json->'user'->>'bio') FROM pg_temp.events();
UPDATE chat.account SET display_name = 'Carol C.' WHERE id = 3;
SELECT * FROM pg_temp.events();

-- other tables are no events, also those of the same name elsewhere
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.message (LIKE chat.message);
INSERT INTO elsewhere.message SELECT * FROM chat.message;
CREATE TABLE chat.message_draft (LIKE chat.message);
INSERT INTO chat.message_draft SELECT * FROM chat.message;
SELECT * FROM pg_temp.events();

-- nor are copies of ours, whatever they are called; and what was taken back is not sent again
CREATE TABLE chat.message_20261201 AS TABLE chat.message;
CREATE TABLE chat.message_102010 (LIKE chat.message INCLUDING ALL);
INSERT INTO chat.message_102010 SELECT * FROM chat.message;
CREATE TABLE elsewhere.message_parts (LIKE chat.message) PARTITION BY LIST (conversation_id);
CREATE TABLE chat.message_1 PARTITION OF elsewhere.message_parts DEFAULT;
INSERT INTO elsewhere.message_parts SELECT * FROM chat.message;
CREATE MATERIALIZED VIEW chat.message_2 AS TABLE chat.message;
SELECT * FROM pg_temp.events();

-- a large transaction comes in several chunks, whole and in order
SELECT count(*) FROM chat.send_batch(
	array_fill(1::bigint, ARRAY[3000]), array_fill(1::bigint, ARRAY[3000]), array_fill('x'::text, ARRAY[3000]),
	array_fill(NULL::uuid, ARRAY[3000]), array_fill(NULL::bigint, ARRAY[3000]));
SELECT count(*) > 1 AS several_chunks, count(*) FILTER (WHERE get_byte(data, 1) = 1) AS last_chunks
	FROM pg_logical_slot_peek_binary_changes('pg_parley_feed_test', NULL, NULL, 'wire', '2');
SELECT count(*), max(number) - min(number) AS span, array_agg(number) = array_agg(number ORDER BY number) AS in_order FROM pg_temp.events();

-- what is done in a group is told; a block is not
BEGIN;
SELECT chat.act_as(1);
SELECT id AS den FROM chat.create_group('den', ARRAY['bob']) \gset
COMMIT;
SELECT count(*) FROM pg_temp.events();
BEGIN;
SELECT chat.act_as(1);
SELECT name FROM chat.rename(:den, 'the den');
SELECT is_public FROM chat.set_public(:den, true);
SELECT role FROM chat.set_role(:den, 2, 'admin');
SELECT muted_until FROM chat.mute(:den, 2, '9000-01-02 03:04:05+00');
SELECT muted_until FROM chat.unmute(:den, 2);
SELECT chat.ban(:den, 2);
SELECT chat.unban(:den, 2);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT chat.block(2);
SELECT chat.unblock(2);
COMMIT;
SELECT kind, flags, account, number, event FROM pg_temp.events();

-- moving into the archive, out of it, and being purged is no event; the change itself is
\o /dev/null
BEGIN; SELECT chat.act_as(2); SELECT id FROM chat.create_group('old', '{}'); SELECT chat.send(id, 'message ' || n) FROM generate_series(1, 5) n, (SELECT max(id) AS id FROM chat.conversation) c; COMMIT;
SELECT * FROM pg_temp.events();
\o
SELECT max(id) AS old FROM chat.conversation \gset
SELECT * FROM chat.archive(now(), 1000, :old - 1);
SELECT kind, number, event FROM pg_temp.events();
BEGIN; SELECT chat.act_as(2); SELECT content FROM chat.edit(:old, 2, 'edited'); SELECT chat.react(:old, 3, '👍'); SELECT FROM chat.delete(:old, 4); COMMIT;
SELECT kind, number, regexp_replace(event, '"(edited_at|created_at|conversation_id)":("[^"]*"|\d+),?', '', 'g') FROM pg_temp.events();
SELECT * FROM chat.purge(now(), 1000, :old - 1);
SELECT kind, number, event FROM pg_temp.events();

-- only this wire version, only these options
SELECT pg_temp.refusal($$SELECT pg_logical_slot_get_binary_changes('pg_parley_feed_test', NULL, NULL)$$);
SELECT pg_temp.refusal($$SELECT pg_logical_slot_get_binary_changes('pg_parley_feed_test', NULL, NULL, 'wire', '0')$$);
SELECT pg_temp.refusal($$SELECT pg_logical_slot_get_binary_changes('pg_parley_feed_test', NULL, NULL, 'speed', '9')$$);
SELECT pg_temp.refusal($$SELECT pg_logical_slot_get_binary_changes('pg_parley_feed_test', NULL, NULL, 'wire', '2', 'await', 'never')$$);
SELECT count(*) FROM pg_logical_slot_get_binary_changes('pg_parley_feed_test', NULL, NULL, 'wire', '2', 'await', 'off');

SELECT pg_drop_replication_slot('pg_parley_feed_test');
DROP SCHEMA elsewhere CASCADE;
DROP TABLE chat.message_draft, chat.message_20261201, chat.message_102010;
DROP MATERIALIZED VIEW chat.message_2;
