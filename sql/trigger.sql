-- Triggers are not for calling; what policies are made of is.
\i sql/include/setup.psql
SELECT p.proname, pg_temp.refusal(format('SELECT %s()', p.oid::regproc)) FROM pg_proc p
	WHERE p.pronamespace = 'chat'::regnamespace AND p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)
	ORDER BY p.proname COLLATE "C";

SELECT chat.own_conversation_ids();
BEGIN;
SELECT chat.act_as(1);
SELECT (chat.create_group('one', '{bob}')).id, (chat.create_group('two', '{bob}')).id;
SELECT chat.own_conversation_ids();
SELECT chat.act_as(2);
SELECT chat.leave(1);
SELECT chat.own_conversation_ids();
SELECT chat.act_as(3);
SELECT chat.own_conversation_ids();
COMMIT;
