-- Finding messages: words, parts of words, operators, languages, pages; and what must not be found.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('The Team', ARRAY['bob', 'carol']);
SELECT id FROM chat.create_group('Ablage', ARRAY['dave']);
SELECT count(s.seq) FROM unnest(ARRAY['the cat sat on the mat', 'a dog and a cat', 'running in the rain', 'see https://example.org/cat for more',
	'<b>bold</b> & brave', 'concatenation of strings', '東京都に住んでいます', 'Größe XL', 'snake_case 100%']) c, LATERAL chat.send(1, c) s;
SELECT count(s.seq) FROM unnest(ARRAY['team cat', 'die Katzen schlafen', 'mat cat']) c, LATERAL chat.send(2, c) s;
SELECT seq FROM chat.send(3, 'cat of dave and alice');
COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT seq FROM chat.send(1, 'bob has a cat too', reply_to => 1); COMMIT;

CREATE FUNCTION pg_temp.find(account bigint, query text, conversation bigint DEFAULT NULL, max_results int DEFAULT 20) RETURNS TABLE (message text, snippet text)
LANGUAGE sql AS $$
	SELECT chat.act_as(account);
	SELECT (s.message).conversation_id || '/' || (s.message).seq, s.snippet FROM chat.search(query, conversation, newest_first => true, max_results => max_results) s;
$$;
CREATE FUNCTION pg_temp.found(account bigint, query text, conversation bigint DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$
	SELECT coalesce(string_agg(f.message, ' '), '-') FROM pg_temp.find(account, query, conversation) f;
$$;

-- the answers do not depend on what is indexed: nothing, some, all
CREATE TABLE pg_temp.queries (query text);
INSERT INTO queries VALUES ('cat'), ('CAT dog'), ('cat -dog'), ('cat or dog'), ('"the mat"'), ('"mat the"'), ('"the mat'), ('from:bob cat'), ('from:ME cat'), ('from:@bob'),
	('from:nobody cat'), ('in:1 cat'), ('in:"the team" cat'), ('in:bob cat'), ('in:3'), ('in:99 cat'), ('has:link'), ('has:reply cat'), ('has:nonsense'), ('-has:link'),
	('before:2020-01-01'), ('after:2020-01 dog'), ('before:2020-02-30 cat'), ('cat after:2999'), ('ncat'), ('catena'), ('ca'), ('京都'), ('東'), ('京 東'), ('größe'), ('_case 100%'), ('xcase'),
	('bold'), (''), (' - '), ('-cat'), ('"'), ('or'), ('cat or'), (':'), ('from:'), ('''; DROP TABLE chat.message --'), ('cat & | ! ( ) <->');
CREATE TABLE pg_temp.answers AS SELECT query, pg_temp.found(1, query) FROM queries;
SELECT * FROM answers ORDER BY query COLLATE "C";
SELECT chat.index_messages(5);
SELECT conversation_id, language, seq, ver FROM chat.search_state ORDER BY conversation_id;
SELECT query, found, pg_temp.found(1, query) FROM answers WHERE found <> pg_temp.found(1, query);
SELECT chat.index_messages(), chat.index_messages();
SELECT conversation_id, language, seq, ver FROM chat.search_state ORDER BY conversation_id;
SELECT query, found, pg_temp.found(1, query) FROM answers WHERE found <> pg_temp.found(1, query);

-- only in one's own conversations; one that is gone from is one's own no more
SELECT pg_temp.found(2, 'cat'), pg_temp.found(3, 'cat'), pg_temp.found(4, 'cat'), pg_temp.found(4, 'in:1 cat'), pg_temp.found(4, 'from:bob');
SELECT pg_temp.refusal($$SELECT chat.act_as(4); SELECT chat.search('cat', 1)$$);
SELECT pg_temp.refusal($$SELECT chat.act_as(4); SELECT chat.search('cat', 99)$$);
BEGIN; SELECT chat.act_as(3); SELECT chat.leave(2); COMMIT;
SELECT pg_temp.found(3, 'cat');

-- snippets: hits marked, all else escaped
SELECT * FROM pg_temp.find(1, 'bold');
SELECT * FROM pg_temp.find(1, 'ncat');
SELECT * FROM pg_temp.find(1, '京都');
SELECT * FROM pg_temp.find(1, 'in:1 has:link');
SELECT * FROM pg_temp.find(1, 'dog cat', 1);

-- the best first: phrases closer together, then the newer
BEGIN;
SELECT chat.act_as(1);
SELECT (s.message).conversation_id, (s.message).seq, s.rank FROM chat.search('mat cat') s;

-- pages: one after the other they are the whole, each row once, in both orders
CREATE FUNCTION pg_temp.pages(query text, newest boolean, size int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	answer text := '';
	page text;
	row record;
	rows int;
BEGIN
	LOOP
		rows := 0;
		FOR row IN SELECT * FROM chat.search(query, newest_first => newest, max_results => size, page => page) LOOP
			answer := answer || (row.message).conversation_id || '/' || (row.message).seq || ' ';
			page := row.next_page;
			rows := rows + 1;
		END LOOP;
		EXIT WHEN rows = 0;
		answer := answer || '| ';
	END LOOP;
	RETURN answer;
END
$$;
SELECT size, newest, pg_temp.pages('cat', newest, size) FROM unnest(ARRAY[1, 3, 50]) size, unnest(ARRAY[false, true]) newest;
SELECT pg_temp.pages('ca or cat', true, 2), pg_temp.pages('at', false, 2), pg_temp.pages('の', false, 2), pg_temp.pages('ncat', false, 1), pg_temp.pages('in:1', true, 4);
SELECT page, pg_temp.refusal(format('SELECT chat.search(%L, page => %L)', 'cat', page)) FROM unnest(ARRAY['', 'x', '1.2.3', '1.2.3.4.5', '1.2.3.4 ', '0.0.0.0']) page;

-- arguments and operators both hold
SELECT (s.message).conversation_id, (s.message).seq FROM chat.search('cat', "from" => 'bob') s;
SELECT count(*) FROM chat.search('cat from:alice', "from" => 'bob');
SELECT count(*) FROM chat.search('cat in:2', 1);
SELECT count(*) FROM chat.search('cat', after => now() + interval '1 day');
SELECT count(*) FROM chat.search('cat', before => now() + interval '1 day', after => now() - interval '1 day');
SELECT count(*) FROM chat.search('cat before:2999-01-01', before => '2020-01-01');
SELECT pg_temp.refusal('SELECT chat.search(NULL)');
SELECT pg_temp.refusal($$SELECT chat.search('cat', max_results => 0)$$);
SELECT pg_temp.refusal($$SELECT chat.search(repeat('cat ', 33))$$), pg_temp.refusal($$SELECT chat.search(repeat('cat ', 10000))$$);
SELECT count(*) FROM chat.search(repeat('cat ', 32));
SELECT count(*) FROM chat.search(repeat('-"x" or ', 32));
COMMIT;
SELECT pg_temp.refusal($$SELECT chat.search('cat')$$);

-- what is edited is found as it is; what is deleted is not found, and leaves no word behind
BEGIN; SELECT chat.act_as(1); SELECT (chat.edit(1, 2, 'a bird')).seq; SELECT chat.delete(1, 1); COMMIT;
SELECT pg_temp.found(1, 'dog'), pg_temp.found(1, 'bird'), pg_temp.found(1, 'sat'), pg_temp.found(1, 'cat');
SELECT seq FROM chat.message_search WHERE conversation_id = 1 ORDER BY seq;
SELECT chat.index_messages();
SELECT seq, words FROM chat.message_search WHERE conversation_id = 1 AND seq < 4 ORDER BY seq;
SELECT pg_temp.found(1, 'dog'), pg_temp.found(1, 'bird'), pg_temp.found(1, 'sat'), pg_temp.found(1, 'cat');
-- a job that read before a deletion and wrote after it: its words do not count and go
INSERT INTO chat.message_search SELECT 1, 1, to_tsvector('simple', 'sat'), chat.search_grams('sat');
UPDATE chat.search_state SET ver = 0 WHERE conversation_id = 1;
SELECT pg_temp.found(1, 'sat'), chat.index_messages(), pg_temp.found(1, 'sat');
SELECT count(*) FROM chat.message_search WHERE conversation_id = 1 AND seq = 1;

-- has:mention: the caller, or everybody
BEGIN;
SELECT chat.act_as(1);
SELECT count(chat.send(1, content)) FROM unnest('{"@bob a mentioned cat","@carol a mentioned cat","@all a mentioned cat"}'::text[]) content;
COMMIT;
SELECT * FROM pg_temp.find(2, 'has:mention');
SELECT * FROM pg_temp.find(1, 'has:mention mentioned');

-- languages
SELECT pg_temp.found(1, 'runs'), pg_temp.found(1, 'katzes'), pg_temp.found(1, 'katzes', 2);
BEGIN;
SELECT chat.act_as(1);
SELECT chat.set_language(1, 'english'), chat.set_language(2, 'german');
COMMIT;
SELECT pg_temp.found(1, 'runs'), pg_temp.found(1, 'katzes');
SELECT chat.index_messages();
SELECT pg_temp.found(1, 'runs'), pg_temp.found(1, 'katzes'), pg_temp.found(1, 'the');
SELECT conversation_id, language FROM chat.search_state ORDER BY conversation_id;
BEGIN;
SELECT chat.act_as(2);
SELECT chat.set_language(1, NULL);
SELECT pg_temp.refusal($$SELECT chat.set_language(2, 'german')$$);
SELECT pg_temp.refusal($$SELECT chat.set_language(1, 'klingon')$$);
SELECT pg_temp.refusal($$SELECT chat.set_language(3, 'german')$$);
SELECT pg_temp.refusal($$SELECT chat.set_language(NULL, 'german')$$);
COMMIT;
SET pg_parley.search_language = 'english';
SELECT pg_temp.found(1, 'runs'), chat.index_messages(), pg_temp.found(1, 'runs');
SET pg_parley.search_language = 'no such language';
SELECT pg_temp.found(1, 'runs'), chat.index_messages(), pg_temp.found(1, 'running');
RESET pg_parley.search_language;
SELECT pg_temp.refusal('SELECT chat.index_messages(0)');
