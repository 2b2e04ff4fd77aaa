-- Finding people and conversations by a part of their name.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT username FROM chat.search_users('bo');
SELECT username FROM chat.search_users('aro');
SELECT username FROM chat.search_users('AVE');
SELECT username FROM chat.search_users('ro');
SELECT username FROM chat.search_users('lic');
SELECT username FROM chat.search_users('%');
SELECT username FROM chat.search_users('');
UPDATE chat.account SET display_name = 'Dr. 山田太郎' WHERE id = 4;
SELECT username FROM chat.search_users('太');
SELECT username FROM chat.search_users('田太');
SELECT username FROM chat.search_users('r. 山');
UPDATE chat.account SET closed_at = now() WHERE id = 4;
SELECT username FROM chat.search_users('田太');
SELECT pg_temp.refusal($$SELECT chat.search_users('x', 0)$$);
COMMIT;
SELECT pg_temp.refusal($$SELECT chat.search_users('x')$$);

-- what begins with it comes first
INSERT INTO chat.account (username, email, display_name) VALUES ('xbob', 'x@y', 'x'), ('bobby', 'b@y', 'b');
BEGIN; SELECT chat.act_as(1); SELECT username FROM chat.search_users('bob'); SELECT username FROM chat.search_users('bob', 2); COMMIT;

-- one's own conversations and public groups
BEGIN; SELECT chat.act_as(2); SELECT id FROM chat.create_group('Bob and the others', ARRAY['carol']); SELECT id FROM chat.create_group('Open others'); COMMIT;
UPDATE chat.conversation SET is_public = true WHERE name = 'Open others';
BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('My others');
SELECT * FROM chat.search_conversations('others');
SELECT * FROM chat.search_conversations('bob');
SELECT * FROM chat.search_conversations('OPEN');
SELECT * FROM chat.search_conversations('open others and more');
SELECT pg_temp.refusal($$SELECT chat.search_conversations('x', 0)$$);
COMMIT;
BEGIN; SELECT chat.act_as(3); SELECT * FROM chat.search_conversations('others'); SELECT id FROM chat.search_conversations('bob'); COMMIT;

-- who was banned does not see it
INSERT INTO chat.member (conversation_id, account_id, state, ver) SELECT id, 1, 'banned', 9 FROM chat.conversation WHERE name = 'Open others';
BEGIN; SELECT chat.act_as(1); SELECT name FROM chat.search_conversations('others'); COMMIT;
SELECT pg_temp.refusal($$SELECT chat.search_conversations('x')$$);

-- a group that was deleted is no public one
DELETE FROM chat.member WHERE account_id = 1 AND state = 'banned';
BEGIN; SELECT chat.act_as(1); SELECT name FROM chat.search_conversations('open'); COMMIT;
UPDATE chat.conversation SET deleted_at = now() WHERE name = 'Open others';
BEGIN; SELECT chat.act_as(1); SELECT name FROM chat.search_conversations('open'); COMMIT;
