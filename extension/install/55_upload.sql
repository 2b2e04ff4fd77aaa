-- Attachments that come in pieces.

-- Unlogged: what a crash interrupts is brought again, and the bytes are not written to the
-- WAL twice.
CREATE UNLOGGED TABLE chat.upload (
	conversation_id bigint NOT NULL REFERENCES chat.conversation (id),
	id              bigint GENERATED ALWAYS AS IDENTITY,
	account_id      bigint NOT NULL REFERENCES chat.account (id),
	received        bigint NOT NULL DEFAULT 0,
	created_at      timestamptz NOT NULL DEFAULT now(),
	media_type      text NOT NULL,
	name            text NOT NULL,
	PRIMARY KEY (conversation_id, id)
) WITH (fillfactor = 50);
COMMENT ON TABLE chat.upload IS 'Attachments of which not all bytes have come';
CREATE INDEX upload_account_idx ON chat.upload (account_id);

CREATE UNLOGGED TABLE chat.upload_piece (
	conversation_id bigint NOT NULL,
	id              bigint NOT NULL,
	from_byte       bigint NOT NULL,
	bytes           bytea NOT NULL,
	PRIMARY KEY (conversation_id, id, from_byte),
	FOREIGN KEY (conversation_id, id) REFERENCES chat.upload (conversation_id, id)
		ON DELETE CASCADE
);
ALTER TABLE chat.upload_piece ALTER COLUMN bytes SET STORAGE EXTERNAL;
COMMENT ON TABLE chat.upload_piece IS 'The bytes that have come';

CREATE FUNCTION chat.attach_begin(conversation_id bigint, name text, media_type text,
								  size bigint DEFAULT NULL)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_attach_begin'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.attach_begin(bigint, text, text, bigint) IS
	'Begins an attachment that comes in pieces, of so many bytes if that is known; returns the id to go on with';

CREATE FUNCTION chat.attach_append(conversation_id bigint, upload_id bigint, from_byte bigint,
								   data bytea)
	RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_attach_append'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.attach_append(bigint, bigint, bigint, bytea) IS
	'Brings the next piece of an attachment; returns how many bytes there are';

CREATE FUNCTION chat.attach_finish(conversation_id bigint, upload_id bigint,
								   sha256 bytea DEFAULT NULL)
	RETURNS chat.attachment_info
	AS 'MODULE_PATHNAME', 'chat_attach_finish'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.attach_finish(bigint, bigint, bytea) IS
	'Makes the pieces one attachment; sha256, if given, must be that of all bytes';

CREATE FUNCTION chat.attach_cancel(conversation_id bigint, upload_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_attach_cancel'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.attach_cancel(bigint, bigint) IS
	'Forgets the pieces of an attachment that will not be finished';

REVOKE ALL ON FUNCTION
	chat.attach_begin(bigint, text, text, bigint),
	chat.attach_append(bigint, bigint, bigint, bytea),
	chat.attach_finish(bigint, bigint, bytea), chat.attach_cancel(bigint, bigint)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.attach_begin(bigint, text, text, bigint),
	chat.attach_append(bigint, bigint, bigint, bytea),
	chat.attach_finish(bigint, bigint, bytea), chat.attach_cancel(bigint, bigint)
	TO chat_user;
