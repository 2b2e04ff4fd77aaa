-- What an administrator looks at: settings, and what is wrong with them.

CREATE FUNCTION chat.settings()
	RETURNS TABLE (name text, value text, unit text, initial text, min text, max text,
				   meaning text)
	AS 'MODULE_PATHNAME', 'chat_settings'
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.settings() IS
	'The settings of pg_parley: what holds in this session, the unit and bounds, what it means';

CREATE FUNCTION chat.health()
	RETURNS TABLE ("check" text, ok boolean, problem text, remedy text)
	AS 'MODULE_PATHNAME', 'chat_health'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.health() IS
	'What is wrong with this server for a chat, and the SQL to paste against it; remedies that need a restart say so';

REVOKE ALL ON FUNCTION chat.settings(), chat.health() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.settings(), chat.health() TO chat_gateway, chat_admin;
