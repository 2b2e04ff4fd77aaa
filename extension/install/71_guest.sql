-- What runs by itself: before each request of PostgREST, and at DROP EXTENSION.

-- The claims that PostgREST puts in a setting are not asked: a caller could have SET them.
CREATE FUNCTION chat.pre_request() RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	headers constant json := nullif(current_setting('request.headers', true), '')::json;
	token   constant text := substring(headers ->> 'authorization' FROM '(?i)^bearer +(.*)$');
BEGIN
	IF token IS NOT NULL THEN
		PERFORM chat.authenticate(token);
	END IF;
END
$$;
COMMENT ON FUNCTION chat.pre_request() IS
	'For db-pre-request of PostgREST: acts for the account of the request''s bearer token, for nobody if it has none';

CREATE FUNCTION chat.drop_guard() RETURNS event_trigger
	AS 'MODULE_PATHNAME', 'chat_drop_guard'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.drop_guard() IS
	'Refuses DROP EXTENSION while there are messages, unless pg_parley.allow_drop is on';

REVOKE ALL ON FUNCTION chat.pre_request(), chat.drop_guard() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.pre_request() TO chat_user;

CREATE EVENT TRIGGER parley_drop_guard ON ddl_command_start
	WHEN tag IN ('DROP EXTENSION') EXECUTE FUNCTION chat.drop_guard();
COMMENT ON EVENT TRIGGER parley_drop_guard IS 'Keeps DROP EXTENSION from taking the messages along';
