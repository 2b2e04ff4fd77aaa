-- No message stops search or the index job for others; days are those of the caller's zone.
\i sql/include/setup.psql
SET pg_parley.max_content_size = '1MB';

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('Second', ARRAY['bob']);
SELECT count(chat.send(1, content)) FROM unnest(ARRAY['hello one', (SELECT string_agg('w' || i || '-y' || i, ' ') FROM generate_series(1, 60000) i), 'hello three']) content;
SELECT seq FROM chat.send(2, 'hello second');
COMMIT;
CREATE FUNCTION pg_temp.found(query text, tz text DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$
	SELECT chat.act_as(2);
	SELECT coalesce(string_agg((s.message).conversation_id || '/' || (s.message).seq, ' '), '-') FROM chat.search(query, newest_first => true, tz => tz) s;
$$;
-- more lexemes than a tsvector holds: its begin is found
SELECT pg_temp.found('hello'), pg_temp.found('y17'), pg_temp.found('y59999');
SELECT chat.index_messages(), chat.index_messages();
SELECT pg_temp.found('hello'), pg_temp.found('y17'), pg_temp.found('y59999');

-- what cannot be indexed is passed by and named; all else is found
ALTER TABLE chat.message_search ADD CONSTRAINT no_poison CHECK (NOT words @@ 'poison');
BEGIN;
SELECT chat.act_as(1);
SELECT count(chat.send(1, content)) FROM unnest(ARRAY['before', 'poison', 'between', 'more poison', 'after']) content;
SELECT seq FROM chat.send(2, 'after');
COMMIT;
SELECT chat.index_messages(), chat.index_messages();
SELECT conversation_id, seq, left(reason, 6) FROM chat.search_skipped;
SELECT pg_temp.found('before'), pg_temp.found('between'), pg_temp.found('after');
SELECT ok, left(problem, 68), remedy FROM chat.health() WHERE "check" = 'search';
BEGIN; SELECT chat.act_as(1); SELECT (chat.edit(1, 1, 'hello poison')).seq; COMMIT;
SELECT chat.index_messages(), chat.index_messages();
SELECT conversation_id, seq, left(reason, 6) FROM chat.search_skipped;
-- tried again from the begin
ALTER TABLE chat.message_search DROP CONSTRAINT no_poison;
DELETE FROM chat.search_state WHERE conversation_id = 1;
SELECT chat.index_messages(), chat.index_messages();
SELECT count(*) FROM chat.search_skipped;
SELECT ok FROM chat.health() WHERE "check" = 'search';
SELECT pg_temp.found('poison');

-- half past midnight in Tokyo
UPDATE chat.message SET created_at = '2026-03-09 15:30+00' WHERE conversation_id = 2 AND seq = 1;
SELECT tz, pg_temp.found('in:second after:2026-03-10 before:2026-03-11', tz) FROM unnest(ARRAY[NULL, 'Asia/Tokyo', 'asia/tokyo', '+09:00', ' 09', '+0900', '-09:00', 'Z', 'UTC', 'Etc/GMT-9', 'Japan']) tz;
SELECT tz, pg_temp.refusal(format('SELECT pg_temp.found(%L, %L)', 'x', tz)) FROM unnest(ARRAY['', 'Nowhere', 'UTC+9', 'JST-9', '+9', '+25:00', 'Asia/Tokyo+3', '../etc/passwd', repeat('x', 100)]) tz;
-- a day that begins at one o'clock, for at midnight clocks went on
SELECT tz, pg_temp.found('in:second after:2026-03-09', tz) FROM unnest(ARRAY['America/Havana', 'America/New_York']) tz;
SET TimeZone = 'Asia/Tokyo';
SELECT pg_temp.found('in:second after:2026-03-10 before:2026-03-11');
RESET TimeZone;
