-- Tickets: one use, 30 seconds, and only while the session goes on.
\i sql/include/setup.psql
SELECT (g).access_token AS a FROM chat.login('alice', 'correct horse') g \gset
BEGIN;
SELECT chat.act_as(1);
SELECT is_group FROM chat.create_group('team', ARRAY['bob']);
-- a ticket belongs to a session
SELECT pg_temp.refusal('SELECT chat.ws_ticket()');
COMMIT;
SELECT pg_temp.refusal('SELECT chat.ws_ticket()');

BEGIN;
SELECT chat.authenticate(:'a');
SELECT ticket AS t, length(ticket), expires_in FROM chat.ws_ticket() \gset
COMMIT;
SELECT :length AS length, :expires_in AS expires_in;
SELECT count(*) FILTER (WHERE ticket_hash = sha256(convert_to(:'t', 'UTF8'))) AS hashed,
	   count(*) FILTER (WHERE position(convert_to(:'t', 'UTF8') IN ticket_hash) > 0) AS plain FROM chat.ticket;

-- it gives what the token would have given
SELECT error, account_id, session_id, (c."user").username, conversation_ids, vers, snapshot_xmin > 0 AS has_xmin,
	   expires_at_s - extract(epoch FROM now()) BETWEEN 890 AND 901 AS good_for_15_minutes
	FROM chat.gateway_connect_ticket(:'t') c;
-- a second use is refused and written down; so are texts that are no ticket, but not written down
SELECT to_json(chat.gateway_connect_ticket(:'t'));
SELECT text, (chat.gateway_connect_ticket(text)).error FROM unnest(ARRAY['', 'x', repeat('A', 43)]) text;
SELECT (chat.gateway_connect_ticket(:'a')).error;
SELECT kind, account_id FROM chat.audit(kinds => '{ticket_reused}');

-- too late, and used up by that
BEGIN; SELECT FROM chat.authenticate(:'a'); SELECT ticket AS t FROM chat.ws_ticket() \gset
COMMIT;
UPDATE chat.ticket SET expires_at = now() - interval '1 s';
SELECT error FROM chat.gateway_connect_ticket(:'t');
SELECT error FROM chat.gateway_connect_ticket(:'t');
-- those that have expired are cleared away by the next
BEGIN; SELECT FROM chat.authenticate(:'a'); SELECT ticket AS t FROM chat.ws_ticket() \gset
COMMIT;
SELECT count(*) FROM chat.ticket;

-- it ends with its session
BEGIN; SELECT chat.authenticate(:'a'); SELECT chat.logout(); COMMIT;
SELECT error FROM chat.gateway_connect_ticket(:'t');
