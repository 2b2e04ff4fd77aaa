-- Answers do not depend on the settings of the session, nor on those of an earlier user of it.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT count(chat.send(1, content)) FROM unnest(ARRAY['see https://example.org', 'runs & 100% <b>', 'the 2nd \\ line']) content;
COMMIT;
CREATE TABLE queries (query text);
INSERT INTO queries VALUES ('has:link'), ('runs'), ('run'), ('the'), ('-has:link'), ('100%'), ('\'), ('after:2020-01-01'), ('before:2020-01-01 runs'), ('in:bob see');
CREATE FUNCTION found(query text) RETURNS text
LANGUAGE sql AS $$
	SELECT chat.act_as(1);
	SELECT coalesce(string_agg((s.message).seq || ' ' || s.snippet, '|' ORDER BY (s.message).seq), '-') FROM chat.search(query) s;
$$;
CREATE TABLE answers AS SELECT query, found(query) FROM queries;
SELECT * FROM answers;

-- a session that has all set otherwise from its beginning, and the next user of it in a pool
\set QUIET on
\c -
\set QUIET off
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET backslash_quote = off;
SET transform_null_equals = on;
SET array_nulls = off;
SET bytea_output = escape;
SET quote_all_identifiers = on;
SET DateStyle = 'German, DMY';
SET IntervalStyle = sql_standard;
SET extra_float_digits = 0;
SET default_text_search_config = 'pg_catalog.german';
SET search_path = pg_temp;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SET enable_nestloop = off;
SET row_security = off;
SELECT query, found, public.found(query) FROM public.answers WHERE found <> public.found(query);
SELECT count(*) > 5 FROM chat.settings();
SET standard_conforming_strings = on;
DISCARD ALL;
SELECT query, found, found(query) FROM answers WHERE found <> found(query);
DROP TABLE queries, answers;
DROP FUNCTION found(text);

-- languages are known by their names, however a session writes names
SELECT chat.index_messages();
SET quote_all_identifiers = on;
SET search_path = public;
SELECT language, outdated FROM chat.search_scope;
SELECT chat.index_messages();
BEGIN;
SELECT chat.act_as(1);
SELECT chat.set_language(1, 'english');
COMMIT;
SELECT chat.index_messages(), chat.index_messages();
SELECT language FROM chat.search_state;
RESET quote_all_identifiers;
RESET search_path;
SELECT language, outdated FROM chat.search_scope;
SELECT chat.index_messages();
CREATE TEXT SEARCH CONFIGURATION public.house (COPY = pg_catalog.simple);
BEGIN;
SELECT chat.act_as(1);
SELECT chat.set_language(1, 'public.house');
COMMIT;
SET search_path = public;
SELECT language, outdated FROM chat.search_scope;
RESET search_path;
DROP TEXT SEARCH CONFIGURATION public.house;
SELECT language, outdated FROM chat.search_scope;
