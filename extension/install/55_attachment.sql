-- Attachments.

CREATE TABLE chat.attachment (
	conversation_id bigint NOT NULL REFERENCES chat.conversation (id),
	id              bigint GENERATED ALWAYS AS IDENTITY,
	account_id      bigint NOT NULL REFERENCES chat.account (id),
	seq             bigint,
	size            bigint NOT NULL CHECK (size > 0),
	created_at      timestamptz NOT NULL DEFAULT now(),
	sha256          bytea NOT NULL CHECK (octet_length(sha256) = 32),
	media_type      text NOT NULL CHECK (octet_length(media_type) BETWEEN 3 AND 255),
	name            text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 1020),
	PRIMARY KEY (conversation_id, id)
);
COMMENT ON TABLE chat.attachment IS 'Files of messages; what they are';
COMMENT ON COLUMN chat.attachment.account_id IS 'Who brought it, and only they can send it';
COMMENT ON COLUMN chat.attachment.seq IS 'The message that carries it; NULL until it is sent';
CREATE INDEX attachment_message_idx
	ON chat.attachment (conversation_id, seq) WHERE seq IS NOT NULL;
CREATE INDEX attachment_orphan_idx ON chat.attachment (created_at) WHERE seq IS NULL;

-- Apart, so that whoever lists attachments is far from their bytes; not compressed, because
-- media are already, and so that a part can be read alone.
CREATE TABLE chat.attachment_data (
	conversation_id bigint NOT NULL,
	id              bigint NOT NULL,
	bytes           bytea NOT NULL,
	PRIMARY KEY (conversation_id, id),
	FOREIGN KEY (conversation_id, id) REFERENCES chat.attachment (conversation_id, id)
		ON DELETE CASCADE
);
ALTER TABLE chat.attachment_data ALTER COLUMN bytes SET STORAGE EXTERNAL;
COMMENT ON TABLE chat.attachment_data IS 'Files of messages; their bytes';

CREATE TABLE chat.attachment_usage (
	account_id bigint PRIMARY KEY REFERENCES chat.account (id),
	bytes      bigint NOT NULL CHECK (bytes >= 0)
);
COMMENT ON TABLE chat.attachment_usage IS
	'How many bytes the attachments of an account have in all, for the quota';

CREATE VIEW chat.attachment_info AS
	SELECT conversation_id, id, seq, account_id, name, media_type, size,
		   encode(sha256, 'hex') AS sha256, created_at
	FROM chat.attachment;
COMMENT ON VIEW chat.attachment_info IS 'An attachment as members see it; seq is null until it is sent';

CREATE FUNCTION chat.attach(conversation_id bigint, name text, media_type text, data bytea,
							sha256 bytea DEFAULT NULL)
	RETURNS chat.attachment_info
	AS 'MODULE_PATHNAME', 'chat_attach'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.attach(bigint, text, text, bytea, bytea) IS
	'Brings a file to a conversation, to be sent by its id; sha256, if given, must be that of the bytes';

CREATE FUNCTION chat.detach(conversation_id bigint, attachment_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_detach'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.detach(bigint, bigint) IS
	'Removes an attachment that the caller brought and did not send';

CREATE FUNCTION chat.attachment(conversation_id bigint, attachment_id bigint)
	RETURNS chat.attachment_info
	AS 'MODULE_PATHNAME', 'chat_attachment'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.attachment(bigint, bigint) IS
	'What an attachment is: a sent one for every member, another for its owner';

CREATE FUNCTION chat.download(conversation_id bigint, attachment_id bigint,
							  from_byte int DEFAULT 0, max_bytes int DEFAULT 2147483647)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'chat_download'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.download(bigint, bigint, int, int) IS
	'The bytes of an attachment, or a part of them (from_byte counts from 0)';

CREATE FUNCTION chat.clean_attachments(older_than interval DEFAULT '1 day',
									   max_results int DEFAULT 1000)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_clean_attachments'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.clean_attachments(interval, int) IS
	'Removes attachments that were never sent and says how many: repeat until 0';

REVOKE ALL ON FUNCTION
	chat.attach(bigint, text, text, bytea, bytea), chat.detach(bigint, bigint),
	chat.attachment(bigint, bigint), chat.download(bigint, bigint, int, int),
	chat.clean_attachments(interval, int)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.attach(bigint, text, text, bytea, bytea), chat.detach(bigint, bigint),
	chat.attachment(bigint, bigint), chat.download(bigint, bigint, int, int)
	TO chat_user;
GRANT EXECUTE ON FUNCTION chat.clean_attachments(interval, int) TO chat_gateway, chat_admin;
