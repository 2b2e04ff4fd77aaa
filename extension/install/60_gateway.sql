-- What a gateway needs when a client connects.

CREATE FUNCTION chat.gateway_connect(token text, OUT account_id bigint, OUT session_id bigint,
									 OUT expires_at_s bigint, OUT "user" chat.user_info,
									 OUT conversation_ids bigint[], OUT vers bigint[],
									 OUT snapshot_xmin bigint, OUT last_seqs bigint[],
									 OUT last_vers bigint[])
	RETURNS record
	AS 'MODULE_PATHNAME', 'chat_gateway_connect'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_connect(text) IS
	'Who an access token speaks for, until when (Unix seconds), and the memberships with their versions and the last number and version of each conversation, all of one snapshot';

CREATE FUNCTION chat.gateway_connect_batch(tokens text[], OUT item int, OUT error text,
										   OUT account_id bigint, OUT session_id bigint,
										   OUT expires_at_s bigint, OUT "user" chat.user_info,
										   OUT conversation_ids bigint[], OUT vers bigint[],
										   OUT snapshot_xmin bigint, OUT last_seqs bigint[],
										   OUT last_vers bigint[])
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'chat_gateway_connect_batch'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_connect_batch(text[]) IS
	'The same for many access tokens, all of one snapshot; error is NULL or the stable code of a refusal';

CREATE FUNCTION chat.gateway_connect_ticket(ticket text, OUT error text, OUT account_id bigint,
											OUT session_id bigint, OUT expires_at_s bigint,
											OUT "user" chat.user_info, OUT conversation_ids bigint[],
											OUT vers bigint[], OUT snapshot_xmin bigint,
											OUT last_seqs bigint[], OUT last_vers bigint[])
	RETURNS record
	AS 'MODULE_PATHNAME', 'chat_gateway_connect_ticket'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_connect_ticket(text) IS
	'The same for a ticket, which is used up; error is NULL or the stable code of a refusal, which is returned so that its traces commit';

CREATE FUNCTION chat.gateway_act(account_id bigint, session_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_gateway_act'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_act(bigint, bigint) IS
	'Acts for an account by a session whose client is connected, until the transaction ends';

REVOKE ALL ON FUNCTION chat.gateway_connect(text), chat.gateway_connect_batch(text[]),
	chat.gateway_connect_ticket(text), chat.gateway_act(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.gateway_connect(text), chat.gateway_connect_batch(text[]),
	chat.gateway_connect_ticket(text), chat.gateway_act(bigint, bigint) TO chat_gateway;

CREATE FUNCTION chat.gateway_neighbours(account_ids bigint[])
	RETURNS TABLE (account_id bigint, conversation_ids bigint[])
	AS 'MODULE_PATHNAME', 'chat_gateway_neighbours'
	LANGUAGE c STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_neighbours(bigint[]) IS
	'The conversations of each account, for telling those who share one that a profile changed';
REVOKE ALL ON FUNCTION chat.gateway_neighbours(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.gateway_neighbours(bigint[]) TO chat_gateway;
