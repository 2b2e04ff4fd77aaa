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
