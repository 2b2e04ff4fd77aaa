-- Sessions as their owner sees them, and a new password.

CREATE TYPE chat.session_info AS (
	id           bigint,
	client_info  text,
	created_at   timestamptz,
	last_used_at timestamptz,
	expires_at   timestamptz,
	is_current   boolean
);
COMMENT ON TYPE chat.session_info IS 'A session that goes on, as its owner sees it';

CREATE TYPE chat.outcome AS (error text, retry_after_s int);
COMMENT ON TYPE chat.outcome IS
	'What became of an act; error is NULL or the stable code of a refusal, which is returned so that its traces commit';

CREATE FUNCTION chat.sessions() RETURNS SETOF chat.session_info
	AS 'MODULE_PATHNAME', 'chat_sessions'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.sessions() IS 'The caller''s sessions that go on, the last used first';

CREATE FUNCTION chat.revoke_session(session_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_revoke_session'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.revoke_session(bigint) IS 'Ends one of the caller''s sessions';

CREATE FUNCTION chat.change_password(old_password text, new_password text) RETURNS chat.outcome
	AS 'MODULE_PATHNAME', 'chat_change_password'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.change_password(text, text) IS
	'Replaces the caller''s password and ends all other sessions; a wrong old password is an answer';

CREATE FUNCTION chat.change_email(password text, new_email text) RETURNS chat.outcome
	AS 'MODULE_PATHNAME', 'chat_change_email'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.change_email(text, text) IS
	'Replaces the caller''s e-mail address; a wrong password is an answer';

REVOKE ALL ON FUNCTION
	chat.sessions(), chat.revoke_session(bigint), chat.change_password(text, text),
	chat.change_email(text, text)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.sessions(), chat.revoke_session(bigint), chat.change_password(text, text),
	chat.change_email(text, text)
	TO chat_user;
