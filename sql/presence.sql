\i sql/include/setup.psql

-- Accounts 1 to 4 are alice, bob, carol and dave.
BEGIN;
SELECT chat.act_as(1);
SELECT (chat.direct('bob')).created;
SELECT is_group FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT (chat.direct('dave')).created;
SELECT chat.block(4);
COMMIT;

-- a gateway takes a lease, and renews it
SELECT * FROM chat.gateway_beat(10, 60);
SELECT * FROM chat.gateway_beat(10, 60);
SELECT * FROM chat.gateway_beat(20, 60);
SELECT length(chat.gateway_key()), chat.gateway_key() = chat.gateway_key() AS same;

-- who comes is told to those they share a conversation with, but for those with a block between
SELECT user_id, username, is_online, last_seen = now() AS seen, conversation_ids, large_conversation_ids
	FROM chat.gateway_presence(10, '{1,1,2}', '{}', '{}');
SELECT user_id FROM chat.gateway_presence(10, '{1,2}', '{}', '{}');
-- of many members only the number
SELECT user_id, conversation_ids, large_conversation_ids FROM chat.gateway_presence(10, '{3}', '{}', '{}', 2);
SELECT * FROM chat.gateway_counts('{1,2,3,99}');
SELECT account_id, (SELECT array_agg(i ORDER BY i) FROM unnest(conversation_ids) i) FROM chat.gateway_neighbours('{1,2,99}') ORDER BY 1;
-- an account of two gateways stays until it has left both
SELECT user_id FROM chat.gateway_presence(20, '{1,4}', '{}', '{}');
SELECT user_id FROM chat.gateway_presence(10, '{}', '{1}', '{}');
SELECT user_id, is_online FROM chat.gateway_presence(20, '{}', '{1,1,2}', '{}');
SELECT user_id FROM chat.gateway_presence(20, '{}', '{1}', '{}');
SELECT id, is_online, last_seen IS NOT NULL AS seen FROM chat.user_info ORDER BY id;
SELECT user_id, is_online FROM chat.gateway_changes(60);
SELECT count(*) FROM chat.gateway_changes(-60);
-- who is unknown has nobody to tell
SELECT * FROM chat.gateway_presence(20, '{99}', '{99}', '{99}');
SELECT arguments, pg_temp.refusal(format('SELECT chat.gateway_presence(%s)', arguments)) FROM unnest(ARRAY['10, ''{NULL}'', ''{}'', ''{}''',
	'10, ''{1}'', ''{NULL}'', ''{}''', '10, ''{}'', ''{}'', ''{1,NULL}''', '10, ''{}'', ''{}'', ''{}'', -1', '10, ''{3}'', ''{3}'', ''{}'', 2147483647', '10, ''{3}'', ''{}'', ''{}''']) arguments;
SELECT pg_temp.refusal('SELECT chat.gateway_reap(-1)'), pg_temp.refusal('SELECT chat.gateway_reap(2147483647)');
SELECT pg_temp.refusal('SELECT chat.gateway_changes(60, -1)'), pg_temp.refusal('SELECT chat.gateway_changes(2147483647, 2147483647)');

-- activity counts once a minute
UPDATE chat.presence SET last_seen = now() - CASE account_id WHEN 2 THEN interval '50 s' ELSE interval '70 s' END;
SELECT count(*) FROM chat.gateway_presence(10, '{}', '{}', '{2,3}');
SELECT account_id, last_seen > now() - interval '10 s' AS moved FROM chat.presence WHERE account_id IN (2, 3) ORDER BY 1;

-- a gateway whose lease runs out takes its accounts along, at once for those who ask
UPDATE chat.gateway SET seen_at = '2026-01-01', online_until = now() - interval '1 s' WHERE id = 10;
SELECT id FROM chat.user_info WHERE is_online ORDER BY id;
SELECT * FROM chat.gateway_beat(20, 60);
-- somebody who came back in time was never gone
SELECT user_id FROM chat.gateway_presence(20, '{2}', '{}', '{}');
UPDATE chat.presence SET last_seen = '2025-01-01' WHERE account_id = 3;
SELECT user_id, is_online, last_seen, conversation_ids FROM chat.gateway_reap();
SELECT user_id FROM chat.gateway_reap();
SELECT id, gateways FROM chat.gateway g JOIN chat.presence p ON g.id = ANY (gateways) ORDER BY p.account_id;
SELECT * FROM chat.gateway_beat(10, 60);

-- who may be seen typing
BEGIN;
SELECT chat.act_as(1);
SELECT FROM chat.mute(2, 3, now() + interval '1 hour');
SELECT chat.ban(2, 2);
COMMIT;
SELECT * FROM chat.gateway_may_type('{1,2,2,3,3,4,4,99,1,1}', '{1,1,2,2,1,3,1,1,99,NULL}');
SELECT * FROM chat.gateway_may_type('{}', '{}');

-- none of it is in the log
SELECT relname, relpersistence FROM pg_class WHERE oid IN ('chat.presence'::regclass, 'chat.gateway'::regclass) ORDER BY 1;
