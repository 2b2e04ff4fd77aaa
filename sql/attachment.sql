-- Attachments: what may come in, who may have it, what it counts.
\i sql/include/setup.psql
\set png '''\\x89504e470d0a1a0a00'''

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob']);
SELECT (d.conversation).id FROM chat.direct('bob') d;
SELECT id, seq, account_id, name, media_type, size, sha256 = encode(sha256('hello'), 'hex') AS checked FROM chat.attach(1, 'a b.txt', 'Text/Plain', 'hello');
SELECT id FROM chat.attach(1, 'ü 漢.png', 'image/png', :png, sha256(:png));

-- sent by its id, once, in the order of the list
SELECT seq FROM chat.send(1, 'two files', NULL, NULL, ARRAY[2, 1]);
SELECT jsonb_pretty(attachments::jsonb) FROM chat.message(1, 1);
SELECT seq, name FROM chat.attachment(1, 1);
SELECT pg_temp.refusal('SELECT chat.send(1, $$again$$, NULL, NULL, ARRAY[1])');

-- a file needs no words; white space is still not a content
SELECT id FROM chat.attach(1, 'c.txt', 'text/plain', 'c');
SELECT pg_temp.refusal('SELECT chat.send(1, $$ $$, NULL, NULL, ARRAY[3])');
SELECT pg_temp.refusal('SELECT chat.send(1, NULL, NULL, NULL, $${}$$)');
SELECT seq FROM chat.send(1, NULL, '00000000-0000-4000-8000-000000000001', NULL, ARRAY[3]);
SELECT seq, repeated FROM chat.send(1, NULL, '00000000-0000-4000-8000-000000000001', NULL, ARRAY[3]);
SELECT content FROM chat.edit(1, 2, 'a word');
SELECT content, json_array_length(attachments) FROM chat.edit(1, 2, '');

-- not there, somebody's, another conversation's, twice, too many
SELECT id FROM chat.attach(2, 'd.txt', 'text/plain', 'd');
SELECT pg_temp.refusal('SELECT chat.send(1, $$x$$, NULL, NULL, ARRAY[99])');
SELECT pg_temp.refusal('SELECT chat.send(1, $$x$$, NULL, NULL, ARRAY[4])');
SELECT pg_temp.refusal('SELECT chat.send(2, $$x$$, NULL, NULL, ARRAY[4, 4])');
SELECT pg_temp.refusal('SELECT chat.send(2, $$x$$, NULL, NULL, ARRAY[4, NULL])');
SELECT pg_temp.refusal('SELECT chat.send(2, $$x$$, NULL, NULL, ARRAY[[4]])');
SELECT pg_temp.refusal('SELECT chat.send(2, $$x$$, NULL, NULL, array_fill(4, ARRAY[11]))');
COMMIT;

-- the other reads what was sent, whole or in part, and nothing else
BEGIN;
SELECT chat.act_as(2);
SELECT chat.download(1, 1), chat.download(1, 1, 1, 3), chat.download(1, 1, 4), chat.download(1, 1, 5), chat.download(1, 1, 2147483646);
SELECT pg_temp.refusal('SELECT chat.download(1, 1, -1)');
SELECT pg_temp.refusal('SELECT chat.download(1, 1, 0, -1)');
SELECT pg_temp.refusal('SELECT chat.download(2, 4)');
SELECT pg_temp.refusal('SELECT chat.attachment(2, 4)');
SELECT pg_temp.refusal('SELECT chat.attachment(1, 99)');
SELECT pg_temp.refusal('SELECT chat.send(2, $$x$$, NULL, NULL, ARRAY[4])');
SELECT pg_temp.refusal('SELECT chat.detach(2, 4)');
COMMIT;
BEGIN;
SELECT chat.act_as(3);
SELECT pg_temp.refusal('SELECT chat.download(1, 1)');
SELECT pg_temp.refusal('SELECT chat.attachment(1, 1)');
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'text/plain', 'x')$$);
COMMIT;
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'text/plain', 'x')$$);

-- what may not come in
BEGIN;
SELECT chat.act_as(1);
SELECT name, pg_temp.refusal(format('SELECT chat.attach(1, %L, %L, %L)', name, 'text/plain', 'x')) FROM unnest(ARRAY[
	'', ' ', '.', '..', '../x', 'a/b', 'a\b', E'a\nb', E'cod\u202Egnp.exe', E'a\u2066b', repeat('x', 256), NULL]) AS name;
SELECT type, pg_temp.refusal(format('SELECT chat.attach(1, %L, %L, %L)', 'x', type, 'x')) FROM unnest(ARRAY[
	'', 'text', 'text/', '/plain', 'text/plain; charset=utf-8', 'text/plain/x', 'te xt/plain', '.a/b', 'image/*', repeat('x', 128) || '/y',
	'text/html', 'image/svg+xml', 'application/javascript', 'application/xhtml+xml', 'video/mp4/', 'image/png', 'application/pdf', NULL]) AS type;
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'text/plain', '')$$);
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'text/plain', NULL)$$);
SELECT pg_temp.refusal($$SELECT chat.attach(NULL, 'x', 'text/plain', 'x')$$);
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'text/plain', 'x', sha256('y'))$$);
SELECT media_type FROM chat.attach(1, 'x', 'application/vnd.oasis.opendocument.text', 'x');

-- types, size and quota are settings
SET LOCAL pg_parley.attachment_types = 'text/*';
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'video/mp4', 'x')$$);
SET LOCAL pg_parley.max_attachment_size = '1kB';
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'text/html', convert_to(repeat('x', 1025), 'UTF8'))$$);
SELECT size FROM chat.attach(1, 'x', 'text/html', convert_to(repeat('x', 1024), 'UTF8'));
RESET pg_parley.max_attachment_size;
SET LOCAL pg_parley.attachment_quota = '1MB';
SELECT size FROM chat.attach(1, 'x', 'text/plain', convert_to(repeat('x', 1024 * 1000), 'UTF8'));
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'text/plain', convert_to(repeat('x', 1024 * 24), 'UTF8'))$$);
SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'text/plain', convert_to(repeat('x', 1024 * 1025), 'UTF8'))$$);
SELECT bytes = (SELECT sum(size) FROM chat.attachment WHERE account_id = 1) AS exact FROM chat.attachment_usage WHERE account_id = 1;
ROLLBACK;
SET pg_parley.attachment_quota = 0;
BEGIN; SELECT chat.act_as(2); SELECT pg_temp.refusal($$SELECT chat.attach(1, 'x', 'text/plain', 'x')$$); COMMIT;
RESET pg_parley.attachment_quota;

-- taken back before it was sent; not after
BEGIN;
SELECT chat.act_as(1);
SELECT chat.detach(2, 4);
SELECT pg_temp.refusal('SELECT chat.detach(2, 4)');
SELECT pg_temp.refusal('SELECT chat.detach(1, 1)');
SELECT bytes = (SELECT sum(size) FROM chat.attachment WHERE account_id = 1) AS exact FROM chat.attachment_usage WHERE account_id = 1;
COMMIT;

-- what was never sent goes after a day, with its bytes; what was sent stays
BEGIN;
SELECT chat.act_as(1);
SELECT count(a.id) FROM generate_series(1, 5) i, LATERAL chat.attach(1, 'orphan ' || i, 'text/plain', 'orphan') a;
SELECT chat.clean_attachments();
UPDATE chat.attachment SET created_at = now() - interval '25 hours';
SELECT arguments, pg_temp.refusal(format('SELECT chat.clean_attachments(%s)', arguments)) FROM unnest(ARRAY['''-1 s''',
	'''1 mon -40 days''', '''300000 years''', '''178000000 years''', '''4000 years''', 'max_results => 0', 'max_results => -1']) arguments;
SELECT chat.clean_attachments(max_results => 3), chat.clean_attachments('2 days');
SELECT chat.clean_attachments();
SELECT chat.clean_attachments();
SELECT count(*), count(seq) FROM chat.attachment;
SELECT count(*) FROM chat.attachment_data;
SELECT bytes = (SELECT sum(size) FROM chat.attachment WHERE account_id = 1) AS exact FROM chat.attachment_usage WHERE account_id = 1;
COMMIT;
