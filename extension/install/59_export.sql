-- All data of an account.

-- jit: the statement is planned for the largest account; compiling it takes more than
-- a second, running it for most accounts a few milliseconds.
CREATE FUNCTION chat.export_account(after_conversation_id bigint DEFAULT 0,
									after_seq bigint DEFAULT 0)
	RETURNS json
	AS 'MODULE_PATHNAME', 'chat_export_account'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off;
COMMENT ON FUNCTION chat.export_account(bigint, bigint) IS
	'The caller''s profile, sessions, conversations and own messages as one JSON document; "next" is null, or where the next document goes on';
REVOKE ALL ON FUNCTION chat.export_account(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.export_account(bigint, bigint) TO chat_user;
