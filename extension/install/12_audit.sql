-- The audit log.
--
-- A row is written to audit_pending, in the transaction of the act, and waits for
-- nobody.  audit_seal() moves committed rows to audit_log, numbers them and chains
-- them by hash.  It takes the rows it can see: a transaction still in flight is
-- chained by a later sealing, wherever its ids lie, so that the numbers have no hole
-- and a late commit breaks nothing.  A horizon of transaction ids would have to wait
-- for the oldest transaction of the whole server, and mean nothing after a restore.
--
-- hash of a row = sha256(hash of the row before, or nothing || record_send(ROW(
--   place, id, at, convert_to(kind, 'UTF8'), account_id, actor_id, session_id,
--   conversation_id, convert_to(role_name, 'UTF8'), address,
--   convert_to(agent, 'UTF8'), convert_to(detail, 'UTF8'))))
-- All of it is the server's own, so that an auditor needs none of our code.

CREATE TABLE chat.audit_pending (
	id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at              timestamptz NOT NULL DEFAULT clock_timestamp(),
	kind            text NOT NULL,
	account_id      bigint,
	actor_id        bigint,
	session_id      bigint,
	conversation_id bigint,
	role_name       text NOT NULL DEFAULT session_user,
	address         inet,
	agent           text CHECK (octet_length(agent) <= 1024),
	detail          text CHECK (octet_length(detail) <= 1024)
);
COMMENT ON TABLE chat.audit_pending IS 'Rows of the audit log that are not sealed yet';

-- Its indexes cost the acts nothing: rows come here by sealing.
CREATE TABLE chat.audit_log (
	place        bigint PRIMARY KEY CHECK (place > 0),
	id              bigint NOT NULL UNIQUE,
	at              timestamptz NOT NULL,
	kind            text NOT NULL,
	account_id      bigint,
	actor_id        bigint,
	session_id      bigint,
	conversation_id bigint,
	role_name       text NOT NULL,
	address         inet,
	agent           text,
	detail          text,
	hash            bytea NOT NULL CHECK (octet_length(hash) = 32)
);
COMMENT ON TABLE chat.audit_log IS 'What happened that matters for security, chained by hash; rows are only added';
COMMENT ON COLUMN chat.audit_log.place IS 'The place in the chain: 1, 2, 3, without a gap, in the order of sealing';
COMMENT ON COLUMN chat.audit_log.id IS 'In the order of writing; rolled-back acts leave gaps';
COMMENT ON COLUMN chat.audit_log.account_id IS 'Whom the act is about';
COMMENT ON COLUMN chat.audit_log.actor_id IS 'The account that acted, NULL if none was authenticated';
COMMENT ON COLUMN chat.audit_log.role_name IS 'The database role that had logged in';
CREATE INDEX audit_log_account_idx ON chat.audit_log (account_id, id);
CREATE INDEX audit_log_actor_idx ON chat.audit_log (actor_id, id);
CREATE INDEX audit_log_conversation_idx ON chat.audit_log (conversation_id, id)
	WHERE conversation_id IS NOT NULL;
CREATE INDEX audit_log_kind_idx ON chat.audit_log (kind text_pattern_ops, id);
CREATE INDEX audit_log_address_idx ON chat.audit_log (address, id) WHERE address IS NOT NULL;
CREATE INDEX audit_log_at_idx ON chat.audit_log (at);

CREATE TABLE chat.audit_head (
	place  bigint PRIMARY KEY,
	hash      bytea NOT NULL,
	sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE chat.audit_head IS
	'The last row of each sealing. Kept elsewhere, heads prove that nobody has rewritten the chain since, not even the owner';

CREATE FUNCTION chat.audit_guard() RETURNS trigger
	AS 'MODULE_PATHNAME', 'chat_audit_guard'
	LANGUAGE c;
COMMENT ON FUNCTION chat.audit_guard() IS
	'Refuses what would change the audit log; the trigger''s arguments name what the owner may do';
-- Not SECURITY DEFINER: it asks who the writer is.
REVOKE ALL ON FUNCTION chat.audit_guard() FROM PUBLIC;

-- Privileges alone would not do: members of pg_write_all_data need none.
CREATE TRIGGER audit_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON chat.audit_pending
	FOR EACH STATEMENT EXECUTE FUNCTION chat.audit_guard('INSERT', 'DELETE');
CREATE TRIGGER audit_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON chat.audit_log
	FOR EACH STATEMENT EXECUTE FUNCTION chat.audit_guard('INSERT');
CREATE TRIGGER audit_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON chat.audit_head
	FOR EACH STATEMENT EXECUTE FUNCTION chat.audit_guard('INSERT');

CREATE VIEW chat.audit_info AS
	SELECT id, at, kind, account_id, actor_id, session_id, conversation_id, role_name, address,
		   agent, detail, place
	FROM chat.audit_log
	UNION ALL
	SELECT id, at, kind, account_id, actor_id, session_id, conversation_id, role_name, address,
		   agent, detail, NULL
	FROM chat.audit_pending;
COMMENT ON VIEW chat.audit_info IS 'The audit log; place is NULL until a row is sealed';

CREATE FUNCTION chat.audit_kinds() RETURNS TABLE (kind text, meaning text)
	AS 'MODULE_PATHNAME', 'chat_audit_kinds'
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit_kinds() IS 'What can stand in the audit log';

CREATE FUNCTION chat.audit_seal(max_rows int DEFAULT 10000) RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_audit_seal'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit_seal(int) IS
	'Chains the committed rows of the audit log that are not sealed yet, and says how many it took';

CREATE FUNCTION chat.audit_heads(after bigint DEFAULT 0) RETURNS SETOF chat.audit_head
	AS 'MODULE_PATHNAME', 'chat_audit_heads'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit_heads(bigint) IS
	'The head of the chain after each sealing, from a place on: to be kept where the owner of the database cannot write';

CREATE FUNCTION chat.audit_verify(heads jsonb DEFAULT '[]')
	RETURNS TABLE (place bigint, id bigint, finding text, detail text)
	AS 'MODULE_PATHNAME', 'chat_audit_verify'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit_verify(jsonb) IS
	'Recomputes the chain and compares it with heads kept elsewhere: a row for every change, hole or addition, none if all is well; then seals what is new';

CREATE FUNCTION chat.audit(account_id bigint DEFAULT NULL, kinds text[] DEFAULT NULL,
						   conversation_id bigint DEFAULT NULL, address inet DEFAULT NULL,
						   since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
						   before bigint DEFAULT NULL, max_results int DEFAULT 100)
	RETURNS SETOF chat.audit_info
	AS 'MODULE_PATHNAME', 'chat_audit'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.audit(bigint, text[], bigint, inet, timestamptz, timestamptz, bigint, int) IS
	'The audit log, newest first, for administrators; before is the id to go on from';

REVOKE ALL ON FUNCTION
	chat.audit_kinds(), chat.audit_seal(int), chat.audit_heads(bigint),
	chat.audit_verify(jsonb),
	chat.audit(bigint, text[], bigint, inet, timestamptz, timestamptz, bigint, int)
	FROM PUBLIC;
-- audit() asks for itself who the caller is: an account may be an administrator.
GRANT EXECUTE ON FUNCTION
	chat.audit_kinds(),
	chat.audit(bigint, text[], bigint, inet, timestamptz, timestamptz, bigint, int)
	TO chat_user;
GRANT EXECUTE ON FUNCTION chat.audit_seal(int) TO chat_gateway, chat_admin;
GRANT EXECUTE ON FUNCTION chat.audit_heads(bigint), chat.audit_verify(jsonb)
	TO chat_admin;
