-- One's own profile, and whether somebody is online.

CREATE VIEW chat.profile_info AS
	SELECT id, username, email, display_name, avatar_url, bio, first_name, last_name, created_at
	FROM chat.account;
COMMENT ON VIEW chat.profile_info IS 'An account as its owner sees it';

CREATE TYPE chat.status_info AS (
	user_id   bigint,
	username  text,
	is_online boolean,
	last_seen timestamptz
);
COMMENT ON TYPE chat.status_info IS 'Whether an account is online, and when it was last';

CREATE FUNCTION chat.profile() RETURNS chat.profile_info
	AS 'MODULE_PATHNAME', 'chat_profile'
	LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.profile() IS 'The caller''s own profile, with what others do not see';

CREATE FUNCTION chat.update_profile(display_name text DEFAULT NULL, bio text DEFAULT NULL,
									avatar_url text DEFAULT NULL, first_name text DEFAULT NULL,
									last_name text DEFAULT NULL)
	RETURNS chat.profile_info
	AS 'MODULE_PATHNAME', 'chat_update_profile'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.update_profile(text, text, text, text, text) IS
	'Changes the caller''s profile: NULL leaves a value, an empty string takes it away';

CREATE FUNCTION chat.stamp_profile() RETURNS trigger
	AS 'MODULE_PATHNAME', 'chat_stamp_profile'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.stamp_profile() IS 'Notes when what others see of an account changes';

CREATE TRIGGER stamp_profile BEFORE UPDATE OF display_name, avatar_url, bio ON chat.account
	FOR EACH ROW EXECUTE FUNCTION chat.stamp_profile();

CREATE FUNCTION chat.user_status(account_id bigint) RETURNS chat.status_info
	AS 'MODULE_PATHNAME', 'chat_user_status'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.user_status(bigint) IS 'Whether an account is online, and when it was last';

REVOKE ALL ON FUNCTION
	chat.profile(), chat.update_profile(text, text, text, text, text), chat.stamp_profile(),
	chat.user_status(bigint)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.profile(), chat.update_profile(text, text, text, text, text), chat.user_status(bigint)
	TO chat_user;
