-- Groups: who may come in, roles, order; blocks and reports.

CREATE FUNCTION chat.permissions(OUT action text, OUT in_group text, OUT in_direct text,
								 OUT meaning text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'chat_permissions'
	LANGUAGE c IMMUTABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.permissions() IS
	'What can be done in a conversation and the least role it takes in a group and in a direct one; NULL: not done there';

CREATE FUNCTION chat.join(conversation_id bigint) RETURNS chat.conversation_info
	AS 'MODULE_PATHNAME', 'chat_join'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.join(bigint) IS 'Makes the caller a member of a public group';

CREATE FUNCTION chat.rename(conversation_id bigint, name text) RETURNS chat.conversation_info
	AS 'MODULE_PATHNAME', 'chat_rename'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.rename(bigint, text) IS 'Gives a group another name; for its owners and admins';

CREATE FUNCTION chat.set_public(conversation_id bigint, is_public boolean)
	RETURNS chat.conversation_info
	AS 'MODULE_PATHNAME', 'chat_set_public'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.set_public(bigint, boolean) IS
	'Opens a group to everybody, or closes it: who is in it stays. For its owners';

CREATE FUNCTION chat.delete_group(conversation_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_delete_group'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.delete_group(bigint) IS
	'Ends a group: everybody is put out, nobody can come in again. For its owners';

CREATE FUNCTION chat.set_role(conversation_id bigint, account_id bigint, role text)
	RETURNS chat.member_info
	AS 'MODULE_PATHNAME', 'chat_set_role'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.set_role(bigint, bigint, text) IS
	'Changes the role (member, admin, owner) of somebody of lower role, or the caller''s own; for the owners of a group';

CREATE FUNCTION chat.ban(conversation_id bigint, account_id bigint, reason text DEFAULT NULL)
	RETURNS void
	AS 'MODULE_PATHNAME', 'chat_ban'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.ban(bigint, bigint, text) IS
	'Puts somebody of lower role out of a group, if they are in it, and keeps them out; the reason goes to the audit log';

CREATE FUNCTION chat.unban(conversation_id bigint, account_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_unban'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.unban(bigint, bigint) IS
	'Lifts a ban: they can join or be added again, and are not a member yet';

CREATE FUNCTION chat.banned(conversation_id bigint) RETURNS SETOF chat.user_info
	AS 'MODULE_PATHNAME', 'chat_banned'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.banned(bigint) IS 'Who is banned from a group; for its owners and admins';

CREATE FUNCTION chat.mute(conversation_id bigint, account_id bigint,
						  until timestamptz DEFAULT '9999-12-31 00:00:00+00')
	RETURNS chat.member_info
	AS 'MODULE_PATHNAME', 'chat_mute'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.mute(bigint, bigint, timestamptz) IS
	'Lets a member of lower role only read, until then; leaving and coming back does not end it';

CREATE FUNCTION chat.unmute(conversation_id bigint, account_id bigint) RETURNS chat.member_info
	AS 'MODULE_PATHNAME', 'chat_unmute'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.unmute(bigint, bigint) IS 'Lets a member speak again';

CREATE FUNCTION chat.block(account_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_block'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.block(bigint) IS
	'From now on the caller and that account do not write to each other, nor bring each other into groups; neither is told who wanted it';

CREATE FUNCTION chat.unblock(account_id bigint) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_unblock'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.unblock(bigint) IS 'Lifts the caller''s block; one of the other side stays';

CREATE FUNCTION chat.blocked() RETURNS SETOF chat.user_info
	AS 'MODULE_PATHNAME', 'chat_blocked'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.blocked() IS 'Whom the caller has blocked';

CREATE FUNCTION chat.report(conversation_id bigint, seq bigint, reason text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_report_message'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.report(bigint, bigint, text) IS
	'Reports a message of a conversation of the caller to the administrators, with what it says now; returns the id of the report';

CREATE FUNCTION chat.report(account_id bigint, reason text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'chat_report_account'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.report(bigint, text) IS
	'Reports an account to the administrators; returns the id of the report';

CREATE FUNCTION chat.admin_reports(also_closed boolean DEFAULT false, after bigint DEFAULT 0,
								   max_results int DEFAULT 50)
	RETURNS SETOF chat.report_info
	AS 'MODULE_PATHNAME', 'chat_admin_reports'
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.admin_reports(boolean, bigint, int) IS
	'The reports that wait for a decision, or all, oldest first; after pages on by id. For administrators';

CREATE FUNCTION chat.admin_close_report(report_id bigint, decision text) RETURNS void
	AS 'MODULE_PATHNAME', 'chat_admin_close_report'
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION chat.admin_close_report(bigint, text) IS
	'Takes a report off the queue, with what was decided. For administrators';

REVOKE ALL ON FUNCTION
	chat.permissions(), chat.join(bigint), chat.rename(bigint, text),
	chat.set_public(bigint, boolean), chat.delete_group(bigint),
	chat.set_role(bigint, bigint, text), chat.ban(bigint, bigint, text),
	chat.unban(bigint, bigint), chat.banned(bigint), chat.mute(bigint, bigint, timestamptz),
	chat.unmute(bigint, bigint), chat.block(bigint), chat.unblock(bigint), chat.blocked(),
	chat.report(bigint, bigint, text), chat.report(bigint, text),
	chat.admin_reports(boolean, bigint, int), chat.admin_close_report(bigint, text)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	chat.permissions(), chat.join(bigint), chat.rename(bigint, text),
	chat.set_public(bigint, boolean), chat.delete_group(bigint),
	chat.set_role(bigint, bigint, text), chat.ban(bigint, bigint, text),
	chat.unban(bigint, bigint), chat.banned(bigint), chat.mute(bigint, bigint, timestamptz),
	chat.unmute(bigint, bigint), chat.block(bigint), chat.unblock(bigint), chat.blocked(),
	chat.report(bigint, bigint, text), chat.report(bigint, text),
	chat.admin_reports(boolean, bigint, int), chat.admin_close_report(bigint, text)
	TO chat_user;
