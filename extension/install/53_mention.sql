-- Mentions: what conversations() counts and mentions() lists.

CREATE TABLE chat.mention (
	conversation_id bigint NOT NULL REFERENCES chat.conversation (id),
	account_id      bigint NOT NULL CHECK (account_id >= 0),
	seq             bigint NOT NULL,
	sender_id       bigint,
	PRIMARY KEY (conversation_id, account_id, seq)
);
COMMENT ON TABLE chat.mention IS 'Which messages name whom';
COMMENT ON COLUMN chat.mention.account_id IS 'A member; 0 is everybody (@all)';
COMMENT ON COLUMN chat.mention.sender_id IS 'Who names: nobody is named by an account that they have blocked';
CREATE INDEX mention_message_idx ON chat.mention (conversation_id, seq);

CREATE FUNCTION chat.mentions(conversation_id bigint, before bigint DEFAULT NULL,
							  max_results int DEFAULT 50)
	RETURNS SETOF chat.message_info
	AS 'MODULE_PATHNAME', 'chat_mentions'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.mentions(bigint, bigint, int) IS
	'The messages of a conversation that name the caller or all, the newest first, but not those of accounts that the caller has blocked; before pages on';

REVOKE ALL ON FUNCTION chat.mentions(bigint, bigint, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.mentions(bigint, bigint, int) TO chat_user;
