-- The feed of a gateway that has no replication slot.

CREATE FUNCTION chat.gateway_feed(wire int, cursor text, slow_cursor text,
								  conversation_ids bigint[], seqs bigint[], vers bigint[],
								  account_ids bigint[],
								  OUT next_cursor text, OUT snapshot_xmin bigint,
								  OUT next_xid bigint, OUT wakes boolean, OUT more boolean,
								  OUT moved_ids bigint[], OUT moved_seqs bigint[],
								  OUT moved_vers bigint[], OUT events bytea)
	RETURNS record
	AS 'MODULE_PATHNAME', 'chat_gateway_feed'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_feed(int, text, text, bigint[], bigint[], bigint[], bigint[]) IS
	'What was committed since a gateway last asked, as one chunk of the output plugin''s events; next_cursor is NULL when the gateway has to begin anew';

REVOKE ALL ON FUNCTION
	chat.gateway_feed(int, text, text, bigint[], bigint[], bigint[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.gateway_feed(int, text, text, bigint[], bigint[], bigint[], bigint[]) TO chat_gateway;
