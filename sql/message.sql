-- Sending: numbers without a gap, repeats without a duplicate.
\i sql/include/setup.psql
\set uuid1 '''00000000-0000-4000-8000-000000000001'''
\set uuid2 '''00000000-0000-4000-8000-000000000002'''

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT seq, repeated, created_at > now() AS by_the_clock FROM chat.send(1, 'one');
SELECT seq, repeated FROM chat.send(1, 'two', :uuid1);

-- the same client id gives the first result, whatever else is said
SELECT seq, repeated, created_at = (SELECT created_at FROM chat.message WHERE conversation_id = 1 AND seq = 2) AS same
	FROM chat.send(1, 'two again', :uuid1);
SELECT seq, repeated FROM chat.send(1, 'three', :uuid2, 1);
COMMIT;

-- it is one's own: another sender and another conversation are not touched by it
BEGIN;
SELECT chat.act_as(2);
SELECT seq, repeated FROM chat.send(1, 'four, by bob', :uuid1);
SELECT seq, repeated FROM chat.send(2, 'one of the team', :uuid1);
COMMIT;

-- a rollback gives the number back, a savepoint too
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'never'); ROLLBACK;
BEGIN;
SELECT chat.act_as(1);
SAVEPOINT s;
SELECT seq FROM chat.send(1, 'never');
ROLLBACK TO s;
SELECT seq FROM chat.send(1, 'five');
COMMIT;

-- refusals, after which the transaction could go on
BEGIN;
SELECT chat.act_as(1);
SELECT pg_temp.refusal($$SELECT chat.send(1, '')$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, E' \n\t ')$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, NULL)$$);
SELECT pg_temp.refusal($$SELECT chat.send(NULL, 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, repeat('x', 16385))$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, repeat('é', 8193))$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, 'x', NULL, 99)$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, 'x', NULL, -1)$$);
SELECT pg_temp.refusal($$SELECT chat.send(99, 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.send(-9223372036854775808, 'x')$$);
SELECT seq FROM chat.send(1, repeat('x', 16384));
COMMIT;

-- text comes back as it was: quotes, markup, control characters, right-to-left, combining, emoji
BEGIN;
SELECT chat.act_as(1);
CREATE TEMP TABLE said AS SELECT row_number() OVER () AS n, content FROM unnest(ARRAY[
	'''; DROP TABLE chat.message; --', '<script>alert(1)</script>', E'a\tb\r\nc\x01\x7f', 'שלום עולם',
	E'e\u0301', '👩‍👩‍👧‍👦', E'\u202Eevil', '\u0000 \n "quoted" \\']) AS content;
SELECT n, (SELECT m.content = said.content FROM chat.send(1, content) s, LATERAL chat.message(1, s.seq) m) AS kept FROM said;
COMMIT;

-- a message alone
BEGIN;
SELECT chat.act_as(2);
SELECT conversation_id, seq, sender_id, sender, content, client_id, reply_to, edited_at, deleted, reactions FROM chat.message(1, 3);
SELECT pg_temp.refusal('SELECT chat.message(1, 99)');
COMMIT;

-- in a transaction with business of its own: both or neither
CREATE TEMP TABLE orders (id int PRIMARY KEY);
BEGIN; SELECT chat.act_as(1); INSERT INTO orders VALUES (1); SELECT seq FROM chat.send(2, 'order 1'); COMMIT;
BEGIN; SELECT chat.act_as(1); INSERT INTO orders VALUES (2); SELECT seq FROM chat.send(2, 'order 2'); ROLLBACK;
SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM chat.message WHERE content LIKE 'order%') AS messages;

-- numbers are 1, 2, 3 … and end where the counter stands
SELECT conversation_id, count(*) = max(seq) AND min(seq) = 1 AND max(seq) = last_seq AS without_gap
	FROM chat.message JOIN chat.conversation_counter USING (conversation_id)
	GROUP BY conversation_id, last_seq ORDER BY 1;

-- a closed account cannot send
UPDATE chat.account SET closed_at = now() WHERE id = 3;
SELECT error FROM chat.send_batch(ARRAY[3], ARRAY[2], ARRAY['x'], ARRAY[NULL]::uuid[], ARRAY[NULL]::bigint[]);
