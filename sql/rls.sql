-- What SELECT on the tables shows: one's own, and no secret.
\i sql/include/setup.psql
CREATE ROLE regress_parley_user IN ROLE chat_user;

BEGIN;
SELECT chat.act_as(1);
SELECT (chat.direct('bob')).created;
SELECT (chat.create_group('cooks', '{bob,carol}')).id;
SELECT seq FROM chat.send(1, 'to bob');
SELECT seq FROM chat.send(2, 'salt, @carol');
SELECT (chat.edit(2, 1, 'pepper, @carol')).seq;
SELECT chat.react(2, 1, '👍');
SELECT (chat.attach(2, 'a.txt', 'text/plain', 'sent')).id AS sent \gset
SELECT (chat.attach(2, 'b.txt', 'text/plain', 'kept')).id AS kept \gset
SELECT seq FROM chat.send(2, 'see', attachments => ARRAY[:sent]);
SELECT chat.block(4);
SELECT chat.remove_member(2, 2);
COMMIT;

-- how many rows of each table somebody sees; the rest is closed
CREATE FUNCTION pg_temp.visible(who bigint) RETURNS TABLE (relation text, seen text)
LANGUAGE plpgsql AS $$
BEGIN
	IF who IS NOT NULL THEN
		PERFORM chat.act_as(who);
	END IF;
	SET LOCAL ROLE regress_parley_user;
	FOR relation IN SELECT c.relname FROM pg_class c
		WHERE c.relnamespace = 'chat'::regnamespace AND c.relkind IN ('r', 'v', 'p')
		ORDER BY c.relname COLLATE "C"
	LOOP
		BEGIN
			EXECUTE format('SELECT count(*) FROM chat.%I', relation) INTO seen;
		EXCEPTION WHEN insufficient_privilege THEN
			seen := 'closed';
		END;
		RETURN NEXT;
	END LOOP;
	RESET ROLE;
END
$$;
SELECT relation, a.seen AS alice, b.seen AS bob, c.seen AS carol, d.seen AS dave, n.seen AS nobody
	FROM pg_temp.visible(NULL) n
	JOIN pg_temp.visible(1) a USING (relation) JOIN pg_temp.visible(2) b USING (relation)
	JOIN pg_temp.visible(3) c USING (relation) JOIN pg_temp.visible(4) d USING (relation)
	ORDER BY relation COLLATE "C";

-- what is open is under a policy, and nothing is open but to SELECT
SELECT c.relname FROM pg_class c
	WHERE c.relnamespace = 'chat'::regnamespace AND c.relkind IN ('r', 'v', 'p')
	AND has_any_column_privilege('chat_user', c.oid, 'SELECT') AND NOT c.relrowsecurity;
SELECT c.relname FROM pg_class c
	WHERE c.relnamespace = 'chat'::regnamespace AND c.relkind IN ('r', 'v', 'p')
	AND (has_any_column_privilege('chat_user', c.oid, 'INSERT, UPDATE, REFERENCES')
		 OR has_table_privilege('chat_user', c.oid, 'DELETE, TRUNCATE, TRIGGER'));

-- rows, as carol and then as bob, who has been removed
BEGIN;
SELECT chat.act_as(3);
SET LOCAL ROLE regress_parley_user;
SELECT id, username, email FROM chat.account;
SELECT conversation_id, account_id, role, state FROM chat.member ORDER BY 1, 2;
SELECT conversation_id, seq, content FROM chat.message ORDER BY 1, 2;
SELECT name, convert_from(bytes, 'UTF8') FROM chat.attachment JOIN chat.attachment_data USING (conversation_id, id);
SELECT pg_temp.refusal('SELECT is_blocked FROM chat.member');
SELECT pg_temp.refusal('SELECT current_hash FROM chat.session');
SELECT pg_temp.refusal('DELETE FROM chat.message');
SELECT pg_temp.refusal('UPDATE chat.member SET read_seq = 0');
SELECT pg_temp.refusal('INSERT INTO chat.block VALUES (3, 1)');
ROLLBACK;
BEGIN;
SELECT chat.act_as(2);
SET LOCAL ROLE regress_parley_user;
SELECT conversation_id, account_id, role, state FROM chat.member ORDER BY 1, 2;
SELECT conversation_id, seq, content FROM chat.message ORDER BY 1, 2;
ROLLBACK;

-- an index serves it; a plan without the names of parameters, which PostgreSQL 17 changed
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		RETURN NEXT regexp_replace(regexp_replace(line, '\$0|\(InitPlan 1\)\.col1', '?'), ' \(returns .*\)', '');
	END LOOP;
END
$$;
BEGIN;
SELECT chat.act_as(3);
SET LOCAL ROLE regress_parley_user;
SET LOCAL enable_seqscan = off;
SELECT pg_temp.plan('SELECT content FROM chat.message WHERE seq > 1');
ROLLBACK;
DROP ROLE regress_parley_user;
