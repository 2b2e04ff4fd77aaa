-- Threads, pins, and how far messages have come.

CREATE FUNCTION chat.thread(conversation_id bigint, seq bigint, after bigint DEFAULT NULL,
							max_results int DEFAULT 50)
	RETURNS SETOF chat.message_info
	AS 'MODULE_PATHNAME', 'chat_thread'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.thread(bigint, bigint, bigint, int) IS
	'The thread that a message belongs to: its first message, then every reply at any depth, in their order; after pages on';

CREATE FUNCTION chat.pin(conversation_id bigint, seq bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_pin'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.pin(bigint, bigint) IS
	'Pins a message; in a group for owners and admins, at most 100 in a conversation';

CREATE FUNCTION chat.unpin(conversation_id bigint, seq bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_unpin'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.unpin(bigint, bigint) IS 'Takes a message off the pinned ones';

CREATE FUNCTION chat.pins(conversation_id bigint) RETURNS SETOF chat.message_info
	AS 'MODULE_PATHNAME', 'chat_pins'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.pins(bigint) IS 'The pinned messages of a conversation, the last pinned first';

CREATE FUNCTION chat.mark_delivered(conversation_id bigint, seq bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_mark_delivered'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.mark_delivered(bigint, bigint) IS
	'Moves the caller''s delivered position forward, never back, and returns it; what is read is delivered';

REVOKE ALL ON FUNCTION
	chat.thread(bigint, bigint, bigint, int), chat.pin(bigint, bigint), chat.unpin(bigint, bigint),
	chat.pins(bigint), chat.mark_delivered(bigint, bigint)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.thread(bigint, bigint, bigint, int), chat.pin(bigint, bigint), chat.unpin(bigint, bigint),
	chat.pins(bigint), chat.mark_delivered(bigint, bigint)
	TO chat_user;
