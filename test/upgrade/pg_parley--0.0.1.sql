-- Frozen: the rooms 00 to 32 as they once were, accounts and sessions without a chat.
-- test/t/032_upgrade.pl installs it and brings it to the present version.

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
-- JSON Web Tokens.  Arguments, defaults and results are those of pgjwt 0.2.0, so
-- that a caller of pgjwt need not change.  What differs, all of it on purpose:
--   verify: a token whose header names another algorithm, or has "crit", is not
--     valid; a NULL token or secret gives valid = false, not NULL; more or fewer
--     than three parts raise 22023; padding, white space and stray bits in
--     base64url raise 22023 (in the signature: not valid); nbf after exp and a NaN
--     are not valid where pgjwt raises an error.
--   url_decode: stray bits after the last byte raise 22023.
--   algorithms: EdDSA, ES256 and RS256 as well, with keys in PEM, for EdDSA also
--     in base64url.
-- sign and algorithm_sign are STABLE, as an ES256 signature is never the same
-- twice; verify is, as it looks at the time.

CREATE FUNCTION jwt.url_encode(data bytea) RETURNS text
	AS 'MODULE_PATHNAME', 'jwt_url_encode' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.url_encode(bytea) IS
	'Bytes as base64url without padding (RFC 7515)';

CREATE FUNCTION jwt.url_decode(data text) RETURNS bytea
	AS 'MODULE_PATHNAME', 'jwt_url_decode' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.url_decode(text) IS
	'The bytes of base64url text; padding and white space are allowed';

CREATE FUNCTION jwt.try_cast_double(inp text) RETURNS double precision
	AS 'MODULE_PATHNAME', 'jwt_try_cast_double' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.try_cast_double(text) IS
	'The text as a number, NULL if it is none';

CREATE FUNCTION jwt.algorithm_sign(signables text, secret text, algorithm text) RETURNS text
	AS 'MODULE_PATHNAME', 'jwt_algorithm_sign' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.algorithm_sign(text, text, text) IS
	'The signature of a text, as base64url';

CREATE FUNCTION jwt.sign(payload json, secret text, algorithm text DEFAULT 'HS256') RETURNS text
	AS 'MODULE_PATHNAME', 'jwt_sign' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jwt.sign(json, text, text) IS
	'A signed token (RFC 7519) with this payload: HS256, HS384, HS512, EdDSA, ES256 or RS256';

CREATE FUNCTION jwt.verify(token text, secret text, algorithm text DEFAULT 'HS256')
	RETURNS TABLE (header json, payload json, valid boolean)
	AS 'MODULE_PATHNAME', 'jwt_verify' LANGUAGE C STABLE PARALLEL SAFE ROWS 1;
COMMENT ON FUNCTION jwt.verify(text, text, text) IS
	'What a token says, and whether it is signed by this key with this algorithm and in force now';

REVOKE ALL ON FUNCTION
	jwt.url_encode(bytea),
	jwt.url_decode(text),
	jwt.try_cast_double(text),
	jwt.algorithm_sign(text, text, text),
	jwt.sign(json, text, text),
	jwt.verify(text, text, text)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	jwt.url_encode(bytea),
	jwt.url_decode(text),
	jwt.try_cast_double(text),
	jwt.algorithm_sign(text, text, text),
	jwt.sign(json, text, text),
	jwt.verify(text, text, text)
	TO chat_user;
-- The audit log.
--
-- A row is written to audit_pending, in the transaction of the act, and waits for
-- nobody.  audit_seal() moves committed rows to audit_log, numbers them and chains
-- them by hash.  It takes the rows it can see: a transaction still in flight is
-- chained by a later sealing, wherever its ids lie, so that the numbers have no hole
-- and a late commit breaks nothing.  A horizon of transaction ids would have to wait
-- for the oldest transaction of the whole server, and mean nothing after a restore.
--
-- hash of a row = sha256(hash of the row before, or nothing || record_send(ROW(
--   place, id, at, convert_to(kind, 'UTF8'), account_id, actor_id, session_id,
--   conversation_id, convert_to(role_name, 'UTF8'), address,
--   convert_to(agent, 'UTF8'), convert_to(detail, 'UTF8'))))
-- All of it is the server's own, so that an auditor needs none of our code.

CREATE TABLE chat.audit_pending (
	id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at              timestamptz NOT NULL DEFAULT clock_timestamp(),
	kind            text NOT NULL,
	account_id      bigint,
	actor_id        bigint,
	session_id      bigint,
	conversation_id bigint,
	role_name       text NOT NULL DEFAULT session_user,
	address         inet,
	agent           text CHECK (octet_length(agent) <= 1024),
	detail          text CHECK (octet_length(detail) <= 1024)
);
COMMENT ON TABLE chat.audit_pending IS 'Rows of the audit log that are not sealed yet';

-- Its indexes cost the acts nothing: rows come here by sealing.
CREATE TABLE chat.audit_log (
	place        bigint PRIMARY KEY CHECK (place > 0),
	id              bigint NOT NULL UNIQUE,
	at              timestamptz NOT NULL,
	kind            text NOT NULL,
	account_id      bigint,
	actor_id        bigint,
	session_id      bigint,
	conversation_id bigint,
	role_name       text NOT NULL,
	address         inet,
	agent           text,
	detail          text,
	hash            bytea NOT NULL CHECK (octet_length(hash) = 32)
);
COMMENT ON TABLE chat.audit_log IS 'What happened that matters for security, chained by hash; rows are only added';
COMMENT ON COLUMN chat.audit_log.place IS 'The place in the chain: 1, 2, 3, without a gap, in the order of sealing';
COMMENT ON COLUMN chat.audit_log.id IS 'In the order of writing; rolled-back acts leave gaps';
COMMENT ON COLUMN chat.audit_log.account_id IS 'Whom the act is about';
COMMENT ON COLUMN chat.audit_log.actor_id IS 'The account that acted, NULL if none was authenticated';
COMMENT ON COLUMN chat.audit_log.role_name IS 'The database role that had logged in';
CREATE INDEX audit_log_account_idx ON chat.audit_log (account_id, id);
CREATE INDEX audit_log_actor_idx ON chat.audit_log (actor_id, id);
CREATE INDEX audit_log_conversation_idx ON chat.audit_log (conversation_id, id)
	WHERE conversation_id IS NOT NULL;
CREATE INDEX audit_log_kind_idx ON chat.audit_log (kind, id);
CREATE INDEX audit_log_address_idx ON chat.audit_log (address, id) WHERE address IS NOT NULL;
CREATE INDEX audit_log_at_idx ON chat.audit_log (at);

CREATE TABLE chat.audit_head (
	place  bigint PRIMARY KEY,
	hash      bytea NOT NULL,
	sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE chat.audit_head IS
	'The last row of each sealing. Kept elsewhere, heads prove that nobody has rewritten the chain since, not even the owner';

CREATE FUNCTION chat.audit_guard() RETURNS trigger
	AS 'MODULE_PATHNAME', 'chat_audit_guard'
	LANGUAGE c;
COMMENT ON FUNCTION chat.audit_guard() IS
	'Refuses what would change the audit log; the trigger''s arguments name what the owner may do';
-- Not SECURITY DEFINER: it asks who the writer is.
REVOKE ALL ON FUNCTION chat.audit_guard() FROM PUBLIC;

-- Privileges alone would not do: members of pg_write_all_data need none.
CREATE TRIGGER audit_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON chat.audit_pending
	FOR EACH STATEMENT EXECUTE FUNCTION chat.audit_guard('INSERT', 'DELETE');
CREATE TRIGGER audit_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON chat.audit_log
	FOR EACH STATEMENT EXECUTE FUNCTION chat.audit_guard('INSERT');
CREATE TRIGGER audit_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON chat.audit_head
	FOR EACH STATEMENT EXECUTE FUNCTION chat.audit_guard('INSERT');

CREATE VIEW chat.audit_info AS
	SELECT id, at, kind, account_id, actor_id, session_id, conversation_id, role_name, address,
		   agent, detail, place
	FROM chat.audit_log
	UNION ALL
	SELECT id, at, kind, account_id, actor_id, session_id, conversation_id, role_name, address,
		   agent, detail, NULL
	FROM chat.audit_pending;
COMMENT ON VIEW chat.audit_info IS 'The audit log; place is NULL until a row is sealed';

CREATE FUNCTION chat.audit_kinds() RETURNS TABLE (kind text, meaning text)
	AS 'MODULE_PATHNAME', 'chat_audit_kinds'
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit_kinds() IS 'What can stand in the audit log';

CREATE FUNCTION chat.audit_seal(max_rows int DEFAULT 10000) RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_audit_seal'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit_seal(int) IS
	'Chains the committed rows of the audit log that are not sealed yet, and says how many it took';

CREATE FUNCTION chat.audit_heads(after bigint DEFAULT 0) RETURNS SETOF chat.audit_head
	AS 'MODULE_PATHNAME', 'chat_audit_heads'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit_heads(bigint) IS
	'The head of the chain after each sealing, from a place on: to be kept where the owner of the database cannot write';

CREATE FUNCTION chat.audit_verify(heads jsonb DEFAULT '[]')
	RETURNS TABLE (place bigint, id bigint, finding text, detail text)
	AS 'MODULE_PATHNAME', 'chat_audit_verify'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit_verify(jsonb) IS
	'Recomputes the chain and compares it with heads kept elsewhere: a row for every change, hole or addition, none if all is well; then seals what is new';

CREATE FUNCTION chat.audit(account_id bigint DEFAULT NULL, kinds text[] DEFAULT NULL,
						   conversation_id bigint DEFAULT NULL, address inet DEFAULT NULL,
						   since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
						   before bigint DEFAULT NULL, max_results int DEFAULT 100)
	RETURNS SETOF chat.audit_info
	AS 'MODULE_PATHNAME', 'chat_audit'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit(bigint, text[], bigint, inet, timestamptz, timestamptz, bigint, int) IS
	'The audit log, newest first, for administrators; before is the id to go on from';

REVOKE ALL ON FUNCTION
	chat.audit_kinds(), chat.audit_seal(int), chat.audit_heads(bigint),
	chat.audit_verify(jsonb),
	chat.audit(bigint, text[], bigint, inet, timestamptz, timestamptz, bigint, int)
	FROM PUBLIC;
-- audit() asks for itself who the caller is: an account may be an administrator.
GRANT EXECUTE ON FUNCTION
	chat.audit_kinds(),
	chat.audit(bigint, text[], bigint, inet, timestamptz, timestamptz, bigint, int)
	TO chat_user;
GRANT EXECUTE ON FUNCTION chat.audit_seal(int) TO chat_gateway, chat_admin;
GRANT EXECUTE ON FUNCTION chat.audit_heads(bigint), chat.audit_verify(jsonb)
	TO chat_admin;
-- How often something may be done, and where a call comes from.

CREATE TABLE chat.rate_limit (
	action     text NOT NULL,
	scope      text NOT NULL CHECK (scope IN ('account', 'address', 'all')),
	burst      int CHECK (burst BETWEEN 1 AND 1000000),
	per_minute float8 CHECK (per_minute BETWEEN 0.001 AND 60000000),
	PRIMARY KEY (action, scope),
	CHECK ((burst IS NULL) = (per_minute IS NULL))
);
COMMENT ON TABLE chat.rate_limit IS
	'Rate limits that are not the default; NULL: no limit. chat.rate_limits() shows all that hold';

-- Without preloading, counts live here; after a crash all buckets are full, which does no harm.
CREATE UNLOGGED TABLE chat.rate_bucket (
	key       bigint PRIMARY KEY,
	forget_at timestamptz NOT NULL,
	count     bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE chat.rate_bucket IS
	'Counts of the rate limits where the library is not in shared_preload_libraries';
COMMENT ON COLUMN chat.rate_bucket.key IS 'A hash of action, scope and whose it is';

CREATE FUNCTION chat.rate_limit_changed() RETURNS trigger
	AS 'MODULE_PATHNAME', 'chat_rate_limit_changed'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.rate_limit_changed() IS 'Has all backends read the limits anew';

CREATE TRIGGER rate_limit_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON chat.rate_limit
	FOR EACH STATEMENT EXECUTE FUNCTION chat.rate_limit_changed();

CREATE FUNCTION chat.set_client(address inet, agent text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_set_client'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.set_client(inet, text) IS
	'Says whose call a gateway passes on, until the transaction ends: the address for rate limits and audit log, and what the client calls itself';

CREATE FUNCTION chat.rate_limits()
	RETURNS TABLE (action text, scope text, burst int, per_minute float8,
				   default_burst int, default_per_minute float8, meaning text)
	AS 'MODULE_PATHNAME', 'chat_rate_limits'
	LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.rate_limits() IS
	'The rate limits that hold, and their defaults; NULL: no limit. For administrators';

CREATE FUNCTION chat.set_rate_limit(action text, scope text, burst int, per_minute float8)
	RETURNS void
	AS 'MODULE_PATHNAME', 'chat_set_rate_limit'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.set_rate_limit(text, text, int, float8) IS
	'Sets a rate limit, for everybody from the commit on; NULL and NULL: no limit. For administrators';

CREATE FUNCTION chat.reset_rate_limit(action text, scope text) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_reset_rate_limit'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.reset_rate_limit(text, text) IS
	'Brings a rate limit back to its default. For administrators';

REVOKE ALL ON FUNCTION
	chat.rate_limit_changed(), chat.set_client(inet, text), chat.rate_limits(),
	chat.set_rate_limit(text, text, int, float8), chat.reset_rate_limit(text, text)
	FROM PUBLIC;
-- They ask for themselves who the caller is: an account may be an administrator.
GRANT EXECUTE ON FUNCTION
	chat.rate_limits(), chat.set_rate_limit(text, text, int, float8),
	chat.reset_rate_limit(text, text)
	TO chat_user;
GRANT EXECUTE ON FUNCTION chat.set_client(inet, text) TO chat_gateway;
-- Accounts, their secrets, and when they were last seen.

CREATE TABLE chat.account (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	username     text NOT NULL CHECK (username ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$'),
	email        text NOT NULL CHECK (octet_length(email) BETWEEN 3 AND 254),
	display_name text NOT NULL CHECK (octet_length(display_name) BETWEEN 1 AND 400),
	avatar_url   text CHECK (octet_length(avatar_url) <= 2048),
	bio          text CHECK (octet_length(bio) <= 4000),
	first_name   text CHECK (octet_length(first_name) BETWEEN 1 AND 400),
	last_name    text CHECK (octet_length(last_name) BETWEEN 1 AND 400),
	created_at   timestamptz NOT NULL DEFAULT now(),
	closed_at    timestamptz
);
COMMENT ON TABLE chat.account IS 'A person: profile only, no secret';
COMMENT ON COLUMN chat.account.username IS 'Never changes: messages carry it';

-- text_pattern_ops serves equality and the prefix search of search_users() alike.
CREATE UNIQUE INDEX account_username_key ON chat.account (lower(username) text_pattern_ops);
CREATE UNIQUE INDEX account_email_key ON chat.account (lower(email));
CREATE INDEX account_display_name_idx ON chat.account (lower(display_name) text_pattern_ops);

CREATE TABLE chat.account_secret (
	account_id    bigint PRIMARY KEY REFERENCES chat.account (id),
	password_hash text NOT NULL,
	changed_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE chat.account_secret IS 'Password hashes (Argon2id, PHC string), apart from the profile';

-- Unlogged: being online is not worth WAL, and after a crash nobody is.
CREATE UNLOGGED TABLE chat.presence (
	account_id   bigint PRIMARY KEY,
	online_until timestamptz NOT NULL,
	last_seen    timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE chat.presence IS 'Who is connected, as the gateways last said';

-- A view's row type is the shape that functions return and REST shows.
CREATE VIEW chat.user_info AS
	SELECT a.id, a.username, a.display_name, a.avatar_url, a.bio,
		   coalesce(p.online_until > statement_timestamp(), false) AS is_online,
		   p.last_seen
	FROM chat.account a
	LEFT JOIN chat.presence p ON p.account_id = a.id;
COMMENT ON VIEW chat.user_info IS 'An account as others see it';

CREATE FUNCTION chat.current_account_id() RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_current_account_id'
	LANGUAGE c STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION chat.current_account_id() IS
	'The account this transaction acts for, NULL if none';

CREATE FUNCTION chat.act_as(account_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_act_as'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.act_as(bigint) IS
	'Acts for an account until the transaction ends; for roles trusted to know who is calling';

CREATE FUNCTION chat.me() RETURNS chat.user_info
	AS 'MODULE_PATHNAME', 'chat_me'
	LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.me() IS 'The caller''s own profile';

CREATE FUNCTION chat.user_by_id(account_id bigint) RETURNS chat.user_info
	AS 'MODULE_PATHNAME', 'chat_user_by_id'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.user_by_id(bigint) IS 'The profile of an account';

CREATE FUNCTION chat.search_users(query text, max_results int DEFAULT 20)
	RETURNS SETOF chat.user_info
	AS 'MODULE_PATHNAME', 'chat_search_users'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.search_users(text, int) IS
	'Accounts whose user name or display name begins with the query, the caller left out';

CREATE FUNCTION chat.gateway_presence(online bigint[], offline bigint[]) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_gateway_presence'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_presence(bigint[], bigint[]) IS
	'A gateway''s word on who is connected; good for 75 seconds';

REVOKE ALL ON FUNCTION
	chat.current_account_id(), chat.act_as(bigint), chat.me(), chat.user_by_id(bigint),
	chat.search_users(text, int), chat.gateway_presence(bigint[], bigint[])
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.current_account_id(), chat.me(), chat.user_by_id(bigint), chat.search_users(text, int)
	TO chat_user;
GRANT EXECUTE ON FUNCTION
	chat.act_as(bigint), chat.gateway_presence(bigint[], bigint[])
	TO chat_gateway;
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

CREATE FUNCTION chat.user_status(account_id bigint) RETURNS chat.status_info
	AS 'MODULE_PATHNAME', 'chat_user_status'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.user_status(bigint) IS 'Whether an account is online, and when it was last';

REVOKE ALL ON FUNCTION
	chat.profile(), chat.update_profile(text, text, text, text, text), chat.user_status(bigint)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.profile(), chat.update_profile(text, text, text, text, text), chat.user_status(bigint)
	TO chat_user;
-- Administrators: accounts that may do over REST what the role chat_admin may do in SQL.

CREATE TABLE chat.admin (
	account_id bigint PRIMARY KEY REFERENCES chat.account (id),
	granted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE chat.admin IS 'Accounts that are administrators; who made them so is in the audit log';

CREATE FUNCTION chat.is_admin() RETURNS boolean
	AS 'MODULE_PATHNAME', 'chat_is_admin'
	LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.is_admin() IS
	'Is the caller an administrator: the account acted for or, if there is none, a role with the privileges of chat_admin?';

CREATE FUNCTION chat.grant_admin(username text) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_grant_admin'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.grant_admin(text) IS 'Makes an account an administrator';

CREATE FUNCTION chat.revoke_admin(username text) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_revoke_admin'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.revoke_admin(text) IS 'Makes an account an ordinary one';

REVOKE ALL ON FUNCTION chat.is_admin(), chat.grant_admin(text), chat.revoke_admin(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.is_admin() TO chat_user;
GRANT EXECUTE ON FUNCTION chat.grant_admin(text), chat.revoke_admin(text) TO chat_admin;
-- Signing keys, sessions (one login = one family of refresh tokens), sign-up and login.

CREATE TABLE chat.jwt_key (
	kid        text PRIMARY KEY,
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

REVOKE ALL ON FUNCTION
	chat.sessions(), chat.revoke_session(bigint), chat.change_password(text, text)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.sessions(), chat.revoke_session(bigint), chat.change_password(text, text)
	TO chat_user;
-- Tickets for WebSockets.

-- Unlogged: after a crash they are gone, which is what a ticket may be at any time.
CREATE UNLOGGED TABLE chat.ticket (
	ticket_hash             bytea PRIMARY KEY CHECK (octet_length(ticket_hash) = 32),
	account_id              bigint NOT NULL REFERENCES chat.account (id),
	session_id              bigint NOT NULL REFERENCES chat.session (id),
	connection_expires_at_s bigint NOT NULL,
	expires_at              timestamptz NOT NULL,
	used_at                 timestamptz
);
COMMENT ON TABLE chat.ticket IS 'SHA-256 of the tickets that open a WebSocket, until they expire';
COMMENT ON COLUMN chat.ticket.connection_expires_at_s IS
	'When an access token made with the ticket would have expired: as long is the connection good';
CREATE INDEX ticket_expiry_idx ON chat.ticket (expires_at);

CREATE FUNCTION chat.ws_ticket(OUT ticket text, OUT expires_in int) RETURNS record
	AS 'MODULE_PATHNAME', 'chat_ws_ticket'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.ws_ticket() IS
	'A ticket that opens one WebSocket for the caller within 30 seconds';
REVOKE ALL ON FUNCTION chat.ws_ticket() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.ws_ticket() TO chat_user;

-- What pg_dump carries.

SELECT pg_catalog.pg_extension_config_dump('chat.rate_limit', '');
SELECT pg_catalog.pg_extension_config_dump('chat.audit_pending', '');
SELECT pg_catalog.pg_extension_config_dump('chat.audit_pending_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('chat.audit_log', '');
SELECT pg_catalog.pg_extension_config_dump('chat.audit_head', '');
SELECT pg_catalog.pg_extension_config_dump('chat.account', '');
SELECT pg_catalog.pg_extension_config_dump('chat.account_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('chat.account_secret', '');
SELECT pg_catalog.pg_extension_config_dump('chat.admin', '');
SELECT pg_catalog.pg_extension_config_dump('chat.session', '');
SELECT pg_catalog.pg_extension_config_dump('chat.session_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('chat.refresh_token', '');
