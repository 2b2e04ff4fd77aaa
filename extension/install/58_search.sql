-- Search: what is indexed, in which language, and the functions that find.
--
-- The index stands beside the messages and is filled by index_messages(): a send
-- does nothing for it.  What is not indexed yet, search() reads from the messages.

CREATE TABLE chat.conversation_language (
	conversation_id bigint PRIMARY KEY REFERENCES chat.conversation (id),
	language        text NOT NULL
);
COMMENT ON TABLE chat.conversation_language IS
	'The text search configuration of a conversation that has its own; others have pg_parley.search_language';

-- Not dumped, like message_search: index_messages() makes both anew.
CREATE TABLE chat.search_state (
	conversation_id bigint PRIMARY KEY REFERENCES chat.conversation (id),
	language        text NOT NULL,
	seq             bigint NOT NULL DEFAULT 0,
	ver             bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
COMMENT ON TABLE chat.search_state IS
	'How far a conversation is indexed: every message up to seq, with every change up to ver, in that language';

CREATE TABLE chat.search_skipped (
	conversation_id bigint NOT NULL REFERENCES chat.conversation (id),
	seq             bigint NOT NULL,
	reason          text NOT NULL,
	skipped_at      timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (conversation_id, seq)
);
COMMENT ON TABLE chat.search_skipped IS
	'Messages that could not be indexed, and why: search does not find them. Deleting the search_state of the conversation has all of it indexed anew';

-- No foreign key to message: a row without one is never shown, and the job would pay.
CREATE TABLE chat.message_search (
	conversation_id bigint NOT NULL,
	seq             bigint NOT NULL,
	words           tsvector NOT NULL,
	grams           int[] NOT NULL,
	PRIMARY KEY (conversation_id, seq)
);
COMMENT ON TABLE chat.message_search IS 'Messages as search finds them; holds nothing of deleted ones';
COMMENT ON COLUMN chat.message_search.words IS
	'The words, and the conversation''s id behind a space as no word can be, so that the index finds words of some conversations';
COMMENT ON COLUMN chat.message_search.grams IS 'search_grams() of the content';

-- The job writes in bulk; a list of pending entries would only be one more thing to read.
CREATE INDEX message_search_words_idx ON chat.message_search USING gin (words)
	WITH (fastupdate = off);
CREATE INDEX message_search_grams_idx ON chat.message_search USING gin (grams)
	WITH (fastupdate = off);

CREATE FUNCTION chat.search_grams(content text) RETURNS int[]
	AS 'MODULE_PATHNAME', 'chat_search_grams'
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION chat.search_grams(text) IS
	'The pieces of a text, folded, that an index on it holds: three characters each, of scripts without spaces also one and two';

CREATE FUNCTION chat.search_fold(content text) RETURNS text
	AS 'MODULE_PATHNAME', 'chat_search_fold'
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION chat.search_fold(text) IS
	'A text as search compares it: without case and accents, what looks the same being the same; at most the first 256 kB. The same in every locale';

CREATE FUNCTION chat.search_words(config regconfig, content text, conversation_id bigint)
	RETURNS tsvector
	AS 'MODULE_PATHNAME', 'chat_search_words'
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION chat.search_words(regconfig, text, bigint) IS
	'The words of a message as the index holds them, and its conversation';

CREATE FUNCTION chat.search_query(config regconfig, words text) RETURNS tsquery
	AS 'MODULE_PATHNAME', 'chat_search_query'
	LANGUAGE c STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION chat.search_query(regconfig, text) IS
	'What search_words() must have: terms in quotes, before them a dash for not, or the word or';

CREATE FUNCTION chat.search_snippet(content text, config regconfig, query tsquery, parts text[])
	RETURNS text
	AS 'MODULE_PATHNAME', 'chat_search_snippet'
	LANGUAGE c STABLE PARALLEL SAFE;
COMMENT ON FUNCTION chat.search_snippet(text, regconfig, tsquery, text[]) IS
	'At most 200 characters around the first hit as HTML, the hits in <mark>: words of the query, or without one the parts, which are folded';

CREATE INDEX account_grams_idx ON chat.account
	USING gin (chat.search_grams(chat.fold_case(username || ' ' || display_name)))
	WHERE closed_at IS NULL;
CREATE INDEX conversation_grams_idx ON chat.conversation
	USING gin (chat.search_grams(chat.fold_case(name))) WHERE is_group;

-- Names are put together here and not by regconfig's output, which depends on search_path and
-- quote_all_identifiers.
CREATE VIEW chat.search_language AS
	SELECT c.oid::regconfig AS config,
		   CASE WHEN n.nspname = 'pg_catalog' THEN '' ELSE n.nspname || '.' END || c.cfgname AS language
	FROM pg_catalog.pg_ts_config c JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace;
COMMENT ON VIEW chat.search_language IS
	'The text search configurations and their names: of those of the server the name alone, of others with the schema';

-- A configuration that has been dropped, or never was, counts as simple.
CREATE VIEW chat.search_scope AS
	SELECT k.conversation_id, k.last_seq, k.last_ver, g.config, g.language,
		   s.language IS NOT NULL AND s.language <> g.language AS outdated,
		   CASE WHEN s.language = g.language THEN s.seq ELSE 0 END AS seq,
		   CASE WHEN s.language = g.language THEN s.ver ELSE 0 END AS ver
	FROM chat.conversation_counter k
	LEFT JOIN chat.conversation_language l ON l.conversation_id = k.conversation_id
	LEFT JOIN chat.search_state s ON s.conversation_id = k.conversation_id
	LEFT JOIN chat.search_language c ON c.language =
		coalesce(l.language, current_setting('pg_parley.search_language', true))
	CROSS JOIN LATERAL (SELECT coalesce(c.config, 'pg_catalog.simple'::regconfig) AS config,
							   coalesce(c.language, 'simple') AS language) g;
COMMENT ON VIEW chat.search_scope IS
	'Each conversation with its language and how far it is indexed in that; outdated: rows of another language are there';

CREATE FUNCTION chat.search(query text, conversation_id bigint DEFAULT NULL,
							"from" text DEFAULT NULL, before timestamptz DEFAULT NULL,
							after timestamptz DEFAULT NULL, max_results int DEFAULT 20,
							newest_first boolean DEFAULT false, page text DEFAULT NULL,
							tz text DEFAULT NULL)
	RETURNS TABLE (message chat.message_info, rank real, snippet text, next_page text)
	AS 'MODULE_PATHNAME', 'chat_search'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = error;
COMMENT ON FUNCTION chat.search(text, bigint, text, timestamptz, timestamptz, int, boolean, text, text) IS
	'Messages of the caller''s conversations that match: words, "phrases", -without, or, from: in: before: after: has:. The best first, or the newest; page: the next_page of the last row so far. tz: the zone of the days. The snippet is HTML, the hits in <mark>';

CREATE FUNCTION chat.search_conversations(query text, max_results int DEFAULT 20)
	RETURNS TABLE (id bigint, is_group boolean, name text, is_public boolean, joined boolean,
				   member_count int)
	AS 'MODULE_PATHNAME', 'chat_search_conversations'
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.search_conversations(text, int) IS
	'Groups by a part of their name: the caller''s and the public ones; and the caller''s direct conversations by the name of the other';

CREATE FUNCTION chat.set_language(conversation_id bigint, language text) RETURNS text
	AS 'MODULE_PATHNAME', 'chat_set_language'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.set_language(bigint, text) IS
	'In which language a conversation is searched: a text search configuration, NULL for the default; returns the one in force. For owners and admins, in a direct conversation for both';

CREATE FUNCTION chat.index_messages(max_rows int DEFAULT 10000) RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_index_messages'
	LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.index_messages(int) IS
	'Job: brings the search index up to date, at most max_rows messages; returns how many it took. Several may run at once';

CREATE FUNCTION chat.forget_words() RETURNS trigger
	AS 'MODULE_PATHNAME', 'chat_forget_words'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.forget_words() IS
	'Takes a message out of the index with the edit or deletion itself';

-- Never fires on a send, nor on a reaction.
CREATE TRIGGER forget_words AFTER UPDATE OF content, deleted_at ON chat.message
	FOR EACH ROW WHEN (OLD.content IS DISTINCT FROM NEW.content
					   OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
	EXECUTE FUNCTION chat.forget_words();

REVOKE ALL ON FUNCTION
	chat.search_grams(text), chat.search_fold(text), chat.search_words(regconfig, text, bigint),
	chat.search_query(regconfig, text), chat.search_snippet(text, regconfig, tsquery, text[]),
	chat.search(text, bigint, text, timestamptz, timestamptz, int, boolean, text, text),
	chat.search_conversations(text, int), chat.set_language(bigint, text),
	chat.index_messages(int), chat.forget_words()
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.search(text, bigint, text, timestamptz, timestamptz, int, boolean, text, text),
	chat.search_conversations(text, int), chat.set_language(bigint, text)
	TO chat_user;
GRANT EXECUTE ON FUNCTION chat.index_messages(int) TO chat_gateway, chat_admin;
