-- Schemas and roles.  Everything is closed to PUBLIC; a function is opened to a
-- role in the file that creates it.

DO $$
BEGIN
	IF current_setting('server_encoding') <> 'UTF8' THEN
		RAISE EXCEPTION 'pg_parley needs a database with encoding UTF8, not %',
			current_setting('server_encoding')
			USING ERRCODE = 'feature_not_supported',
				  HINT = 'CREATE DATABASE chat ENCODING ''UTF8'' TEMPLATE template0;';
	END IF;
END
$$;

-- Roles belong to the whole server: another database may have made them before.
DO $$
DECLARE
	role_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['chat_user', 'chat_gateway', 'chat_admin'] LOOP
		IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role_name);
		END IF;
	END LOOP;
END
$$;

GRANT chat_user TO chat_gateway, chat_admin;

CREATE SCHEMA chat;
COMMENT ON SCHEMA chat IS 'pg_parley: accounts, conversations, messages';

CREATE SCHEMA jwt;
COMMENT ON SCHEMA jwt IS 'pg_parley: JSON Web Tokens, call-compatible with pgjwt';

REVOKE ALL ON SCHEMA chat, jwt FROM PUBLIC;
GRANT USAGE ON SCHEMA chat, jwt TO chat_user;
