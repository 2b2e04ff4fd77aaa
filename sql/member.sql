-- Members of a group: who may bring in and put out whom.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT seq FROM chat.send(1, 'before dave');

-- who joins has nothing unread
SELECT username, role FROM chat.add_member(1, 'dave');
SELECT pg_temp.refusal($$SELECT chat.add_member(1, 'dave')$$);
SELECT pg_temp.refusal($$SELECT chat.add_member(1, 'nobody')$$);
SELECT pg_temp.refusal($$SELECT chat.add_member(2, 'carol')$$);
SELECT pg_temp.refusal($$SELECT chat.add_member(99, 'carol')$$);
COMMIT;
BEGIN; SELECT chat.act_as(4); SELECT unread, last_seq FROM chat.conversation(1); COMMIT;

-- a plain member may do neither
BEGIN;
SELECT chat.act_as(2);
SELECT pg_temp.refusal($$SELECT chat.add_member(1, 'dave')$$);
SELECT pg_temp.refusal('SELECT chat.remove_member(1, 3)');
SELECT pg_temp.refusal('SELECT chat.remove_member(1, 1)');
COMMIT;

-- an admin may, but not with an owner or another admin
UPDATE chat.member SET role = 'admin' WHERE conversation_id = 1 AND account_id IN (2, 3);
BEGIN;
SELECT chat.act_as(2);
SELECT pg_temp.refusal('SELECT chat.remove_member(1, 1)');
SELECT pg_temp.refusal('SELECT chat.remove_member(1, 3)');
SELECT pg_temp.refusal('SELECT chat.remove_member(1, 2)');
SELECT chat.remove_member(1, 4);
SELECT pg_temp.refusal('SELECT chat.remove_member(1, 4)');
SELECT pg_temp.refusal('SELECT chat.remove_member(1, 99)');
COMMIT;

-- gone is gone
BEGIN;
SELECT chat.act_as(4);
SELECT pg_temp.refusal('SELECT chat.history(1)');
SELECT pg_temp.refusal($$SELECT chat.send(1, 'still here')$$);
SELECT pg_temp.refusal('SELECT chat.leave(1)');
COMMIT;

-- and may be brought back, as a plain member; a banned one not
BEGIN;
SELECT chat.act_as(1);
SELECT username, role FROM chat.add_member(1, 'dave');
SELECT chat.remove_member(1, 4);
COMMIT;
UPDATE chat.member SET state = 'banned' WHERE conversation_id = 1 AND account_id = 4;
BEGIN; SELECT chat.act_as(1); SELECT pg_temp.refusal($$SELECT chat.add_member(1, 'dave')$$); COMMIT;

-- the last owner hands over: to an admin before a member, the longest-standing first
BEGIN;
SELECT chat.act_as(1);
SELECT chat.leave(1);
SELECT pg_temp.refusal('SELECT chat.leave(2)');
COMMIT;
SELECT account_id, role, state, ver FROM chat.member WHERE conversation_id = 1 ORDER BY 1;
BEGIN; SELECT chat.act_as(2); SELECT chat.leave(1); COMMIT;
BEGIN; SELECT chat.act_as(3); SELECT chat.leave(1); COMMIT;
SELECT account_id, role, state FROM chat.member WHERE conversation_id = 1 ORDER BY 1;

-- every change took a version of its own, and no number
SELECT last_ver, last_seq FROM chat.conversation_counter WHERE conversation_id = 1;
