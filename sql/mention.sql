-- Mentions: who is named, how many are unread, which they are.
\i sql/include/setup.psql
CREATE FUNCTION pg_temp.named(conversation bigint, number bigint) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(coalesce(a.username, 'everybody'), ' ' ORDER BY m.account_id), 'nobody')
	FROM chat.mention m LEFT JOIN chat.account a ON a.id = m.account_id WHERE m.conversation_id = conversation AND m.seq = number
$$;
\o /dev/null
SELECT chat.signup(name, name || '@example.com', 'correct horse') FROM unnest(ARRAY['bob.', 'x_1']) AS name;
\o

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol', 'x_1']);
SELECT content, pg_temp.named(1, (SELECT seq FROM chat.send(1, content))) FROM unnest(ARRAY[
	'hi @bob', '@BOB, @carol', '@bob@carol', '(@bob)', 'see @bob.', '@bob...', '@bob''s', '你好@bob', '@bob!@x_1', '@x_1_', '@all', '@ALL and @bob', '@all.', '(@All...)', '@all_', '@all-', '@all.x',
	'bob@bob.example', 'me@bob', 'x+@bob', 'x-@bob', '_@bob', '@dave', '@nobody', '@', '@@', '@ bob', '@alice', '@bobby', '@bob-and-co', '@allegro',
	'@bob @bob @bob', 'no one']) AS content;

-- the longest name that is a member's
SELECT username FROM chat.add_member(1, 'bob.');
SELECT content, pg_temp.named(1, (SELECT seq FROM chat.send(1, content))) FROM unnest(ARRAY['see @bob.', 'see @bob..', 'see @bob']) AS content;

-- the first fifty of a message
SELECT pg_temp.named(1, (SELECT seq FROM chat.send(1, repeat('@nobody ', 49) || '@bob')));
SELECT pg_temp.named(1, (SELECT seq FROM chat.send(1, repeat('@nobody ', 50) || '@bob')));
SELECT pg_temp.named(1, (SELECT seq FROM chat.send(1, '@' || repeat('b', 10000) || ' @' || repeat('-', 5000))));
ROLLBACK;

-- the unread ones count, @all as well, one message once
BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']) \gset
SELECT seq FROM chat.send(:id, '@bob');
SELECT seq FROM chat.send(:id, 'plain');
SELECT seq FROM chat.send(:id, '@all and @bob');
SELECT seq FROM chat.send(:id, '@carol');
SELECT mentions FROM chat.conversation(:id);
COMMIT;
BEGIN;
SELECT chat.act_as(2);
SELECT mentions, unread FROM chat.conversation(:id);
SELECT mentions FROM chat.conversations();
SELECT seq, content FROM chat.mentions(:id);
SELECT seq FROM chat.mentions(:id, before => 3);
SELECT seq FROM chat.mentions(:id, max_results => 1);
SELECT chat.mark_read(:id, 1);
SELECT mentions FROM chat.conversation(:id);
SELECT chat.mark_read(:id, 4);
SELECT mentions FROM chat.conversation(:id);
COMMIT;

-- an edit names anew, a deletion nobody
BEGIN;
SELECT chat.act_as(1);
SELECT content FROM chat.edit(:id, 4, 'rather @bob');
SELECT pg_temp.named(:id, 4);
SELECT content FROM chat.edit(:id, 2, 'plain, but @carol');
SELECT pg_temp.named(:id, 2);
SELECT content FROM chat.edit(:id, 2, 'plain');
SELECT pg_temp.named(:id, 2);
SELECT chat.delete(:id, 4);
SELECT pg_temp.named(:id, 4);

-- batches name too
SELECT error FROM chat.send_batch(ARRAY[1, 1], ARRAY[:id, :id], ARRAY['@bob', 'x'], array_fill(NULL::uuid, ARRAY[2]), array_fill(NULL::bigint, ARRAY[2]));
SELECT pg_temp.named(:id, 5), pg_temp.named(:id, 6);

SELECT pg_temp.refusal('SELECT chat.mentions(NULL)');
SELECT pg_temp.refusal('SELECT chat.mentions(99)');
SELECT pg_temp.refusal(format('SELECT chat.mentions(%s, max_results => 0)', :id));
COMMIT;
