-- Reports of messages and accounts, and those who decide.
\i sql/include/setup.psql

BEGIN;
SELECT chat.act_as(1);
SELECT id FROM chat.create_group('team', ARRAY['bob']);
COMMIT;
BEGIN; SELECT chat.act_as(2); SELECT seq FROM chat.send(1, 'buy my pills'); COMMIT;

BEGIN;
SELECT chat.act_as(1);
SELECT chat.report(1, 1, 'spam');
SELECT chat.report(2, 'sells pills');
-- the same again, before it is decided: a better reason, no second report
SELECT chat.report(1, 1, E'spam, and\nnot for the first time');
SELECT pg_temp.refusal($$SELECT chat.report(1, 2, 'spam')$$);
SELECT pg_temp.refusal($$SELECT chat.report(99, 1, 'spam')$$);
SELECT pg_temp.refusal($$SELECT chat.report(1, 1, ' ')$$);
SELECT pg_temp.refusal($$SELECT chat.report(1, 1, NULL)$$);
SELECT pg_temp.refusal($$SELECT chat.report(1, 1, repeat('x', 2001))$$);
SELECT pg_temp.refusal($$SELECT chat.report(99, 'unknown')$$);
SELECT pg_temp.refusal($$SELECT chat.report(1, 'myself')$$);
SELECT pg_temp.refusal('SELECT chat.admin_reports()');
SELECT pg_temp.refusal($$SELECT chat.admin_close_report(1, 'mine')$$);
COMMIT;
-- one's own message, and one that one can't read
BEGIN; SELECT chat.act_as(2); SELECT pg_temp.refusal($$SELECT chat.report(1, 1, 'spam')$$); COMMIT;
BEGIN; SELECT chat.act_as(3); SELECT pg_temp.refusal($$SELECT chat.report(1, 1, 'spam')$$); SELECT chat.report(2, 'me too') > 2 AS reported; COMMIT;

-- what was said is kept as it was
BEGIN; SELECT chat.act_as(2); SELECT chat.delete(1, 1); COMMIT;

-- an administrator, account or role, sees the queue, oldest first, and takes off it
SELECT chat.grant_admin('dave');
BEGIN;
SELECT chat.act_as(4);
SELECT reporter, username, conversation_id, seq, content, reason, decision FROM chat.admin_reports();
SELECT count(*) FROM chat.admin_reports(max_results => 1);
SELECT count(*) FROM chat.admin_reports(after => 1);
SELECT chat.admin_close_report(1, 'dismissed');
SELECT pg_temp.refusal($$SELECT chat.admin_close_report(1, 'upheld')$$);
SELECT pg_temp.refusal($$SELECT chat.admin_close_report(99, 'upheld')$$);
SELECT pg_temp.refusal($$SELECT chat.admin_close_report(2, '')$$);
SELECT pg_temp.refusal($$SELECT chat.admin_close_report(2, NULL)$$);
SELECT pg_temp.refusal('SELECT chat.admin_reports(max_results => 0)');
COMMIT;
SELECT chat.admin_close_report(2, 'told him to stop');
SELECT reporter, username, closed_by, decision FROM chat.admin_reports();
SELECT reporter, username, closed_by, decision FROM chat.admin_reports(also_closed => true);

-- what was decided can be reported anew
BEGIN; SELECT chat.act_as(1); SELECT chat.report(2, 'again') > 2 AS anew; COMMIT;
SELECT kind, account_id, actor_id, conversation_id, regexp_replace(detail, '\d+', 'n') AS detail
	FROM chat.audit_pending WHERE kind ~ 'report' ORDER BY id;
