-- Unread messages that are deleted no longer count, wherever they are kept.
\i sql/include/setup.psql

\o /dev/null
BEGIN;
SELECT chat.act_as(1);
SELECT chat.create_group('team', ARRAY['bob', 'carol']);
SELECT chat.send(1, 'message ' || n) FROM generate_series(1, 12) n;
COMMIT;
BEGIN; SELECT chat.act_as(3); SELECT chat.mark_read(1, 4); COMMIT;
\o
-- What bob and carol have not read, by each function that says it.
CREATE FUNCTION pg_temp.unread() RETURNS TABLE (account bigint, conversation bigint, conversations bigint, stats bigint) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH account IN ARRAY '{2,3}'::bigint[] LOOP
		PERFORM chat.act_as(account);
		conversation := (chat.conversation(1)).unread;
		conversations := sum(c.unread) FROM chat.conversations() c;
		stats := (chat.stats()).unread;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM pg_temp.unread();

-- before and behind carol's position, the last one, and one of them twice
BEGIN; SELECT chat.act_as(1); SELECT count(chat.delete(1, n)) FROM unnest('{2,6,7,12}'::int[]) n; SELECT pg_temp.refusal('SELECT chat.delete(1, 6)'); COMMIT;
SELECT * FROM pg_temp.unread();

-- archived with the others, then deleted there
SELECT * FROM chat.archive('infinity');
SELECT first_seq, last_seq, count, deleted FROM chat.archive;
SELECT * FROM pg_temp.unread();
BEGIN; SELECT chat.act_as(1); SELECT count(chat.delete(1, n)) FROM unnest('{1,8}'::int[]) n; COMMIT;
SELECT * FROM pg_temp.unread();
SELECT * FROM chat.archive('infinity');
SELECT * FROM pg_temp.unread();

-- a position in the middle of a block; all are deleted; they are purged
BEGIN; SELECT chat.act_as(3); SELECT chat.mark_read(1, 6); COMMIT;
SELECT * FROM pg_temp.unread();
BEGIN; SELECT chat.act_as(1); SELECT count(chat.delete(1, n)) FROM unnest('{3,4,5,9,10,11}'::int[]) n; COMMIT;
SELECT * FROM pg_temp.unread();
SELECT count(*) FROM chat.archive('infinity');
SELECT * FROM pg_temp.unread();
SELECT count(*) FROM chat.purge('infinity');
SELECT * FROM pg_temp.unread();
