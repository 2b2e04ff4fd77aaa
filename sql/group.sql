-- Groups: open ones, roles, names, the end.
\i sql/include/setup.psql

-- the whole table of who may do what
SELECT action, in_group, in_direct FROM chat.permissions();

BEGIN;
SELECT chat.act_as(1);
SELECT id, is_public FROM chat.create_group('Closed', ARRAY['bob']);
SELECT id, is_public FROM chat.create_group('Open', ARRAY['bob'], true);
SELECT (d.conversation).id, (d.conversation).is_public FROM chat.direct('bob') d;
SELECT seq FROM chat.send(2, 'before carol');
COMMIT;

-- anyone may join an open group, as a plain member, with nothing unread
BEGIN;
SELECT chat.act_as(3);
SELECT id, name, member_count, unread, last_seq, is_public FROM chat.join(2);
SELECT username, role, muted_until FROM chat.members(2);
SELECT pg_temp.refusal('SELECT chat.join(2)');
-- what is not open is not there
SELECT pg_temp.refusal('SELECT chat.join(1)');
SELECT pg_temp.refusal('SELECT chat.join(3)');
SELECT pg_temp.refusal('SELECT chat.join(99)');
SELECT pg_temp.refusal('SELECT chat.join(NULL)');
COMMIT;
-- those inside know it is
BEGIN; SELECT chat.act_as(2); SELECT pg_temp.refusal('SELECT chat.join(1)'); COMMIT;

-- who left or was removed may come again
BEGIN; SELECT chat.act_as(3); SELECT chat.leave(2); SELECT member_count FROM chat.join(2); COMMIT;
BEGIN; SELECT chat.act_as(1); SELECT chat.remove_member(2, 3); COMMIT;
BEGIN; SELECT chat.act_as(3); SELECT member_count FROM chat.join(2); COMMIT;

-- owners open and close; who is in stays
BEGIN;
SELECT chat.act_as(1);
SELECT is_public, member_count FROM chat.set_public(2, false);
SELECT is_public FROM chat.set_public(1, true);
SELECT is_public FROM chat.set_public(1, true);
SELECT pg_temp.refusal('SELECT chat.set_public(3, true)');
SELECT pg_temp.refusal('SELECT chat.set_public(1, NULL)');
SELECT pg_temp.refusal('SELECT chat.set_public(99, true)');
COMMIT;
BEGIN;
SELECT chat.act_as(4);
SELECT pg_temp.refusal('SELECT chat.join(2)');
SELECT pg_temp.refusal('SELECT chat.set_public(1, false)');
SELECT id FROM chat.join(1);
SELECT pg_temp.refusal('SELECT chat.set_public(1, false)');
COMMIT;

-- roles: owners give them
BEGIN;
SELECT chat.act_as(2);
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 4, 'admin')$$);
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 2, 'owner')$$);
SELECT pg_temp.refusal($$SELECT chat.rename(1, 'Mine')$$);
SELECT chat.act_as(1);
SELECT username, role FROM chat.set_role(1, 2, 'admin');
SELECT username, role FROM chat.set_role(1, 2, 'admin');
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 2, 'king')$$);
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 2, 'none')$$);
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 2, NULL)$$);
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 3, 'admin')$$);
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 99, 'admin')$$);
SELECT pg_temp.refusal($$SELECT chat.set_role(3, 2, 'admin')$$);
-- the last owner stays one
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 1, 'member')$$);
SELECT username, role FROM chat.set_role(1, 1, 'owner');
SELECT username, role FROM chat.set_role(1, 4, 'owner');
-- owners are equals, but may step down
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 4, 'member')$$);
SELECT username, role FROM chat.set_role(1, 1, 'admin');
SELECT pg_temp.refusal($$SELECT chat.set_role(1, 1, 'owner')$$);
COMMIT;

-- names: for admins too
BEGIN;
SELECT chat.act_as(2);
SELECT name FROM chat.rename(1, 'The Den');
SELECT pg_temp.refusal($$SELECT chat.rename(1, ' ')$$);
SELECT pg_temp.refusal($$SELECT chat.rename(1, E'a\nb')$$);
SELECT pg_temp.refusal($$SELECT chat.rename(1, repeat('x', 101))$$);
SELECT pg_temp.refusal($$SELECT chat.rename(1, NULL)$$);
SELECT pg_temp.refusal($$SELECT chat.rename(3, 'Us two')$$);
SELECT pg_temp.refusal('SELECT chat.set_public(1, false)');
SELECT pg_temp.refusal('SELECT chat.delete_group(1)');
COMMIT;
SELECT c.id, c.ver, k.last_ver FROM chat.conversation c JOIN chat.conversation_counter k ON k.conversation_id = c.id ORDER BY 1;

-- who catches up sees it: the name, the roles
BEGIN;
SELECT chat.act_as(4);
SELECT status, (conversation).name, (conversation).is_public, memberships
	FROM chat.sync('{"1": {"seq": 0, "ver": 3}}');

-- the end: everybody is out, each by a version of their own, and nobody comes in again
SELECT chat.delete_group(1);
SELECT pg_temp.refusal('SELECT chat.conversation(1)');
SELECT pg_temp.refusal('SELECT chat.join(1)');
SELECT pg_temp.refusal('SELECT chat.delete_group(1)');
SELECT pg_temp.refusal('SELECT chat.delete_group(3)');
SELECT status FROM chat.sync('{"1": {"seq": 0, "ver": 3}}');
COMMIT;
SELECT account_id, role, state, ver FROM chat.member WHERE conversation_id = 1 ORDER BY 1;
SELECT is_public, deleted_at IS NOT NULL AS deleted, ver FROM chat.conversation WHERE id = 1;
BEGIN; SELECT chat.act_as(1); SELECT pg_temp.refusal('SELECT chat.delete_group(3)'); COMMIT;

-- an open group that everybody has left is closed: nobody could own it
BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('Short', '{}', true);
SELECT chat.leave(4);
SELECT pg_temp.refusal('SELECT chat.join(4)');
COMMIT;

-- all of it is in the audit log
SELECT kind, account_id, actor_id, conversation_id, detail FROM chat.audit_pending WHERE kind !~ 'signup' ORDER BY id;
