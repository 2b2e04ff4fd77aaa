-- What a content may be: kept byte for byte, or refused as a whole.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;

-- kept
CREATE TEMP TABLE said AS SELECT row_number() OVER () AS n, what, content FROM (VALUES
	('combining, as sent', E'e\u0301'), ('composed, as sent', E'\u00e9'), ('bidirectional controls', E'\u202Eevil\u202C \u2067x\u2069'),
	('thirty marks', 'a' || repeat(E'\u0301', 30)), ('thirty marks, twice', repeat('a' || repeat(E'\u0301', 30), 2)),
	('joined emoji', '👩‍👩‍👧‍👦'), ('flag of tags', '🏴󠁧󠁢󠁷󠁬󠁳󠁿'), ('Devanagari', 'क्षत्रिय'), ('Tibetan', 'བསྒྲུབས'), ('Thai', 'ที่นี่'),
	('controls', E'\x01\x1b[31m\x7f'), ('unassigned', E'\U0010FFFD'), ('noncharacter', E'\uFFFE'), ('replacement', E'\uFFFD'),
	('many joiners', 'a' || repeat(E'\u200d', 100)), ('wide spaces', 'a' || repeat(E'\u3000', 100) || 'b'), ('spaces around', '  x  '), ('line ends', E'a\r\nb\rc\n'), ('backslash and u0000', '\u0000'), ('zero width between', E'a\u200Bb')) AS v (what, content);
SELECT what, (SELECT m.content = said.content FROM chat.send(1, content) s, LATERAL chat.message(1, s.seq) m) AS kept FROM said ORDER BY n;

-- refused: nothing to see
SELECT what, pg_temp.refusal(format('SELECT chat.send(1, %L)', content)) FROM (VALUES
	('empty', ''), ('spaces', '   '), ('no-break space', E'\u00a0'), ('ideographic space', E'\u3000'), ('zero width', E'\u200b\u200d\ufeff'),
	('bidirectional', E'\u202e'), ('variation selector', E'\ufe0f'), ('Hangul filler', E'\u3164'), ('Braille blank', E'\u2800'),
	('controls', E'\x01\x02'), ('line ends', E'\r\n'), ('tags', E'\U000E0041')) AS v (what, content);

-- refused: piles of marks
SELECT pg_temp.refusal($$SELECT chat.send(1, 'a' || repeat(E'\u0301', 31))$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, 'fine' || repeat(E'\u0301\u200d\u034f', 15) || repeat(E'\u0489', 16))$$);
SELECT pg_temp.refusal($$SELECT chat.edit(1, 1, 'a' || repeat(E'\u0301', 31))$$);

-- refused: too long, in bytes
SELECT pg_temp.refusal($$SELECT chat.send(1, repeat('é', 8193))$$);
SELECT seq > 0 AS sent FROM chat.send(1, repeat('é', 8192));
SET LOCAL pg_parley.max_content_size = '1kB';
SELECT pg_temp.refusal($$SELECT chat.send(1, repeat('x', 1025))$$);
RESET pg_parley.max_content_size;

-- refused by the server, before it is ours
SELECT pg_temp.refusal($$SELECT chat.send(1, E'a\x00b')$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, E'\xff')$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, E'\xed\xa0\x80')$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, E'\xc0\xaf')$$);
SELECT pg_temp.refusal($$SELECT chat.send(1, '{"c":"a\u0000b"}'::json->>'c')$$);

-- one bad one in a batch is refused alone
SELECT item, seq IS NOT NULL AS sent, error FROM chat.send_batch(ARRAY[1, 1, 1], ARRAY[1, 1, 1],
	ARRAY['x', E'\u3000', 'a' || repeat(E'\u0301', 31)], array_fill(NULL::uuid, ARRAY[3]), array_fill(NULL::bigint, ARRAY[3]));
ROLLBACK;
