-- :first + client x :step is the conversation: its own (step 1), or one for all (step 0)
\set conversation :first + :client_id * :step
\set account :client_id + 1
-- fails, and pgbench with it, unless all 100 were taken
SELECT 1 / (count(*) = 100)::int
FROM chat.send_batch(
	array_fill(:account::bigint, ARRAY[100]), array_fill(:conversation::bigint, ARRAY[100]),
	array_fill('A message of ordinary length, as people write them.'::text, ARRAY[100]),
	(SELECT array_agg(gen_random_uuid()) FROM generate_series(1, 100)),
	array_fill(NULL::bigint, ARRAY[100]))
WHERE error IS NULL;
