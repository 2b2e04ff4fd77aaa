-- Cold storage, retention and legal holds.

-- Compressed already, and read as a whole.
CREATE TABLE chat.archive (
	conversation_id bigint NOT NULL REFERENCES chat.conversation (id),
	first_seq       bigint NOT NULL CHECK (first_seq > 0),
	last_seq        bigint NOT NULL CHECK (last_seq >= first_seq),
	count           int NOT NULL CHECK (count > 0),
	min_ver         bigint,
	max_ver         bigint CHECK (max_ver >= min_ver),
	min_created_at  timestamptz NOT NULL,
	max_created_at  timestamptz NOT NULL,
	format          smallint NOT NULL,
	checksum        bytea NOT NULL CHECK (octet_length(checksum) = 32),
	senders         bigint[] NOT NULL,
	threads         bigint[],
	deleted         bigint[],
	data            bytea NOT NULL,
	PRIMARY KEY (conversation_id, first_seq)
);
ALTER TABLE chat.archive ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE chat.archive IS
	'Old messages, many to a row: a message is here or in chat.message, and every function reads both';
COMMENT ON COLUMN chat.archive.count IS
	'Messages in it; those missing between first_seq and last_seq are in chat.message';
COMMENT ON COLUMN chat.archive.min_ver IS 'Of those that have changed; NULL if none has';
COMMENT ON COLUMN chat.archive.checksum IS 'sha256(data)';
COMMENT ON COLUMN chat.archive.deleted IS 'Numbers of the deleted messages in it: they do not count as unread; NULL if none is';
COMMENT ON COLUMN chat.archive.senders IS 'Who has messages in it';
COMMENT ON COLUMN chat.archive.threads IS 'Of which threads it has replies; NULL if of none';

CREATE UNIQUE INDEX archive_last_seq_key ON chat.archive (conversation_id, last_seq);

-- Few blocks have deleted messages: what is unread is counted without them.
CREATE INDEX archive_deleted_idx
	ON chat.archive (conversation_id, last_seq) WHERE deleted IS NOT NULL;

-- Finds what changed since a version.
CREATE INDEX archive_ver_idx ON chat.archive (conversation_id, max_ver) WHERE max_ver IS NOT NULL;

CREATE TABLE chat.archive_key (
	conversation_id bigint NOT NULL REFERENCES chat.conversation (id),
	first_key       bigint NOT NULL,
	keys            bytea NOT NULL,
	PRIMARY KEY (conversation_id, first_key)
);
-- A page is short, unless somebody makes client ids of one hash on purpose: those stay together.
ALTER TABLE chat.archive_key ALTER COLUMN keys SET STORAGE EXTERNAL;
COMMENT ON TABLE chat.archive_key IS
	'Where to look for the archived message that a repeated send names: hashes of sender and client id, each with the message''s number, sorted, in pages';

CREATE FUNCTION chat.archived(conversation_id bigint, above bigint DEFAULT NULL,
							  below bigint DEFAULT NULL, max_results bigint DEFAULT NULL,
							  newest_first boolean DEFAULT false, sender_id bigint DEFAULT NULL,
							  thread bigint DEFAULT NULL)
	RETURNS SETOF chat.message
	AS 'MODULE_PATHNAME', 'chat_archived'
	LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 50
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.archived(bigint, bigint, bigint, bigint, boolean, bigint, bigint) IS
	'The archived messages of a conversation between two numbers, of one sender or thread or all; for the functions';

CREATE FUNCTION chat.archived_changes(conversation_id bigint, above_ver bigint, up_to_seq bigint,
									  max_results int)
	RETURNS SETOF chat.message
	AS 'MODULE_PATHNAME', 'chat_archived_changes'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 10
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.archived_changes(bigint, bigint, bigint, int) IS
	'The archived messages up to a number that have changed since a version, in the order of the changes; for the functions';

CREATE FUNCTION chat.archive(before timestamptz, max_messages int DEFAULT 10000,
							 after_conversation_id bigint DEFAULT 0,
							 OUT messages bigint, OUT next bigint)
	RETURNS record
	AS 'MODULE_PATHNAME', 'chat_archive'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.archive(timestamptz, int, bigint) IS
	'Job: packs messages sent before a time into compressed blocks, at most max_messages. next: the after_conversation_id to go on with; NULL: all is done';

CREATE TABLE chat.retention (
	conversation_id bigint PRIMARY KEY REFERENCES chat.conversation (id),
	keep            interval NOT NULL CHECK (keep > interval '0')
);
COMMENT ON TABLE chat.retention IS
	'How long the messages of a conversation are kept that has a time of its own; others have pg_parley.retention';

CREATE TABLE chat.hold (
	conversation_id bigint NOT NULL REFERENCES chat.conversation (id),
	reason          text COLLATE "C" NOT NULL CHECK (octet_length(reason) BETWEEN 1 AND 800),
	held_at         timestamptz NOT NULL DEFAULT now(),
	account_id      bigint REFERENCES chat.account (id),
	PRIMARY KEY (conversation_id, reason)
);
COMMENT ON TABLE chat.hold IS 'Legal holds: nothing said in such a conversation is deleted';
COMMENT ON COLUMN chat.hold.account_id IS 'Who placed it; NULL: a role without an account';

-- Not dumped: where a round has got to means nothing elsewhere.
CREATE TABLE chat.retention_job (
	only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	archives        boolean NOT NULL DEFAULT false,
	conversation_id bigint NOT NULL DEFAULT 0,
	called_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE chat.retention_job IS
	'How far apply_retention() is in its round: purging, then archiving, up to which conversation';
COMMENT ON COLUMN chat.retention_job.called_at IS 'For health(): does anybody call it?';
INSERT INTO chat.retention_job DEFAULT VALUES;

CREATE FUNCTION chat.purge(before timestamptz, max_messages int DEFAULT 10000,
						   after_conversation_id bigint DEFAULT 0,
						   conversation_id bigint DEFAULT NULL,
						   OUT messages bigint, OUT next bigint)
	RETURNS record
	AS 'MODULE_PATHNAME', 'chat_purge'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.purge(timestamptz, int, bigint, bigint) IS
	'Job: deletes messages sent before a time for good, archived or not, at most max_messages, with groups that were deleted before it; of one conversation or all. next: the after_conversation_id to go on with; NULL: all is done';

CREATE FUNCTION chat.set_retention(conversation_id bigint, keep interval) RETURNS interval
	AS 'MODULE_PATHNAME', 'chat_set_retention'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.set_retention(bigint, interval) IS
	'How long the messages of a conversation are kept, NULL for the default; returns what holds now. For administrators, and within bounds for the owners of a group';

CREATE FUNCTION chat.retention(conversation_id bigint) RETURNS interval
	AS 'MODULE_PATHNAME', 'chat_retention'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.retention(bigint) IS
	'How long the messages of a conversation of the caller are kept; NULL is for ever';

CREATE FUNCTION chat.apply_retention(max_messages int DEFAULT 1000, OUT archived bigint,
									 OUT purged bigint, OUT more boolean)
	RETURNS record
	AS 'MODULE_PATHNAME', 'chat_apply_retention'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.apply_retention(int) IS
	'Job: purges what is past its time, then archives what is older than pg_parley.archive_after, at most max_messages a call; more: the round is not finished';

CREATE FUNCTION chat.hold(conversation_id bigint, reason text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'chat_hold'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.hold(bigint, text) IS
	'Places a legal hold on a conversation; false if there is one for that reason. For administrators';

CREATE FUNCTION chat.release_hold(conversation_id bigint, reason text DEFAULT NULL) RETURNS int
	AS 'MODULE_PATHNAME', 'chat_release_hold'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.release_hold(bigint, text) IS
	'Lifts the legal hold for a reason, or all holds on a conversation, and says how many. For administrators';

CREATE FUNCTION chat.holds()
	RETURNS TABLE (conversation_id bigint, reason text, held_at timestamptz, account_id bigint)
	AS 'MODULE_PATHNAME', 'chat_holds'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.holds() IS 'The legal holds there are. For administrators';

REVOKE ALL ON FUNCTION
	chat.archived(bigint, bigint, bigint, bigint, boolean, bigint, bigint),
	chat.archived_changes(bigint, bigint, bigint, int), chat.archive(timestamptz, int, bigint),
	chat.purge(timestamptz, int, bigint, bigint), chat.set_retention(bigint, interval),
	chat.retention(bigint), chat.apply_retention(int), chat.hold(bigint, text),
	chat.release_hold(bigint, text), chat.holds()
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.set_retention(bigint, interval), chat.retention(bigint) TO chat_user;
-- They ask for themselves who the caller is: an account may be an administrator.
GRANT EXECUTE ON FUNCTION
	chat.archive(timestamptz, int, bigint), chat.purge(timestamptz, int, bigint, bigint),
	chat.hold(bigint, text), chat.release_hold(bigint, text), chat.holds()
	TO chat_user;
GRANT EXECUTE ON FUNCTION chat.apply_retention(int) TO chat_gateway, chat_admin;
