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
