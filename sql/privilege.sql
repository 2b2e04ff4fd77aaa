-- Who may do what: PUBLIC nothing, chat_user the API, chat_gateway and chat_admin their own.
\i sql/include/setup.psql

-- nothing is open to PUBLIC
SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	WHERE p.pronamespace IN ('chat'::regnamespace, 'jwt'::regnamespace) AND a.grantee = 0;
SELECT c.oid::regclass FROM pg_class c, aclexplode(c.relacl) a
	WHERE c.relnamespace IN ('chat'::regnamespace, 'jwt'::regnamespace) AND a.grantee = 0;
SELECT n.nspname FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname IN ('chat', 'jwt') AND a.grantee = 0;

-- no role of ours writes a table but through a function; what it may read is in rls.sql
SELECT c.oid::regclass, r.role, p.privilege
	FROM pg_class c, unnest(ARRAY['chat_user', 'chat_gateway', 'chat_admin']) AS r (role),
		 unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (privilege)
	WHERE c.relnamespace = 'chat'::regnamespace AND c.relkind IN ('r', 'v', 'p')
	AND has_table_privilege(r.role, c.oid, p.privilege);

-- who has which function
SELECT p.oid::regprocedure AS function,
	   concat_ws(' ', CASE WHEN has_function_privilege('chat_user', p.oid, 'EXECUTE') THEN 'user' END,
					  CASE WHEN has_function_privilege('chat_gateway', p.oid, 'EXECUTE') THEN 'gateway' END,
					  CASE WHEN has_function_privilege('chat_admin', p.oid, 'EXECUTE') THEN 'admin' END) AS roles
	FROM pg_proc p WHERE p.pronamespace = 'chat'::regnamespace ORDER BY p.proname COLLATE "C", p.oid::regprocedure::text COLLATE "C";

-- who acts for others by right of the owner pins the search_path
SELECT p.oid::regprocedure FROM pg_proc p
	WHERE p.pronamespace = 'chat'::regnamespace AND p.prosecdef
	AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false);

-- everything has a comment
SELECT p.oid::regprocedure FROM pg_proc p
	WHERE p.pronamespace IN ('chat'::regnamespace, 'jwt'::regnamespace) AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT c.oid::regclass FROM pg_class c
	WHERE c.relnamespace = 'chat'::regnamespace AND c.relkind IN ('r', 'v', 'p') AND obj_description(c.oid, 'pg_class') IS NULL;

-- in practice
CREATE ROLE regress_parley_nobody;
CREATE ROLE regress_parley_user IN ROLE chat_user;
CREATE ROLE regress_parley_gateway IN ROLE chat_gateway;
SELECT (g).access_token AS token FROM chat.login('alice', 'correct horse') g \gset

SET ROLE regress_parley_nobody;
SELECT chat.current_account_id();
SELECT jwt.sign('{}', 'secret');

SET ROLE regress_parley_user;
BEGIN;
SELECT chat.authenticate(:'token');
SELECT username FROM chat.me();
SELECT (chat.direct('bob')).created;
SELECT seq FROM chat.send(1, 'as myself');
COMMIT;
SELECT chat.act_as(2);
SELECT chat.send_batch('{2}', '{1}', '{x}', '{NULL}', '{NULL}');
SELECT chat.gateway_connect(:'token');
SELECT chat.gateway_key();
SELECT chat.gateway_presence(1, '{1}', '{}', '{}');
SELECT * FROM chat.gateway_secret;
SELECT chat.rotate_key();
SELECT count(*) FROM chat.message;
SELECT * FROM chat.user_info;
SELECT * FROM chat.jwt_key;
INSERT INTO chat.member (conversation_id, account_id, ver) VALUES (1, 3, 3);
SET pg_parley.max_content_size = '1MB';

SET ROLE regress_parley_gateway;
BEGIN; SELECT chat.act_as(2); SELECT seq FROM chat.send(1, 'vouched for'); COMMIT;
SELECT chat.rotate_key();
SELECT * FROM chat.account_secret;
RESET ROLE;
DROP ROLE regress_parley_nobody, regress_parley_user, regress_parley_gateway;
