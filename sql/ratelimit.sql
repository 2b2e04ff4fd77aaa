-- Rate limits and login delays; where a call comes from.
\i sql/include/setup.psql

-- what holds without anybody's doing
SELECT action, scope, burst, per_minute FROM chat.rate_limits() WHERE burst IS NOT NULL;
SELECT count(*) FROM chat.rate_limits() WHERE meaning = '';

-- for what a trusted role does too, where that is wanted
SET pg_parley.throttle_trusted = on;

-- a limit is a burst, then a rate; the error says when to come back, and the transaction goes on
SELECT chat.set_rate_limit('send', 'account', 2, 1);
CREATE FUNCTION pg_temp.try_send() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	wait text;
BEGIN
	RETURN (chat.send(1, 'hi')).seq;
EXCEPTION WHEN SQLSTATE 'PC007' THEN
	GET STACKED DIAGNOSTICS wait = PG_EXCEPTION_DETAIL;
	RETURN SQLERRM || ', ' || (substr(wait, 15)::int BETWEEN 1 AND 60);
END $$;
BEGIN;
SELECT chat.act_as(1);
SELECT (chat.direct('bob')).created;
SELECT pg_temp.try_send() FROM generate_series(1, 4);
-- ... for each account by itself
SELECT chat.act_as(2);
SELECT pg_temp.try_send();
COMMIT;

-- a batch refuses one by one, whatever the order; deferred sends are refused at the call
SELECT item, seq, error FROM chat.send_batch('{2,1,2,2}', '{1,1,1,1}', '{a,b,c,d}', '{NULL,NULL,NULL,NULL}', '{NULL,NULL,NULL,NULL}');
BEGIN; SELECT chat.act_as(1); SELECT pg_temp.refusal($$SELECT chat.send_deferred(1, 'later')$$); ROLLBACK;

-- a limit that is raised holds at once, whatever was owed under the old one
BEGIN;
SELECT chat.set_rate_limit('send', 'account', 2, 60000000);
SELECT chat.act_as(1);
SELECT count(*) FILTER (WHERE try_send !~ 'many') > 0 AS goes_on FROM pg_temp.try_send();
ROLLBACK;

-- a change is for this transaction at once, for others at its commit; a rollback takes it back
BEGIN;
SELECT chat.set_rate_limit('send', 'account', NULL, NULL);
SELECT chat.act_as(1);
SELECT pg_temp.try_send();
ROLLBACK;
BEGIN; SELECT chat.act_as(1); SELECT pg_temp.try_send(); ROLLBACK;
SET ROLE chat_admin;
SELECT chat.set_rate_limit('send', 'account', NULL, NULL);
RESET ROLE;
BEGIN; SELECT chat.act_as(1); SELECT pg_temp.try_send() FROM generate_series(1, 4); COMMIT;
SELECT chat.reset_rate_limit('send', 'account');
SELECT burst, per_minute FROM chat.rate_limits() WHERE action = 'send' AND scope = 'account';
SELECT count(*) FROM chat.rate_limit;

-- the table may be written to directly: the limit holds from then on
INSERT INTO chat.rate_limit VALUES ('search', 'all', 1, 1);
BEGIN;
SELECT chat.act_as(1);
SELECT username FROM chat.search_users('bob');
SELECT chat.act_as(3);
SELECT pg_temp.refusal($$SELECT chat.search_users('bob')$$);
ROLLBACK;
DELETE FROM chat.rate_limit;

-- by address, as the gateway says; it is for the transaction
SELECT chat.set_rate_limit('signup', 'address', 1, 1);
CREATE FUNCTION pg_temp.signup_from(address inet, name text) RETURNS text LANGUAGE sql AS $$
	SELECT chat.set_client(address, 'test client');
	SELECT coalesce(g.error || ' ' || (g.retry_after_s BETWEEN 1 AND 60), (g."user").username)
		FROM chat.signup(name, name || '@example.org', 'correct horse') g;
$$;
SELECT pg_temp.signup_from('192.0.2.1', 'erin');
SELECT pg_temp.signup_from('192.0.2.1', 'frank');
SELECT pg_temp.signup_from('::ffff:192.0.2.1', 'frank');
SELECT pg_temp.signup_from('192.0.2.2', 'frank');
SELECT pg_temp.signup_from('2001:db8::1', 'grace');
-- ... an IPv6 network counts as one
SELECT pg_temp.signup_from('2001:db8::ffff:2', 'heidi');
SELECT pg_temp.signup_from('2001:db8:0:1::1', 'heidi');
-- ... and who is not known is not limited
SELECT pg_temp.signup_from(NULL, 'ivan'), pg_temp.signup_from(NULL, 'judy');
SELECT client_info FROM chat.session WHERE account_id = (SELECT id FROM chat.account WHERE username = 'erin');
SELECT DISTINCT address, agent FROM chat.audit(kinds => '{signup}') WHERE agent IS NOT NULL ORDER BY address;
-- refusals are in the audit log, once a minute
SELECT detail, address FROM chat.audit(kinds => '{throttled}') ORDER BY address;
-- a rollback to a savepoint takes back what the gateway said
BEGIN;
SELECT chat.set_client('192.0.2.1', 'one');
SAVEPOINT s;
SELECT chat.set_client('192.0.2.7', 'two');
ROLLBACK TO s;
SELECT error, retry_after_s BETWEEN 1 AND 60 AS soon FROM chat.signup('mallory', 'm@example.org', 'correct horse');
COMMIT;

-- wrong passwords: some are free, then each costs twice the wait; users and unknown users alike
SELECT chat.set_rate_limit('login_failure', 'account', 3, 6);
CREATE FUNCTION pg_temp.guess(login text, password text = 'wrong horse') RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(g.error, 'in') || coalesce(' ' || ceil(g.retry_after_s / 10.0) * 10, '') FROM chat.login(login, password) g $$;
SELECT i, pg_temp.guess('carol'), pg_temp.guess('nobody') FROM generate_series(1, 5) i;
-- ... also with the right password, and by the other name
SELECT pg_temp.guess('carol', 'correct horse'), pg_temp.guess('CAROL@example.org'), pg_temp.guess('NoBody');
-- ... a success forgets
SELECT pg_temp.guess('dave') FROM generate_series(1, 2);
SELECT pg_temp.guess('dave', 'correct horse');
SELECT pg_temp.guess('dave') FROM generate_series(1, 4);
-- ... each failure more doubles the wait, to a quarter of an hour at most: three, of which fewer are free
SELECT chat.set_rate_limit('login_failure', 'account', 2, 6);
SELECT pg_temp.guess('carol');
SELECT chat.set_rate_limit('login_failure', 'account', 1, 6);
SELECT pg_temp.guess('carol');
SELECT chat.set_rate_limit('login_failure', 'account', 1, 0.01);
SELECT pg_temp.guess('carol');
SELECT chat.reset_rate_limit('login_failure', 'account');

-- refresh and login have buckets too
SELECT chat.set_rate_limit('refresh', 'account', 1, 1), chat.set_rate_limit('login', 'all', 1, 1);
SELECT (g).refresh_token AS r FROM chat.login('alice', 'correct horse') g \gset
SELECT (chat.login('alice', 'correct horse')).error;
SELECT (g).refresh_token AS r2 FROM chat.refresh(:'r') g \gset
SELECT error, retry_after_s BETWEEN 1 AND 60 AS soon FROM chat.refresh(:'r2');

-- who may, and with what
SELECT pg_temp.refusal($$SELECT chat.set_rate_limit('x', 'account', 1, 1)$$);
SELECT pg_temp.refusal($$SELECT chat.set_rate_limit('send', 'x', 1, 1)$$);
SELECT pg_temp.refusal($$SELECT chat.set_rate_limit('send', 'account', 0, 1)$$);
SELECT pg_temp.refusal($$SELECT chat.set_rate_limit('send', 'account', 1, 'NaN')$$);
SELECT pg_temp.refusal($$SELECT chat.set_rate_limit('send', 'account', 1, NULL)$$);
SELECT pg_temp.refusal($$SELECT chat.set_rate_limit(NULL, 'account', 1, 1)$$);
SELECT pg_temp.refusal($$SELECT chat.reset_rate_limit('send', NULL)$$);
SET ROLE chat_user;
SELECT pg_temp.refusal($$SELECT chat.set_rate_limit('send', 'account', 1, 1)$$);
SELECT pg_temp.refusal($$SELECT chat.reset_rate_limit('send', 'account')$$);
SELECT pg_temp.refusal($$SELECT count(*) FROM chat.rate_limits()$$);
SELECT pg_temp.refusal($$SELECT chat.set_client('192.0.2.1')$$);
RESET ROLE;
SELECT detail FROM chat.audit(kinds => '{limit_changed}', max_results => 2);

-- every act that others could be flooded with has a bucket: one goes, the next is refused
CREATE FUNCTION pg_temp.twice(limited text, one text, two text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO chat.rate_limit VALUES (limited, 'account', 1, 1);
	EXECUTE one;
	RETURN pg_temp.refusal(two);
END $$;
BEGIN;
SELECT chat.act_as(4);
SELECT (chat.create_group('open', '{}', true)).id AS open, (chat.create_group('open too', '{}', true)).id AS other \gset
SELECT chat.act_as(1);
SELECT (chat.create_group('ours', '{bob}')).id AS ours \gset
SELECT seq AS said FROM chat.send(:ours, 'hello') \gset
SELECT pg_temp.twice('conversation', $$SELECT chat.create_group('one')$$, $$SELECT chat.create_group('two')$$);
SELECT pg_temp.refusal($$SELECT chat.direct('dave')$$), (chat.direct('bob')).created AS known;
SELECT pg_temp.twice('join', format('SELECT chat.join(%s)', :open), format('SELECT chat.join(%s)', :other));
SELECT pg_temp.refusal(format($$SELECT chat.add_member(%1$s, 'carol')$$, :ours, :said));
SELECT pg_temp.twice('edit', format($$SELECT chat.edit(%1$s, %2$s, 'one')$$, :ours, :said), format($$SELECT chat.edit(%1$s, %2$s, 'two')$$, :ours, :said));
SELECT pg_temp.refusal(format($$SELECT chat.delete(%1$s, %2$s)$$, :ours, :said));
SELECT pg_temp.twice('react', format($$SELECT chat.react(%1$s, %2$s, '👍')$$, :ours, :said), format($$SELECT chat.unreact(%1$s, %2$s, '👍')$$, :ours, :said));
SELECT pg_temp.twice('attach', format($$SELECT chat.attach(%1$s, 'a', 'text/plain', 'a')$$, :ours, :said), format($$SELECT chat.attach(%1$s, 'b', 'text/plain', 'b')$$, :ours, :said));
SELECT pg_temp.twice('search', $$SELECT chat.search('hello')$$, $$SELECT chat.search('hello')$$);
SELECT pg_temp.refusal($$SELECT chat.search_users('bob')$$), pg_temp.refusal($$SELECT chat.search_conversations('ours')$$);
SELECT pg_temp.twice('block', 'SELECT chat.block(3)', 'SELECT chat.unblock(3)');
SELECT pg_temp.twice('report', $$SELECT chat.report(3, 'rude')$$, format($$SELECT chat.report(%1$s, %2$s, 'rude')$$, :ours, :said));
-- ... which an application that acts for somebody is not held to, unless it says so
SET LOCAL pg_parley.throttle_trusted = off;
SELECT chat.react(:ours, :said, '👍') IS NOT NULL AS goes_on, (chat.create_group('three')).name;
ROLLBACK;

-- a password that is asked again is no way to guess it: its tries are those of a login
SELECT chat.reset_rate_limit('login', 'all'), chat.set_rate_limit('login_failure', 'account', 3, 6);
SELECT (g).access_token AS token FROM chat.login('bob', 'correct horse') g \gset
CREATE FUNCTION pg_temp.again(password text, OUT changed chat.outcome, OUT moved chat.outcome, OUT closed chat.outcome)
	LANGUAGE sql AS $$
	SELECT chat.change_password(password, 'battery staple'), chat.change_email(password, 'b@example.com'), chat.delete_account(password) $$;
BEGIN;
SELECT chat.authenticate(:'token');
SELECT to_json(pg_temp.again('wrong horse'));
SELECT error, retry_after_s BETWEEN 1 AND 10 AS soon FROM chat.change_password('correct horse', 'battery staple');
COMMIT;
SELECT error, retry_after_s BETWEEN 1 AND 10 AS soon FROM chat.login('bob', 'correct horse');
SELECT kind, detail FROM chat.audit(account_id => 2, kinds => '{password_refused,throttled}', max_results => 4) ORDER BY kind, detail;
SELECT chat.reset_rate_limit('login_failure', 'account');
