-- Blocks between two people: nothing passes between them, and nothing tells whose it is.
\i sql/include/setup.psql
\set uuid1 '''00000000-0000-4000-8000-000000000001'''

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT seq FROM chat.send(1, 'hello bob', :uuid1);
COMMIT;
SELECT last_seq, last_ver FROM chat.conversation_counter WHERE conversation_id = 1;

-- bob blocks alice, whom he has a conversation with, and dave, whom he has not
BEGIN;
SELECT chat.act_as(2);
SELECT chat.block(1);
SELECT chat.block(1);
SELECT chat.block(4);
SELECT username FROM chat.blocked();
SELECT pg_temp.refusal('SELECT chat.block(2)');
SELECT pg_temp.refusal('SELECT chat.block(99)');
SELECT pg_temp.refusal('SELECT chat.block(NULL)');
COMMIT;

-- both sides are refused, in the same words
CREATE FUNCTION pg_temp.try(other text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	statement text;
BEGIN
	FOREACH statement IN ARRAY ARRAY[$s$SELECT chat.send(1, 'you there?')$s$, $s$SELECT chat.edit(1, 1, 'you there?')$s$,
		$s$SELECT chat.react(1, 1, '👍')$s$, 'SELECT chat.pin(1, 1)', $s$SELECT chat.attach(1, 'a.txt', 'text/plain', 'a')$s$,
		format('SELECT chat.create_group(%L, ARRAY[%L])', 'trap', other)]
	LOOP
		RETURN NEXT pg_temp.refusal(statement);
	END LOOP;
END
$$;
BEGIN; SELECT chat.act_as(1); SELECT pg_temp.try('bob'); SELECT count(*) FROM chat.blocked(); COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT pg_temp.try('alice'); COMMIT;
BEGIN; SELECT chat.act_as(4); SELECT pg_temp.refusal($$SELECT chat.direct('bob')$$); COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT pg_temp.refusal($$SELECT chat.direct('dave')$$); COMMIT;
BEGIN; SELECT chat.act_as(1); SELECT chat.send_deferred(1, 'at commit'); COMMIT;
SELECT item, seq, error FROM chat.send_batch(ARRAY[1, 2, 3], ARRAY[1, 1, 2],
	ARRAY['a', 'b', 'c'], array_fill(NULL::uuid, ARRAY[3]), array_fill(NULL::bigint, ARRAY[3]));

-- what was said stays readable and repeatable, the conversation is found, groups go on
BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id, d.created FROM chat.direct('bob') d;
SELECT seq, repeated FROM chat.send(1, 'hello bob', :uuid1);
SELECT content FROM chat.history(1);
SELECT seq FROM chat.send(2, 'hello team');
SELECT chat.leave(2);
COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT seq FROM chat.send(2, 'hello all'); COMMIT;

-- nor does one bring the other into a group
BEGIN;
SELECT chat.act_as(2);
SELECT id FROM chat.create_group('bobs');
SELECT pg_temp.refusal($$SELECT chat.add_member(3, 'alice')$$);
SELECT pg_temp.refusal($$SELECT chat.add_member(3, 'dave')$$);
SELECT username FROM chat.add_member(3, 'carol');
COMMIT;

-- nothing to see: no number, no version, nothing to catch up with; both rows say the same
SELECT last_seq, last_ver FROM chat.conversation_counter WHERE conversation_id = 1;
SELECT account_id, is_blocked, ver FROM chat.member WHERE conversation_id = 1 ORDER BY 1;
BEGIN; SELECT chat.act_as(1); SELECT * FROM chat.sync('{"1": {"seq": 1, "ver": 2}}') WHERE conversation_id = 1; COMMIT;

-- alice blocks too: what bob lifts, hers still holds
BEGIN; SELECT chat.act_as(1); SELECT chat.block(2); COMMIT;
BEGIN;
SELECT chat.act_as(2);
SELECT chat.unblock(1);
SELECT chat.unblock(1);
SELECT chat.unblock(3);
SELECT username FROM chat.blocked();
SELECT pg_temp.refusal($$SELECT chat.send(1, 'peace?')$$);
COMMIT;
BEGIN;
SELECT chat.act_as(1);
SELECT chat.unblock(2);
SELECT seq FROM chat.send(1, 'peace');
COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT seq FROM chat.send(1, 'peace'); SELECT pg_temp.refusal('SELECT chat.unblock(NULL)'); COMMIT;

-- the block alone, without a conversation, is lifted too
BEGIN; SELECT chat.act_as(2); SELECT chat.unblock(4); SELECT d.created FROM chat.direct('dave') d; COMMIT;
SELECT * FROM chat.block;
SELECT kind, account_id, actor_id FROM chat.audit_pending WHERE kind ~ 'block' ORDER BY id;

-- in a group: no mention by somebody whom one has blocked counts, @all included; what is said goes on
BEGIN;
SELECT chat.act_as(3);
SELECT id FROM chat.create_group('three', ARRAY['alice', 'dave']) \gset
SELECT seq FROM chat.send(:id, '@alice look');
SELECT chat.block(4);
COMMIT;
BEGIN;
SELECT chat.act_as(4);
SELECT seq FROM chat.send(:id, '@carol @alice look');
SELECT seq FROM chat.send(:id, '@all look');
SELECT chat.react(:id, 1, '👍');
COMMIT;
BEGIN;
SELECT chat.act_as(3);
SELECT mentions, unread FROM chat.conversation(:id);
SELECT mentions FROM chat.conversations() WHERE id = :id;
SELECT seq FROM chat.mentions(:id);
SELECT seq FROM chat.mentions(:id, max_results => 1);
SELECT count(*) FROM chat.reactions(:id, 1);
SELECT username, error, hidden_from FROM chat.gateway_may_type('{4,1,3}', ARRAY[:id, :id, :id]::bigint[]);
COMMIT;
-- others are named, and the one who is blocked is by the one who blocks
BEGIN;
SELECT chat.act_as(1);
SELECT mentions FROM chat.conversation(:id);
SELECT seq FROM chat.mentions(:id);
COMMIT;
BEGIN; SELECT chat.act_as(3); SELECT seq FROM chat.send(:id, '@dave well'); COMMIT;
BEGIN; SELECT chat.act_as(4); SELECT mentions FROM chat.conversation(:id); COMMIT;
-- it ends with the block
BEGIN; SELECT chat.act_as(3); SELECT chat.unblock(4); SELECT mentions FROM chat.conversation(:id); SELECT seq FROM chat.mentions(:id); COMMIT;
