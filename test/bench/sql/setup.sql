-- Accounts, tokens and rooms for the bench, and a table equal to chat.message.
--
-- Accounts are inserted without a password (a hash each would take minutes); their
-- tokens are issued by chat.refresh, rooms are made by chat.create_group.

SET client_min_messages = warning;
CREATE SCHEMA bench;

INSERT INTO chat.account (username, email, display_name)
SELECT 'bench' || i, 'bench' || i || '@example.org', 'Bench ' || i
FROM generate_series(1, :accounts) i;

INSERT INTO chat.session (account_id, client_info, expires_at)
SELECT id, 'bench', now() + interval '1 day' FROM chat.account;

INSERT INTO chat.refresh_token (token_hash, session_id)
SELECT sha256(convert_to('bench refresh token ' || account_id, 'UTF8')), id FROM chat.session;

CREATE TABLE bench.token AS
SELECT id AS account_id, (chat.refresh('bench refresh token ' || id)).access_token AS token
FROM chat.account;

-- ---- rooms -------------------------------------------------------------------
--
--	send     32 conversations of two, for pgbench's clients 0 to 31
--	shared   one of those 32 clients together
--	large    one room of 1000
--	small    100 rooms of 10
--	all      100 rooms of 50: every account in one
--	pair     two, on an idle machine

CREATE TABLE bench.room (
	kind            text,
	number          int,
	first_account   int,
	members         int,
	conversation_id bigint
);

INSERT INTO bench.room
SELECT 'send', i, i + 1, 2 FROM generate_series(0, 31) i
UNION ALL SELECT 'shared', 0, 1, 32
UNION ALL SELECT 'large', 0, 1, 1000
UNION ALL SELECT 'small', i, 1001 + i * 10, 10 FROM generate_series(0, 99) i
UNION ALL SELECT 'all', i, 1 + i * 50, 50 FROM generate_series(0, 99) i
UNION ALL SELECT 'pair', 0, 1, 2;

SELECT format(
	'UPDATE bench.room SET conversation_id = (SELECT (chat.create_group(%L, %L)).id FROM chat.act_as(%s))
	 WHERE kind = %L AND number = %s',
	kind || ' ' || number,
	ARRAY(SELECT 'bench' || i
		  FROM generate_series(first_account + 1, first_account + least(members, 500) - 1) i),
	first_account, kind, number)
FROM bench.room ORDER BY kind, number
\gexec

-- A group starts with 500 at most; the others join one by one.
SELECT format('SELECT chat.add_member(%s, %L) FROM chat.act_as(%s)', conversation_id, 'bench' || i,
	first_account)
FROM bench.room, generate_series(first_account + 500, first_account + members - 1) i
\gexec

CREATE VIEW bench.plan AS
SELECT r.kind, c.conversation_id, t.account_id, c.last_seq + 1 AS next_seq, t.token
FROM bench.room r
JOIN chat.conversation_counter c USING (conversation_id)
JOIN bench.token t ON t.account_id >= r.first_account AND t.account_id < r.first_account + r.members;

-- ---- a table equal to chat.message ---------------------------------------------

CREATE TABLE bench.message (LIKE chat.message INCLUDING ALL);

-- LIKE leaves foreign keys out.
SELECT format('ALTER TABLE bench.message ADD FOREIGN KEY %s',
	replace(replace(pg_get_constraintdef(oid), 'FOREIGN KEY', ''), 'chat.message(', 'bench.message('))
FROM pg_constraint WHERE conrelid = 'chat.message'::regclass AND contype = 'f'
\gexec

-- The bare INSERT takes its number from here, as any application would.
CREATE SEQUENCE bench.message_seq;

-- For the least that a numbering without gaps has to do: one row to lock and count.
CREATE TABLE bench.counter (
	conversation_id bigint PRIMARY KEY,
	last_seq        bigint NOT NULL
) WITH (fillfactor = 30);
INSERT INTO bench.counter SELECT conversation_id, 1000000000 FROM bench.room;

-- ---- a past --------------------------------------------------------------------
--
-- 500 messages in every conversation, in both tables: plans are made for tables that
-- are in use, and statistics do not change under the first rounds.

INSERT INTO chat.message (conversation_id, seq, sender_id, created_at, client_id, sender_name, content)
SELECT conversation_id, seq, first_account, now() - interval '1 day', gen_random_uuid(),
	'bench' || first_account, 'A message of ordinary length, as people write them.'
FROM bench.room, generate_series(1, 500) seq;
UPDATE chat.conversation_counter SET last_seq = 500;
INSERT INTO bench.message SELECT * FROM chat.message;
SELECT setval('bench.message_seq', 1000);

-- Which conversation and account a pgbench client works with.
CREATE VIEW bench.client AS
SELECT r.number, r.conversation_id, r.first_account AS account_id FROM bench.room r WHERE kind = 'send';

VACUUM ANALYZE;

-- Each client is one account that sends as fast as it can.
SELECT chat.set_rate_limit('send', 'account', NULL, NULL);
