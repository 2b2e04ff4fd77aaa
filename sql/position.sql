-- Positions of many members in one call.
\i sql/include/setup.psql
BEGIN;
SELECT chat.act_as(1);
SELECT id AS team FROM chat.create_group('team', ARRAY['bob']) \gset
SELECT count(*) FROM generate_series(1, 5) n, chat.send(:team, 'message ' || n);
COMMIT;

CREATE FUNCTION pg_temp.move(VARIADIC items text[]) RETURNS SETOF record AS $$
	SELECT g.* FROM (SELECT array_agg(split_part(i, ' ', 1)::bigint ORDER BY n) AS a,
							array_agg(split_part(i, ' ', 2)::bigint ORDER BY n) AS c,
							array_agg(nullif(split_part(i, ' ', 3), '-')::bigint ORDER BY n) AS r,
							array_agg(nullif(split_part(i, ' ', 4), '-')::bigint ORDER BY n) AS d
						FROM unnest(items) WITH ORDINALITY AS i (i, n)) x,
		chat.gateway_positions(x.a, x.c, x.r, x.d) g
$$ LANGUAGE sql;
\set columns 'AS (item int, read_seq bigint, delivered_seq bigint, error text)'
\set bob '2 ' :team
\set alice '1 ' :team
\set nobody '3 ' :team

-- forward, each for itself
SELECT * FROM pg_temp.move(:'bob' || ' - 2') :columns;
SELECT * FROM pg_temp.move(:'bob' || ' 1 4') :columns;
SELECT account_id, read_seq, delivered_seq FROM chat.member WHERE account_id = 2;
-- never back, never beyond the last message; one's own messages are read
SELECT * FROM pg_temp.move(:'bob' || ' 1 1', :'alice' || ' 2 2') :columns;
SELECT * FROM pg_temp.move(:'bob' || ' 99 99') :columns;
-- the same member twice: the furthest counts
UPDATE chat.member SET read_seq = 0, delivered_seq = 0 WHERE account_id = 2;
SELECT * FROM pg_temp.move(:'bob' || ' 3 -', :'bob' || ' 2 4') :columns;
-- a bad one is refused alone
SELECT * FROM pg_temp.move(:'nobody' || ' 1 1', '2 999999 1 1', :'bob' || ' 4 -') :columns;
-- a row that does not move is not written
SELECT xmin AS before FROM chat.member WHERE account_id = 2 \gset
SELECT * FROM pg_temp.move(:'bob' || ' 4 4') :columns;
SELECT xmin = :'before' AS same FROM chat.member WHERE account_id = 2;

SELECT * FROM chat.gateway_positions('{}', '{}', '{}', '{}');
SELECT pg_temp.refusal($$SELECT chat.gateway_positions('{1,2}', '{1}', '{1,1}', '{1,1}')$$);
SELECT pg_temp.refusal($$SELECT chat.gateway_positions(array_fill(1::bigint, ARRAY[10001]),
	array_fill(1::bigint, ARRAY[10001]), array_fill(1::bigint, ARRAY[10001]), array_fill(1::bigint, ARRAY[10001]))$$);
SET ROLE chat_user;
SELECT chat.gateway_positions('{1}', '{1}', '{1}', '{1}');
RESET ROLE;
