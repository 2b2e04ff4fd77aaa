-- Tickets for WebSockets.

-- Unlogged: after a crash they are gone, which is what a ticket may be at any time.
CREATE UNLOGGED TABLE chat.ticket (
	ticket_hash             bytea PRIMARY KEY CHECK (octet_length(ticket_hash) = 32),
	account_id              bigint NOT NULL REFERENCES chat.account (id),
	session_id              bigint NOT NULL REFERENCES chat.session (id),
	connection_expires_at_s bigint NOT NULL,
	expires_at              timestamptz NOT NULL,
	used_at                 timestamptz
);
COMMENT ON TABLE chat.ticket IS 'SHA-256 of the tickets that open a WebSocket, until they expire';
COMMENT ON COLUMN chat.ticket.connection_expires_at_s IS
	'When an access token made with the ticket would have expired: as long is the connection good';
CREATE INDEX ticket_expiry_idx ON chat.ticket (expires_at);

CREATE FUNCTION chat.ws_ticket(OUT ticket text, OUT expires_in int) RETURNS record
	AS 'MODULE_PATHNAME', 'chat_ws_ticket'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.ws_ticket() IS
	'A ticket that opens one WebSocket for the caller within 30 seconds';
REVOKE ALL ON FUNCTION chat.ws_ticket() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.ws_ticket() TO chat_user;
