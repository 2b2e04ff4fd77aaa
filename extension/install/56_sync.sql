-- Catching up: one call brings a client from what it knows to now.

CREATE TYPE chat.position_info AS (user_id bigint, read_seq bigint, delivered_seq bigint);
COMMENT ON TYPE chat.position_info IS 'How far a member has read, and how far messages have reached them';

CREATE TYPE chat.membership_info AS (
	user_id     bigint,
	role        text,
	state       text,
	ver         bigint,
	muted_until timestamptz
);
COMMENT ON TYPE chat.membership_info IS 'A membership as it stands, also one that has ended';

CREATE TYPE chat.sync_info AS (
	conversation_id bigint,
	status          text,
	seq             bigint,
	ver             bigint,
	conversation    chat.conversation_info,
	messages        chat.message_info[],
	changed         chat.message_info[],
	memberships     chat.membership_info[],
	positions       chat.position_info[]
);
COMMENT ON TYPE chat.sync_info IS
	'What a client missed of one conversation. status: complete; more (call again with seq and ver); reset (forget what you have of it, this is the newest); gone (no longer yours)';

CREATE FUNCTION chat.sync(cursors jsonb DEFAULT '{}', max_messages int DEFAULT 200)
	RETURNS SETOF chat.sync_info
	AS 'MODULE_PATHNAME', 'chat_sync'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.sync(jsonb, int) IS
	'All that the caller missed since the cursors {"<conversation_id>": {"seq": n, "ver": n}, ...}, of one snapshot: a row for each conversation where something is new; at most max_messages messages and as many changes of each';
REVOKE ALL ON FUNCTION chat.sync(jsonb, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.sync(jsonb, int) TO chat_user;

CREATE FUNCTION chat.timeline() RETURNS text
	AS 'MODULE_PATHNAME', 'chat_timeline'
	LANGUAGE c STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.timeline() IS
	'Which history of which server this is: another after a failover or a restore, and then cursors from before are good for nothing';
REVOKE ALL ON FUNCTION chat.timeline() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.timeline() TO chat_user, chat_gateway;
