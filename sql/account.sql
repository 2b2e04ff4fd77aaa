-- Accounts: what a sign-up takes and refuses, and who finds whom.
\i sql/include/setup.psql

-- a sign-up logs in
SELECT g.error, (g."user").id, (g."user").username, (g."user").display_name, g.token_type,
	   g.expires_in, g.access_token LIKE 'ey%.ey%.%' AS is_jwt, length(g.refresh_token)
	FROM chat.signup('erin', 'erin@example.org', 'correct horse') g;
SELECT chat.current_account_id();
BEGIN;
SELECT (g."user").username FROM chat.signup('frank', 'frank@example.org', '8 chars.', 'Frank Ü. 😀') g;
SELECT display_name FROM chat.me();
ROLLBACK;

-- names and addresses are unique whatever their case
SELECT pg_temp.refusal($$SELECT chat.signup('ALICE', 'a2@example.org', 'correct horse')$$);
SELECT pg_temp.refusal($$SELECT chat.signup('alice2', 'Alice@Example.org', 'correct horse')$$);

-- user names
SELECT name, pg_temp.refusal(format('SELECT chat.signup(%L, %L, %L)', name, 'x@example.org', 'correct horse'))
	FROM unnest(ARRAY['', ' ', '.dot', 'white space', 'a''; DROP TABLE chat.account; --', 'müller',
					  E'new\nline', repeat('a', 33)]) AS name;
SELECT pg_temp.refusal($$SELECT chat.signup(NULL, 'x@example.org', 'correct horse')$$);

-- addresses
SELECT address, pg_temp.refusal(format('SELECT chat.signup(%L, %L, %L)', 'x', address, 'correct horse'))
	FROM unnest(ARRAY['', 'x', '@example.org', 'x@', 'a b@example.org', E'x@example.org\r\nBcc: y']) AS address;
SELECT pg_temp.refusal(format('SELECT chat.signup(%L, %L, %L)', 'x', repeat('a', 250) || '@b.cd', 'correct horse'));
SELECT pg_temp.refusal($$SELECT chat.signup('x', NULL, 'correct horse')$$);

-- passwords: any characters, but neither too few nor too many
SELECT pg_temp.refusal($$SELECT chat.signup('x', 'x@example.org', '7 chars')$$);
SELECT pg_temp.refusal($$SELECT chat.signup('x', 'x@example.org', '😀😀😀😀😀😀😀')$$);
SELECT pg_temp.refusal($$SELECT chat.signup('x', 'x@example.org', repeat('x', 257))$$);
SELECT pg_temp.refusal($$SELECT chat.signup('x', 'x@example.org', NULL)$$);

-- display names
SELECT pg_temp.refusal($$SELECT chat.signup('x', 'x@example.org', 'correct horse', '   ')$$);
SELECT pg_temp.refusal($$SELECT chat.signup('x', 'x@example.org', 'correct horse', E'a\tb')$$);
SELECT pg_temp.refusal($$SELECT chat.signup('x', 'x@example.org', 'correct horse', repeat('x', 101))$$);

-- nothing of all this left an account behind
SELECT count(*) FROM chat.account WHERE username = 'x';

-- hashes are Argon2id and stand apart
SELECT left(password_hash, 9), count(*) FROM chat.account_secret GROUP BY 1;

-- profiles
SELECT pg_temp.refusal($$SELECT chat.me()$$);
SELECT pg_temp.refusal($$SELECT chat.user_by_id(1)$$);
SELECT pg_temp.refusal($$SELECT chat.search_users('a')$$);
BEGIN;
SELECT chat.act_as(1);
SELECT to_json(chat.me());
SELECT to_json(chat.user_by_id(2));
SELECT pg_temp.refusal($$SELECT chat.user_by_id(99)$$);

-- search: the beginning of either name, whatever the case, not oneself, no wildcards
SELECT username FROM chat.search_users('B');
SELECT username FROM chat.search_users('caR');
SELECT username FROM chat.search_users('');
SELECT username FROM chat.search_users('', 2);
SELECT username FROM chat.search_users('a');
SELECT username FROM chat.search_users('%');
SELECT username FROM chat.search_users('_ob');
SELECT username FROM chat.search_users('\');
SELECT pg_temp.refusal($$SELECT chat.search_users('a', 0)$$);
COMMIT;

-- presence, as a gateway tells it
SELECT is_new FROM chat.gateway_beat(1, 60);
SELECT user_id, is_online FROM chat.gateway_presence(1, ARRAY[2, 2, 3], ARRAY[3], '{}');
BEGIN;
SELECT chat.act_as(1);
SELECT username, is_online, last_seen IS NOT NULL AS seen FROM chat.search_users('') ORDER BY 1;
COMMIT;
