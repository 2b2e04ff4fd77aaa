-- Conversations: direct and groups.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);

-- one direct conversation a pair, from either side
SELECT (d.conversation).id, (d.conversation).is_group, (d.conversation).name, d.created FROM chat.direct('bob') d;
SELECT (d.conversation).id, d.created FROM chat.direct('BOB') d;
COMMIT;
BEGIN;
SELECT chat.act_as(2);
SELECT (d.conversation).id, d.created FROM chat.direct('alice') d;
SELECT pg_temp.refusal($$SELECT chat.direct('bob')$$);
SELECT pg_temp.refusal($$SELECT chat.direct('nobody')$$);
SELECT pg_temp.refusal($$SELECT chat.direct('')$$);
COMMIT;

-- groups: the caller owns it, each name counts once
BEGIN;
SELECT chat.act_as(1);
SELECT g.id, g.is_group, g.name, g.member_count, g.last_seq, g.unread, g.last_message
	FROM chat.create_group('The Team', ARRAY['bob', 'carol', 'Bob', 'alice']) g;
SELECT username, role FROM chat.members(2);
SELECT g.member_count FROM chat.create_group('Only me') g;
SELECT pg_temp.refusal($$SELECT chat.create_group('', '{}')$$);
SELECT pg_temp.refusal($$SELECT chat.create_group(repeat('x', 101), '{}')$$);
SELECT pg_temp.refusal($$SELECT chat.create_group('x', ARRAY['nobody'])$$);
SELECT pg_temp.refusal($$SELECT chat.create_group('x', ARRAY[NULL])$$);
SELECT pg_temp.refusal($$SELECT chat.create_group('x', array_fill('bob'::text, ARRAY[501]))$$);
COMMIT;

-- the shape, and what each side sees
BEGIN;
SELECT chat.act_as(2);
SELECT seq FROM chat.send(1, 'hello alice');
SELECT json_object_keys(to_json(chat.conversation(1)));
SELECT c.id, c.unread, c.read_seq, c.last_seq, (c.last_message).content FROM chat.conversation(1) c;
COMMIT;
BEGIN;
SELECT chat.act_as(1);
SELECT c.id, c.unread, c.read_seq, c.last_seq, (c.last_message).content FROM chat.conversation(1) c;
SELECT * FROM chat.stats();

-- the last active first; a page at a time
SELECT id FROM chat.conversations();
SELECT id FROM chat.conversations(1);
SELECT (last_message).created_at AS before FROM chat.conversations(1) \gset
SELECT count(*) FROM chat.conversations(50, :'before');
SELECT pg_temp.refusal('SELECT chat.conversations(0)');
COMMIT;

-- Of one moment, and without a message: every page goes on where the one before has ended.
BEGIN;
SELECT chat.act_as(4);
SELECT count(chat.create_group('group ' || n)) FROM generate_series(1, 7) n;
CREATE FUNCTION pg_temp.pages(size int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	pages text[];
	ids bigint[];
	active timestamptz;
BEGIN
	LOOP
		SELECT array_agg(c.id), min(active_at) INTO ids, active FROM chat.conversations(size, active, ids[size]) c;
		EXIT WHEN ids IS NULL;
		pages := pages || ids::text;
	END LOOP;
	RETURN pages::text;
END
$$;
SELECT count(DISTINCT active_at) AS moments, bool_and(last_message IS NULL) AS silent FROM chat.conversations();
SELECT pg_temp.pages(n) FROM generate_series(1, 8) n;
SELECT seq FROM (SELECT min(id) AS id FROM chat.conversations()) c, chat.send(c.id, 'x');
SELECT pg_temp.pages(3);
SELECT count(*) FROM chat.conversations(50, 'infinity');
SELECT count(*) FROM chat.conversations(50, '-infinity');
SELECT count(*) FROM chat.conversations(50, now(), 9223372036854775807);
SELECT count(*) FROM chat.conversations(50, now(), -9223372036854775808);
ROLLBACK;

-- an unknown conversation and somebody else's look the same
BEGIN;
SELECT chat.act_as(4);
SELECT count(*) FROM chat.conversations();
SELECT * FROM chat.stats();
SELECT pg_temp.refusal('SELECT chat.conversation(1)');
SELECT pg_temp.refusal('SELECT chat.conversation(99)');
SELECT pg_temp.refusal('SELECT chat.members(1)');
SELECT pg_temp.refusal('SELECT chat.history(1)');
SELECT pg_temp.refusal('SELECT chat.message(1, 1)');
SELECT pg_temp.refusal('SELECT chat.mark_read(1, 1)');
SELECT pg_temp.refusal($$SELECT chat.send(1, 'hi')$$);
COMMIT;
