-- Sending at commit: the number is taken late, everything else is as with chat.send().
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
COMMIT;

-- nothing is said before the commit; then in the order of the calls, beside plain sends
BEGIN;
SELECT chat.act_as(1);
SELECT chat.send_deferred(2, 'deferred one');
SELECT chat.send_deferred(1, 'deferred, elsewhere', '00000000-0000-4000-8000-000000000001', NULL);
SELECT chat.send_deferred(2, 'deferred two');
SELECT seq FROM chat.send(2, 'at once');
SELECT count(*) AS messages, (SELECT count(*) FROM chat.deferred_send) AS waiting FROM chat.message;
COMMIT;
SELECT conversation_id, seq, sender_name, content FROM chat.message ORDER BY 1, 2;
SELECT count(*) AS waiting FROM chat.deferred_send;

-- a repeat by client id is none; a reply refers to what is there at commit
BEGIN;
SELECT chat.act_as(1);
SELECT chat.send_deferred(1, 'again', '00000000-0000-4000-8000-000000000001');
SELECT chat.send_deferred(1, 'a reply', NULL, 1);
COMMIT;
SELECT seq, content, reply_to FROM chat.message WHERE conversation_id = 1 ORDER BY seq;

-- rolled back, also to a savepoint: never said
BEGIN;
SELECT chat.act_as(1);
SAVEPOINT s;
SELECT chat.send_deferred(1, 'never');
ROLLBACK TO s;
SELECT chat.send_deferred(1, 'kept');
COMMIT;
BEGIN; SELECT chat.act_as(1); SELECT chat.send_deferred(1, 'never'); ROLLBACK;
SELECT seq, content FROM chat.message WHERE conversation_id = 1 AND seq > 2 ORDER BY seq;

-- two identities in one transaction
BEGIN;
SELECT chat.act_as(2);
SELECT chat.send_deferred(2, 'bob says');
SELECT chat.act_as(3);
SELECT chat.send_deferred(2, 'carol says');
COMMIT;
SELECT seq, sender_name, content FROM chat.message WHERE conversation_id = 2 AND seq > 3 ORDER BY seq;

-- attachments go along, also without words
BEGIN;
SELECT chat.act_as(1);
SELECT (chat.attach(1, name, 'text/plain', 'text')).id FROM unnest('{a.txt,b.txt,c.txt}'::text[]) name;
SELECT chat.send_deferred(1, 'see', attachments => '{2,1}'), chat.send_deferred(1, NULL, attachments => '{3}');
COMMIT;
SELECT content, jsonb_path_query_array(attachments::jsonb, '$[*].name') AS names FROM chat.message WHERE attachments IS NOT NULL ORDER BY seq;
-- ... each once
BEGIN;
SELECT chat.act_as(1);
SELECT pg_temp.refusal($$SELECT chat.send_deferred(1, 'x', attachments => ARRAY[NULL::bigint])$$);
SELECT chat.send_deferred(1, 'again', attachments => '{3}');
COMMIT;

-- refused at the call, where that can be known
BEGIN;
SELECT chat.act_as(4);
SELECT pg_temp.refusal($$SELECT chat.send_deferred(1, 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.send_deferred(99, 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.send_deferred(NULL, 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.send_deferred(1, ' ')$$);
SELECT pg_temp.refusal($$SELECT chat.send_deferred(1, NULL)$$);
SELECT pg_temp.refusal($$SELECT chat.send_deferred(1, repeat('x', 16385))$$);
COMMIT;
SELECT pg_temp.refusal($$SELECT chat.send_deferred(1, 'x')$$);

-- refused at the commit, which rolls back
\set VERBOSITY terse
BEGIN;
SELECT chat.act_as(1);
SELECT chat.send_deferred(1, 'lost with the other');
SELECT chat.send_deferred(1, 'x', NULL, 99);
COMMIT;
BEGIN;
SELECT chat.act_as(3);
SELECT chat.send_deferred(2, 'too late');
SELECT chat.leave(2);
COMMIT;
\set VERBOSITY default
SELECT count(*) FROM chat.message WHERE content LIKE 'lost%' OR content = 'too late';

-- on demand, it can be had earlier
BEGIN;
SELECT chat.act_as(1);
SELECT chat.send_deferred(1, 'now');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT max(seq) FROM chat.message WHERE conversation_id = 1 AND content = 'now';
COMMIT;
SELECT pg_temp.refusal('SELECT chat.post_deferred()');
