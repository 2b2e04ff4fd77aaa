-- :first + client x :step is the conversation: its own (step 1), or one for all (step 0)
\set conversation :first + :client_id * :step
\set account :client_id + 1
\startpipeline
BEGIN;
SELECT chat.act_as(:account);
SELECT chat.send(:conversation, 'A message of ordinary length, as people write them.', gen_random_uuid());
COMMIT;
\endpipeline
