-- Closing an account: what goes, what stays under a neutral name, what is erased.
\i sql/include/setup.psql
SELECT pg_temp.refusal($$SELECT chat.delete_account('correct horse')$$);

BEGIN;
SELECT chat.act_as(1);
SELECT is_group FROM chat.create_group('team', ARRAY['bob', 'carol']);
SELECT (chat.direct('bob')).created;
SELECT seq FROM chat.send(1, 'from alice');
SELECT seq FROM chat.send(2, 'to bob alone');
SELECT bio FROM chat.update_profile(bio => 'secret', first_name => 'Alice', last_name => 'Smith', avatar_url => '/a.png');
SELECT chat.act_as(2);
SELECT seq FROM chat.send(1, 'from bob');
SELECT seq FROM chat.send(2, 'to alice alone');
SELECT is_group FROM chat.create_group('left long ago', ARRAY['carol']);
SELECT seq FROM chat.send(3, 'from bob');
SELECT chat.leave(3);
COMMIT;
SELECT chat.grant_admin('alice');
SELECT user_id, is_online FROM chat.gateway_presence(1, '{1}', '{}', '{}');
SELECT (g).access_token AS a, (g).refresh_token AS r FROM chat.login('alice', 'correct horse', 'Firefox') g \gset

-- a wrong password is returned and remembered
BEGIN;
SELECT chat.authenticate(:'a');
SELECT to_json(chat.delete_account('wrong horse'));
SELECT pg_temp.refusal($$SELECT chat.delete_account(NULL)$$);
COMMIT;
SELECT chat.authenticate(:'a');

-- the right one closes it; from then on nobody is authenticated
BEGIN;
SELECT chat.authenticate(:'a');
SELECT to_json(chat.delete_account('correct horse'));
SELECT chat.current_account_id();
SELECT pg_temp.refusal('SELECT chat.me()');
COMMIT;
SELECT to_jsonb(a) - 'created_at' - 'closed_at' - 'profile_changed_at' AS account, closed_at IS NOT NULL AS closed FROM chat.account a WHERE id = 1;
SELECT count(*) FILTER (WHERE account_id = 1) FROM chat.account_secret;
SELECT count(*) FROM chat.admin;
SELECT count(*) FROM chat.presence;
SELECT client_info, end_reason FROM chat.session WHERE account_id = 1;
SELECT count(*) FROM chat.erasure;
SELECT pg_temp.refusal(format('SELECT chat.authenticate(%L)', :'a'));
SELECT (chat.refresh(:'r')).error;
SELECT (chat.login('alice', 'correct horse')).error, (chat.login('alice@example.org', 'correct horse')).error,
	   (chat.login('deleted-1', 'correct horse')).error;
SELECT pg_temp.refusal('SELECT chat.act_as(1)');

-- the group was handed over; what was said is there under the neutral name, unchanged
SELECT conversation_id, account_id, role, state FROM chat.member WHERE conversation_id <> 3 ORDER BY 1, 2;
BEGIN;
SELECT chat.act_as(2);
SELECT conversation_id, seq, sender_id, sender, content, deleted FROM chat.history(1)
	UNION ALL SELECT conversation_id, seq, sender_id, sender, content, deleted FROM chat.history(2) ORDER BY 1, 2;
SELECT ver FROM chat.message WHERE sender_id = 1;
SELECT to_json(chat.user_by_id(1));
SELECT username FROM chat.search_users('');
SELECT pg_temp.refusal($$SELECT chat.direct('deleted-1')$$);
SELECT seq FROM chat.send(2, 'to nobody');
COMMIT;

-- the name and the address are free again; nobody can take those of a closed account
SELECT (g.user).id FROM chat.signup('Alice', 'alice@example.org', 'correct horse') g;
SELECT pg_temp.refusal($$SELECT chat.signup('deleted-2', 'x@example.org', 'correct horse')$$);
SELECT pg_temp.refusal($$SELECT chat.signup('DELETED-x', 'x@example.org', 'correct horse')$$);
SELECT pg_temp.refusal($$SELECT chat.signup('x', '2@Closed.Invalid', 'correct horse')$$);

-- erased: tombstones with versions of their own, also where the account had left
BEGIN;
SELECT chat.act_as(2);
SELECT content FROM chat.edit(1, 2, 'edited by bob');
SELECT to_json(chat.delete_account('correct horse', false));
COMMIT;
SELECT conversation_id, seq, sender_name, content, deleted_at IS NOT NULL AS deleted, ver, changed FROM chat.message ORDER BY 1, 2;
SELECT count(*) FROM chat.message_revision;
SELECT conversation_id, account_id, role, state FROM chat.member WHERE state = 'joined' ORDER BY 1, 2;

-- many messages: the first thousand at once, the rest step by step
BEGIN;
SELECT chat.act_as(4);
SELECT is_group FROM chat.create_group('big', ARRAY['carol']);
SELECT count(chat.send(4, 'message ' || n)) FROM generate_series(1, 1500) n;
SELECT is_group FROM chat.create_group('small', ARRAY['carol']);
SELECT count(chat.send(5, 'message ' || n)) FROM generate_series(1, 10) n;
SELECT to_json(chat.delete_account('correct horse', false));
COMMIT;
CREATE VIEW pg_temp.progress AS
	SELECT conversation_id, count(*) FILTER (WHERE content = '' AND sender_name = 'deleted-4') AS erased, count(*) AS messages,
		   count(DISTINCT ver) AS versions, max(ver) = max(last_ver) AS last
	FROM chat.message JOIN chat.conversation_counter USING (conversation_id) WHERE sender_id = 4 GROUP BY 1 ORDER BY 1;
SELECT * FROM pg_temp.progress;
SELECT * FROM chat.erasure;
SELECT state FROM chat.member WHERE account_id = 4;
SELECT chat.erase_content(500);
SELECT * FROM pg_temp.progress;
SELECT pg_temp.refusal('SELECT chat.erase_content(0)');
SELECT chat.erase_content();
SELECT * FROM pg_temp.progress;
SELECT count(*) FROM chat.erasure;
SELECT chat.erase_content();

-- all of it is in the audit log
SELECT kind, account_id, actor_id, conversation_id, detail FROM chat.audit()
	WHERE kind IN ('account_closed', 'password_refused', 'admin_revoked', 'member_left', 'role_set') ORDER BY id;
