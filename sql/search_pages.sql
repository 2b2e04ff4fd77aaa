-- Pages of a list by filters: every message once, also where the clock was set back.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('Second', ARRAY['bob']);
SELECT id FROM chat.create_group('Third', ARRAY['bob']);
COMMIT;
BEGIN;
SELECT chat.act_as(1);
SELECT count(chat.send(c, 'https://example.org/' || i)) FROM generate_series(1, 100) i, unnest(ARRAY[1, 2]) c;
SELECT count(chat.send(3, 'https://example.org/' || i)) FROM generate_series(1, 20) i;
COMMIT;

-- page by page: how many rows, how many messages, whether each conversation comes by seq
CREATE FUNCTION pg_temp.pages(query text, size int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	page text;
	row record;
	found bigint[];
	last bigint[] := ARRAY[1000, 1000, 1000];
	rows int;
	falls boolean := true;
BEGIN
	PERFORM chat.act_as(1);
	LOOP
		rows := 0;
		FOR row IN SELECT (s.message).conversation_id AS c, (s.message).seq, s.next_page
			FROM chat.search(query, newest_first => true, max_results => size, page => page) s LOOP
			falls := falls AND row.seq < last[row.c];
			last[row.c] := row.seq;
			found := found || row.c * 1000 + row.seq;
			page := row.next_page;
			rows := rows + 1;
		END LOOP;
		EXIT WHEN rows = 0 OR cardinality(found) > 1000;
	END LOOP;
	RETURN format('%s rows, %s messages, falling %s', cardinality(found), (SELECT count(DISTINCT f) FROM unnest(found) f), falls);
END
$$;
CREATE FUNCTION pg_temp.lists() RETURNS TABLE (query text, size int, pages text)
LANGUAGE sql AS $$
	SELECT query, size, pg_temp.pages(query, size) FROM unnest(ARRAY['in:1', 'has:link', 'in:1 has:link -nothing', 'from:me']) query, unnest(ARRAY[13, 40]) size
$$;
SELECT * FROM pg_temp.lists();

-- the clock goes back by an hour in the middle, and forth in another conversation
UPDATE chat.message SET created_at = created_at - interval '1 hour' WHERE conversation_id = 1 AND seq > 50;
UPDATE chat.message SET created_at = created_at + interval '1 hour' WHERE conversation_id = 2 AND seq BETWEEN 30 AND 60;
SELECT * FROM pg_temp.lists();

-- all at one moment
UPDATE chat.message SET created_at = '2026-01-01';
SELECT * FROM pg_temp.lists();

-- with old ones in the archive, and rows among them
UPDATE chat.message SET created_at = created_at - interval '1 hour' WHERE conversation_id = 1 AND seq > 50;
BEGIN; SELECT chat.act_as(1); SELECT chat.pin(1, 30); COMMIT;
SELECT messages > 0 AS archived FROM chat.archive(now(), 90);
SELECT count(*) BETWEEN 1 AND 99 AS some_rows FROM chat.message WHERE conversation_id = 1;
SELECT * FROM pg_temp.lists();
