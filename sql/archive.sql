-- Cold storage: what is archived reads as before, through every function.
\i sql/include/setup.psql

\o /dev/null
BEGIN;
SELECT chat.act_as(1);
SELECT chat.create_group('team', ARRAY['bob', 'carol']);
SELECT chat.send(1, 'message ' || n || CASE WHEN n % 7 = 0 THEN ' for @bob' ELSE '' END,
				 ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid) FROM generate_series(1, 40) n;
SELECT chat.send(1, 'with a file', NULL, NULL, ARRAY[(chat.attach(1, 'a.txt', 'text/plain', 'text')).id]);
SELECT chat.edit(1, 3, 'edited "once"'); SELECT chat.edit(1, 3, 'edited twice'); SELECT chat.delete(1, 4);
SELECT chat.pin(1, 6);
COMMIT;
BEGIN;
SELECT chat.act_as(2);
SELECT chat.send(1, 'a reply', NULL, 5);
SELECT chat.send(1, 'a reply to it', NULL, 42);
SELECT chat.react(1, 5, '👍'); SELECT chat.react(1, 41, '❤');
SELECT chat.send(1, 'bob ' || n) FROM generate_series(1, 5) n;
COMMIT;
BEGIN; SELECT chat.act_as(3); SELECT chat.mark_read(1, 10); SELECT chat.send(1, 'the last words'); COMMIT;
SELECT chat.index_messages();
\o

-- All that an account can see, through every function that shows messages.
CREATE FUNCTION pg_temp.seen(account bigint) RETURNS TABLE (what text, shown text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM chat.act_as(account);
	RETURN QUERY SELECT 'newest', chat.history_page(1)::text
		UNION ALL SELECT 'all', string_agg(h::text, '|') FROM chat.history(1, max_results => 200) h
		UNION ALL SELECT 'before ' || n, string_agg(h::text, '|') FROM generate_series(0, 50, 7) n, chat.history(1, before => n, max_results => 5) h GROUP BY n
		UNION ALL SELECT 'after ' || n, string_agg(h::text, '|') FROM generate_series(0, 50, 7) n, chat.history(1, after => n, max_results => 5) h GROUP BY n
		UNION ALL SELECT 'around ' || n, chat.history_page(1, around => n, max_results => 6)::text FROM generate_series(0, 50, 7) n
		UNION ALL SELECT 'message ' || n, chat.message(1, n)::text FROM generate_series(1, 49) n
		UNION ALL SELECT 'thread ' || n, string_agg(t::text, '|') FROM unnest('{5,42,43,20}'::int[]) n, chat.thread(1, n) t GROUP BY n
		UNION ALL SELECT 'thread behind', string_agg(t::text, '|') FROM chat.thread(1, 5, 42) t
		UNION ALL SELECT 'revisions', string_agg(r::text, '|') FROM unnest('{3,4,8}'::int[]) n, chat.revisions(1, n) r
		UNION ALL SELECT 'reactions', string_agg(r::text, '|') FROM chat.reactions(1, 5) r
		UNION ALL SELECT 'mentions', string_agg(m::text, '|') FROM chat.mentions(1) m
		UNION ALL SELECT 'pins', string_agg(p::text, '|') FROM chat.pins(1) p
		UNION ALL SELECT 'conversations', string_agg(c::text, '|') FROM chat.conversations() c
		UNION ALL SELECT 'stats', chat.stats()::text
		UNION ALL SELECT 'sync ' || c, string_agg(s::text, '|') FROM unnest(ARRAY['{}', '{"1": {"seq": 0, "ver": 0}}', '{"1": {"seq": 20, "ver": 3}}', '{"1": {"seq": 45, "ver": 3}}', '{"1": {"seq": 48, "ver": 9}}']) c,
			LATERAL (SELECT conversation_id, status, seq, ver, messages, changed, memberships FROM chat.sync(c::jsonb, 7)) s GROUP BY c
		UNION ALL SELECT 'frames ' || g.ask || g.part, string_agg(g.frame, '|' ORDER BY g.number, g.frame) FROM chat.gateway_sync('{1,1,1}', '{NULL,20,45}', '{NULL,3,3}', ARRAY[account, account, account], '{1,2,3}', 7) g
			WHERE g.part NOT IN ('s', 'r', 'o') GROUP BY g.ask, g.part
		UNION ALL SELECT 'search ' || q, string_agg((s.message, s.snippet)::text, '|') FROM unnest(ARRAY['message', 'essage 1', 'twice', 'from:bob', 'has:reaction', 'has:attachment', 'has:reply', 'once']) q,
			chat.search(q, newest_first => true) s GROUP BY q
		UNION ALL SELECT 'export', (chat.export_account()::jsonb - 'exported_at' - 'sessions' - 'conversations')::text
		UNION ALL SELECT 'file', convert_from(chat.download(1, 1), 'UTF8');
END $$;
CREATE TEMP TABLE before AS SELECT a AS account, s.* FROM generate_series(1, 3) a, pg_temp.seen(a) s;
CREATE FUNCTION pg_temp.differences() RETURNS TABLE (account bigint, what text, was text, now text) LANGUAGE sql AS $$
	SELECT coalesce(b.account, s.account), coalesce(b.what, s.what), left(b.shown, 500), left(s.shown, 500)
		FROM before b FULL JOIN (SELECT a AS account, s.* FROM generate_series(1, 3) a, pg_temp.seen(a) s) s
		ON s.account = b.account AND s.what = b.what WHERE s.shown IS DISTINCT FROM b.shown ORDER BY 1, 2
$$;
SELECT count(*), count(shown) FROM before;

-- for administrators, with a time
BEGIN; SELECT chat.act_as(2); SELECT pg_temp.refusal('SELECT chat.archive(now())'); COMMIT;
SELECT pg_temp.refusal('SELECT chat.archive(NULL)');
SELECT pg_temp.refusal('SELECT chat.archive(now(), 0)');
SELECT * FROM chat.archive('-infinity');

-- a little at a time: next says where to go on; pinned messages and the last one stay
SELECT * FROM chat.archive(now(), 10);
SELECT count(*) FROM chat.message;
SELECT * FROM pg_temp.differences();
SELECT * FROM chat.archive(now(), 10, 0);
SELECT * FROM pg_temp.differences();
SELECT * FROM chat.archive(now());
SELECT * FROM chat.archive(now());
SELECT seq FROM chat.message ORDER BY seq;
SELECT first_seq, last_seq, count, min_ver, max_ver, senders, threads, sha256(data) = checksum AS intact FROM chat.archive;
SELECT * FROM pg_temp.differences();

-- the index of searches can be made anew from the archive, and search finds without it
DELETE FROM chat.message_search; DELETE FROM chat.search_state;
SELECT * FROM pg_temp.differences();
SELECT chat.index_messages(7) + chat.index_messages(20) + chat.index_messages(100);
SELECT * FROM pg_temp.differences();

-- a repeated send gives the first result, for ever; another sender's is their own
BEGIN;
SELECT chat.act_as(1);
SELECT s.seq, s.repeated, s.created_at = (chat.message(1, 17)).created_at AS same
	FROM chat.send(1, 'message 17', '00000000-0000-4000-8000-000000000017') s;
SELECT item, seq, repeated, error FROM chat.send_batch('{1,1}', '{1,1}', '{x,y}',
	'{00000000-0000-4000-8000-000000000001,00000000-0000-4000-8000-000000000040}', '{NULL,NULL}');
SELECT chat.act_as(2);
SELECT seq, repeated FROM chat.send(1, 'mine', '00000000-0000-4000-8000-000000000017');
ROLLBACK;
SELECT count(*), sum(octet_length(keys)) < 40 * 10 AS narrow FROM chat.archive_key;

-- who may not, and who changes nothing, brings nothing back
BEGIN;
SELECT pg_stat_get_xact_tuples_inserted('chat.message'::regclass) AS inserted \gset
SELECT chat.act_as(3);
SELECT pg_temp.refusal('SELECT chat.edit(1, 8, $$x$$)'), pg_temp.refusal('SELECT chat.delete(1, 8)');
SELECT pg_temp.refusal('SELECT chat.pin(1, 8)'), pg_temp.refusal('SELECT chat.unpin(1, 8)');
SELECT chat.act_as(1);
SELECT pg_temp.refusal('SELECT chat.edit(1, 4, $$x$$)'), pg_temp.refusal('SELECT chat.react(1, 4, $$👍$$)');
SELECT pg_temp.refusal('SELECT chat.edit(1, 8, $$ $$)');
SELECT content, edited_at FROM chat.edit(1, 8, 'message 8');
SELECT chat.unpin(1, 11), chat.delete(1, 4);
SELECT chat.unreact(1, 5, '😀')::text LIKE '%👍%' AS shown;
SELECT pg_stat_get_xact_tuples_inserted('chat.message'::regclass) - :inserted AS brought_back;
ROLLBACK;

-- what is changed becomes a row again, and no other
BEGIN;
SELECT chat.act_as(1);
SELECT content, edited_at IS NOT NULL AS edited FROM chat.edit(1, 8, 'edited in the archive');
SELECT chat.react(1, 9, '👍');
SELECT chat.unreact(1, 9, '👍');
SELECT chat.delete(1, 10);
SELECT chat.pin(1, 11);
SELECT seq, content, deleted, pinned, reactions FROM chat.history(1, after => 6, max_results => 6);
SELECT seq, changed FROM chat.message ORDER BY seq;
SELECT first_seq, last_seq, count FROM chat.archive;
SELECT revision, content FROM chat.revisions(1, 8);
SELECT s.status, (m).seq, (m).content FROM chat.sync('{"1": {"seq": 48, "ver": 12}}') s, unnest(s.changed) m;
SELECT pg_temp.refusal('SELECT chat.edit(1, 99, $$x$$)');
SELECT pg_temp.refusal('SELECT chat.message(1, 99)');
SELECT pg_temp.refusal('SELECT chat.message(1, 9223372036854775807)');
SELECT (s.message).seq FROM chat.search('archive') s;
SELECT seq FROM chat.send(1, 'reply to the archive', NULL, 12);
SELECT seq, thread FROM chat.thread(1, 12);
SELECT pg_temp.refusal('SELECT chat.send(1, $$x$$, NULL, 99)');
SELECT chat.report(1, 43, 'not nice');
SELECT content FROM chat.report;
COMMIT;
-- and goes back to where it was
SELECT * FROM chat.archive(now());
SELECT first_seq, last_seq, count FROM chat.archive;
SELECT string_agg(seq::text, ' ') FROM (SELECT (m).seq FROM (SELECT chat.act_as(1)) a, chat.history(1, max_results => 200) m) m;

-- an erased account is erased in the archive too, another's messages there stay
BEGIN; SELECT chat.act_as(2); SELECT (chat.delete_account('correct horse', keep_content => false)).error; COMMIT;
SELECT chat.erase_content();
SELECT * FROM chat.archive(now());
BEGIN;
SELECT chat.act_as(1);
SELECT seq, sender, content, deleted FROM chat.history(1, after => 38, max_results => 200);
COMMIT;
SELECT seq FROM chat.message ORDER BY seq;

-- nobody reads the blocks themselves
SET ROLE chat_user; SELECT count(*) FROM chat.archive; RESET ROLE;
SET ROLE chat_gateway; SELECT count(*) FROM chat.archived(1); RESET ROLE;

-- no room for results is no result
SELECT count(*) FROM generate_series(-1, 0) n, chat.archived_changes(1, 0, 1000, n);
SELECT count(*) FROM generate_series(-1, 0) n, chat.archived(1, max_results => n);

-- ids whose hashes are the same, made on purpose: their page may be long, and each block is read once
SELECT count(*) FROM chat.archive_key WHERE conversation_id = 1;
BEGIN;
UPDATE chat.archive_key SET keys = keys || decode(repeat('00', 20000), 'hex') WHERE conversation_id = 1;
SELECT bool_and(octet_length(keys) > 20000) FROM chat.archive_key WHERE conversation_id = 1;
SELECT chat.act_as(1); SELECT seq, repeated FROM chat.send(1, 'message 1', '00000000-0000-4000-8000-000000000001');
ROLLBACK;

-- more than a block; the archive is not an index of the whole conversation
\o /dev/null
BEGIN; SELECT chat.act_as(1); SELECT chat.create_group('long', '{}'); SELECT chat.send(2, repeat('x', n % 400)) FROM generate_series(1, 3000) n WHERE n % 400 > 0; COMMIT;
\o
SELECT * FROM chat.archive(now(), 100000);
SELECT count(*), sum(count), max(count) FROM chat.archive WHERE conversation_id = 2;
BEGIN;
SELECT chat.act_as(1);
SELECT min(seq), max(seq), count(*), (SELECT min((h).seq) FROM chat.history(2, before => 1030, max_results => 20) h) FROM chat.history(2, after => 1000, max_results => 200);
SELECT count(DISTINCT (h).seq) FROM generate_series(0, 2990, 100) n, chat.history(2, after => n, max_results => 100) h;
COMMIT;

-- a damaged block is an error with a code, wherever it is met
SET client_min_messages = error;
UPDATE chat.archive SET data = overlay(data PLACING '\x00' FROM 100) WHERE conversation_id = 2 AND first_seq = 1;
BEGIN; SELECT chat.act_as(1); SELECT pg_temp.refusal('SELECT chat.history(2, before => 10)'); SELECT pg_temp.refusal('SELECT chat.message(2, 5)'); SELECT pg_temp.refusal('SELECT chat.edit(2, 5, $$x$$)'); SELECT count(*) FROM chat.history(2, after => 1500, max_results => 50); COMMIT;
UPDATE chat.archive SET data = '\x4d420100ffffffffffffffffffffffff', checksum = sha256('\x4d420100ffffffffffffffffffffffff') WHERE conversation_id = 2 AND first_seq = 1;
BEGIN; SELECT chat.act_as(1); SELECT pg_temp.refusal('SELECT chat.history(2, before => 10)'); COMMIT;
