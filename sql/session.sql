-- Sessions: login, refresh, logout.
\i sql/include/setup.psql

-- by user name or address, whatever the case
SELECT g.error, (g."user").username FROM chat.login('alice', 'correct horse') g;
SELECT g.error, (g."user").username FROM chat.login('ALICE@example.org', 'correct horse', 'psql') g;

-- refusals are returned, and say the same for a wrong password and an unknown user
SELECT to_json(chat.login('alice', 'wrong horse'));
SELECT to_json(chat.login('nobody', 'correct horse'));
SELECT to_json(chat.login('', ''));
SELECT to_json(chat.login('alice', ''));
SELECT pg_temp.refusal($$SELECT chat.login(NULL, 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.login('alice', NULL)$$);

-- a login with other costs hashes again
SELECT password_hash AS before FROM chat.account_secret WHERE account_id = 1 \gset
SET pg_parley.argon2_iterations = 3;
SELECT g.error FROM chat.login('alice', 'correct horse') g;
SELECT password_hash <> :'before' AND password_hash LIKE '%t=3%' AS rehashed FROM chat.account_secret WHERE account_id = 1;
SELECT g.error FROM chat.login('alice', 'correct horse') g;
RESET pg_parley.argon2_iterations;

-- client_info is cut, not refused, and never inside a character
SELECT g.error FROM chat.login('dave', 'correct horse', repeat('é', 1000)) g;
SELECT octet_length(client_info), right(client_info, 1) FROM chat.session WHERE account_id = 4 AND client_info IS NOT NULL;

-- refresh: a new pair; the old token can be traded again until the new one is used
SELECT (g).refresh_token AS r0, (g).access_token AS a0 FROM chat.login('bob', 'correct horse') g \gset
SELECT (g).refresh_token AS r1, (g).access_token AS a1, coalesce((g).error, 'none') AS e1 FROM chat.refresh(:'r0') g \gset
SELECT (g).refresh_token AS r2, coalesce((g).error, 'none') AS e2 FROM chat.refresh(:'r0') g \gset
SELECT :'e1' AS first, :'e2' AS again, :'r0' <> :'r1' AND :'r1' <> :'r2' AS all_new;
SELECT chat.authenticate(:'a0'), chat.authenticate(:'a1');
SELECT (g).refresh_token AS r3, coalesce((g).error, 'none') AS e3 FROM chat.refresh(:'r2') g \gset
SELECT :'e3' AS error;

-- r1 was overtaken by its sibling: its use ends the session, with all its tokens
SELECT (chat.refresh(:'r1')).error;
SELECT (chat.refresh(:'r3')).error;
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'a0'));
SELECT end_reason FROM chat.session WHERE ended_at IS NOT NULL;

-- other sessions go on
SELECT g.error FROM chat.login('bob', 'correct horse') g;

-- refresh tokens that are none, and what is stored of real ones
SELECT (chat.refresh('')).error, (chat.refresh('x')).error, (chat.refresh(repeat('A', 43))).error;
SELECT count(*) FILTER (WHERE token_hash = sha256(convert_to(:'r3', 'UTF8'))) AS hashed,
	   count(*) FILTER (WHERE encode(token_hash, 'escape') = :'r3') AS plain FROM chat.refresh_token;

-- sessions end when idle, and in the end in any case
SELECT (g).refresh_token AS r FROM chat.login('carol', 'correct horse') g \gset
UPDATE chat.session SET last_used_at = now() - interval '31 days' WHERE account_id = 3;
SELECT (chat.refresh(:'r')).error;
SELECT (g).refresh_token AS r FROM chat.login('carol', 'correct horse') g \gset
UPDATE chat.session SET expires_at = now() WHERE account_id = 3;
SELECT (chat.refresh(:'r')).error;

-- logout ends this session, logout_all ends them all
SELECT (g).access_token AS a, (g).refresh_token AS r FROM chat.login('dave', 'correct horse') g \gset
SELECT (g).access_token AS b FROM chat.login('dave', 'correct horse') g \gset
SELECT (g).access_token AS c FROM chat.login('dave', 'correct horse') g \gset
BEGIN; SELECT chat.authenticate(:'a'); SELECT chat.logout(); COMMIT;
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'a'));
SELECT (chat.refresh(:'r')).error;
SELECT chat.authenticate(:'b');
BEGIN; SELECT chat.authenticate(:'b'); SELECT chat.logout_all(); COMMIT;
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'b'));
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'c'));
SELECT pg_temp.refusal('SELECT chat.logout()');
SELECT pg_temp.refusal('SELECT chat.logout_all()');

-- what a gateway learns when a client connects
SELECT (g).access_token AS a FROM chat.login('alice', 'correct horse') g \gset
BEGIN;
SELECT chat.act_as(1);
SELECT (chat.direct('bob')).created;
SELECT is_group FROM chat.create_group('team', ARRAY['carol']);
COMMIT;
SELECT account_id, (c."user").username, conversation_ids, vers, snapshot_xmin > 0 AS has_xmin,
	   expires_at_s - extract(epoch FROM now()) BETWEEN 890 AND 901 AS good_for_15_minutes
	FROM chat.gateway_connect(:'a') c;
SELECT pg_temp.refusal($$SELECT chat.gateway_connect('nonsense')$$);
-- the same of many at once: to each its own answer
SELECT (g).access_token AS d FROM chat.login('dave', 'correct horse') g \gset
SELECT item, error, account_id, session_id > 0 AS has_session, (c."user").username, conversation_ids, vers,
	   snapshot_xmin > 0 AS has_xmin, last_seqs, last_vers,
	   expires_at_s - extract(epoch FROM now()) BETWEEN 890 AND 901 AS good_for_15_minutes
	FROM chat.gateway_connect_batch(ARRAY[:'a', 'nonsense', NULL, :'b', '', :'d', :'a']) c;
SELECT c.item FROM chat.gateway_connect_batch('{}') c;
SELECT pg_temp.refusal($$SELECT chat.gateway_connect_batch(array_fill('x'::text, ARRAY[1001]))$$);

-- a gateway acts by a session that it has seen a token of: the account calls, so its rate limits hold
SELECT session_id AS s, account_id AS id FROM chat.gateway_connect(:'d') \gset
SELECT chat.set_rate_limit('search', 'account', 1, 0.001);
BEGIN;
SELECT chat.gateway_act(:id, :s);
SELECT (chat.me()).username;
SELECT count(*) FROM chat.sessions() WHERE is_current AND id = :s;
SELECT length(ticket) > 30 AS has_ticket FROM chat.ws_ticket();
SELECT count(*) FROM chat.search('anything');
SELECT pg_temp.refusal($$SELECT chat.search('anything')$$);
COMMIT;
SELECT chat.reset_rate_limit('search', 'account');
-- not by somebody else's, nor by one that is not there or has ended
SELECT pg_temp.refusal(format('SELECT chat.gateway_act(1, %s)', :s));
SELECT pg_temp.refusal(format('SELECT chat.gateway_act(%s, 0)', :id));
UPDATE chat.session SET ended_at = now(), end_reason = 'logout' WHERE id = :s;
SELECT pg_temp.refusal(format('SELECT chat.gateway_act(%s, %s)', :id, :s));

-- an expired token is told apart from a wrong one
SET pg_parley.access_token_lifetime = '10s';
SELECT g.expires_in FROM chat.login('alice', 'correct horse') g;
SELECT left(pg_temp.refusal($$SET pg_parley.access_token_lifetime = '1s'$$), 5) AS refusal;
