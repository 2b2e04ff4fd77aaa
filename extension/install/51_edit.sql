-- Editing and deleting messages.

CREATE TABLE chat.message_revision (
	conversation_id bigint NOT NULL REFERENCES chat.conversation (id),
	seq             bigint NOT NULL,
	revision        int NOT NULL CHECK (revision > 0),
	content         text NOT NULL,
	written_at      timestamptz NOT NULL,
	PRIMARY KEY (conversation_id, seq, revision)
);
COMMENT ON TABLE chat.message_revision IS
	'What edited messages said before: 1 is what was sent; gone when the message is deleted';

CREATE FUNCTION chat.edit(conversation_id bigint, seq bigint, content text)
	RETURNS chat.message_info
	AS 'MODULE_PATHNAME', 'chat_edit'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.edit(bigint, bigint, text) IS
	'Gives a message of the caller another content and returns it; the content before stays as a revision';

CREATE FUNCTION chat.revisions(conversation_id bigint, seq bigint)
	RETURNS TABLE (revision int, content text, written_at timestamptz)
	AS 'MODULE_PATHNAME', 'chat_revisions'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.revisions(bigint, bigint) IS
	'All that a message has said, the first content first; nothing once it is deleted';

CREATE FUNCTION chat.delete(conversation_id bigint, seq bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_delete'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.delete(bigint, bigint) IS
	'Takes a message back, with revisions, reactions, mentions and attachments; its number stays. For its sender, and in a group for owners and admins';

REVOKE ALL ON FUNCTION
	chat.edit(bigint, bigint, text), chat.revisions(bigint, bigint), chat.delete(bigint, bigint)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.edit(bigint, bigint, text), chat.revisions(bigint, bigint), chat.delete(bigint, bigint)
	TO chat_user;
