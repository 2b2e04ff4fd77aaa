-- 100 messages over :spread conversations from :first on, each from a member of its own
\set conversation :first + :client_id * :step
\set account :client_id + 1
WITH stored AS (
	INSERT INTO bench.message (conversation_id, seq, sender_id, created_at, client_id, sender_name, content)
	SELECT :conversation + i % :spread, nextval('bench.message_seq'), :account + i % :spread, now(),
		gen_random_uuid(), 'bench1', 'A message of ordinary length, as people write them.'
	FROM generate_series(0::bigint, 99) i
	RETURNING seq)
SELECT 1 / (count(*) = 100)::int FROM stored;
