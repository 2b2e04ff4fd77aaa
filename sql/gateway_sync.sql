-- What a gateway asks for many clients at once.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT count(s.seq) FROM generate_series(1, 6) i, LATERAL chat.send(1, 'message ' || i) s;
SELECT chat.mark_read(1, 6);
SELECT count(*) FROM chat.edit(1, 2, 'edited');
SELECT chat.delete(1, 3);
SELECT name FROM chat.rename(1, 'the team');
SELECT chat.remove_member(1, 3);
COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT chat.mark_delivered(1, 5); COMMIT;

-- Without times, and without the row of the snapshot.
CREATE FUNCTION pg_temp.show(ids bigint[], seqs bigint[], vers bigint[], accounts bigint[], asks int[], max_messages int DEFAULT 200)
RETURNS TABLE (ask int, part text, account bigint, number bigint, ver bigint, frame text)
LANGUAGE sql AS $$
	SELECT ask, part, account_id, number, ver, regexp_replace(frame, '_at":"[^"]*"', '_at":"(time)"', 'g')
	FROM chat.gateway_sync(ids, seqs, vers, accounts, asks, max_messages) WHERE part <> 's'
$$;

-- up to date, behind, unknown, and ahead of the server
SELECT * FROM pg_temp.show('{1}', '{6}', '{7}', '{1}', '{1}');
SELECT * FROM pg_temp.show('{1}', '{4}', '{3}', '{1}', '{1}');
SELECT * FROM pg_temp.show('{1}', '{NULL}', '{NULL}', '{1}', '{1}', 2);
SELECT ask, part, number, ver, left(frame, 40) FROM pg_temp.show('{1,1}', '{7,6}', '{7,8}', '{1,1}', '{1,2}', 1);

-- page by page: new messages, then changes
SELECT ask, part, number, ver, left(frame, 40) FROM pg_temp.show('{1}', '{3}', '{0}', '{1}', '{1}', 1);
SELECT ask, part, number, ver, left(frame, 40) FROM pg_temp.show('{1}', '{6}', '{4}', '{1}', '{1}', 1);

-- one ask of many; who is no member is told, and which membership ended
SELECT * FROM pg_temp.show('{1,99}', '{6,1}', '{7,1}', '{1,2,3,4,1}', '{1,1,1,1,2}');

-- in a large group the positions are one's own
SELECT count(*) FROM pg_temp.show('{1}', '{6}', '{7}', '{1,2}', '{1,1}') WHERE part = 'r';
INSERT INTO chat.account (username, email, display_name) SELECT 'u' || i, 'u' || i || '@example.org', 'u' FROM generate_series(1, 60) i;
INSERT INTO chat.member (conversation_id, account_id, ver) SELECT 1, id, 1 FROM chat.account WHERE username ~ '^u\d';
SELECT * FROM pg_temp.show('{1}', '{6}', '{7}', '{1,2}', '{1,1}');

-- who sends has read, although no position is marked
UPDATE chat.member SET read_seq = 1 WHERE conversation_id = 1 AND account_id = 1;
SELECT frame FROM pg_temp.show('{1}', '{6}', '{7}', '{1,2}', '{1,1}') WHERE part = 'o';
DELETE FROM chat.member WHERE conversation_id = 1 AND account_id > 4;
SELECT frame FROM pg_temp.show('{1}', '{6}', '{7}', '{1,2}', '{1,1}') WHERE part = 'r';

-- the first row: xmin and the end of the WAL
SELECT ask, part, number <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin,
	   ver BETWEEN 1 AND pg_current_wal_insert_lsn() - '0/0' AS wal, frame
	FROM chat.gateway_sync('{}', '{}', '{}', '{}', '{}', 1);

SELECT pg_temp.refusal($$SELECT chat.gateway_sync('{}', '{}', '{}', '{}', '{}', 0)$$);
SET ROLE chat_user;
SELECT pg_temp.refusal($$SELECT chat.gateway_sync('{}', '{}', '{}', '{}', '{}', 1)$$);
RESET ROLE;
