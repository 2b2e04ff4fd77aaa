-- What the owner of an account does about its sessions: looking, ending one, a new password.
\i sql/include/setup.psql
SELECT pg_temp.refusal('SELECT chat.sessions()');
SELECT pg_temp.refusal('SELECT chat.revoke_session(1)');
SELECT pg_temp.refusal($$SELECT chat.change_password('correct horse', 'battery staple')$$);

-- the sessions of alice: that of the sign-up, and two logins
SELECT (g).access_token AS a, (g).refresh_token AS ra FROM chat.login('alice', 'correct horse', 'Firefox on Linux') g \gset
SELECT (g).access_token AS b, (g).refresh_token AS rb FROM chat.login('alice', 'correct horse', 'a telephone') g \gset
SELECT (g).access_token AS bob FROM chat.login('bob', 'correct horse') g \gset
UPDATE chat.session SET last_used_at = now() - interval '1 h' * (10 - id), created_at = '2026-01-01';
BEGIN;
SELECT chat.authenticate(:'a');
SELECT id, client_info, created_at, last_used_at < now() - interval '1 h' AS idle, expires_at > now() + interval '89 days' AS long, is_current
	FROM chat.sessions();

-- ending one of them; not somebody else's, not twice
SELECT id AS other FROM chat.sessions() WHERE client_info = 'a telephone' \gset
SELECT chat.revoke_session(:other);
SELECT pg_temp.refusal(format('SELECT chat.revoke_session(%s)', :other));
SELECT pg_temp.refusal('SELECT chat.revoke_session(2)');
SELECT client_info, is_current FROM chat.sessions();
COMMIT;
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'b'));
SELECT (chat.refresh(:'rb')).error;
SELECT id, ended_at IS NOT NULL AS ended, end_reason FROM chat.session WHERE account_id = 1 ORDER BY id;

-- a session past its limits has ended: it is not listed, and its access token is refused
SELECT (g).access_token AS c FROM chat.login('carol', 'correct horse') g \gset
UPDATE chat.session SET expires_at = now() WHERE account_id = 3 AND client_info IS NULL;
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'c'));
SELECT pg_temp.refusal(format('SELECT chat.gateway_connect(%L)', :'c'));
SELECT (g).access_token AS c FROM chat.login('carol', 'correct horse') g \gset
UPDATE chat.session SET last_used_at = now() - interval '31 days' WHERE account_id = 3;
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'c'));
BEGIN; SELECT chat.act_as(3); SELECT count(*) FROM chat.sessions(); COMMIT;

-- a wrong old password is returned and remembered; what can't be a password is raised
SELECT (g).access_token AS b, (g).refresh_token AS rb FROM chat.login('alice', 'correct horse', 'another telephone') g \gset
BEGIN;
SELECT chat.authenticate(:'a');
SELECT to_json(chat.change_password('wrong horse', 'battery staple'));
SELECT pg_temp.refusal($$SELECT chat.change_password('correct horse', 'short')$$);
SELECT pg_temp.refusal($$SELECT chat.change_password(NULL, 'battery staple')$$);
SELECT pg_temp.refusal($$SELECT chat.change_password('correct horse', NULL)$$);
COMMIT;
SELECT chat.authenticate(:'b');

-- the right one ends all other sessions; this one stays
BEGIN;
SELECT chat.authenticate(:'a');
SELECT to_json(chat.change_password('correct horse', 'battery staple'));
SELECT client_info, is_current FROM chat.sessions();
COMMIT;
SELECT chat.authenticate(:'a'), (chat.refresh(:'ra')).error;
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'b'));
SELECT (chat.refresh(:'rb')).error;
SELECT end_reason, count(*) FROM chat.session WHERE account_id = 1 GROUP BY 1 ORDER BY 1;
SELECT (chat.login('alice', 'correct horse')).error AS old, (chat.login('alice', 'battery staple')).error AS new;
SELECT chat.authenticate(:'bob');

-- vouched for by a trusted role, there is no session to stay
BEGIN;
SELECT chat.act_as(1);
SELECT to_json(chat.change_password('battery staple', 'correct horse'));
SELECT count(*) FROM chat.sessions();
COMMIT;

-- another address: with the password, one that is valid and nobody's
SELECT pg_temp.refusal($$SELECT chat.change_email('correct horse', 'alice@example.com')$$);
BEGIN;
SELECT chat.act_as(1);
SELECT to_json(chat.change_email('wrong horse', 'alice@example.com'));
SELECT pg_temp.refusal($$SELECT chat.change_email('correct horse', 'alice')$$);
SELECT pg_temp.refusal($$SELECT chat.change_email('correct horse', 'BOB@example.org')$$);
SELECT pg_temp.refusal($$SELECT chat.change_email(NULL, 'alice@example.com')$$);
SELECT pg_temp.refusal($$SELECT chat.change_email('correct horse', NULL)$$);
SELECT to_json(chat.change_email('correct horse', 'alice@example.com'));
COMMIT;
SELECT (chat.login('Alice@example.com', 'correct horse')).error AS new, (chat.login('alice@example.org', 'correct horse')).error AS old;
-- ... or one's own in another spelling
BEGIN; SELECT chat.act_as(1); SELECT to_json(chat.change_email('correct horse', 'Alice@Example.com')); COMMIT;

-- texts too long to be anything are refused before they are looked at
SELECT pg_temp.refusal($$SELECT chat.login(repeat('x', 2000000), 'correct horse')$$);
SELECT pg_temp.refusal($$SELECT chat.login('alice', repeat('x', 2000000))$$);
SELECT pg_temp.refusal($$SELECT chat.signup(repeat('x', 2000000), 'x@example.org', 'correct horse')$$);
SELECT (chat.login(repeat('x', 100000), 'correct horse')).error;
BEGIN;
SELECT chat.act_as(1);
SELECT pg_temp.refusal($$SELECT chat.direct(repeat('x', 2000000))$$);
SELECT pg_temp.refusal($$SELECT chat.direct(repeat('x', 100000))$$);
SELECT pg_temp.refusal($$SELECT chat.create_group('g', ARRAY[repeat('x', 1000)])$$);
COMMIT;

-- all of it is in the audit log
SELECT kind, account_id, actor_id, session_id IS NOT NULL AS by_session, detail FROM chat.audit()
	WHERE kind LIKE 'password%' OR kind LIKE 'email%' OR kind = 'session_revoked' ORDER BY id;
