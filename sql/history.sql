-- Reading back, page by page; read positions and unread counts.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT (chat.history_page(1)).*;
SELECT count(s.seq) FROM generate_series(1, 250) i, LATERAL chat.send(1, 'message ' || i) s;

-- oldest first, the newest if nothing is said
SELECT min(seq), max(seq), count(*), array_agg(seq) = array_agg(seq ORDER BY seq) AS in_order FROM chat.history(1);
SELECT array_agg(seq) FROM chat.history(1, before => 4);
SELECT array_agg(seq) FROM chat.history(1, before => 100, max_results => 3);
SELECT array_agg(seq) FROM chat.history(1, after => 247);
SELECT array_agg(seq) FROM chat.history(1, after => 0, max_results => 3);
SELECT array_agg(seq) FROM chat.history(1, around => 100, max_results => 5);
SELECT array_agg(seq) FROM chat.history(1, around => 1, max_results => 4);
SELECT array_agg(seq) FROM chat.history(1, before => 1);
SELECT array_agg(seq) FROM chat.history(1, after => 250);
SELECT array_agg(seq) FROM chat.history(1, before => -5);
SELECT array_agg(seq) FROM chat.history(1, after => 9223372036854775807);

-- 200 at most
SELECT count(*) FROM chat.history(1, max_results => 1000);
SELECT pg_temp.refusal('SELECT chat.history(1, max_results => 0)');
SELECT pg_temp.refusal('SELECT chat.history(1, max_results => -1)');
SELECT pg_temp.refusal('SELECT chat.history(1, before => 3, after => 1)');
SELECT pg_temp.refusal('SELECT chat.history(NULL)');

-- pages say whether there is more
SELECT cardinality(messages), (messages[1]).seq, has_more FROM chat.history_page(1, before => 4, max_results => 3);
SELECT cardinality(messages), (messages[1]).seq, has_more FROM chat.history_page(1, before => 5, max_results => 3);
SELECT cardinality(messages), (messages[1]).seq, has_more FROM chat.history_page(1, after => 247, max_results => 3);
SELECT cardinality(messages), (messages[1]).seq, has_more FROM chat.history_page(1, after => 246, max_results => 3);
SELECT cardinality(messages), (messages[1]).seq, has_more FROM chat.history_page(1, around => 100, max_results => 3);
SELECT to_json(chat.history_page(1, before => 1));

COMMIT;

-- who sends has read; the other has it all unread
BEGIN; SELECT chat.act_as(1); SELECT unread, read_seq FROM chat.conversation(1); COMMIT;
BEGIN;
SELECT chat.act_as(2);
SELECT unread, read_seq FROM chat.conversation(1);
SELECT chat.mark_read(1, 100);
SELECT unread, read_seq FROM chat.conversation(1);

-- forward only, and not past the end
SELECT chat.mark_read(1, 50), chat.mark_read(1, -1), chat.mark_read(1, 9223372036854775807);
SELECT unread, read_seq FROM chat.conversation(1);
SELECT pg_temp.refusal('SELECT chat.mark_read(99, 1)');
COMMIT;
