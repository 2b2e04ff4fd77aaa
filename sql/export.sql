-- All data of an account as one document.
\i sql/include/setup.psql
SELECT pg_temp.refusal('SELECT chat.export_account()');
BEGIN;
SELECT chat.act_as(3);
SELECT jsonb_pretty(chat.export_account()::jsonb - 'exported_at' #- '{profile,created_at}' #- '{sessions}');
SELECT chat.act_as(1);
SELECT is_group FROM chat.create_group('team', ARRAY['bob']);
SELECT (chat.direct('bob')).created;
SELECT chat.block(4);
SELECT seq FROM chat.send(1, 'first');
SELECT seq FROM chat.send(1, 'second');
SELECT seq FROM chat.send(2, 'third');
SELECT chat.act_as(2);
SELECT seq FROM chat.send(1, 'not hers');
SELECT chat.act_as(1);
SELECT chat.leave(1);
COMMIT;

-- profile, sessions, conversations (those left too) and own messages, nobody else's
BEGIN;
SELECT chat.act_as(1);
SELECT chat.export_account() AS document \gset
SELECT json_object_keys(:'document');
SELECT (:'document'::jsonb->'profile') - 'created_at';
SELECT s - 'created_at' - 'last_used_at' - 'expires_at' AS session FROM jsonb_array_elements(:'document'::jsonb->'sessions') s;
SELECT c - 'joined_at' AS conversation FROM jsonb_array_elements(:'document'::jsonb->'conversations') c;
SELECT m->>'conversation_id' AS conversation_id, m->>'seq' AS seq, m->>'sender' AS sender, m->>'content' AS content
	FROM json_array_elements(:'document'::json->'messages') m;
SELECT :'document'::jsonb->'blocked' AS blocked;
-- no secret is in it
SELECT position('argon2' IN :'document') + position('hash' IN :'document') AS secrets;

-- going on from a place
SELECT m->>'conversation_id' AS conversation_id, m->>'seq' AS seq
	FROM json_array_elements(chat.export_account(1, 1)->'messages') m;
COMMIT;

-- more than a document holds: "next" leads on, and nothing is lost or twice
SET pg_parley.max_content_size = '1MB';
DO $$
BEGIN
	PERFORM chat.act_as(2);
	PERFORM chat.send(1 + n % 2, repeat('x', 1000000)) FROM generate_series(1, 20) n;
END $$;
BEGIN;
SELECT chat.act_as(2);
CREATE TEMPORARY TABLE page AS SELECT chat.export_account() AS d;
INSERT INTO page SELECT chat.export_account((d->'next'->>'conversation_id')::bigint, (d->'next'->>'seq')::bigint) FROM page;
SELECT json_array_length(d->'messages') AS messages, d->'next' AS next FROM page;
SELECT count(*), count(DISTINCT (m->>'conversation_id', m->>'seq'))  FROM page, json_array_elements(d->'messages') m;
COMMIT;
SELECT kind, account_id FROM chat.audit(account_id => 3) WHERE kind LIKE 'account%';
