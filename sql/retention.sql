-- How long messages are kept: purging, times of conversations, legal holds.
\i sql/include/setup.psql

\o /dev/null
BEGIN;
SELECT chat.act_as(1);
SELECT chat.create_group(name, ARRAY['bob']) FROM unnest(ARRAY['team', 'other', 'ended']) WITH ORDINALITY n (name, o) ORDER BY o;
SELECT chat.send(1, 'message ' || n || ' for @bob') FROM generate_series(1, 20) n;
SELECT chat.send(1, 'with a file', NULL, NULL, ARRAY[(chat.attach(1, 'a.txt', 'text/plain', 'text')).id]);
SELECT chat.react(1, 2, '👍'); SELECT chat.edit(1, 3, 'edited'); SELECT chat.pin(1, 4);
SELECT chat.send(1, 'message ' || n) FROM generate_series(22, 30) n;
SELECT chat.send(2, 'message ' || n) FROM generate_series(1, 10) n;
SELECT chat.send(3, 'message ' || n) FROM generate_series(1, 10) n;
SELECT chat.delete_group(3);
COMMIT;
SELECT chat.index_messages();
-- Of conversation 1 the first 25 messages are from last year.
UPDATE chat.message SET created_at = created_at - interval '1 year' WHERE conversation_id = 1 AND seq <= 25;
UPDATE chat.conversation SET created_at = created_at - interval '1 year';
\o
CREATE VIEW pg_temp.left_over AS SELECT
	(SELECT count(*) FROM chat.message WHERE conversation_id = 1) AS messages,
	(SELECT coalesce(sum(count), 0) FROM chat.archive WHERE conversation_id = 1) AS archived,
	(SELECT count(*) FROM chat.message_revision) AS revisions, (SELECT count(*) FROM chat.reaction) AS reactions,
	(SELECT count(*) FROM chat.mention) AS mentions, (SELECT count(*) FROM chat.message_search WHERE conversation_id = 1) AS words,
	(SELECT count(*) FROM chat.attachment_data) AS files, (SELECT bytes FROM chat.attachment_usage) AS quota,
	(SELECT purged_seq FROM chat.conversation_counter WHERE conversation_id = 1) AS purged_seq;

-- for administrators, with a time
BEGIN; SELECT chat.act_as(2); SELECT pg_temp.refusal('SELECT chat.purge(now())'); SELECT pg_temp.refusal('SELECT chat.hold(1, $$x$$)'); SELECT pg_temp.refusal('SELECT chat.release_hold(1)'); SELECT pg_temp.refusal('SELECT chat.holds()'); COMMIT;
SELECT pg_temp.refusal('SELECT chat.purge(NULL)');
SELECT * FROM chat.purge('-infinity');

-- a hold: what is there stays
SELECT chat.hold(1, 'case 7'), chat.hold(1, 'case 7') AS again, chat.hold(1, 'case 8');
SELECT pg_temp.refusal('SELECT chat.hold(99, $$x$$)');
SELECT pg_temp.refusal('SELECT chat.hold(1, $$ $$)');
SELECT pg_temp.refusal('SELECT chat.hold(1, NULL)');
SELECT conversation_id, reason, account_id FROM chat.holds();
BEGIN;
SELECT chat.act_as(1);
SELECT pg_temp.refusal('SELECT chat.delete(1, 5)');
SELECT content FROM chat.edit(1, 5, 'edited under a hold');
SELECT count(*) FROM chat.revisions(1, 5);
SELECT pg_temp.refusal('SELECT chat.hold(1, $$x$$)');
COMMIT;
SELECT pg_temp.refusal('SELECT chat.purge(now(), conversation_id => 1)');
SELECT * FROM chat.archive(now() - interval '1 day', 15);
SELECT * FROM chat.purge(now() - interval '1 day');
SELECT * FROM pg_temp.left_over;
SELECT chat.release_hold(1, 'case 9'), chat.release_hold(1, 'case 7'), chat.release_hold(1), chat.release_hold(1) AS none_left;
SELECT pg_temp.refusal('SELECT chat.release_hold(99)');

-- a little at a time, rows and blocks alike
SELECT * FROM chat.purge(now() - interval '1 day', 3, conversation_id => 1);
SELECT * FROM pg_temp.left_over;
SELECT * FROM chat.purge(now() - interval '1 day', 4);
SELECT * FROM pg_temp.left_over;
SELECT * FROM chat.purge(now() - interval '1 day');
SELECT * FROM chat.purge(now() - interval '1 day');
SELECT * FROM pg_temp.left_over;
SELECT count(*) FROM chat.archive_key;

-- history begins later, numbers go on, and who knows less is reset
BEGIN;
SELECT chat.act_as(1);
SELECT seq FROM chat.history(1);
SELECT has_more FROM chat.history_page(1, max_results => 5);
SELECT has_more FROM chat.history_page(1, before => 27, max_results => 5);
SELECT pg_temp.refusal('SELECT chat.message(1, 25)');
SELECT c, s.status, s.seq, s.ver = (SELECT last_ver FROM chat.conversation_counter WHERE conversation_id = 1) AS newest, cardinality(s.messages) AS messages
	FROM unnest(ARRAY['{}', '{"1": {"seq": 0, "ver": 0}}', '{"1": {"seq": 24, "ver": 2}}', '{"1": {"seq": 25, "ver": 2}}', '{"1": {"seq": 30, "ver": 2}}']) c, chat.sync(c::jsonb) s WHERE s.conversation_id = 1;
SELECT id, last_seq, unread, read_seq FROM chat.conversation(1);
SELECT chat.act_as(2);
SELECT id, last_seq, unread, read_seq, mentions FROM chat.conversation(1);
SELECT * FROM chat.stats();
SELECT seq FROM chat.send(1, 'and on', NULL, 26);
SELECT pg_temp.refusal('SELECT chat.send(1, $$x$$, NULL, 25)');
COMMIT;
-- all of it: nothing is left to show, and nothing is said twice
SELECT * FROM chat.purge('infinity', conversation_id => 2);
BEGIN;
SELECT chat.act_as(1);
SELECT (c.last_message).seq, last_seq, unread FROM chat.conversation(2) c;
SELECT id FROM chat.conversations();
SELECT status, seq, cardinality(messages) FROM chat.sync('{"2": {"seq": 3, "ver": 2}}') WHERE conversation_id = 2;
SELECT count(*) FROM chat.sync('{"2": {"seq": 10, "ver": 2}}') WHERE conversation_id = 2;
SELECT seq FROM chat.send(2, 'anew');
COMMIT;

-- a group that was deleted goes altogether, once nobody holds it
SELECT chat.hold(3, 'case 9');
SELECT * FROM chat.purge(now(), after_conversation_id => 2);
SELECT count(*) FROM chat.member WHERE conversation_id = 3;
SELECT chat.release_hold(3);
-- (what somebody began to bring there goes along)
INSERT INTO chat.upload (conversation_id, account_id, media_type, name) VALUES (3, 2, 'text/plain', 'a.txt');
SELECT * FROM chat.purge(now(), 4, 2);
SELECT * FROM chat.purge(now(), 100, 2);
SELECT (SELECT count(*) FROM chat.conversation WHERE id = 3), (SELECT count(*) FROM chat.member WHERE conversation_id = 3),
	(SELECT count(*) FROM chat.message WHERE conversation_id = 3), (SELECT count(*) FROM chat.message_search WHERE conversation_id = 3);

-- how long: an administrator says, an owner within bounds
SELECT chat.retention(1), chat.set_retention(1, '10 years'), chat.retention(1) AS now, chat.set_retention(1, NULL) AS anew;
SELECT pg_temp.refusal('SELECT chat.set_retention(1, $$0$$)');
SELECT pg_temp.refusal('SELECT chat.set_retention(99, $$1 day$$)');
SET pg_parley.retention = '1000d';
BEGIN;
SELECT chat.act_as(1);
SELECT chat.retention(1);
SELECT chat.set_retention(1, '30 days');
SELECT pg_temp.refusal('SELECT chat.set_retention(1, $$1 hour$$)');
SELECT pg_temp.refusal('SELECT chat.set_retention(1, $$2000 days$$)');
SELECT pg_temp.refusal('SELECT chat.set_retention(NULL, $$2 days$$)');
SELECT chat.act_as(2);
SELECT chat.retention(1);
SELECT pg_temp.refusal('SELECT chat.set_retention(1, $$2 days$$)');
SELECT chat.act_as(4);
SELECT pg_temp.refusal('SELECT chat.set_retention(1, $$2 days$$)');
SELECT pg_temp.refusal('SELECT chat.retention(1)');
COMMIT;
SELECT pg_temp.refusal('SELECT chat.apply_retention(0)');

-- a time that the calendar does not have, or that is to come, would stop the job or purge all
SELECT pg_temp.refusal('SELECT chat.set_retention(1, $$178000000 years$$)');
SELECT pg_temp.refusal('SELECT chat.set_retention(1, $$-100 years 36001 days$$)');
SELECT pg_temp.refusal('SELECT chat.set_retention(1, $$2 days -24 hours$$)');
SELECT chat.set_retention(2, '4080 years'), chat.set_retention(2, NULL) AS anew;

-- the job purges, then archives, step by step, round after round
\o /dev/null
BEGIN; SELECT chat.act_as(1); SELECT chat.send(c, 'message ' || n) FROM generate_series(1, 2) c, generate_series(1, 10) n; COMMIT;
UPDATE chat.message SET created_at = now() - interval '2 years' WHERE seq <= CASE conversation_id WHEN 1 THEN 35 ELSE 15 END;
\o
SELECT * FROM chat.apply_retention(6);
SELECT * FROM chat.apply_retention(6);
SET pg_parley.archive_after = '300d';
SELECT * FROM chat.apply_retention(4);
SELECT * FROM chat.apply_retention(4);
SELECT * FROM chat.apply_retention(4);
SELECT archives, conversation_id FROM chat.retention_job;
SELECT seq, last_seq FROM (SELECT conversation_id, min(seq) AS seq FROM chat.message GROUP BY 1) m JOIN chat.conversation_counter USING (conversation_id) ORDER BY conversation_id;
RESET pg_parley.retention;
RESET pg_parley.archive_after;

-- an account that is erased waits for the hold
SELECT chat.hold(1, 'case 10');
BEGIN; SELECT chat.act_as(2); SELECT (chat.delete_account('correct horse', keep_content => false)).error; COMMIT;
SELECT chat.erase_content();
SELECT DISTINCT sender, content FROM chat.message_info WHERE sender_id = 2;
SELECT chat.release_hold(1);
SELECT chat.erase_content(), chat.erase_content() AS done;
SELECT DISTINCT sender, content, deleted FROM chat.message_info WHERE sender_id = 2;
SELECT count(*) FROM chat.erasure_deferred;

-- it is all in the audit log
SELECT kind, conversation_id, regexp_replace(detail, ' before .*', '') AS detail, count(*) FROM chat.audit_info
	WHERE kind IN ('hold_set', 'hold_lifted', 'retention_set', 'purged') GROUP BY 1, 2, 3 ORDER BY min(id);

-- at most so many, also where rows lie among archived messages: 3, 5 and 8 are rows again
\o /dev/null
BEGIN;
SELECT chat.act_as(1);
SELECT chat.create_group('mixed');
SELECT chat.send(currval('chat.conversation_id_seq'), 'message ' || n) FROM generate_series(1, 12) n;
UPDATE chat.message SET created_at = now() - interval '2 years' WHERE conversation_id = currval('chat.conversation_id_seq') AND seq <= 10;
COMMIT;
SELECT chat.archive(now() - interval '1 year', 1000, currval('chat.conversation_id_seq') - 1);
BEGIN; SELECT chat.act_as(1); SELECT chat.edit(currval('chat.conversation_id_seq'), n, 'edited') FROM unnest(ARRAY[3, 5, 8]) n; COMMIT;
\o
SELECT count(*) AS rows FROM chat.message WHERE conversation_id = currval('chat.conversation_id_seq');
SELECT messages FROM chat.purge(now() - interval '1 year', 4, currval('chat.conversation_id_seq') - 1);
SELECT purged_seq FROM chat.conversation_counter WHERE conversation_id = currval('chat.conversation_id_seq');
SELECT messages FROM chat.purge(now() - interval '1 year', 1, currval('chat.conversation_id_seq') - 1);
SELECT messages FROM chat.purge(now() - interval '1 year', 4, currval('chat.conversation_id_seq') - 1);
SELECT messages FROM chat.purge(now() - interval '1 year', 4, currval('chat.conversation_id_seq') - 1);
