-- Reactions: once for each account and emoji; summed up in the message.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT seq FROM chat.send(1, 'one');
SELECT reactions FROM chat.message(1, 1);
SELECT chat.react(1, 1, '👍');
COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT chat.react(1, 1, '🎉'); SELECT chat.react(1, 1, '👍'); COMMIT;

-- a second time is no second one, and no change
SELECT ver AS before FROM chat.message \gset
BEGIN;
SELECT chat.act_as(2);
SELECT chat.react(1, 1, '👍');
SELECT chat.unreact(1, 1, '😀');
COMMIT;
SELECT ver = :before AS unchanged, changed FROM chat.message;

-- the summary is what the rows say, in a page as in a message
BEGIN;
SELECT chat.act_as(3);
SELECT chat.react(1, 1, '👍');
SELECT reactions FROM chat.history(1);
SELECT emoji, account_id, username FROM chat.reactions(1, 1);
SELECT account_id FROM chat.reactions(1, 1, '👍');
SELECT account_id FROM chat.reactions(1, 1, '👍', max_results => 1);
SELECT account_id FROM chat.reactions(1, 1, '👍', (SELECT min(created_at) FROM chat.reactions(1, 1)));
SELECT pg_temp.refusal('SELECT chat.reactions(1, 1, max_results => 0)');
SELECT pg_temp.refusal('SELECT chat.reactions(1, NULL)');

-- taken away, one after the other
SELECT chat.unreact(1, 1, '👍');
COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT chat.unreact(1, 1, '🎉'); SELECT chat.unreact(1, 1, '👍'); COMMIT;
BEGIN; SELECT chat.act_as(1); SELECT chat.unreact(1, 1, '👍'); SELECT reactions FROM chat.message(1, 1); COMMIT;
SELECT reactions IS NULL AS none, changed, ver = last_ver AS by_version FROM chat.message JOIN chat.conversation_counter USING (conversation_id);

-- one emoji, by the grammar of UTS #51
BEGIN;
SELECT chat.act_as(1);
SELECT emoji, pg_temp.refusal(format('SELECT chat.react(1, 1, %L)', emoji)) FROM unnest(ARRAY[
	'❤', '❤️', '👍🏽', '👨‍👩‍👧‍👦', '👩🏽‍💻', '🇩🇪', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '1️⃣', '#⃣', '©', '🏳️‍🌈', '🫠']) AS emoji;
SELECT emoji, pg_temp.refusal(format('SELECT chat.react(1, 1, %L)', emoji)) FROM unnest(ARRAY[
	'', 'x', '+1', '1', ':smile:', '👍👍', '👍 ', ' 👍', '🇩', '🇩🇪🇫', 'é', '漢', '👍‍', '‍👍', '️', '👍<b>', '🏴󠁧󠁢', repeat('👍‍', 10) || '👍']) AS emoji;
ROLLBACK;

-- refusals
BEGIN;
SELECT chat.act_as(1);
SELECT pg_temp.refusal($$SELECT chat.react(1, 99, '👍')$$);
SELECT pg_temp.refusal($$SELECT chat.react(99, 1, '👍')$$);
SELECT chat.react(1, 1, NULL) IS NULL AS nothing;
COMMIT;
BEGIN;
SELECT chat.act_as(4);
SELECT pg_temp.refusal($$SELECT chat.react(1, 1, '👍')$$);
SELECT pg_temp.refusal($$SELECT chat.unreact(1, 1, '👍')$$);
SELECT pg_temp.refusal($$SELECT chat.reactions(1, 1)$$);
COMMIT;
SELECT pg_temp.refusal($$SELECT chat.react(1, 1, '👍')$$);

-- at most fifty kinds on a message
BEGIN;
SELECT chat.act_as(1);
SELECT count(chat.react(1, 1, chr(x'1F400'::int + i))) FROM generate_series(1, 50) i;
SELECT json_array_length(reactions) FROM chat.message(1, 1);
SELECT pg_temp.refusal($$SELECT chat.react(1, 1, '🎉')$$);
SELECT json_array_length(chat.react(1, 1, chr(x'1F400'::int + 1)));
ROLLBACK;

-- of each the first hundred accounts, and the whole count
INSERT INTO chat.account (username, email, display_name) SELECT 'u' || i, 'u' || i || '@example.org', 'u' FROM generate_series(5, 154) i;
INSERT INTO chat.member (conversation_id, account_id, ver) SELECT 1, i, 0 FROM generate_series(5, 154) i;
DO $$ BEGIN FOR i IN 5..154 LOOP PERFORM chat.act_as(i), chat.react(1, 1, '👍'); END LOOP; END $$;
SELECT r->>'count' AS count, json_array_length(r->'user_ids') AS ids, r->'user_ids'->>0 AS first
	FROM chat.message_info, json_array_elements(reactions) r;
BEGIN; SELECT chat.act_as(1); SELECT count(*), max(account_id) FROM chat.reactions(1, 1); COMMIT;
