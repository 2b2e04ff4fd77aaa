-- Who is online, as the gateways know it, and what they need to tell others of it.

-- Not in a dump: a restored database has gateways of its own.
CREATE TABLE chat.gateway_secret (
	is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
	secret  bytea NOT NULL CHECK (octet_length(secret) = 32)
);
COMMENT ON TABLE chat.gateway_secret IS
	'What gateways know of each other''s notifications by: any role can NOTIFY, but not under this key';
INSERT INTO chat.gateway_secret (secret)
	VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

CREATE TYPE chat.presence_change AS (
	user_id                bigint,
	username               text,
	is_online              boolean,
	last_seen              timestamptz,
	conversation_ids       bigint[],
	large_conversation_ids bigint[]
);
COMMENT ON TYPE chat.presence_change IS
	'An account that came or went, and who is to know: the members of the first conversations one by one, those of the large ones as a count';

CREATE FUNCTION chat.gateway_key() RETURNS text
	AS 'MODULE_PATHNAME', 'chat_gateway_key'
	LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_key() IS
	'The key of this database under which gateways notify each other, in hexadecimal';

CREATE FUNCTION chat.gateway_beat(gateway_id bigint, lease_s int, OUT is_new boolean,
								  OUT peers int, OUT expired int)
	RETURNS record
	AS 'MODULE_PATHNAME', 'chat_gateway_beat'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_beat(bigint, int) IS
	'Renews a gateway''s lease: whether it had none, how many others are alive, how many have died and wait for gateway_reap()';

CREATE FUNCTION chat.gateway_presence(gateway_id bigint, online bigint[], offline bigint[],
									  active bigint[], members_max int DEFAULT 100)
	RETURNS SETOF chat.presence_change
	AS 'MODULE_PATHNAME', 'chat_gateway_presence'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_presence(bigint, bigint[], bigint[], bigint[], int) IS
	'A gateway''s word on who is connected to it, who no longer is, and who did something; returns those who came or went on the whole';

CREATE FUNCTION chat.gateway_reap(members_max int DEFAULT 100)
	RETURNS SETOF chat.presence_change
	AS 'MODULE_PATHNAME', 'chat_gateway_reap'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_reap(int) IS
	'Removes the gateways whose lease has run out; returns the accounts that are offline by that';

CREATE FUNCTION chat.gateway_changes(seconds int, members_max int DEFAULT 100)
	RETURNS SETOF chat.presence_change
	AS 'MODULE_PATHNAME', 'chat_gateway_changes'
	LANGUAGE c STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_changes(int, int) IS
	'The accounts that came or went in the last seconds, for a gateway that could not listen';

CREATE FUNCTION chat.gateway_counts(conversation_ids bigint[])
	RETURNS TABLE (conversation_id bigint, online int)
	AS 'MODULE_PATHNAME', 'chat_gateway_counts'
	LANGUAGE c STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_counts(bigint[]) IS
	'How many members of each conversation are online';

CREATE FUNCTION chat.gateway_may_type(account_ids bigint[], conversation_ids bigint[])
	RETURNS TABLE (username text, error text, hidden_from bigint[])
	AS 'MODULE_PATHNAME', 'chat_gateway_may_type'
	LANGUAGE c STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.gateway_may_type(bigint[], bigint[]) IS
	'Whether each account may be seen typing in the conversation of the same position, in that order; error is NULL or the stable code of why not, hidden_from the members who have blocked the account';

REVOKE ALL ON FUNCTION
	chat.gateway_key(), chat.gateway_beat(bigint, int),
	chat.gateway_presence(bigint, bigint[], bigint[], bigint[], int), chat.gateway_reap(int),
	chat.gateway_changes(int, int), chat.gateway_counts(bigint[]),
	chat.gateway_may_type(bigint[], bigint[])
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.gateway_key(), chat.gateway_beat(bigint, int),
	chat.gateway_presence(bigint, bigint[], bigint[], bigint[], int), chat.gateway_reap(int),
	chat.gateway_changes(int, int), chat.gateway_counts(bigint[]),
	chat.gateway_may_type(bigint[], bigint[])
	TO chat_gateway;
