-- Reactions.  The primary key tells the output plugin which one was taken away.

CREATE TABLE chat.reaction (
	conversation_id bigint NOT NULL,
	seq             bigint NOT NULL,
	emoji           text COLLATE "C" NOT NULL CHECK (octet_length(emoji) BETWEEN 1 AND 64),
	account_id      bigint NOT NULL,
	created_at      timestamptz NOT NULL,
	PRIMARY KEY (conversation_id, seq, emoji, account_id),
	FOREIGN KEY (conversation_id, account_id) REFERENCES chat.member (conversation_id, account_id)
);
COMMENT ON TABLE chat.reaction IS 'Who reacted to which message with what';

CREATE FUNCTION chat.react(conversation_id bigint, seq bigint, emoji text) RETURNS json
	AS 'MODULE_PATHNAME', 'chat_react'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.react(bigint, bigint, text) IS
	'Adds a reaction of the caller, once, and returns the message''s reactions: [{emoji, count, user_ids}], of each emoji the first 100 accounts';

CREATE FUNCTION chat.unreact(conversation_id bigint, seq bigint, emoji text) RETURNS json
	AS 'MODULE_PATHNAME', 'chat_unreact'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.unreact(bigint, bigint, text) IS
	'Takes a reaction of the caller away, if it is there, and returns the message''s reactions';

CREATE FUNCTION chat.reactions(conversation_id bigint, seq bigint, emoji text DEFAULT NULL,
							   after timestamptz DEFAULT NULL, max_results int DEFAULT 200)
	RETURNS TABLE (emoji text, account_id bigint, username text, created_at timestamptz)
	AS 'MODULE_PATHNAME', 'chat_reactions'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.reactions(bigint, bigint, text, timestamptz, int) IS
	'Who reacted to a message, the first first, a page at a time; with one emoji or all';

REVOKE ALL ON FUNCTION
	chat.react(bigint, bigint, text), chat.unreact(bigint, bigint, text),
	chat.reactions(bigint, bigint, text, timestamptz, int)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.react(bigint, bigint, text), chat.unreact(bigint, bigint, text),
	chat.reactions(bigint, bigint, text, timestamptz, int)
	TO chat_user;
