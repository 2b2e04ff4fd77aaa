-- Closing an account.

CREATE TABLE chat.erasure (
	account_id      bigint PRIMARY KEY REFERENCES chat.account (id),
	conversation_id bigint NOT NULL DEFAULT 0,
	seq             bigint NOT NULL DEFAULT 0,
	keeps_content   boolean NOT NULL
);
COMMENT ON TABLE chat.erasure IS
	'Closed accounts with messages that still carry their name, and how far that is done';

CREATE TABLE chat.erasure_deferred (
	conversation_id bigint NOT NULL REFERENCES chat.conversation (id),
	account_id      bigint NOT NULL REFERENCES chat.account (id),
	keeps_content   boolean NOT NULL,
	PRIMARY KEY (conversation_id, account_id)
);
COMMENT ON TABLE chat.erasure_deferred IS
	'What of closed accounts waits because the conversation is held; erase_content() takes it up again';

CREATE FUNCTION chat.delete_account(password text, keep_content boolean DEFAULT true)
	RETURNS chat.outcome
	AS 'MODULE_PATHNAME', 'chat_delete_account'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.delete_account(text, boolean) IS
	'Closes the caller''s account for good; its messages stay under a neutral name, or are erased; a wrong password is an answer';

CREATE FUNCTION chat.erase_content(max_messages int DEFAULT 1000) RETURNS boolean
	AS 'MODULE_PATHNAME', 'chat_erase_content'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.erase_content(int) IS
	'Goes on with the messages of closed accounts, one account a call; false if there was nothing to do';

REVOKE ALL ON FUNCTION chat.delete_account(text, boolean), chat.erase_content(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.delete_account(text, boolean) TO chat_user;
GRANT EXECUTE ON FUNCTION chat.erase_content(int) TO chat_gateway, chat_admin;
