-- A request of PostgREST: role, settings, chat.pre_request(), then the call.
\i sql/include/setup.psql
CREATE ROLE regress_parley_web IN ROLE chat_user;
SELECT (g).access_token AS token FROM chat.login('alice', 'correct horse') g \gset

BEGIN;
SELECT set_config('role', 'regress_parley_web', true),
	   length(set_config('request.headers', json_build_object('accept', '*/*', 'authorization', 'Bearer ' || :'token')::text, true)) > 0 AS headers;
SELECT chat.pre_request();
SELECT username FROM chat.me();
SELECT username FROM chat.account;
COMMIT;

-- no token: nobody, who may still log in
BEGIN;
SELECT set_config('role', 'regress_parley_web', true), set_config('request.headers', '{"accept":"*/*"}', true);
SELECT chat.pre_request();
SELECT chat.current_account_id(), (chat.login('bob', 'correct horse')).error;
COMMIT;

-- after the transaction the setting is empty
SELECT chat.pre_request(), chat.current_account_id();

-- a bad token, and claims that somebody made up
SELECT pg_temp.refusal($$SELECT set_config('request.headers', '{"authorization":"Bearer x.y.z"}', true), chat.pre_request()$$);
BEGIN;
SELECT set_config('role', 'regress_parley_web', true), set_config('request.jwt.claims', '{"sub":"1"}', true), set_config('request.headers', '{"authorization":"Basic eDp5"}', true);
SELECT chat.pre_request(), chat.current_account_id();
COMMIT;
DROP ROLE regress_parley_web;
