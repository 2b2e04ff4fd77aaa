-- Search finds what people see: parts of joined words, without regard to case, accents and
-- spelling; the same whether a message is indexed, waits for it, or is archived.
\i sql/include/setup.psql

-- one form of each character, in every normalization form
SELECT chat.search_fold('ÀÉÎÕÜ ÇŠŻ Łódź Ærø ß ẞ ﬁ İIıi ΣΑΣΣΑΣ Ё Й Ї Ў １２ ＡＢ ｶﾞ ㌔ 2² ™ é');
SELECT count(*) AS differ FROM generate_series(1, 65535) c
WHERE c NOT BETWEEN 55296 AND 57343
	AND (chat.search_fold(chr(c)) <> chat.search_fold(normalize(chr(c), NFD)) OR chat.search_fold(chr(c)) <> chat.search_fold(normalize(chr(c), NFC))
		OR chat.search_fold(chat.search_fold(chr(c))) <> chat.search_fold(chr(c)));
SELECT chat.search_fold(normalize('한글 がぎぐげご パピプペポ ヴ йїў', NFD)) = '한글 がぎぐげご パピプペポ ヴ йїў' AS composed;
SELECT chat.search_words('simple', 'CamelCase XMLHttpRequest iPhone snake_case a1B2 USA OKs', 7);
SELECT chat.search_query('simple', '"JIRA-123" or -"a b" "c''d" "…" ');
SELECT chat.search_query('english', '"the" or "cats and dogs" -"a" ');

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id FROM chat.create_group('L''Été', ARRAY['bob']);
CREATE TEMP TABLE texts (n int GENERATED ALWAYS AS IDENTITY, content text);
INSERT INTO texts (content) VALUES
	('Alpha/Beta are ready'), ('beta alone'), ('JIRA-123 fixed'), ('123 alone'), ('mail alice@example.org'), ('alice alone'),
	('pic.png is here'), ('png alone'), ('pic alone'), ('see https://user@www.example.org:8080/some/path?query=value#part'), ('path alone'),
	('snake_case_name'), ('case alone'), ('CamelCase works'), ('camel alone'), ('l''amour and don''t'), ('amour alone'),
	('a café here'), (U&'a cafe\0301 there'), ('a cafe anywhere'), ('CAFÉ'), ('naïve Straße'), ('STRASSE'), ('Łódź'), ('lodz'),
	('ISTANBUL'), ('İstanbul'), ('ıstanbul'), ('istanbul'), ('ΣΊΣΥΦΟΣ'), ('σίσυφος'), ('Ёлка'), ('елка'), ('мой'), (U&'\043C\043E\0438\0306'),
	('한글 단어'), (normalize('한글 단어', NFD)), ('東京都に住んでいます'), ('Tokyo東京2020'), ('ガギグ'), (normalize('ガギグ', NFD)), ('ｶﾞｷﾞｸﾞ'),
	('ＡＢＣ１２３'), ('abc123'), ('room ４２'), ('room 42'), ('👍🏽 great'), ('great 👍'), ('👨‍👩‍👧 family'), ('1️⃣ first'), ('❤️'), ('❤'),
	('كِتَابٌ'), ('كتاب'), ('שָׁלוֹם'), ('שלום'), ('soft­hyphen'), ('zero​width'), ('x² + ½ = 3.14'), ('3.14'), ('C++ & C#'), ('100%'),
	(repeat('w', 3000)), (repeat('é', 200)), ('<b>&amp;</b>'), ('ngoại ngữ'), ('ngoai ngu'), ('हिन्दी'), ('ไทย ภาษา');
CREATE TEMP TABLE queries (query text);
INSERT INTO queries VALUES ('beta'), ('alpha'), ('alpha/beta'), ('"alpha beta"'), ('123'), ('JIRA-123'), ('jira'), ('alice'), ('alice@example.org'), ('example.org'), ('pic'), ('png'), ('pic.png'),
	('path'), ('some/path'), ('https://user@www.example.org:8080/some/path?query=value#part'), ('www.example.org'), ('value'), ('case'), ('snake_case_name'), ('snake'), ('camel'), ('camelcase'), ('CamelCase'),
	('amour'), ('l''amour'), ('don''t'), ('café'), ('cafe'), (U&'cafe\0301'), ('CAFE'), ('strasse'), ('STRASSE'), ('straße'), ('naive'), ('lodz'), ('ŁÓDŹ'),
	('istanbul'), ('ISTANBUL'), ('İSTANBUL'), ('ıstanbul'), ('σισυφος'), ('ΣΊΣΥΦΟΣ'), ('ёлка'), ('ЕЛКА'), ('мой'), ('мои'), (U&'\043C\043E\0438\0306'), ('한글'), (normalize('한글', NFD)), ('단'),
	('東京'), ('tokyo'), ('2020'), ('ガギ'), (normalize('ガギ', NFD)), ('ｶﾞｷﾞ'), ('abc123'), ('ＡＢＣ１２３'), ('42'), ('４２'), ('👍'), ('👍🏽'), ('👨‍👩‍👧'), ('👩'), ('❤️'), ('❤'),
	('كتاب'), ('كِتَابٌ'), ('שלום'), ('softhyphen'), ('width'), ('3.14'), ('100%'), ('C++'), (repeat('w', 300)), (repeat('e', 200)), ('ngoai'), ('ngữ'), ('हिन्दी'), ('ไทย'), ('ภาษ'),
	('ph'), ('lph'), ('mouR'), ('traß'), ('alone -case'), ('case or amour'), ('-alone'), ('in:"l''ete" nothing'), ('from:@alice 42'), ('from:"@alice" 42'), ('from:"alice" 42'), ('from:alice@ 42'), ('has:link'), ('amp');
SELECT count(chat.send(1, content)) FROM (SELECT content FROM texts ORDER BY n) t;
COMMIT;

CREATE FUNCTION pg_temp.find(query text, OUT found text, OUT snippets text)
LANGUAGE sql AS $$
	SELECT chat.act_as(1);
	SELECT coalesce(string_agg((s.message).seq::text, ' '), '-'), string_agg(s.snippet, E'\n') FROM chat.search(query, newest_first => true, max_results => 100) s;
$$;
CREATE TABLE pg_temp.waiting AS SELECT query, f.* FROM queries, pg_temp.find(query) f;
CREATE FUNCTION pg_temp.differences() RETURNS TABLE (query text, waiting text, found text)
LANGUAGE sql AS $$
	SELECT w.query, w.found, f.found FROM waiting w, pg_temp.find(w.query) f WHERE (w.found, w.snippets) IS DISTINCT FROM (f.found, f.snippets);
$$;
SELECT query, found FROM waiting ORDER BY query COLLATE "C";

-- what is found is marked in the text as it was sent
SELECT string_agg(DISTINCT snippet, E'\n' ORDER BY snippet) FROM waiting, string_to_table(snippets, E'\n') snippet
WHERE query IN ('cafe', 'beta', 'strasse', '한글', 'ガギ', 'alice', '42', '👍', 'traß', 'camel', 'istanbul', 'amp') AND snippet NOT LIKE '%…%';
SELECT count(*) AS marked, count(*) FILTER (WHERE NOT EXISTS (SELECT FROM texts t WHERE position(p.plain IN t.content) > 0)) AS changed
FROM waiting, string_to_table(snippets, E'\n') snippet,
	replace(replace(replace(replace(replace(replace(replace(snippet, '<mark>', ''), '</mark>', ''), '&lt;', '<'), '&gt;', '>'), '&amp;', '&'), '… ', ''), ' …', '') p (plain)
WHERE snippet LIKE '%<mark>%';

-- some indexed, all, archived, archived and not indexed
SELECT chat.index_messages(20);
SELECT * FROM pg_temp.differences();
SELECT chat.index_messages(), chat.index_messages();
SELECT * FROM pg_temp.differences();
SELECT messages FROM chat.archive(now() + interval '1 hour');
SELECT count(*) FROM chat.message;
SELECT * FROM pg_temp.differences();
DELETE FROM chat.search_state;
DELETE FROM chat.message_search;
SELECT * FROM pg_temp.differences();
SELECT chat.index_messages(7);
SELECT * FROM pg_temp.differences();

-- people and groups are found in the same way
BEGIN;
SELECT chat.act_as(2);
SELECT (chat.update_profile(display_name => 'José Łaski')).display_name;
SELECT chat.act_as(1);
SELECT username FROM chat.search_users('jose');
SELECT username FROM chat.search_users('LASKI');
SELECT name FROM chat.search_conversations('l''ete');
COMMIT;
