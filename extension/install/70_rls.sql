-- Row-level security: SELECT on the tables shows a chat_user what the functions would show
-- it, and never a secret.  Writing stays with the functions.  The owner is not subject to
-- it, and so neither are the functions and the views.

CREATE FUNCTION chat.own_conversation_ids() RETURNS bigint[]
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT coalesce(array_agg(conversation_id), '{}') FROM chat.member
			WHERE account_id = (SELECT chat.current_account_id()) AND state = 'joined'
	$$;
COMMENT ON FUNCTION chat.own_conversation_ids() IS
	'The conversations that the caller belongs to; {} if nobody is authenticated';
REVOKE ALL ON FUNCTION chat.own_conversation_ids() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.own_conversation_ids() TO chat_user;

-- Without the hashes of tokens, and without who has blocked whom.
GRANT SELECT (id, account_id, client_info, created_at, last_used_at, expires_at, ended_at, end_reason)
	ON chat.session TO chat_user;
GRANT SELECT (conversation_id, account_id, role, state, joined_at, joined_seq, read_seq,
			  delivered_seq, muted_until, ver)
	ON chat.member TO chat_user;
GRANT SELECT ON
	chat.account, chat.block, chat.direct_pair, chat.conversation, chat.conversation_counter,
	chat.conversation_language, chat.message, chat.message_revision, chat.reaction, chat.mention,
	chat.attachment, chat.attachment_data, chat.attachment_usage
	TO chat_user;

-- Subqueries, so that they are asked once a statement and an index can be used.
DO $do$
DECLARE
	me     constant text := '(SELECT chat.current_account_id())';
	mine   constant text := 'conversation_id = ANY ((SELECT chat.own_conversation_ids())::bigint[])';
	policy record;
BEGIN
	FOR policy IN
		SELECT * FROM (VALUES
			('account', 'id = ' || me),
			('session', 'account_id = ' || me),
			('block', 'blocker_id = ' || me),
			('direct_pair', 'low_id = ' || me || ' OR high_id = ' || me),
			('conversation', 'id = ANY ((SELECT chat.own_conversation_ids())::bigint[])'),
			('conversation_counter', mine),
			('conversation_language', mine),
			('member', 'account_id = ' || me || ' OR state = ''joined'' AND ' || mine),
			('message', mine),
			('message_revision', mine),
			('reaction', mine),
			('mention', mine),
			('attachment', '(seq IS NOT NULL OR account_id = ' || me || ') AND ' || mine),
			('attachment_data', 'EXISTS (SELECT FROM chat.attachment a '
				'WHERE a.conversation_id = attachment_data.conversation_id AND a.id = attachment_data.id)'),
			('attachment_usage', 'account_id = ' || me)
		) AS list (table_name, condition)
	LOOP
		EXECUTE pg_catalog.format('ALTER TABLE chat.%I ENABLE ROW LEVEL SECURITY', policy.table_name);
		EXECUTE pg_catalog.format('CREATE POLICY own ON chat.%I FOR SELECT TO chat_user USING (%s)',
								  policy.table_name, policy.condition);
	END LOOP;
END
$do$;
