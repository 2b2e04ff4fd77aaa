-- Attachments that come in pieces: the same as in one piece, and what may go wrong between.
\i sql/include/setup.psql
CREATE FUNCTION pg_temp.wide(text) RETURNS bytea LANGUAGE sql AS 'SELECT convert_to(repeat($1, 1000), ''UTF8'')';

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob']);
SELECT id AS upload FROM chat.attach_begin(1, 'a.txt', 'Text/Plain') id \gset
SELECT chat.attach_append(1, :upload, 0, pg_temp.wide('a')), chat.attach_append(1, :upload, 1000, pg_temp.wide('b'));
-- a piece twice, a hole, none at all, somewhere else
SELECT pg_temp.refusal(format('SELECT chat.attach_append(1, %s, 1000, ''x'')', :upload));
SELECT pg_temp.refusal(format('SELECT chat.attach_append(1, %s, 3000, ''x'')', :upload));
SELECT pg_temp.refusal(format('SELECT chat.attach_append(2, %s, 2000, ''x'')', :upload));
SELECT pg_temp.refusal('SELECT chat.attach_append(1, 99, 0, ''x'')');
SELECT chat.attach_append(1, :upload, 2000, '');
SELECT chat.attach_append(1, :upload, 2000, NULL) IS NULL AS nothing;
SELECT name, media_type, size, sha256 = encode(sha256(pg_temp.wide('a') || pg_temp.wide('b')), 'hex') AS whole FROM chat.attach_finish(1, :upload, sha256(pg_temp.wide('a') || pg_temp.wide('b')));
SELECT substring(chat.download(1, 1) FROM 999 FOR 4) AS seam;
SELECT pg_temp.refusal(format('SELECT chat.attach_finish(1, %s)', :upload));
SELECT seq FROM chat.send(1, NULL, NULL, NULL, ARRAY[1]);
COMMIT;
SELECT count(*) FROM chat.upload_piece;
SELECT bytes FROM chat.attachment_usage WHERE account_id = 1;

-- what is not taken at the end is as if it had not been
BEGIN;
SELECT chat.act_as(1);
SELECT id AS upload FROM chat.attach_begin(1, 'a.png', 'image/png', 1000) id \gset
SELECT pg_temp.refusal(format('SELECT chat.attach_finish(1, %s)', :upload));
SELECT chat.attach_append(1, :upload, 0, pg_temp.wide('a'));
SELECT pg_temp.refusal(format('SELECT chat.attach_finish(1, %s)', :upload));
SELECT pg_temp.refusal(format('SELECT chat.attach_finish(1, %s, ''x'')', :upload));
SELECT pg_temp.refusal(format('SELECT chat.attach_finish(NULL, %s)', :upload));
SELECT chat.attach_cancel(1, :upload);
SELECT pg_temp.refusal(format('SELECT chat.attach_cancel(1, %s)', :upload));
COMMIT;

-- what is refused at once
BEGIN;
SELECT chat.act_as(1);
SELECT pg_temp.refusal($$SELECT chat.attach_begin(1, 'a/b', 'text/plain')$$);
SELECT pg_temp.refusal($$SELECT chat.attach_begin(1, 'a', 'text/html')$$);
SELECT pg_temp.refusal($$SELECT chat.attach_begin(1, 'a', 'text')$$);
SELECT pg_temp.refusal($$SELECT chat.attach_begin(1, 'a', 'text/plain', 0)$$);
SELECT pg_temp.refusal($$SELECT chat.attach_begin(1, 'a', 'text/plain', 999999999)$$);
SELECT pg_temp.refusal($$SELECT chat.attach_begin(99, 'a', 'text/plain')$$);
SELECT pg_temp.refusal($$SELECT chat.attach_begin(1, NULL, 'text/plain')$$);
COMMIT;
SET pg_parley.max_attachment_size = '2kB';
BEGIN;
SELECT chat.act_as(1);
SELECT id AS upload FROM chat.attach_begin(1, 'a', 'text/plain') id \gset
SELECT chat.attach_append(1, :upload, 0, pg_temp.wide('a')), chat.attach_append(1, :upload, 1000, pg_temp.wide('b'));
SELECT pg_temp.refusal(format('SELECT chat.attach_append(1, %s, 2000, pg_temp.wide(''c''))', :upload));
COMMIT;
RESET pg_parley.max_attachment_size;

-- whose it is
BEGIN;
SELECT chat.act_as(2);
SELECT pg_temp.refusal(format('SELECT chat.attach_append(1, %s, 2000, ''x'')', :upload));
SELECT pg_temp.refusal(format('SELECT chat.attach_finish(1, %s)', :upload));
SELECT pg_temp.refusal(format('SELECT chat.attach_cancel(1, %s)', :upload));
COMMIT;
SELECT pg_temp.refusal($$SELECT chat.attach_begin(1, 'a', 'text/plain')$$);
SELECT pg_temp.refusal(format('SELECT chat.attach_append(1, %s, 2000, ''x'')', :upload));
SELECT pg_temp.refusal(format('SELECT chat.attach_finish(1, %s)', :upload));
SELECT pg_temp.refusal(format('SELECT chat.attach_cancel(1, %s)', :upload));

-- so many at once, and what was left behind an hour ago does not count
BEGIN;
SELECT chat.act_as(1);
SELECT count(chat.attach_begin(1, 'a', 'text/plain')) FROM generate_series(1, 7);
SELECT pg_temp.refusal($$SELECT chat.attach_begin(1, 'a', 'text/plain')$$);
UPDATE chat.upload SET created_at = created_at - interval '2 h';
SELECT chat.attach_begin(1, 'a', 'text/plain') IS NOT NULL AS again;
COMMIT;
SELECT count(*) FROM chat.upload;

-- those of who never comes again go with the regular job
UPDATE chat.upload SET created_at = created_at - interval '2 days';
SELECT chat.clean_attachments();
SELECT count(*) FROM chat.upload;
