-- Signing keys, sessions (one login = one family of refresh tokens), sign-up and login.

CREATE TABLE chat.jwt_key (
	kid        text COLLATE "C" PRIMARY KEY,
	algorithm  text NOT NULL,
	secret     bytea NOT NULL,
	public_key bytea,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	retired_at timestamptz
);
COMMENT ON TABLE chat.jwt_key IS
	'Keys of access tokens: the newest that is not retired signs. Not part of a dump';
COMMENT ON COLUMN chat.jwt_key.retired_at IS 'From then on it verifies nothing; NULL: it may sign';

CREATE TABLE chat.session (
	id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account_id     bigint NOT NULL REFERENCES chat.account (id),
	client_info    text CHECK (octet_length(client_info) <= 1024),
	current_hash   bytea,
	created_at     timestamptz NOT NULL DEFAULT now(),
	last_used_at   timestamptz NOT NULL DEFAULT now(),
	expires_at     timestamptz NOT NULL,
	ended_at       timestamptz,
	end_reason     text CHECK (end_reason IN
				   ('logout', 'refresh_reused', 'revoked', 'password_changed', 'account_closed')),
	CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
COMMENT ON TABLE chat.session IS 'One login: a family of refresh tokens';
COMMENT ON COLUMN chat.session.current_hash IS 'The refresh token that was used last';
-- Finds what has just ended, for chat.gateway_feed().
CREATE INDEX session_ended_idx ON chat.session (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX session_account_idx ON chat.session (account_id) WHERE ended_at IS NULL;

CREATE TABLE chat.refresh_token (
	token_hash  bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
	session_id  bigint NOT NULL REFERENCES chat.session (id),
	parent_hash bytea,
	issued_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE chat.refresh_token IS
	'SHA-256 of every refresh token of a session, so that a second use is recognised';
CREATE INDEX refresh_token_session_idx ON chat.refresh_token (session_id);

CREATE TYPE chat.grant_info AS (
	error         text,
	retry_after_s int,
	"user"        chat.user_info,
	access_token  text,
	token_type    text,
	expires_in    int,
	refresh_token text
);
COMMENT ON TYPE chat.grant_info IS
	'What a login gives; error is NULL or the stable code of a refusal, which is returned so that its traces commit';

CREATE FUNCTION chat.authenticate(token text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_authenticate'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.authenticate(text) IS
	'Acts for the account of an access token until the transaction ends';

CREATE FUNCTION chat.signup(username text, email text, password text,
							display_name text DEFAULT NULL, client_info text DEFAULT NULL)
	RETURNS chat.grant_info
	AS 'MODULE_PATHNAME', 'chat_signup'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.signup(text, text, text, text, text) IS
	'Makes an account and logs it in';

CREATE FUNCTION chat.login(login text, password text, client_info text DEFAULT NULL)
	RETURNS chat.grant_info
	AS 'MODULE_PATHNAME', 'chat_login'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.login(text, text, text) IS
	'Opens a session for a user name or an e-mail address and its password';

CREATE FUNCTION chat.refresh(refresh_token text) RETURNS chat.grant_info
	AS 'MODULE_PATHNAME', 'chat_refresh'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.refresh(text) IS
	'Trades a refresh token for a new pair; a token used twice ends the session';

CREATE FUNCTION chat.logout() RETURNS void
	AS 'MODULE_PATHNAME', 'chat_logout'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.logout() IS 'Ends the session of the token in use';

CREATE FUNCTION chat.logout_all() RETURNS void
	AS 'MODULE_PATHNAME', 'chat_logout_all'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.logout_all() IS 'Ends every session of the caller';

CREATE FUNCTION chat.rotate_key(algorithm text DEFAULT 'EdDSA') RETURNS text
	AS 'MODULE_PATHNAME', 'chat_rotate_key'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.rotate_key(text) IS
	'Makes the key that signs from now on and returns its kid; older ones verify for pg_parley.key_overlap more';

CREATE FUNCTION chat.retire_key(kid text) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_retire_key'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.retire_key(text) IS
	'Makes a key verify nothing from now on, and so invalidates all tokens it signed';

CREATE FUNCTION chat.jwks() RETURNS json
	AS 'MODULE_PATHNAME', 'chat_jwks'
	LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.jwks() IS
	'The public keys that verify access tokens, as a JSON Web Key Set (RFC 7517)';

REVOKE ALL ON FUNCTION
	chat.authenticate(text), chat.signup(text, text, text, text, text),
	chat.login(text, text, text), chat.refresh(text), chat.logout(), chat.logout_all(),
	chat.rotate_key(text), chat.retire_key(text), chat.jwks()
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.authenticate(text), chat.signup(text, text, text, text, text),
	chat.login(text, text, text), chat.refresh(text), chat.logout(), chat.logout_all(),
	chat.jwks()
	TO chat_user;
GRANT EXECUTE ON FUNCTION chat.rotate_key(text), chat.retire_key(text) TO chat_admin;

SELECT chat.rotate_key();
