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
	closed_at    timestamptz,
	profile_changed_at timestamptz
);
COMMENT ON TABLE chat.account IS 'A person: profile only, no secret';
COMMENT ON COLUMN chat.account.username IS 'Never changes: messages carry it';
COMMENT ON COLUMN chat.account.profile_changed_at IS 'When what others see of it last changed';

-- The folding of ASCII letters is the same in every database, that of others is not: in Turkish
-- "I" is the capital of another letter than "i".  "C" also serves the prefix search of search_users().
CREATE UNIQUE INDEX account_username_key ON chat.account (lower(username COLLATE "C"));
CREATE UNIQUE INDEX account_email_key ON chat.account (lower(email COLLATE "C"));
-- Find who has just gone and whose profile has just changed, for chat.gateway_feed().
CREATE INDEX account_closed_idx ON chat.account (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX account_profile_changed_idx ON chat.account (profile_changed_at)
	WHERE profile_changed_at IS NOT NULL;

CREATE FUNCTION chat.fold_case(name text) RETURNS text
	AS 'MODULE_PATHNAME', 'chat_fold_case'
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION chat.fold_case(text) IS
	'The form in which names are compared whatever their case: NFC, and simple case folding by Unicode, the same in every database';

CREATE INDEX account_display_name_idx ON chat.account
	(chat.fold_case(display_name) text_pattern_ops);

CREATE TABLE chat.account_secret (
	account_id    bigint PRIMARY KEY REFERENCES chat.account (id),
	password_hash text NOT NULL,
	changed_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE chat.account_secret IS 'Password hashes (Argon2id, PHC string), apart from the profile';

-- Unlogged: being online is not worth WAL, and after a crash nobody is.
CREATE UNLOGGED TABLE chat.gateway (
	id           bigint PRIMARY KEY,
	seen_at      timestamptz NOT NULL,
	online_until timestamptz NOT NULL
) WITH (fillfactor = 20);
COMMENT ON TABLE chat.gateway IS 'The parley-pushd processes that are alive: a lease that each renews';

CREATE UNLOGGED TABLE chat.presence (
	account_id bigint PRIMARY KEY,
	gateways   bigint[] NOT NULL,
	last_seen  timestamptz NOT NULL,
	changed_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE chat.presence IS 'Who is connected, and through which gateways';
COMMENT ON COLUMN chat.presence.gateways IS
	'Ids of chat.gateway; one whose lease has run out does not count, and goes when it is noticed';
COMMENT ON COLUMN chat.presence.last_seen IS
	'When the account was last heard of; while it is connected, to a minute';
COMMENT ON COLUMN chat.presence.changed_at IS 'When it last came or went';

-- A view's row type is the shape that functions return and REST shows.
CREATE VIEW chat.user_info AS
	SELECT a.id, a.username, a.display_name, a.avatar_url, a.bio,
		   EXISTS (SELECT FROM chat.gateway g WHERE g.id = ANY (p.gateways)
				   AND g.online_until > statement_timestamp()) AS is_online,
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

REVOKE ALL ON FUNCTION
	chat.current_account_id(), chat.act_as(bigint), chat.me(), chat.user_by_id(bigint),
	chat.search_users(text, int), chat.fold_case(text)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.current_account_id(), chat.me(), chat.user_by_id(bigint), chat.search_users(text, int)
	TO chat_user;
GRANT EXECUTE ON FUNCTION
	chat.act_as(bigint)
	TO chat_gateway;
