-- From accounts and sessions alone to the whole chat.  A line @install PATTERN stands for
-- the rooms of the install script that match it, in their order: they are new as a whole.
-- What has changed in the rooms that 0.0.1 had comes before them.

-- Texts in keys are compared byte by byte, names by one folding of case.
CREATE FUNCTION chat.fold_case(name text) RETURNS text
	AS 'MODULE_PATHNAME', 'chat_fold_case'
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION chat.fold_case(text) IS
	'The form in which names are compared whatever their case: NFC, and simple case folding by Unicode, the same in every database';
REVOKE ALL ON FUNCTION chat.fold_case(text) FROM PUBLIC;
DROP INDEX chat.account_username_key, chat.account_email_key, chat.account_display_name_idx,
	chat.audit_log_kind_idx;
CREATE UNIQUE INDEX account_username_key ON chat.account (lower(username COLLATE "C"));
CREATE UNIQUE INDEX account_email_key ON chat.account (lower(email COLLATE "C"));
CREATE INDEX account_display_name_idx ON chat.account
	(chat.fold_case(display_name) text_pattern_ops);
CREATE INDEX audit_log_kind_idx ON chat.audit_log (kind text_pattern_ops, id);
ALTER TABLE chat.rate_limit ALTER COLUMN action TYPE text COLLATE "C",
	ALTER COLUMN scope TYPE text COLLATE "C";
ALTER TABLE chat.jwt_key ALTER COLUMN kid TYPE text COLLATE "C";

CREATE INDEX account_closed_idx ON chat.account (closed_at) WHERE closed_at IS NOT NULL;
ALTER TABLE chat.account ADD COLUMN profile_changed_at timestamptz;
COMMENT ON COLUMN chat.account.profile_changed_at IS 'When what others see of it last changed';
CREATE INDEX account_profile_changed_idx ON chat.account (profile_changed_at)
	WHERE profile_changed_at IS NOT NULL;
CREATE INDEX session_ended_idx ON chat.session (ended_at) WHERE ended_at IS NOT NULL;

-- Presence has another form.  Nobody counts as online until a gateway says so again.
DROP FUNCTION chat.gateway_presence(bigint[], bigint[]);
ALTER TABLE chat.presence RENAME CONSTRAINT presence_pkey TO presence_old_pkey;
ALTER TABLE chat.presence RENAME TO presence_old;
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

CREATE OR REPLACE VIEW chat.user_info AS
	SELECT a.id, a.username, a.display_name, a.avatar_url, a.bio,
		   EXISTS (SELECT FROM chat.gateway g WHERE g.id = ANY (p.gateways)
				   AND g.online_until > statement_timestamp()) AS is_online,
		   p.last_seen
	FROM chat.account a
	LEFT JOIN chat.presence p ON p.account_id = a.id;
DROP TABLE chat.presence_old;

CREATE FUNCTION chat.change_email(password text, new_email text) RETURNS chat.outcome
	AS 'MODULE_PATHNAME', 'chat_change_email'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.change_email(text, text) IS
	'Replaces the caller''s e-mail address; a wrong password is an answer';
REVOKE ALL ON FUNCTION chat.change_email(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.change_email(text, text) TO chat_user;

CREATE FUNCTION chat.stamp_profile() RETURNS trigger
	AS 'MODULE_PATHNAME', 'chat_stamp_profile'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.stamp_profile() IS 'Notes when what others see of an account changes';

CREATE TRIGGER stamp_profile BEFORE UPDATE OF display_name, avatar_url, bio ON chat.account
	FOR EACH ROW EXECUTE FUNCTION chat.stamp_profile();
REVOKE ALL ON FUNCTION chat.stamp_profile() FROM PUBLIC;

@install [4-9]*.sql
