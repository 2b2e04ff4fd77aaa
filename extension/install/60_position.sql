-- How far members have come, as a gateway reports it.

CREATE FUNCTION chat.gateway_positions(account_ids bigint[], conversation_ids bigint[],
									   read_seqs bigint[], delivered_seqs bigint[])
	RETURNS TABLE (item int, read_seq bigint, delivered_seq bigint, error text)
	AS 'MODULE_PATHNAME', 'chat_gateway_positions'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_positions(bigint[], bigint[], bigint[], bigint[]) IS
	'Moves positions of many members forward in one commit, never back, and returns where they are; whoever is not a member is refused alone, by a stable code in error';

REVOKE ALL ON FUNCTION chat.gateway_positions(bigint[], bigint[], bigint[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.gateway_positions(bigint[], bigint[], bigint[], bigint[])
	TO chat_gateway;
