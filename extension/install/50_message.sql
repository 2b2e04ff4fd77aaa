-- Messages, the shapes in which conversations and messages are shown, and the
-- functions on both.

CREATE TABLE chat.message (
	conversation_id bigint NOT NULL,
	seq             bigint NOT NULL CHECK (seq > 0),
	sender_id       bigint NOT NULL,
	reply_to        bigint,
	thread          bigint,
	created_at      timestamptz NOT NULL,
	edited_at       timestamptz,
	deleted_at      timestamptz,
	pinned_at       timestamptz,
	pinned_by       bigint,
	ver             bigint,
	changed         "char" CHECK (changed IN ('e', 'd', 'r', 'p', 'a')),
	client_id       uuid,
	sender_name     text NOT NULL,
	content         text NOT NULL,
	reactions       json,
	attachments     json,
	PRIMARY KEY (conversation_id, seq),
	FOREIGN KEY (conversation_id, sender_id) REFERENCES chat.member (conversation_id, account_id)
);
COMMENT ON TABLE chat.message IS 'What was said: numbered 1, 2, 3 and so on in its conversation, without a gap';
-- No foreign key refers to a message: it may be in chat.archive.  Whoever writes such a row has
-- the conversation locked and the message before them (change.c, post.c).
COMMENT ON COLUMN chat.message.client_id IS 'Made by the client: a repeated send gives the first result';
COMMENT ON COLUMN chat.message.thread IS
	'The message that the chain of replies began with; NULL where reply_to is NULL (no CHECK: every send would pay for it)';
COMMENT ON COLUMN chat.message.reactions IS
	'What table reaction says of this message, [{emoji, count, user_ids}]: made when it changes, so that nobody pays who reads; NULL if none';
COMMENT ON COLUMN chat.message.attachments IS
	'What table attachment says of this message, [{id, name, media_type, size, sha256}], for readers and the output plugin; NULL if none';
COMMENT ON COLUMN chat.message.ver IS 'NULL until the message changes';
COMMENT ON COLUMN chat.message.changed IS
	'What the last change was, for the output plugin: e edited, d deleted, r reactions, p pinned or not; a: only brought back from the archive, which is no event';
COMMENT ON COLUMN chat.message.sender_name IS
	'The sender''s user name: the output plugin makes the event from this row alone';

CREATE UNIQUE INDEX message_client_id_key
	ON chat.message (conversation_id, sender_id, client_id) WHERE client_id IS NOT NULL;

-- Finds what changed since a version; plain inserts are not in it.
CREATE INDEX message_ver_idx ON chat.message (conversation_id, ver) WHERE ver IS NOT NULL;

-- Finds the last message of a member's own, which counts as read.
CREATE INDEX message_sender_idx ON chat.message (conversation_id, sender_id, seq);

-- Few messages are replies: thread() finds them without the others.
CREATE INDEX message_thread_idx
	ON chat.message (conversation_id, thread, seq) WHERE thread IS NOT NULL;

-- Few messages are deleted: what is unread is counted without them.
CREATE INDEX message_deleted_idx
	ON chat.message (conversation_id, seq) WHERE deleted_at IS NOT NULL;

CREATE INDEX message_pinned_idx
	ON chat.message (conversation_id, pinned_at) WHERE pinned_at IS NOT NULL;

-- Nothing but columns of the row: a page costs what its rows cost.
CREATE VIEW chat.message_info AS
	SELECT conversation_id, seq, sender_id, sender_name AS sender, content, client_id, reply_to,
		   created_at, edited_at, deleted_at IS NOT NULL AS deleted,
		   coalesce(reactions, '[]'::json) AS reactions, thread, pinned_at IS NOT NULL AS pinned,
		   coalesce(attachments, '[]'::json) AS attachments
	FROM chat.message;
COMMENT ON VIEW chat.message_info IS
	'A message as members see it; one that was deleted has deleted true and no content';

CREATE TYPE chat.member_info AS (
	id           bigint,
	username     text,
	display_name text,
	avatar_url   text,
	bio          text,
	is_online    boolean,
	last_seen    timestamptz,
	role         text,
	muted_until  timestamptz
);
COMMENT ON TYPE chat.member_info IS 'A member of a conversation: the profile, the role, and until when they may not speak';

CREATE TYPE chat.conversation_info AS (
	id           bigint,
	is_group     boolean,
	name         text,
	members      chat.member_info[],
	member_count int,
	last_message chat.message_info,
	last_seq     bigint,
	unread       bigint,
	read_seq     bigint,
	mentions     bigint,
	is_public    boolean,
	active_at    timestamptz
);
COMMENT ON TYPE chat.conversation_info IS
	'A conversation as one member sees it; members holds the first 50, member_count says how many there are; mentions counts the unread messages that name the member or all; active_at is the time of the last message, or else of the beginning';

CREATE TYPE chat.direct_result AS (conversation chat.conversation_info, created boolean);
COMMENT ON TYPE chat.direct_result IS 'The answer of chat.direct()';

CREATE TYPE chat.page_info AS (messages chat.message_info[], has_more boolean);
COMMENT ON TYPE chat.page_info IS 'Messages oldest first, and whether more lie beyond';

-- ---- conversations -----------------------------------------------------------

CREATE FUNCTION chat.direct(username text) RETURNS chat.direct_result
	AS 'MODULE_PATHNAME', 'chat_direct'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.direct(text) IS
	'The direct conversation with somebody, made if there is none';

CREATE FUNCTION chat.create_group(name text, usernames text[] DEFAULT '{}',
								  is_public boolean DEFAULT false)
	RETURNS chat.conversation_info
	AS 'MODULE_PATHNAME', 'chat_create_group'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.create_group(text, text[], boolean) IS
	'A new group that the caller owns, with the named accounts in it; a public one is open to everybody';

CREATE FUNCTION chat.conversations(max_results int DEFAULT 50, before timestamptz DEFAULT NULL,
								   before_id bigint DEFAULT NULL)
	RETURNS SETOF chat.conversation_info
	AS 'MODULE_PATHNAME', 'chat_conversations'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.conversations(int, timestamptz, bigint) IS
	'The caller''s conversations, the last active first; the next page is before active_at and id of the last';

CREATE FUNCTION chat.conversation(conversation_id bigint) RETURNS chat.conversation_info
	AS 'MODULE_PATHNAME', 'chat_conversation'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.conversation(bigint) IS 'One of the caller''s conversations';

CREATE FUNCTION chat.stats(OUT conversations bigint, OUT messages bigint, OUT unread bigint)
	RETURNS record
	AS 'MODULE_PATHNAME', 'chat_stats'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.stats() IS
	'How many conversations the caller has, the messages in them and those unread';

CREATE FUNCTION chat.members(conversation_id bigint) RETURNS SETOF chat.member_info
	AS 'MODULE_PATHNAME', 'chat_members'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.members(bigint) IS 'Who belongs to a conversation of the caller';

CREATE FUNCTION chat.add_member(conversation_id bigint, username text) RETURNS chat.member_info
	AS 'MODULE_PATHNAME', 'chat_add_member'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.add_member(bigint, text) IS
	'Brings somebody into a group; for its owners and admins';

CREATE FUNCTION chat.remove_member(conversation_id bigint, account_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_remove_member'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.remove_member(bigint, bigint) IS
	'Puts somebody of lower role out of a group; they receive nothing committed later';

CREATE FUNCTION chat.leave(conversation_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_leave'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.leave(bigint) IS
	'Takes the caller out of a group; the last owner hands over to the longest-standing admin, else member';

-- ---- messages ----------------------------------------------------------------

CREATE FUNCTION chat.send(conversation_id bigint, content text, client_id uuid DEFAULT NULL,
						  reply_to bigint DEFAULT NULL, attachments bigint[] DEFAULT NULL,
						  OUT seq bigint, OUT created_at timestamptz, OUT repeated boolean)
	RETURNS record
	AS 'MODULE_PATHNAME', 'chat_send'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.send(bigint, text, uuid, bigint, bigint[]) IS
	'Says something in a conversation; the commit publishes it. A repeated client_id gives the first result. attachments: ids from attach(), of the caller, each for one message';

CREATE FUNCTION chat.send_batch(sender_ids bigint[], conversation_ids bigint[], contents text[],
								client_ids uuid[], reply_tos bigint[], wait boolean DEFAULT true)
	RETURNS TABLE (item int, seq bigint, created_at timestamptz, repeated boolean, error text)
	AS 'MODULE_PATHNAME', 'chat_send_batch'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.send_batch(bigint[], bigint[], text[], uuid[], bigint[], boolean) IS
	'Many sends of many senders in one commit; a bad one is refused alone, by its stable code in error. Without wait, so are those in a conversation, or of a sender, that another transaction holds (conversation_busy)';

-- VOLATILE, so that a statement which sends can read back what it sent.
CREATE FUNCTION chat.message(conversation_id bigint, seq bigint) RETURNS chat.message_info
	AS 'MODULE_PATHNAME', 'chat_message'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.message(bigint, bigint) IS 'One message of a conversation of the caller';

CREATE FUNCTION chat.mark_read(conversation_id bigint, seq bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_mark_read'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.mark_read(bigint, bigint) IS
	'Moves the caller''s read position forward, never back, and returns it';

CREATE FUNCTION chat.history(conversation_id bigint, before bigint DEFAULT NULL,
							 after bigint DEFAULT NULL, around bigint DEFAULT NULL,
							 max_results int DEFAULT 50)
	RETURNS SETOF chat.message_info
	AS 'MODULE_PATHNAME', 'chat_history'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.history(bigint, bigint, bigint, bigint, int) IS
	'Messages of a conversation, oldest first: the newest, or those before, after or around a number; at most 200';

CREATE FUNCTION chat.history_page(conversation_id bigint, before bigint DEFAULT NULL,
								  after bigint DEFAULT NULL, around bigint DEFAULT NULL,
								  max_results int DEFAULT 50)
	RETURNS chat.page_info
	AS 'MODULE_PATHNAME', 'chat_history_page'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.history_page(bigint, bigint, bigint, bigint, int) IS
	'The same as one value, with has_more: whether there are more in the direction asked for (backward for around)';

REVOKE ALL ON FUNCTION
	chat.direct(text), chat.create_group(text, text[], boolean), chat.conversations(int, timestamptz, bigint),
	chat.conversation(bigint), chat.stats(), chat.members(bigint), chat.add_member(bigint, text),
	chat.remove_member(bigint, bigint), chat.leave(bigint), chat.send(bigint, text, uuid, bigint, bigint[]),
	chat.send_batch(bigint[], bigint[], text[], uuid[], bigint[], boolean), chat.message(bigint, bigint),
	chat.mark_read(bigint, bigint), chat.history(bigint, bigint, bigint, bigint, int),
	chat.history_page(bigint, bigint, bigint, bigint, int)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.direct(text), chat.create_group(text, text[], boolean), chat.conversations(int, timestamptz, bigint),
	chat.conversation(bigint), chat.stats(), chat.members(bigint), chat.add_member(bigint, text),
	chat.remove_member(bigint, bigint), chat.leave(bigint), chat.send(bigint, text, uuid, bigint, bigint[]),
	chat.message(bigint, bigint), chat.mark_read(bigint, bigint),
	chat.history(bigint, bigint, bigint, bigint, int),
	chat.history_page(bigint, bigint, bigint, bigint, int)
	TO chat_user;
GRANT EXECUTE ON FUNCTION chat.send_batch(bigint[], bigint[], text[], uuid[], bigint[], boolean)
	TO chat_gateway;
