-- 100 messages over :spread conversations from :first on, each from a member of its own
\set conversation :first + :client_id * :step
\set account :client_id + 1
-- fails, and pgbench with it, unless all 100 were taken
SELECT 1 / (count(*) = 100)::int
FROM chat.send_batch(
	(SELECT array_agg(:account + i % :spread) FROM generate_series(0::bigint, 99) i),
	(SELECT array_agg(:conversation + i % :spread) FROM generate_series(0::bigint, 99) i),
	array_fill('A message of ordinary length, as people write them.'::text, ARRAY[100]),
	(SELECT array_agg(gen_random_uuid()) FROM generate_series(1, 100)),
	array_fill(NULL::bigint, ARRAY[100]))
WHERE error IS NULL;
