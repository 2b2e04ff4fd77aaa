-- The table feed: what has moved since a cursor, in which order, in which form.
\i sql/include/setup.psql
\set wire 2

-- Where the gateway is: one row.
CREATE TEMP TABLE gateway (cursor text, slow text, ids bigint[] DEFAULT '{}', seqs bigint[] DEFAULT '{}',
						   vers bigint[] DEFAULT '{}', accounts bigint[] DEFAULT '{}', more boolean);
INSERT INTO gateway (cursor, slow) SELECT next_cursor, next_cursor FROM chat.gateway_feed(:wire, NULL, NULL, '{}', '{}', '{}', '{}');

CREATE FUNCTION pg_temp.number(data bytea, at int, bytes int) RETURNS bigint
LANGUAGE sql AS $$
	SELECT sum(get_byte(data, at + i)::bigint << (8 * (bytes - 1 - i)))::bigint FROM generate_series(0, bytes - 1) i
$$;
-- Asks, moves the gateway, and shows the events.
CREATE FUNCTION pg_temp.poll(OUT kind text, OUT flags int, OUT conversation bigint, OUT account bigint,
							 OUT number bigint, OUT ver bigint, OUT event text) RETURNS SETOF record
LANGUAGE plpgsql AS $$
DECLARE
	answer record;
	at int := 24;
	bytes int;
BEGIN
	SELECT f.* INTO answer FROM gateway g, chat.gateway_feed(2, g.cursor, g.slow, g.ids, g.seqs, g.vers, g.accounts) f;
	IF answer.next_cursor IS NULL THEN
		event := 'begin anew';
		RETURN NEXT;
		RETURN;
	END IF;
	UPDATE gateway g SET cursor = answer.next_cursor, slow = answer.next_cursor, more = answer.more,
		(ids, seqs, vers) = (SELECT coalesce(array_agg(id ORDER BY id), '{}'), coalesce(array_agg(s ORDER BY id), '{}'), coalesce(array_agg(v ORDER BY id), '{}')
			FROM (SELECT DISTINCT ON (id) id, s, v FROM
				(SELECT 1 AS rank, * FROM unnest(answer.moved_ids, answer.moved_seqs, answer.moved_vers) AS u (id, s, v)
				 UNION ALL SELECT 2, * FROM unnest(g.ids, g.seqs, g.vers) AS u (id, s, v)) x ORDER BY id, rank) y);
	WHILE at < length(answer.events) LOOP
		kind := chr(get_byte(answer.events, at));
		flags := get_byte(answer.events, at + 1);
		bytes := pg_temp.number(answer.events, at + 4, 4);
		conversation := pg_temp.number(answer.events, at + 8, 8);
		account := pg_temp.number(answer.events, at + 16, 8);
		number := pg_temp.number(answer.events, at + 24, 8);
		ver := pg_temp.number(answer.events, at + 32, 8);
		event := regexp_replace(convert_from(substr(answer.events, at + 41, bytes), 'UTF8'), '"(created_at|edited_at)":"[^"]*"', '"\1":"(time)"', 'g');
		RETURN NEXT;
		at := at + 40 + bytes;
	END LOOP;
END
$$;

-- nothing yet
SELECT count(*) FROM pg_temp.poll();

-- a group that the gateway has nobody in, then messages and reading
BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT seq FROM chat.send(1, E'"quoted" \\ \n ü 😀', '00000000-0000-4000-8000-0000000000aa');
COMMIT;
SELECT * FROM pg_temp.poll();
SELECT cursor IS NOT NULL AS cursor, ids, seqs, vers, more FROM gateway;
BEGIN; SELECT chat.act_as(2); SELECT chat.mark_delivered(1, 1); SELECT chat.mark_read(1, 1); SELECT seq FROM chat.send(1, 'reply', NULL, 1); COMMIT;
SELECT * FROM pg_temp.poll();
SELECT * FROM pg_temp.poll();

-- rolled back: nothing; in a savepoint: told
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'never'); ROLLBACK;
BEGIN; SELECT chat.act_as(1); SAVEPOINT s; SELECT seq FROM chat.send(1, 'kept'); RELEASE s; COMMIT;
SELECT kind, number, event::json ->> 'content' AS content FROM pg_temp.poll();

-- who goes gets what was said before, and nothing after; who comes the reverse
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'before'); SELECT chat.remove_member(1, 3);
SELECT seq FROM chat.send(1, 'between'); SELECT username FROM chat.add_member(1, 'dave'); SELECT seq FROM chat.send(1, 'after'); COMMIT;
SELECT kind, flags, account, number, ver, event::json ->> 'content' AS content FROM pg_temp.poll();
-- out and in again: the last state, behind what was said before
BEGIN; SELECT chat.act_as(1); SELECT chat.remove_member(1, 4); SELECT seq FROM chat.send(1, 'alone');
SELECT username FROM chat.add_member(1, 'dave'); SELECT seq FROM chat.send(1, 'together'); COMMIT;
SELECT kind, flags, account, number, ver, event::json ->> 'content' AS content FROM pg_temp.poll();
-- edited after somebody went: they must not see it
BEGIN; SELECT chat.act_as(1); SELECT seq FROM chat.send(1, 'plain'); SELECT seq FROM chat.send(1, 'first words'); SELECT chat.remove_member(1, 4);
SELECT seq FROM chat.edit(1, 9, 'second thoughts'); SELECT seq FROM chat.edit(1, 1, 'an old one'); COMMIT;
SELECT kind, flags, account, number, ver, event::json ->> 'content' AS content FROM pg_temp.poll();

-- changes: reactions and pins as the message is now, deletions, settings
BEGIN; SELECT chat.act_as(2); SELECT chat.react(1, 2, '👍'); COMMIT;
SELECT * FROM pg_temp.poll();
BEGIN; SELECT chat.act_as(1); SELECT chat.pin(1, 2); SELECT chat.delete(1, 3); SELECT name FROM chat.rename(1, 'crew');
SELECT seq FROM chat.send(1, 'regretted'); SELECT chat.delete(1, 11); COMMIT;
SELECT * FROM pg_temp.poll();

-- sessions, accounts, profiles, of those too who are not connected
UPDATE gateway SET accounts = '{1,2}';
BEGIN; SAVEPOINT s; INSERT INTO chat.session (account_id, expires_at) VALUES (2, now()) RETURNING id AS session_id \gset
RELEASE s; COMMIT;
SELECT count(*) FROM pg_temp.poll();
BEGIN; SAVEPOINT s; UPDATE chat.session SET ended_at = now(), end_reason = 'logout' WHERE id = :session_id; RELEASE s; COMMIT;
SELECT kind, account, number = :session_id AS is_session, event FROM pg_temp.poll();
UPDATE chat.account SET display_name = 'Bob ☂' WHERE id IN (2, 3);
SELECT * FROM pg_temp.poll();
UPDATE chat.account SET closed_at = now() WHERE id = 2;
SELECT * FROM pg_temp.poll();
UPDATE chat.account SET closed_at = NULL WHERE id = 2;

-- a large transaction comes in parts, and a going among its messages in its place
BEGIN; SELECT chat.act_as(1);
SELECT count(*) FROM (SELECT chat.send(1, 'number ' || n) FROM generate_series(1, 700) n) s;
SELECT username FROM chat.add_member(1, 'dave');
SELECT count(*) FROM (SELECT chat.send(1, 'more ' || n) FROM generate_series(1, 10) n) s; COMMIT;
SELECT kind, count(*), min(number), max(number) FROM pg_temp.poll() GROUP BY kind;
SELECT more FROM gateway;
SELECT kind, count(*), min(number), max(number) FROM (SELECT kind, number, sum((kind = 'b')::int) OVER (ROWS UNBOUNDED PRECEDING) AS part FROM pg_temp.poll()) p GROUP BY part, kind ORDER BY min(number) FILTER (WHERE kind = 'm');
SELECT more FROM gateway;
SELECT count(*) FROM pg_temp.poll();

-- somebody connected has joined, and then a login told the gateway where the conversation is
BEGIN; SELECT chat.act_as(1); SELECT id FROM chat.create_group('new', ARRAY['bob', 'dave']); SELECT seq FROM chat.send(2, 'missed'); COMMIT;
UPDATE gateway SET ids = '{2}', seqs = '{1}', vers = (SELECT ARRAY[last_ver] FROM chat.conversation_counter WHERE conversation_id = 2), accounts = '{2,3}';
SELECT kind, flags, account, number FROM pg_temp.poll();
SELECT count(*) FROM pg_temp.poll();

-- a gateway that does not know where it is in a conversation
UPDATE gateway SET ids = '{1}', seqs = '{NULL}', vers = '{NULL}', accounts = '{4}';
SELECT kind, count(*), min(number), max(number) FROM pg_temp.poll() GROUP BY kind;

-- refusals: ahead of the server, another life of it, no cursor, another wire
UPDATE gateway SET seqs = '{100000}';
SELECT event FROM pg_temp.poll();
UPDATE gateway SET seqs = '{1}', cursor = '1' || cursor;
SELECT event FROM pg_temp.poll();
SELECT chat.gateway_feed(:wire, 'nonsense', NULL, '{}', '{}', '{}', '{}');
SELECT chat.gateway_feed(1, NULL, NULL, '{}', '{}', '{}', '{}');

-- whether a commit will wake the gateway
SET pg_parley.notify = on;
SELECT wakes FROM chat.gateway_feed(:wire, NULL, NULL, '{}', '{}', '{}', '{}');
