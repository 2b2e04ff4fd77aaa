-- Replies as threads; pins; delivered positions.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT s.seq FROM (VALUES (1, 'begin', NULL), (2, 'aside', NULL), (3, 'reply to 1', 1), (4, 'reply to 3', 3), (5, 'reply to 2', 2), (6, 'reply to 4', 4)) AS v (n, content, reply_to),
	LATERAL chat.send(1, content, NULL, reply_to) s ORDER BY n;

-- however deep, from whichever message of it one asks
SELECT seq, reply_to, thread FROM chat.thread(1, 1);
SELECT array_agg(seq) FROM chat.thread(1, 6);
SELECT array_agg(seq) FROM chat.thread(1, 2);
SELECT array_agg(seq) FROM chat.thread(1, 3, max_results => 2);
SELECT array_agg(seq) FROM chat.thread(1, 3, after => 3);
SELECT array_agg(seq) FROM chat.thread(1, 3, after => 1, max_results => 2);

-- a deleted message keeps its thread together
SELECT chat.delete(1, 3);
SELECT seq, content, deleted FROM chat.thread(1, 6);
SELECT seq FROM chat.send(1, 'reply to what is gone', NULL, 3);
SELECT array_agg(seq) FROM chat.thread(1, 1);

SELECT pg_temp.refusal('SELECT chat.thread(1, 99)');
SELECT pg_temp.refusal('SELECT chat.thread(99, 1)');
SELECT pg_temp.refusal('SELECT chat.thread(1, NULL)');
SELECT pg_temp.refusal('SELECT chat.thread(1, 1, max_results => 0)');
COMMIT;

-- pins: by owner and admin in a group, by both in a direct conversation
BEGIN;
SELECT chat.act_as(1);
SELECT chat.pin(1, 1);
SELECT chat.pin(1, 2);
SELECT ver AS before FROM chat.message WHERE conversation_id = 1 AND seq = 2 \gset
SELECT chat.pin(1, 2);
SELECT ver = :before AS unchanged, changed, pinned_by FROM chat.message WHERE conversation_id = 1 AND seq = 2;
SELECT seq, pinned FROM chat.pins(1);
SELECT chat.unpin(1, 1);
SELECT chat.unpin(1, 1);
SELECT seq FROM chat.pins(1);
SELECT pinned FROM chat.message(1, 1);
SELECT pg_temp.refusal('SELECT chat.pin(1, 3)');
SELECT pg_temp.refusal('SELECT chat.pin(1, 99)');
SELECT pg_temp.refusal('SELECT chat.pin(99, 1)');
SELECT seq FROM chat.send(2, 'between us');
COMMIT;
BEGIN;
SELECT chat.act_as(2);
SELECT pg_temp.refusal('SELECT chat.pin(1, 1)');
SELECT pg_temp.refusal('SELECT chat.unpin(1, 2)');
SELECT seq FROM chat.pins(1);
SELECT chat.pin(2, 1);
COMMIT;
BEGIN;
SELECT chat.act_as(4);
SELECT pg_temp.refusal('SELECT chat.pins(1)');
SELECT pg_temp.refusal('SELECT chat.pin(1, 1)');
COMMIT;

-- at most a hundred; a deleted message is not pinned
BEGIN;
SELECT chat.act_as(1);
SELECT count(s.seq) FROM generate_series(1, 101) i, LATERAL chat.send(2, 'message ' || i) s;
DO $$ BEGIN FOR i IN 2..100 LOOP PERFORM chat.pin(2, i); END LOOP; END $$;
SELECT count(*) FROM chat.pins(2);
SELECT pg_temp.refusal('SELECT chat.pin(2, 101)');
SELECT chat.delete(2, 2);
SELECT count(*) FROM chat.pins(2);
SELECT chat.pin(2, 101);
ROLLBACK;

-- delivered: forward only, not past the end; what is read is delivered
BEGIN;
SELECT chat.act_as(2);
SELECT chat.mark_delivered(1, 3), chat.mark_delivered(1, 2), chat.mark_delivered(1, -1);
SELECT read_seq, delivered_seq, changed FROM chat.member WHERE conversation_id = 1 AND account_id = 2;
SELECT chat.mark_read(1, 5);
SELECT chat.mark_delivered(1, 4);
SELECT read_seq, delivered_seq, changed FROM chat.member WHERE conversation_id = 1 AND account_id = 2;
SELECT chat.mark_delivered(1, 9223372036854775807);
SELECT pg_temp.refusal('SELECT chat.mark_delivered(99, 1)');
COMMIT;
SELECT pg_temp.refusal('SELECT chat.mark_delivered(1, 1)');
