-- Many sends in one commit: each stands or falls alone.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
COMMIT;

-- conversations mixed; a stranger, an unknown conversation, empty content, a bad reply, NULLs
SELECT item, seq, repeated, error FROM chat.send_batch(
	ARRAY[1, 2, 4, 1, 3, 2, 1, NULL, 1, 3],
	ARRAY[2, 1, 1, 99, 2, 1, 1, 1, NULL, 2],
	ARRAY['a', 'b', 'c', 'd', 'e', '', NULL, 'h', 'i', 'j'],
	ARRAY['00000000-0000-4000-8000-00000000000a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL]::uuid[],
	ARRAY[NULL, NULL, NULL, NULL, 77, NULL, NULL, NULL, NULL, 1]::bigint[]);

-- repeats, also within one batch, take no number
SELECT item, seq, repeated, error FROM chat.send_batch(
	ARRAY[1, 1, 1, 1], ARRAY[2, 2, 2, 2], ARRAY['a', 'k', 'k', 'l'],
	ARRAY['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b',
		  '00000000-0000-4000-8000-00000000000b', NULL]::uuid[],
	ARRAY[NULL, NULL, NULL, NULL]::bigint[]);

SELECT conversation_id, seq, sender_name, content, reply_to FROM chat.message ORDER BY 1, 2;
SELECT conversation_id, last_seq FROM chat.conversation_counter ORDER BY 1;

-- a thousand
SELECT count(*), min(seq), max(seq), count(error) FROM chat.send_batch(
	array_fill(2::bigint, ARRAY[1000]), array_fill(1::bigint, ARRAY[1000]), array_fill('x'::text, ARRAY[1000]),
	array_fill(NULL::uuid, ARRAY[1000]), array_fill(NULL::bigint, ARRAY[1000]));

-- nothing, and arrays that do not fit
SELECT count(*) FROM chat.send_batch('{}', '{}', '{}', '{}', '{}');
SELECT pg_temp.refusal($$SELECT chat.send_batch('{1}', '{1,2}', '{x}', '{NULL}', '{NULL}')$$);
SELECT pg_temp.refusal($$SELECT chat.send_batch('{1}', '{1}', '{}', '{NULL}', '{NULL}')$$);
SELECT pg_temp.refusal($$SELECT chat.send_batch(array_fill(1::bigint, ARRAY[10001]), '{1}', '{x}', '{NULL}', '{NULL}')$$);

-- without waiting, what nobody holds is sent as ever (test/isolation has the other case)
SELECT item, seq, error FROM chat.send_batch('{1,1}', '{1,99}', '{x,y}', '{NULL,NULL}', '{NULL,NULL}', false);
