-- DROP EXTENSION is refused while there are messages.
\i sql/include/setup.psql
\set VERBOSITY sqlstate

BEGIN; SELECT chat.act_as(1); SELECT (chat.direct('bob')).created; COMMIT;
BEGIN; DROP EXTENSION pg_parley CASCADE; ROLLBACK;	-- nothing said yet

BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'hi'); COMMIT;
DROP EXTENSION pg_parley;
DROP EXTENSION pg_parley CASCADE;
DROP EXTENSION IF EXISTS plpgsql_check, pg_parley;
DROP SCHEMA chat CASCADE;

-- in a session that has not loaded the library
\c
\set VERBOSITY default
DROP EXTENSION pg_parley;

-- what a session has used goes on with an extension that was made anew, types and all
\o /dev/null
BEGIN; SELECT chat.act_as(1); SELECT chat.conversations(); SELECT chat.sync(); SELECT chat.members(1); COMMIT;
BEGIN; SET LOCAL pg_parley.allow_drop = on; DROP EXTENSION pg_parley; CREATE EXTENSION pg_parley;
SELECT chat.signup(name, name || '@example.org', 'correct horse') FROM unnest(ARRAY['alice', 'bob']) name;
\o
SELECT FROM chat.act_as(1); SELECT (chat.direct('bob')).created; SELECT seq FROM chat.send(1, 'hi');
SELECT last_seq FROM chat.conversations(); SELECT status, cardinality(messages) FROM chat.sync(); SELECT count(*) FROM chat.members(1);
ROLLBACK;

-- of other extensions it says nothing
DROP EXTENSION IF EXISTS no_such_extension;

CREATE ROLE regress_parley_user IN ROLE chat_user;
SET ROLE regress_parley_user;
SET pg_parley.allow_drop = on;
RESET ROLE;
DROP ROLE regress_parley_user;

SET pg_parley.allow_drop = on;
DROP EXTENSION pg_parley;
SELECT count(*) FROM pg_event_trigger;
