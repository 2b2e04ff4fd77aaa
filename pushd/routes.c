/*
 * routes.c
 *	  The REST API: one table of routes.
 */
#include "routes.h"

#include <string.h>

#include "cookie.h"

#define OPEN false
#define LOGIN true

/* What {…} in a path stands for. */
#define PATH_ID(name_) \
	{ \
		name_, FROM_PATH, TYPE_INT64, true, NULL, 0 \
	}
#define PATH_TEXT(name_) \
	{ \
		name_, FROM_PATH, TYPE_TEXT, true, NULL, 0 \
	}

/* Members of the body and of the query: those that must be there, and those that may. */
#define BODY(name_, type_) \
	{ \
		name_, FROM_BODY, type_, true, NULL, 0 \
	}
#define MAY_BODY(name_, type_) \
	{ \
		name_, FROM_BODY, type_, false, NULL, 0 \
	}
#define QUERY(name_, type_) \
	{ \
		name_, FROM_QUERY, type_, true, NULL, 0 \
	}
#define MAY_QUERY(name_, type_) \
	{ \
		name_, FROM_QUERY, type_, false, NULL, 0 \
	}
#define QUERY_LIMIT(preset_, max_) \
	{ \
		"limit", FROM_QUERY, TYPE_INT64, false, preset_, max_ \
	}

#define COOKIE_MODE \
	{ \
		ROUTE_COOKIE_MODE, FROM_BODY, TYPE_BOOL, false, "false", 0 \
	}
#define CLIENT_INFO \
	{ \
		"User-Agent", FROM_AGENT, TYPE_TEXT, false, NULL, 0 \
	}
#define END \
	{ \
		NULL, FROM_PATH, TYPE_TEXT, false, NULL, 0 \
	}

/* All rows of a function as one array, in their order. */
#define ARRAY_OF(call_) "SELECT coalesce(json_agg(r), '[]') FROM " call_ " r"

/* The same, and where the next page begins if there may be one; limit_ is a parameter. */
#define LIST_OF(call_, limit_, cursor_) \
	"SELECT coalesce(json_agg(r), '[]'), CASE WHEN count(*) >= " limit_ " THEN " cursor_ " END" \
	" FROM " call_ " r"
#define TIME_TEXT(value_) "(to_json(" value_ ") #>> '{}')"
#define LAST(value_) "(array_agg(" value_ "))[count(*)]"

/* In cookie mode the tokens stay out of the body, where scripts could read them. */
#define GRANT(call_, cookie_) \
	"SELECT g.error, g.retry_after_s, to_json(b)," \
	" CASE WHEN k.asked THEN g.access_token END, g.expires_in," \
	" CASE WHEN k.asked THEN g.refresh_token END" \
	" FROM (SELECT " cookie_ " AS asked) k, " call_ " g, LATERAL (SELECT g.\"user\"," \
	" CASE WHEN NOT k.asked THEN g.access_token END AS access_token," \
	" g.token_type, g.expires_in," \
	" CASE WHEN NOT k.asked THEN g.refresh_token END AS refresh_token) b"

#define OUTCOME "SELECT o.error, o.retry_after_s, NULL FROM "

/* clang-format off */
static const Route routes[] = {
	/* ---- accounts and sessions */
	{METHOD_POST, "/api/v1/auth/signup", OPEN, RATE_AUTH, CACHE_NEVER, 201, ANSWER_GRANT, "grant",
	 "Make an account and log in",
	 {"signup", GRANT("chat.signup($1, $2, $3, $4, $5)", "$6::boolean"), 6},
	 {BODY("username", TYPE_TEXT), BODY("email", TYPE_TEXT),
	  BODY("password", TYPE_TEXT), MAY_BODY("display_name", TYPE_TEXT),
	  CLIENT_INFO, COOKIE_MODE}, NULL},
	{METHOD_POST, "/api/v1/auth/login", OPEN, RATE_AUTH, CACHE_NEVER, 200, ANSWER_GRANT, "grant",
	 "Log in",
	 {"login", GRANT("chat.login($1, $2, $3)", "$4::boolean"), 4},
	 {BODY("login", TYPE_TEXT), BODY("password", TYPE_TEXT),
	  CLIENT_INFO, COOKIE_MODE}, NULL},
	{METHOD_POST, "/api/v1/auth/refresh", OPEN, RATE_AUTH, CACHE_NEVER, 200, ANSWER_GRANT, "grant",
	 "Trade a refresh token, or the cookie that holds one, for new tokens",
	 {"refresh", GRANT("chat.refresh(coalesce($1, $2, ''))", "$3::boolean OR $1::text IS NULL"), 3},
	 {MAY_BODY("refresh_token", TYPE_TEXT),
	  {COOKIE_REFRESH, FROM_COOKIE, TYPE_TEXT, false, NULL, 0}, COOKIE_MODE}, NULL},
	{METHOD_POST, "/api/v1/auth/logout", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_LOGOUT, NULL,
	 "End this session",
	 {"logout", "SELECT chat.logout()", 0}, {END}, NULL},
	{METHOD_POST, "/api/v1/auth/logout-all", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_LOGOUT, NULL,
	 "End all sessions of the account",
	 {"logout_all", "SELECT chat.logout_all()", 0}, {END}, NULL},
	{METHOD_POST, "/api/v1/auth/password", LOGIN, RATE_AUTH, CACHE_NEVER, 204, ANSWER_GRANT, NULL,
	 "Change the password and end all other sessions",
	 {"change_password", OUTCOME "chat.change_password($1, $2) o", 2},
	 {BODY("old_password", TYPE_TEXT), BODY("new_password", TYPE_TEXT)},
	 NULL},
	{METHOD_POST, "/api/v1/auth/email", LOGIN, RATE_AUTH, CACHE_NEVER, 204, ANSWER_GRANT, NULL,
	 "Change the e-mail address",
	 {"change_email", OUTCOME "chat.change_email($1, $2) o", 2},
	 {BODY("password", TYPE_TEXT), BODY("new_email", TYPE_TEXT)}, NULL},
	{METHOD_POST, "/api/v1/auth/ticket", LOGIN, RATE_WRITE, CACHE_NEVER, 201, ANSWER_JSON, "ticket",
	 "Get a ticket that opens one WebSocket",
	 {"ws_ticket", "SELECT to_json(t) FROM chat.ws_ticket() t", 0}, {END}, NULL},
	{METHOD_GET, "/api/v1/auth/sessions", LOGIN, RATE_READ, CACHE_NEVER, 200, ANSWER_JSON, "[session]",
	 "List the sessions that go on",
	 {"sessions", ARRAY_OF("chat.sessions()"), 0}, {END}, NULL},
	{METHOD_DELETE, "/api/v1/auth/sessions/{id}", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "End a session",
	 {"revoke_session", "SELECT chat.revoke_session($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_GET, "/api/v1/auth/me", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "user",
	 "The caller as others see it",
	 {"me", "SELECT to_json(u) FROM chat.me() u", 0}, {END}, NULL},
	{METHOD_PATCH, "/api/v1/auth/me", LOGIN, RATE_WRITE, CACHE_NEVER, 200, ANSWER_JSON, "user",
	 "Change the profile; null takes a value away",
	 {"update_profile",
	  "SELECT json_build_object('id', p.id, 'username', p.username,"
	  " 'display_name', p.display_name, 'avatar_url', p.avatar_url, 'bio', p.bio,"
	  " 'is_online', u.is_online, 'last_seen', u.last_seen)"
	  " FROM chat.update_profile($1, $2, $3, $4, $5) p, chat.me() u", 5},
	 {MAY_BODY("display_name", TYPE_CLEARABLE), MAY_BODY("bio", TYPE_CLEARABLE),
	  MAY_BODY("avatar_url", TYPE_CLEARABLE),
	  MAY_BODY("first_name", TYPE_CLEARABLE),
	  MAY_BODY("last_name", TYPE_CLEARABLE)}, NULL},
	{METHOD_DELETE, "/api/v1/auth/me", LOGIN, RATE_AUTH, CACHE_NEVER, 204, ANSWER_GRANT, NULL,
	 "Close the account for good",
	 {"delete_account", OUTCOME "chat.delete_account($1, $2) o", 2},
	 {BODY("password", TYPE_TEXT), {"keep_content", FROM_BODY, TYPE_BOOL, false, "true", 0}},
	 NULL},
	{METHOD_GET, "/api/v1/auth/profile", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "profile",
	 "The caller with what others do not see",
	 {"profile", "SELECT to_json(p) FROM chat.profile() p", 0}, {END}, NULL},
	{METHOD_GET, "/api/v1/auth/export", LOGIN, RATE_SYNC, CACHE_NEVER, 200, ANSWER_JSON, "export",
	 "All that the server knows of the caller",
	 {"export", "SELECT chat.export_account($1, $2)", 2},
	 {{"after_conversation_id", FROM_QUERY, TYPE_INT64, false, "0", 0},
	  {"after_seq", FROM_QUERY, TYPE_INT64, false, "0", 0}}, NULL},
	{METHOD_GET, "/api/v1/auth/admin", LOGIN, RATE_READ, CACHE_NEVER, 200, ANSWER_JSON, "is_admin",
	 "Whether the caller is an administrator",
	 {"is_admin", "SELECT json_build_object('is_admin', chat.is_admin())", 0}, {END}, NULL},
	{METHOD_GET, "/.well-known/jwks.json", OPEN, RATE_READ, CACHE_PUBLIC, 200, ANSWER_JSON, "key_set",
	 "The keys that verify access tokens",
	 {"jwks", "SELECT chat.jwks()", 0}, {END}, NULL},

	/* ---- people */
	{METHOD_GET, "/api/v1/users", LOGIN, RATE_SEARCH, CACHE_NEVER, 200, ANSWER_JSON, "[user]",
	 "Find people by a part of their name",
	 {"search_users",
	  ARRAY_OF("chat.search_users($1, $2)"), 2},
	 {QUERY("search", TYPE_TEXT), QUERY_LIMIT("20", 100)}, NULL},
	{METHOD_GET, "/api/v1/users/{id}", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "user",
	 "The profile of an account",
	 {"user", "SELECT to_json(u) FROM chat.user_by_id($1) u", 1}, {PATH_ID("id")}, NULL},
	{METHOD_GET, "/api/v1/users/{id}/status", LOGIN, RATE_READ, CACHE_NEVER, 200, ANSWER_JSON, "status",
	 "Whether an account is online",
	 {"user_status", "SELECT to_json(s) FROM chat.user_status($1) s", 1}, {PATH_ID("id")}, NULL},
	{METHOD_GET, "/api/v1/users/blocked", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "[user]",
	 "Whom the caller has blocked",
	 {"blocked", ARRAY_OF("chat.blocked()"), 0}, {END}, NULL},
	{METHOD_PUT, "/api/v1/users/{id}/block", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Block an account",
	 {"block", "SELECT chat.block($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_DELETE, "/api/v1/users/{id}/block", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Lift a block",
	 {"unblock", "SELECT chat.unblock($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/users/{id}/report", LOGIN, RATE_WRITE, CACHE_NEVER, 201, ANSWER_JSON, "report_id",
	 "Report an account to the administrators",
	 {"report_account", "SELECT json_build_object('report_id', chat.report($1, $2))", 2},
	 {PATH_ID("id"), BODY("reason", TYPE_TEXT)}, NULL},

	/* ---- conversations */
	{METHOD_GET, "/api/v1/conversations", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_LIST, "[conversation]",
	 "List conversations, the last active first",
	 {"conversations",
	  LIST_OF("chat.conversations($1, $2, $3)", "$1",
			  "'before=' || " TIME_TEXT(LAST("r.active_at")) " || E'\\nbefore_id=' || " LAST("r.id")), 3},
	 {QUERY_LIMIT("50", 200), MAY_QUERY("before", TYPE_TIME), MAY_QUERY("before_id", TYPE_INT64)}, NULL},
	{METHOD_POST, "/api/v1/conversations", LOGIN, RATE_WRITE, CACHE_NEVER, 201, ANSWER_JSON, "conversation",
	 "Make a group",
	 {"create_group",
	  "SELECT to_json(c)"
	  " FROM chat.create_group($1, coalesce($2, '{}'::text[]), $3) c", 3},
	 {BODY("name", TYPE_TEXT), MAY_BODY("usernames", TYPE_TEXTS),
	  {"is_public", FROM_BODY, TYPE_BOOL, false, "false", 0}}, NULL},
	{METHOD_GET, "/api/v1/conversations/stats", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "stats",
	 "Count conversations, messages and unread messages",
	 {"stats", "SELECT to_json(s) FROM chat.stats() s", 0}, {END}, NULL},
	{METHOD_POST, "/api/v1/conversations/direct/{username}", LOGIN, RATE_WRITE, CACHE_NEVER, 201, ANSWER_MADE, "conversation",
	 "The direct conversation with somebody; 200: it was there already",
	 {"direct", "SELECT to_json(d.conversation), NOT d.created FROM chat.direct($1) d", 1},
	 {PATH_TEXT("username")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "conversation",
	 "One conversation",
	 {"conversation", "SELECT to_json(c) FROM chat.conversation($1) c", 1}, {PATH_ID("id")}, NULL},
	{METHOD_PATCH, "/api/v1/conversations/{id}", LOGIN, RATE_WRITE, CACHE_NEVER, 200, ANSWER_JSON, "conversation",
	 "Rename a group, open or close it",
	 {"change_group",
	  "SELECT to_json(CASE WHEN $3::boolean IS NULL THEN c ELSE chat.set_public($1, $3) END)"
	  " FROM (SELECT CASE WHEN $2::text IS NULL THEN chat.conversation($1)"
	  " ELSE chat.rename($1, $2) END AS c OFFSET 0) renamed", 3},
	 {PATH_ID("id"), MAY_BODY("name", TYPE_TEXT),
	  MAY_BODY("is_public", TYPE_BOOL)}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "End a group for everybody",
	 {"delete_group", "SELECT chat.delete_group($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/join", LOGIN, RATE_WRITE, CACHE_NEVER, 200, ANSWER_JSON, "conversation",
	 "Join a public group",
	 {"join", "SELECT to_json(c) FROM chat.join($1) c", 1}, {PATH_ID("id")}, NULL},

	{METHOD_PUT, "/api/v1/conversations/{id}/language", LOGIN, RATE_WRITE, CACHE_NEVER, 200,
	 ANSWER_JSON, "language", "Say in which language a conversation is searched",
	 {"set_language", "SELECT json_build_object('language', chat.set_language($1, nullif($2, '')))",
	  2},
	 {PATH_ID("id"), BODY("language", TYPE_CLEARABLE)}, NULL},
	{METHOD_GET, "/api/v1/permissions", OPEN, RATE_READ, CACHE_PUBLIC, 200, ANSWER_JSON,
	 "[permission]", "What can be done in a conversation, and by whom",
	 {"permissions", ARRAY_OF("chat.permissions()"), 0}, {END}, NULL},

	/* ---- members */
	{METHOD_GET, "/api/v1/conversations/{id}/members", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "[member]",
	 "List the members",
	 {"members", ARRAY_OF("chat.members($1)"), 1},
	 {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/members", LOGIN, RATE_WRITE, CACHE_NEVER, 201, ANSWER_JSON, "member",
	 "Bring somebody into a group",
	 {"add_member", "SELECT to_json(m) FROM chat.add_member($1, $2) m", 2},
	 {PATH_ID("id"), BODY("username", TYPE_TEXT)}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/members/{account_id}", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Put somebody out of a group",
	 {"remove_member", "SELECT chat.remove_member($1, $2)", 2},
	 {PATH_ID("id"), PATH_ID("account_id")}, NULL},
	{METHOD_PATCH, "/api/v1/conversations/{id}/members/{account_id}", LOGIN, RATE_WRITE, CACHE_NEVER, 200, ANSWER_JSON, "member",
	 "Change a role, mute or unmute",
	 {"change_member",
	  "SELECT to_json(CASE WHEN $4::text IS NULL THEN m"
	  " WHEN $4 = '' THEN chat.unmute($1, $2) ELSE chat.mute($1, $2, $4::timestamptz) END)"
	  " FROM (SELECT CASE WHEN $3::text IS NOT NULL THEN chat.set_role($1, $2, $3)"
	  " ELSE (SELECT r FROM chat.members($1) r WHERE r.id = $2) END AS m OFFSET 0) changed", 4},
	 {PATH_ID("id"), PATH_ID("account_id"), MAY_BODY("role", TYPE_TEXT),
	  MAY_BODY("muted_until", TYPE_CLEARABLE)}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/bans", LOGIN, RATE_READ, CACHE_NEVER, 200, ANSWER_JSON, "[user]",
	 "List who is banned",
	 {"banned", ARRAY_OF("chat.banned($1)"), 1}, {PATH_ID("id")}, NULL},
	{METHOD_PUT, "/api/v1/conversations/{id}/bans/{account_id}", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Ban somebody",
	 {"ban", "SELECT chat.ban($1, $2, $3)", 3},
	 {PATH_ID("id"), PATH_ID("account_id"), MAY_BODY("reason", TYPE_TEXT)}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/bans/{account_id}", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Lift a ban",
	 {"unban", "SELECT chat.unban($1, $2)", 2}, {PATH_ID("id"), PATH_ID("account_id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/leave", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Leave a group",
	 {"leave", "SELECT chat.leave($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/read", LOGIN, RATE_WRITE, CACHE_NEVER, 200, ANSWER_JSON, "read_position",
	 "Move the read position forward",
	 {"read", "SELECT json_build_object('read_seq', chat.mark_read($1, $2))", 2},
	 {PATH_ID("id"), BODY("seq", TYPE_INT64)}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/delivered", LOGIN, RATE_WRITE, CACHE_NEVER, 200, ANSWER_JSON, "delivered_position",
	 "Move the delivered position forward",
	 {"delivered", "SELECT json_build_object('delivered_seq', chat.mark_delivered($1, $2))", 2},
	 {PATH_ID("id"), BODY("seq", TYPE_INT64)}, NULL},

	/* ---- messages */
	{METHOD_GET, "/api/v1/conversations/{id}/messages", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_LIST, "page",
	 "A page of messages, or those that a search finds",
	 {"history",
	  "SELECT * FROM (SELECT to_json(h), CASE WHEN NOT h.has_more THEN NULL"
	  " WHEN $3 IS NULL THEN 'before=' || (h.messages[1]).seq"
	  " ELSE 'after=' || (h.messages[cardinality(h.messages)]).seq END"
	  " FROM chat.history_page($1, $2, $3, $4, $5) h WHERE $6::text IS NULL"
	  " UNION ALL SELECT json_build_object('messages',"
	  " coalesce(json_agg(f.message ORDER BY (f.message).seq), '[]'),"
	  " 'has_more', count(*) >= least($5, 100)),"
	  " CASE WHEN count(*) >= least($5, 100) THEN 'page=' || " LAST("f.next_page") " END"
	  " FROM chat.search($6, $1, NULL, NULL, NULL, least($5, 100), true, $7, $8) f"
	  " WHERE $6::text IS NOT NULL HAVING $6::text IS NOT NULL) page", 8},
	 {PATH_ID("id"), MAY_QUERY("before", TYPE_INT64), MAY_QUERY("after", TYPE_INT64),
	  MAY_QUERY("around", TYPE_INT64), QUERY_LIMIT("50", 200), MAY_QUERY("search", TYPE_TEXT),
	  MAY_QUERY("page", TYPE_TEXT), MAY_QUERY("tz", TYPE_TEXT)}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/messages", LOGIN, RATE_SEND, CACHE_NEVER, 201, ANSWER_MADE, "message",
	 "Send a message; 200: this client_id was sent already",
	 {"send",
	  "SELECT to_json(m), s.repeated FROM chat.send($1, $2, $3, $4, $5) s"
	  " CROSS JOIN LATERAL chat.message($1, s.seq) m", 5},
	 {PATH_ID("id"), BODY("content", TYPE_TEXT), MAY_BODY("client_id", TYPE_UUID),
	  MAY_BODY("reply_to", TYPE_INT64), MAY_BODY("attachments", TYPE_INT64S)},
	 NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/messages/{seq}", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "message",
	 "One message",
	 {"message", "SELECT to_json(m) FROM chat.message($1, $2) m", 2},
	 {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_PATCH, "/api/v1/conversations/{id}/messages/{seq}", LOGIN, RATE_WRITE, CACHE_NEVER, 200, ANSWER_JSON, "message",
	 "Change what a message says",
	 {"edit", "SELECT to_json(m) FROM chat.edit($1, $2, $3) m", 3},
	 {PATH_ID("id"), PATH_ID("seq"), BODY("content", TYPE_TEXT)}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/messages/{seq}", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Take a message back",
	 {"delete", "SELECT chat.delete($1, $2)", 2}, {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/messages/{seq}/revisions", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "[revision]",
	 "All that a message has said",
	 {"revisions", ARRAY_OF("chat.revisions($1, $2)"), 2}, {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/messages/{seq}/thread", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_LIST, "[message]",
	 "The thread that a message belongs to",
	 {"thread", LIST_OF("chat.thread($1, $2, $3, $4)", "$4", "'after=' || max(r.seq)"), 4},
	 {PATH_ID("id"), PATH_ID("seq"), MAY_QUERY("after", TYPE_INT64), QUERY_LIMIT("50", 200)}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/messages/{seq}/reactions", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_LIST, "[reaction]",
	 "Who reacted",
	 {"reactions", LIST_OF("chat.reactions($1, $2, $3, $4, $5)", "$5",
						   "'after=' || " TIME_TEXT("max(r.created_at)")), 5},
	 {PATH_ID("id"), PATH_ID("seq"), MAY_QUERY("emoji", TYPE_TEXT),
	  MAY_QUERY("after", TYPE_TIME), QUERY_LIMIT("200", 200)}, NULL},
	{METHOD_PUT, "/api/v1/conversations/{id}/messages/{seq}/reactions/{emoji}", LOGIN, RATE_WRITE, CACHE_NEVER, 200, ANSWER_JSON, "[reaction_count]",
	 "Add a reaction",
	 {"react", "SELECT chat.react($1, $2, $3)", 3},
	 {PATH_ID("id"), PATH_ID("seq"), PATH_TEXT("emoji")}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/messages/{seq}/reactions/{emoji}", LOGIN, RATE_WRITE, CACHE_NEVER, 200, ANSWER_JSON, "[reaction_count]",
	 "Take a reaction away",
	 {"unreact", "SELECT chat.unreact($1, $2, $3)", 3},
	 {PATH_ID("id"), PATH_ID("seq"), PATH_TEXT("emoji")}, NULL},
	{METHOD_PUT, "/api/v1/conversations/{id}/messages/{seq}/pin", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Pin a message",
	 {"pin", "SELECT chat.pin($1, $2)", 2}, {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/messages/{seq}/pin", LOGIN, RATE_WRITE, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Unpin a message",
	 {"unpin", "SELECT chat.unpin($1, $2)", 2}, {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/pins", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_JSON, "[message]",
	 "The pinned messages, the last pinned first",
	 {"pins", ARRAY_OF("chat.pins($1)"), 1}, {PATH_ID("id")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/mentions", LOGIN, RATE_READ, CACHE_CHECK, 200, ANSWER_LIST, "[message]",
	 "Messages that name the caller, the newest first",
	 {"mentions", LIST_OF("chat.mentions($1, $2, $3)", "$3", "'before=' || min(r.seq)"), 3},
	 {PATH_ID("id"), MAY_QUERY("before", TYPE_INT64), QUERY_LIMIT("50", 200)}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/messages/{seq}/report", LOGIN, RATE_WRITE, CACHE_NEVER, 201, ANSWER_JSON, "report_id",
	 "Report a message to the administrators",
	 {"report_message", "SELECT json_build_object('report_id', chat.report($1, $2, $3))", 3},
	 {PATH_ID("id"), PATH_ID("seq"), BODY("reason", TYPE_TEXT)}, NULL},

	/* ---- attachments */
	{METHOD_POST, "/api/v1/conversations/{id}/attachments", LOGIN, RATE_UPLOAD, CACHE_NEVER, 201,
	 ANSWER_UPLOAD, "attachment", "Bring a file, to be sent by its id",
	 {"attach", "SELECT to_json(a) FROM chat.attach($1, $2, $3, $5, decode($4, 'hex')) a", 5},
	 {PATH_ID("id"), QUERY("name", TYPE_TEXT),
	  {"Content-Type", FROM_HEAD, TYPE_TEXT, true, NULL, 0}, MAY_QUERY("sha256", TYPE_TEXT),
	  {"data", FROM_FILE, TYPE_TEXT, false, NULL, 0}}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/attachments/{attachment_id}", LOGIN, RATE_READ,
	 CACHE_CHECK, 200, ANSWER_JSON, "attachment", "What an attachment is",
	 {"attachment", "SELECT to_json(a) FROM chat.attachment($1, $2) a", 2},
	 {PATH_ID("id"), PATH_ID("attachment_id")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/attachments/{attachment_id}/content", LOGIN,
	 RATE_READ, CACHE_CHECK, 200, ANSWER_DOWNLOAD, NULL, "The bytes of an attachment",
	 {"download",
	  "SELECT a.name, a.media_type, a.size, a.sha256 FROM chat.attachment($1, $2) a", 2},
	 {PATH_ID("id"), PATH_ID("attachment_id")}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/attachments/{attachment_id}", LOGIN, RATE_WRITE,
	 CACHE_NEVER, 204, ANSWER_EMPTY, NULL, "Remove an attachment that was not sent",
	 {"detach", "SELECT chat.detach($1, $2)", 2},
	 {PATH_ID("id"), PATH_ID("attachment_id")}, NULL},

	/* ---- catch-up */
	{METHOD_POST, "/api/v1/sync", LOGIN, RATE_SYNC, CACHE_NEVER, 200, ANSWER_JSON, "[change]",
	 "What is new since the cursors",
	 {"sync", ARRAY_OF("chat.sync(coalesce($1, '{}'::jsonb), $2)"), 2},
	 {MAY_BODY("cursors", TYPE_JSON), {"max_messages", FROM_BODY, TYPE_INT64, false, "200", 500}},
	 NULL},

	/* ---- search */
	{METHOD_GET, "/api/v1/search", LOGIN, RATE_SEARCH, CACHE_NEVER, 200, ANSWER_LIST, "[hit]",
	 "Find messages",
	 {"search",
	  LIST_OF("chat.search($1, $2, $3, $4, $5, $6, $7, $8, $9)", "$6",
			  "'page=' || " LAST("r.next_page")), 9},
	 {QUERY("q", TYPE_TEXT), MAY_QUERY("conversation_id", TYPE_INT64),
	  MAY_QUERY("from", TYPE_TEXT), MAY_QUERY("before", TYPE_TIME),
	  MAY_QUERY("after", TYPE_TIME), QUERY_LIMIT("20", 100),
	  {"newest_first", FROM_QUERY, TYPE_BOOL, false, "false", 0}, MAY_QUERY("page", TYPE_TEXT),
	  MAY_QUERY("tz", TYPE_TEXT)},
	 NULL},
	{METHOD_GET, "/api/v1/search/conversations", LOGIN, RATE_SEARCH, CACHE_NEVER, 200, ANSWER_JSON, "[found_conversation]",
	 "Find conversations by a part of their name",
	 {"search_conversations", ARRAY_OF("chat.search_conversations($1, $2)"), 2},
	 {QUERY("q", TYPE_TEXT), QUERY_LIMIT("20", 100)}, NULL},

	/* ---- administrators */
	{METHOD_GET, "/api/v1/audit", LOGIN, RATE_ADMIN, CACHE_NEVER, 200, ANSWER_LIST, "[audit_row]",
	 "The audit log, the newest first",
	 {"audit",
	  LIST_OF("chat.audit($1, string_to_array($2, ','), $3, $4, $5, $6, $7, $8)", "$8",
			  "'before=' || min(r.id)"), 8},
	 {MAY_QUERY("account_id", TYPE_INT64), MAY_QUERY("kinds", TYPE_TEXT),
	  MAY_QUERY("conversation_id", TYPE_INT64),
	  MAY_QUERY("address", TYPE_TEXT), MAY_QUERY("since", TYPE_TIME),
	  MAY_QUERY("until", TYPE_TIME), MAY_QUERY("before", TYPE_INT64),
	  QUERY_LIMIT("100", 1000)}, NULL},
	{METHOD_GET, "/api/v1/audit/kinds", LOGIN, RATE_ADMIN, CACHE_NEVER, 200, ANSWER_JSON,
	 "[audit_kind]", "The kinds of audit row, and what they mean",
	 {"audit_kinds", ARRAY_OF("chat.audit_kinds()"), 0}, {END}, NULL},
	{METHOD_GET, "/api/v1/rate-limits", LOGIN, RATE_ADMIN, CACHE_NEVER, 200, ANSWER_JSON,
	 "[rate_limit]", "The rate limits that hold",
	 {"rate_limits", ARRAY_OF("chat.rate_limits()"), 0}, {END}, NULL},
	{METHOD_PUT, "/api/v1/rate-limits/{action}/{scope}", LOGIN, RATE_ADMIN, CACHE_NEVER, 204,
	 ANSWER_EMPTY, NULL, "Set a rate limit; without burst and per_minute there is none",
	 {"set_rate_limit", "SELECT chat.set_rate_limit($1, $2, $3, $4)", 4},
	 {PATH_TEXT("action"), PATH_TEXT("scope"), MAY_BODY("burst", TYPE_INT64),
	  MAY_BODY("per_minute", TYPE_NUMBER)}, NULL},
	{METHOD_DELETE, "/api/v1/rate-limits/{action}/{scope}", LOGIN, RATE_ADMIN, CACHE_NEVER, 204,
	 ANSWER_EMPTY, NULL, "Bring a rate limit back to its default",
	 {"reset_rate_limit", "SELECT chat.reset_rate_limit($1, $2)", 2},
	 {PATH_TEXT("action"), PATH_TEXT("scope")}, NULL},
	{METHOD_GET, "/api/v1/reports", LOGIN, RATE_ADMIN, CACHE_NEVER, 200, ANSWER_LIST, "[report]",
	 "The reports that wait for a decision, or all",
	 {"reports",
	  LIST_OF("chat.admin_reports($1, $2, $3)", "$3", "'after=' || max(r.id)"), 3},
	 {{"also_closed", FROM_QUERY, TYPE_BOOL, false, "false", 0},
	  {"after", FROM_QUERY, TYPE_INT64, false, "0", 0}, QUERY_LIMIT("50", 200)}, NULL},
	{METHOD_POST, "/api/v1/reports/{id}/close", LOGIN, RATE_ADMIN, CACHE_NEVER, 204, ANSWER_EMPTY, NULL,
	 "Decide a report",
	 {"close_report", "SELECT chat.admin_close_report($1, $2)", 2},
	 {PATH_ID("id"), BODY("decision", TYPE_TEXT)}, NULL},

	/* ---- pushd itself */
	{METHOD_GET, "/api/v1/openapi.json", OPEN, RATE_READ, CACHE_PUBLIC, 200, ANSWER_DOCUMENT, NULL,
	 "This document", {.name = "openapi"}, {END}, NULL},
	{METHOD_GET, "/livez", OPEN, RATE_NONE, CACHE_NEVER, 200, ANSWER_LOCAL, "health",
	 "Whether the process runs",
	 {.name = "livez"}, {END}, probe_livez},
	{METHOD_GET, "/readyz", OPEN, RATE_NONE, CACHE_NEVER, 200, ANSWER_LOCAL, "readiness",
	 "Whether it can serve",
	 {.name = "readyz"}, {END}, probe_readyz},
	{METHOD_GET, "/metrics", OPEN, RATE_NONE, CACHE_NEVER, 200, ANSWER_LOCAL, NULL,
	 "Metrics in the text format of Prometheus",
	 {.name = "metrics"}, {END}, probe_metrics},
};
/* clang-format on */

/* ---- matching ----------------------------------------------------------- */

const RouteParam *
route_path_param(const Route *route, int number)
{
	for (const RouteParam *param = route->params; param->name; param++)
		if (param->from == FROM_PATH && number-- == 0)
			return param;
	return NULL;
}

static bool
value_fits(const RouteParam *param, const char *value, size_t length)
{
	int64_t number;

	if (param->type == TYPE_INT64)
		return parse_int64(value, length, &number);
	return length > 0;
}

/* Segment by segment; {…} takes one whole segment. */
static bool
path_fits(const Route *route, const char *path, RouteMatch *match)
{
	const char *pattern = route->path;
	int count = 0;

	while (*pattern == '/' && *path == '/')
	{
		size_t want = strcspn(++pattern, "/");
		size_t have = strcspn(++path, "/");

		if (*pattern == '{')
		{
			if (!value_fits(route_path_param(route, count), path, have))
				return false;
			match->values[count] = path;
			match->lengths[count++] = have;
		}
		else if (want != have || memcmp(pattern, path, want) != 0)
			return false;
		pattern += want;
		path += have;
	}
	return *pattern == '\0' && *path == '\0';
}

void
route_find(Method method, const char *path, RouteMatch *match)
{
	Method wanted = method == METHOD_HEAD ? METHOD_GET : method;

	*match = (RouteMatch){0};
	for (size_t i = 0; i < lengthof(routes); i++)
	{
		RouteMatch found = {0};

		if (!path_fits(&routes[i], path, &found))
			continue;
		match->allowed |= routes[i].method | (routes[i].method == METHOD_GET ? METHOD_HEAD : 0);
		if (routes[i].method == wanted && !match->route)
		{
			found.route = &routes[i];
			found.allowed = match->allowed;
			*match = found;
		}
	}
}

bool
route_answers_json(const Route *route)
{
	return route->answer == ANSWER_JSON || route->answer == ANSWER_MADE ||
		   route->answer == ANSWER_LIST;
}

const Route *
route_by_name(const char *name)
{
	for (size_t i = 0; i < lengthof(routes); i++)
		if (routes[i].login &&
			(route_answers_json(&routes[i]) || routes[i].answer == ANSWER_EMPTY) &&
			strcmp(routes[i].statement.name, name) == 0)
			return &routes[i];
	return NULL;
}

const Route *
route_at(size_t number)
{
	return number < lengthof(routes) ? &routes[number] : NULL;
}

bool
route_has_body(const Route *route)
{
	for (const RouteParam *param = route->params; param->name; param++)
		if (param->from == FROM_BODY)
			return true;
	return false;
}
