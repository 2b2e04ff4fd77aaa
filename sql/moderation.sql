-- Order in a group: bans and mutes, and what they do to a send.
\i sql/include/setup.psql
\set uuid1 '''00000000-0000-4000-8000-000000000001'''

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('town', ARRAY['bob', 'carol'], true);
SELECT role FROM chat.set_role(1, 2, 'admin');
SELECT (d.conversation).id FROM chat.direct('bob') d;
COMMIT;
BEGIN; SELECT chat.act_as(3); SELECT seq FROM chat.send(1, 'hello', :uuid1); COMMIT;

-- a mute: by who ranks higher, until a time to come
BEGIN;
SELECT chat.act_as(2);
SELECT username, role, muted_until FROM chat.mute(1, 3, '9000-01-02 03:04:05+00');
SELECT username, muted_until FROM chat.members(1);
SELECT (m).username, (m).muted_until FROM chat.conversation(1) c, unnest(c.members) m;
SELECT pg_temp.refusal('SELECT chat.mute(1, 1)');
SELECT pg_temp.refusal('SELECT chat.mute(1, 2)');
SELECT pg_temp.refusal('SELECT chat.mute(1, 4)');
SELECT pg_temp.refusal('SELECT chat.mute(2, 1)');
SELECT pg_temp.refusal('SELECT chat.mute(99, 1)');
SELECT pg_temp.refusal('SELECT chat.mute(1, NULL)');
SELECT pg_temp.refusal('SELECT chat.mute(1, 3, NULL)');
SELECT pg_temp.refusal('SELECT chat.mute(1, 3, clock_timestamp())');
SELECT pg_temp.refusal($$SELECT chat.mute(1, 3, 'infinity')$$);
SELECT pg_temp.refusal($$SELECT chat.mute(1, 3, '10000-01-01 00:00+00')$$);
COMMIT;

-- who is muted reads, and a repeat gets its first answer, but nothing new is said
BEGIN;
SELECT chat.act_as(3);
SELECT pg_temp.refusal($$SELECT chat.send(1, 'me again')$$);
SELECT seq, repeated FROM chat.send(1, 'hello', :uuid1);
SELECT content FROM chat.history(1);
SELECT chat.mark_read(1, 1);
SELECT pg_temp.refusal('SELECT chat.mute(1, 2)');
SELECT pg_temp.refusal('SELECT chat.unmute(1, 3)');
-- leaving does not end it
SELECT chat.leave(1);
SELECT id FROM chat.join(1);
SELECT pg_temp.refusal($$SELECT chat.send(1, 'me again')$$);
COMMIT;
-- nor in an old message, by a reaction or by a pin
BEGIN;
SELECT chat.act_as(3);
SELECT pg_temp.refusal($$SELECT chat.edit(1, 1, 'HELLO')$$);
SELECT pg_temp.refusal($$SELECT chat.react(1, 1, '👍')$$);
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'a.txt', 'text/plain', 'a')$$);
COMMIT;
BEGIN; SELECT chat.act_as(3); SELECT chat.send_deferred(1, 'at commit'); COMMIT;

-- a mute that ends while a send is looked at explains no other refusal
DO $$
DECLARE
	said boolean;
BEGIN
	FOR i IN 1 .. 100 LOOP
		UPDATE chat.member SET muted_until = clock_timestamp() + interval '500 us' WHERE conversation_id = 1 AND account_id = 3;
		said := false;
		PERFORM chat.act_as(3);
		WHILE NOT said LOOP
			BEGIN
				PERFORM chat.send(1, 'x');
				said := true;
				RAISE EXCEPTION 'not kept';
			EXCEPTION WHEN raise_exception OR SQLSTATE 'PC012' THEN
				NULL;
			END;
		END LOOP;
	END LOOP;
END
$$;
-- a mute that is over is none
UPDATE chat.member SET muted_until = clock_timestamp() WHERE account_id = 3;
BEGIN;
SELECT chat.act_as(3);
SELECT seq FROM chat.send(1, 'over');
SELECT username, muted_until FROM chat.members(1) WHERE id = 3;
COMMIT;

-- without a time it is for good, until lifted; an owner is never muted
BEGIN;
SELECT chat.act_as(1);
SELECT username, muted_until FROM chat.mute(1, 3);
SELECT username, muted_until FROM chat.unmute(1, 3);
SELECT username, muted_until FROM chat.unmute(1, 3);
SELECT username, muted_until FROM chat.mute(1, 3);
SELECT username, role, muted_until FROM chat.set_role(1, 3, 'admin');
SELECT username, role, muted_until FROM chat.set_role(1, 3, 'owner');
COMMIT;

-- a ban: of members of lower role, and of anybody who is none
BEGIN;
SELECT chat.act_as(3);
SELECT role FROM chat.set_role(1, 3, 'owner');
SELECT pg_temp.refusal('SELECT chat.ban(1, 1)');
SELECT pg_temp.refusal('SELECT chat.ban(1, 3)');
SELECT pg_temp.refusal('SELECT chat.ban(1, 99)');
SELECT pg_temp.refusal('SELECT chat.ban(99, 2)');
SELECT pg_temp.refusal('SELECT chat.ban(2, 2)');
SELECT pg_temp.refusal('SELECT chat.ban(1, NULL)');
SELECT pg_temp.refusal($$SELECT chat.ban(1, 2, '')$$);
SELECT pg_temp.refusal($$SELECT chat.ban(1, 2, repeat('x', 401))$$);
SELECT chat.ban(1, 2, 'rude');
SELECT chat.ban(1, 2, 'still rude');
SELECT chat.ban(1, 4);
SELECT username FROM chat.banned(1);
SELECT username FROM chat.members(1);
SELECT pg_temp.refusal($$SELECT chat.add_member(1, 'bob')$$);
COMMIT;

-- who is banned is told so, and is out
BEGIN;
SELECT chat.act_as(2);
SELECT pg_temp.refusal($$SELECT chat.send(1, 'let me in')$$);
SELECT pg_temp.refusal('SELECT chat.join(1)');
SELECT pg_temp.refusal('SELECT chat.history(1)');
SELECT pg_temp.refusal('SELECT chat.leave(1)');
SELECT pg_temp.refusal('SELECT chat.banned(1)');
SELECT pg_temp.refusal('SELECT chat.unban(1, 2)');
COMMIT;
BEGIN; SELECT chat.act_as(4); SELECT pg_temp.refusal('SELECT chat.join(1)'); COMMIT;

-- plain members neither ban nor see who is
BEGIN;
SELECT chat.act_as(1);
SELECT role FROM chat.set_role(1, 1, 'member');
SELECT pg_temp.refusal('SELECT chat.ban(1, 4)');
SELECT pg_temp.refusal('SELECT chat.unban(1, 4)');
SELECT pg_temp.refusal('SELECT chat.banned(1)');
SELECT pg_temp.refusal('SELECT chat.mute(1, 3)');
COMMIT;

-- in a batch each is refused alone: banned, muted, fine, never a member
BEGIN; SELECT chat.act_as(3); SELECT username FROM chat.mute(1, 1); COMMIT;
SELECT item, seq, error FROM chat.send_batch(ARRAY[2, 1, 3, 99], ARRAY[1, 1, 1, 1],
	ARRAY['a', 'b', 'c', 'd'], array_fill(NULL::uuid, ARRAY[4]), array_fill(NULL::bigint, ARRAY[4]));

-- a ban that is lifted opens the door; the role is gone
BEGIN;
SELECT chat.act_as(3);
SELECT chat.unban(1, 2);
SELECT pg_temp.refusal('SELECT chat.unban(1, 2)');
SELECT pg_temp.refusal('SELECT chat.unban(1, 3)');
SELECT chat.act_as(2);
SELECT pg_temp.refusal($$SELECT chat.send(1, 'let me in')$$);
SELECT id FROM chat.join(1);
SELECT username, role FROM chat.members(1) WHERE id = 2;
SELECT seq FROM chat.send(1, 'thank you');
COMMIT;

-- numbers without a gap
SELECT seq, sender_name, content FROM chat.message WHERE conversation_id = 1 ORDER BY seq;
SELECT account_id, role, state, ver FROM chat.member WHERE conversation_id = 1 ORDER BY 1;
SELECT kind, account_id, actor_id, detail FROM chat.audit_pending WHERE kind ~ 'ban|mute' ORDER BY id;
