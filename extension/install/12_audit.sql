-- The audit log.
--
-- A row is written to audit_pending, in the transaction of the act, and waits for
-- nobody.  audit_seal() moves committed rows to audit_log, numbers them and chains
-- them by hash.  It takes the rows it can see: a transaction still in flight is
-- chained by a later sealing, wherever its ids lie, so that the numbers have no hole
-- and a late commit breaks nothing.

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
COMMENT ON COLUMN chat.audit_pending.account_id IS 'Whom the act is about';
COMMENT ON COLUMN chat.audit_pending.actor_id IS 'The account that acted, NULL if none was authenticated';
COMMENT ON COLUMN chat.audit_pending.role_name IS 'The database role that had logged in';
