-- :first + client x :step is the conversation: its own (step 1), or one for all (step 0)
\set conversation :first + :client_id * :step
\set account :client_id + 1
\startpipeline
BEGIN;
SELECT 1;
INSERT INTO bench.message (conversation_id, seq, sender_id, created_at, client_id, sender_name, content)
VALUES (:conversation, nextval('bench.message_seq'), :account, now(), gen_random_uuid(), 'bench1',
	'A message of ordinary length, as people write them.')
RETURNING seq, created_at;
COMMIT;
\endpipeline
