-- The audit log: what is written, who may read it, who may change it, and how every change is found.
\i sql/include/setup.psql

-- every kind has a name of its own and says what it means
SELECT count(*) = count(DISTINCT kind) AS distinct, count(*) > 30 AS many, bool_and(kind ~ '^[a-z_]+$' AND meaning <> '') AS clean
	FROM chat.audit_kinds();

-- making the extension is no act, signing up is
SELECT id, kind, account_id, actor_id, session_id, role_name = session_user AS by_me, nullif(address, inet_client_addr()) AS address, agent, place FROM chat.audit() ORDER BY id;

-- sessions
SELECT (g).refresh_token AS r0, (g).access_token AS a0 FROM chat.login('alice', 'correct horse', 'psql/15') g \gset
SELECT (chat.login('ALICE@example.org', 'wrong horse', 'a guesser')).error;
SELECT (chat.login('correct horse', 'alice')).error;
SELECT (chat.login('alice', '')).error;
SELECT (g).refresh_token AS r1 FROM chat.refresh(:'r0') g \gset
SELECT (g).refresh_token AS r2 FROM chat.refresh(:'r1') g \gset
SELECT (chat.refresh(:'r0')).error;
SELECT (g).access_token AS a1 FROM chat.login('bob', 'correct horse', repeat('é', 1000)) g \gset
BEGIN; SELECT chat.authenticate(:'a1'); SELECT chat.logout(); COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT chat.logout(); SELECT chat.logout_all(); COMMIT;
SELECT kind, account_id, actor_id, session_id, octet_length(agent) AS agent_size, left(agent, 9) AS agent, detail
	FROM chat.audit() WHERE id > 4 ORDER BY id;

-- keys
SELECT chat.rotate_key() AS kid \gset
SELECT kind, account_id, actor_id, detail = :'kid' AS has_kid FROM chat.audit(kinds => '{key_rotated}');

-- groups
BEGIN;
SELECT chat.act_as(1);
SELECT id AS team FROM chat.create_group('team', ARRAY['bob', 'carol']) \gset
SELECT username FROM chat.add_member(:team, 'dave');
SELECT chat.remove_member(:team, 3);
SELECT chat.leave(:team);
COMMIT;
SELECT kind, account_id, actor_id, conversation_id = :team AS of_team, detail FROM chat.audit(conversation_id => :team) ORDER BY id;

-- administrators
SELECT chat.grant_admin('carol');
SELECT chat.grant_admin('carol');
SELECT chat.grant_admin('dave');
SELECT chat.revoke_admin('dave');
SELECT chat.revoke_admin('dave');
SELECT pg_temp.refusal($$SELECT chat.grant_admin('nobody')$$);
SELECT kind, account_id, actor_id FROM chat.audit(kinds => '{admin_granted,admin_revoked}') ORDER BY id;

-- an act that is taken back leaves no row
BEGIN;
SELECT chat.act_as(2);
SELECT (chat.create_group('gone', '{}')).is_group;
ROLLBACK;
SELECT pg_temp.refusal($$SELECT chat.signup('alice', 'other@example.org', 'correct horse')$$);
SELECT count(*) FROM chat.audit(since => now());

-- nothing secret is in it
SELECT count(*) FROM chat.audit_info i, unnest(ARRAY['horse', :'r0', :'r1', :'r2', :'a0', :'a1']) AS secret
	WHERE strpos(i::text, secret) > 0;

-- filters
SELECT count(*), bool_and(1 IN (account_id, actor_id)) FROM chat.audit(account_id => 1);
SELECT kind FROM chat.audit(account_id => 1, kinds => '{login,login_failed}', max_results => 2);
SELECT count(*) FROM chat.audit(since => 'infinity');
SELECT count(*) FROM chat.audit(until => '-infinity');
SELECT count(*) FROM chat.audit(address => '10.0.0.0/8');
SELECT id FROM chat.audit(before => 4);
SELECT pg_temp.refusal($$SELECT chat.audit(kinds => '{logins}')$$);
SELECT pg_temp.refusal($$SELECT chat.audit(kinds => '{NULL}')$$);
SELECT pg_temp.refusal($$SELECT chat.audit(max_results => 0)$$);

-- who may read it: an account that is an administrator, else a role that has chat_admin's privileges
CREATE ROLE regress_parley_user IN ROLE chat_user;
CREATE ROLE regress_parley_admin IN ROLE chat_admin;
CREATE ROLE regress_parley_gateway IN ROLE chat_gateway;
CREATE ROLE regress_parley_writer IN ROLE pg_write_all_data, pg_read_all_data;
GRANT USAGE ON SCHEMA chat TO regress_parley_writer;
SET ROLE regress_parley_user;
SELECT chat.is_admin();
SELECT count(*) FROM chat.audit();
SELECT chat.audit_verify();
SELECT chat.audit_heads();
SELECT chat.audit_seal();
SELECT chat.grant_admin('alice');
SET ROLE regress_parley_gateway;
SELECT count(*) FROM chat.audit();
BEGIN; SELECT chat.act_as(1); SELECT chat.is_admin(); SELECT count(*) FROM chat.audit(); ROLLBACK;
BEGIN; SELECT chat.act_as(3); SELECT chat.is_admin(); SELECT count(*) > 0 AS some FROM chat.audit(); ROLLBACK;
SELECT chat.audit_seal(0);
SELECT chat.audit_seal(4);
SET ROLE regress_parley_admin;
SELECT chat.is_admin();
SELECT count(*) > 0 AS some FROM chat.audit();
SELECT place, length(hash) FROM chat.audit_heads();
SELECT * FROM chat.audit_verify();

-- who may write it: nobody but the owner, and that only at the end
SET ROLE regress_parley_user;
INSERT INTO chat.audit_pending (kind) VALUES ('login');
SET ROLE regress_parley_writer;
INSERT INTO chat.audit_pending (kind) VALUES ('login');
UPDATE chat.audit_pending SET kind = 'login';
DELETE FROM chat.audit_pending;
INSERT INTO chat.audit_log SELECT * FROM chat.audit_log LIMIT 1;
UPDATE chat.audit_log SET kind = 'login';
DELETE FROM chat.audit_log;
DELETE FROM chat.audit_head;
RESET ROLE;
UPDATE chat.audit_pending SET kind = 'login';
TRUNCATE chat.audit_pending;
UPDATE chat.audit_log SET kind = 'login';
DELETE FROM chat.audit_log;
TRUNCATE chat.audit_log;
UPDATE chat.audit_head SET sealed_at = now();
DELETE FROM chat.audit_head;
TRUNCATE chat.audit_head;
DROP ROLE regress_parley_user, regress_parley_admin, regress_parley_gateway;
DROP OWNED BY regress_parley_writer;
DROP ROLE regress_parley_writer;

-- verifying has sealed the rest: places without a gap, in the order of ids
SELECT count(*) FROM chat.audit_pending;
SELECT count(*) = max(place) AND min(place) = 1 AS dense, bool_and(in_order) AS in_order
	FROM (SELECT place, id > lag(id, 1, 0::bigint) OVER (ORDER BY place) AS in_order FROM chat.audit_log) l;
SELECT chat.audit_seal();
SELECT place, sealed_at IS NOT NULL AS timed FROM chat.audit_heads();
SELECT place = (SELECT max(place) FROM chat.audit_log) AS last FROM chat.audit_heads(after => 4);

-- the chain can be recomputed with nothing but the server, whatever the client's encoding
SET client_encoding = 'LATIN1';
WITH RECURSIVE record AS (
	SELECT place, record_send(ROW(place, id, at, convert_to(kind, 'UTF8'), account_id, actor_id, session_id, conversation_id,
		convert_to(role_name, 'UTF8'), address, convert_to(agent, 'UTF8'), convert_to(detail, 'UTF8'))) AS bytes FROM chat.audit_log
), chain AS (
	SELECT place, sha256(bytes) AS hash FROM record WHERE place = 1
	UNION ALL
	SELECT r.place, sha256(c.hash || r.bytes) FROM chain c JOIN record r ON r.place = c.place + 1
)
SELECT count(*) > 20 AS many, bool_and(c.hash = l.hash) AS same FROM chain c JOIN chat.audit_log l USING (place);
SELECT * FROM chat.audit_verify();
RESET client_encoding;

-- Tampering, by an owner who means it: the guard is off.  Each attempt is rolled back.
SELECT chat.rotate_key() IS NOT NULL AS rotated;
SELECT chat.audit_seal();
SELECT max(place) AS last, jsonb_agg(h) AS heads FROM chat.audit_heads() h \gset
ALTER TABLE chat.audit_log DISABLE TRIGGER audit_guard;
ALTER TABLE chat.audit_head DISABLE TRIGGER audit_guard;
CREATE FUNCTION pg_temp.finds(tampering text, heads jsonb DEFAULT '[]') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	findings text;
BEGIN
	EXECUTE tampering;
	SELECT coalesce(string_agg(concat_ws(' ', finding, place), ', '), 'nothing') INTO findings FROM chat.audit_verify(heads);
	RAISE USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
	RETURN findings;
END
$$;
-- makes the hashes fit the rows, as sealing does
CREATE FUNCTION pg_temp.rechain(first bigint, last bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN first .. last LOOP
		UPDATE chat.audit_log l SET hash = sha256(coalesce((SELECT p.hash FROM chat.audit_log p WHERE p.place = i - 1), '') ||
			record_send(ROW(place, id, at, convert_to(kind, 'UTF8'), account_id, actor_id, session_id, conversation_id,
				convert_to(role_name, 'UTF8'), address, convert_to(agent, 'UTF8'), convert_to(detail, 'UTF8'))))
			WHERE place = i;
	END LOOP;
END
$$;
CREATE FUNCTION pg_temp.rehead() RETURNS void LANGUAGE sql AS $$
	UPDATE chat.audit_head h SET hash = l.hash FROM chat.audit_log l WHERE l.place = h.place
$$;
SELECT :last, pg_temp.finds('SELECT', :'heads');
SELECT kind, agent FROM chat.audit_log WHERE place = 5;

-- a change to any column, also from nothing to an empty text
SELECT change, pg_temp.finds(format('UPDATE chat.audit_log SET %s WHERE place = 5', change)) FROM unnest(ARRAY[
	'id = -1', 'at = at + interval ''1 microsecond''', 'kind = ''logout''', 'account_id = 2', 'account_id = NULL', 'actor_id = 2',
	'session_id = 2', 'conversation_id = 2', 'role_name = ''other''', 'address = ''192.0.2.9''', 'agent = ''other''', 'agent = NULL',
	'detail = ''''', 'agent = NULL, detail = agent', 'hash = sha256(hash)']) AS change;
BEGIN;
UPDATE chat.audit_log SET kind = 'signup' WHERE place = 5;
SELECT * FROM chat.audit_verify();
ROLLBACK;
-- ... with the hash of the row made to fit, or of all that follow
SELECT pg_temp.finds($$UPDATE chat.audit_log SET kind = 'signup' WHERE place = 5; SELECT pg_temp.rechain(5, 5)$$);
SELECT pg_temp.finds(format($$UPDATE chat.audit_log SET kind = 'signup' WHERE place = 5; SELECT pg_temp.rechain(5, %s)$$, :last));
-- ... and the heads: only heads kept elsewhere can tell
SELECT pg_temp.finds(tampering) AS alone, pg_temp.finds(tampering, :'heads') AS with_heads FROM format(
	$$UPDATE chat.audit_log SET kind = 'signup' WHERE place = 5; SELECT pg_temp.rechain(5, %s); SELECT pg_temp.rehead()$$, :last) AS tampering;
BEGIN;
UPDATE chat.audit_head SET hash = sha256('') WHERE place < :last;
SELECT * FROM chat.audit_verify();
ROLLBACK;

-- deletion: one row, some, the first, the last ones; with their heads; all
SELECT pg_temp.finds('DELETE FROM chat.audit_log WHERE place = 5');
SELECT pg_temp.finds('DELETE FROM chat.audit_log WHERE place IN (5, 6, 9)');
SELECT pg_temp.finds('DELETE FROM chat.audit_log WHERE place = 1');
SELECT pg_temp.finds(format('DELETE FROM chat.audit_log WHERE place = %s', :last));
BEGIN;
DELETE FROM chat.audit_log WHERE place > 3;
SELECT * FROM chat.audit_verify();
ROLLBACK;
SELECT pg_temp.finds(tampering) AS alone, pg_temp.finds(tampering, :'heads') AS with_heads
	FROM (VALUES ('DELETE FROM chat.audit_log WHERE place > 4; DELETE FROM chat.audit_head WHERE place > 4'),
				 ('TRUNCATE chat.audit_log, chat.audit_head')) AS t (tampering);
-- ... with what follows moved up
SELECT pg_temp.finds(format($$DELETE FROM chat.audit_log WHERE place = 5; UPDATE chat.audit_log SET place = place + 1000 WHERE place > 5;
	UPDATE chat.audit_log SET place = place - 1001 WHERE place > 1000; SELECT pg_temp.rechain(5, %s)$$, :last - 1));

-- reordering: two rows change places
SELECT pg_temp.finds('UPDATE chat.audit_log l SET place = place + 1000 WHERE place IN (5, 9); UPDATE chat.audit_log SET place = 1014 - place WHERE place > 1000');

-- addition: at the end, fitting the chain; or of a head
SELECT pg_temp.finds(format($$INSERT INTO chat.audit_log SELECT %s, -1, now(), 'login', 1, 1, 1, NULL, 'x', NULL, NULL, NULL, hash
	FROM chat.audit_log WHERE place = 5; SELECT pg_temp.rechain(%1$s, %1$s)$$, :last + 1));
-- ... which sealing does not take in
SELECT pg_temp.finds(format($$INSERT INTO chat.audit_log SELECT %s, -1, now(), 'login', 1, 1, 1, NULL, 'x', NULL, NULL, NULL, hash
	FROM chat.audit_log WHERE place = 5; SELECT pg_temp.rechain(%1$s, %1$s); SELECT chat.rotate_key(); SELECT chat.audit_seal()$$, :last + 1));
SELECT pg_temp.finds('INSERT INTO chat.audit_head VALUES (3, sha256(''''))');

-- heads that are no heads
SELECT pg_temp.finds('SELECT', '[{"place": 4, "hash": "\\x00"}]');
SELECT heads, pg_temp.refusal(format('SELECT chat.audit_verify(%L)', heads)) FROM unnest(ARRAY['{}', 'null', '4',
	'[4]', '[null]', '[[]]', '[{}]', '[{"place": "x", "hash": "\\x00"}]', '[{"place": 1.5, "hash": "\\x00"}]', '[{"place": -1, "hash": "\\x00"}]',
	'[{"place": 99999999999999999999, "hash": "\\x00"}]', '[{"place": 1, "hash": "\\x0"}]', '[{"place": 1, "hash": "\\xzz"}]',
	'[{"place": 1, "hash": "\\9"}]', '[{"place": 1, "hash": 7}]', '[{"place": 1, "hash": null}]']) heads;
SELECT pg_temp.refusal($$SELECT chat.audit_verify('[{"hash": "\\x00"}]')$$), pg_temp.refusal($$SELECT chat.audit_verify('[{"place": 1}]')$$);

-- after all that the log goes on where it was
SELECT chat.rotate_key() IS NOT NULL AS rotated;
SELECT chat.audit_seal();
SELECT * FROM chat.audit_verify(:'heads');
