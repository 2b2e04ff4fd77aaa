-- Catching up for many clients at once: what a gateway asks when a crowd comes back.

CREATE FUNCTION chat.gateway_sync(conversation_ids bigint[], seqs bigint[], vers bigint[],
								  account_ids bigint[], asks int[], max_messages int,
								  OUT ask int, OUT part text, OUT account_id bigint,
								  OUT number bigint, OUT ver bigint, OUT frame text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'chat_gateway_sync'
	LANGUAGE c STRICT STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_sync(bigint[], bigint[], bigint[], bigint[], int[], int) IS
	'What is new in each conversation since its cursor (NULLs: all of it), as frames ready to send, and which of the accounts are no members of the conversation they ask about; all of one snapshot';

REVOKE ALL ON FUNCTION chat.gateway_sync(bigint[], bigint[], bigint[], bigint[], int[], int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.gateway_sync(bigint[], bigint[], bigint[], bigint[], int[], int)
	TO chat_gateway;
