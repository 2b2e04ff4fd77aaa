/*
 * routes.c
 *	  The REST API: one table of routes.
 */
#include "routes.h"

#include <string.h>

/* What {…} in a path stands for, where it is not text. */
#define PATH_ID(name_) \
	{ \
		name_, FROM_PATH, TYPE_INT64, true \
	}

#define PATH_TEXT(name_) \
	{ \
		name_, FROM_PATH, TYPE_TEXT, true \
	}

#define QUERY_LIMIT \
	{ \
		"limit", FROM_QUERY, TYPE_INT64, false \
	}

/* All rows of a function as one array, in their order. */
#define ARRAY_OF(call_) "SELECT coalesce(json_agg(r), '[]') FROM " call_ " r"

#define GRANT \
	"SELECT g.error, g.retry_after_s, json_build_object('user', g.\"user\"," \
	" 'access_token', g.access_token, 'token_type', g.token_type," \
	" 'expires_in', g.expires_in, 'refresh_token', g.refresh_token) FROM "

#define OUTCOME "SELECT o.error, o.retry_after_s, NULL FROM "

/* clang-format off */
static const Route routes[] = {
	/* ---- accounts and sessions */
	{METHOD_POST, "/api/v1/auth/signup", false, 201, ANSWER_GRANT,
	 {"signup", GRANT "chat.signup($1, $2, $3, $4, $5) g", 5},
	 {{"username", FROM_BODY, TYPE_TEXT, true}, {"email", FROM_BODY, TYPE_TEXT, true},
	  {"password", FROM_BODY, TYPE_TEXT, true}, {"display_name", FROM_BODY, TYPE_TEXT, false},
	  {"client_info", FROM_CLIENT, TYPE_TEXT, false}}, NULL},
	{METHOD_POST, "/api/v1/auth/login", false, 200, ANSWER_GRANT,
	 {"login", GRANT "chat.login($1, $2, $3) g", 3},
	 {{"login", FROM_BODY, TYPE_TEXT, true}, {"password", FROM_BODY, TYPE_TEXT, true},
	  {"client_info", FROM_CLIENT, TYPE_TEXT, false}}, NULL},
	{METHOD_POST, "/api/v1/auth/refresh", false, 200, ANSWER_GRANT,
	 {"refresh", GRANT "chat.refresh($1) g", 1},
	 {{"refresh_token", FROM_BODY, TYPE_TEXT, true}}, NULL},
	{METHOD_POST, "/api/v1/auth/logout", true, 204, ANSWER_EMPTY,
	 {"logout", "SELECT chat.logout()", 0}, {{0}}, NULL},
	{METHOD_POST, "/api/v1/auth/logout-all", true, 204, ANSWER_EMPTY,
	 {"logout_all", "SELECT chat.logout_all()", 0}, {{0}}, NULL},
	{METHOD_POST, "/api/v1/auth/password", true, 204, ANSWER_GRANT,
	 {"change_password", OUTCOME "chat.change_password($1, $2) o", 2},
	 {{"old_password", FROM_BODY, TYPE_TEXT, true}, {"new_password", FROM_BODY, TYPE_TEXT, true}},
	 NULL},
	{METHOD_POST, "/api/v1/auth/ticket", true, 201, ANSWER_JSON,
	 {"ws_ticket", "SELECT to_json(t) FROM chat.ws_ticket() t", 0}, {{0}}, NULL},
	{METHOD_GET, "/api/v1/auth/sessions", true, 200, ANSWER_JSON,
	 {"sessions", ARRAY_OF("chat.sessions()"), 0}, {{0}}, NULL},
	{METHOD_DELETE, "/api/v1/auth/sessions/{id}", true, 204, ANSWER_EMPTY,
	 {"revoke_session", "SELECT chat.revoke_session($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_GET, "/api/v1/auth/me", true, 200, ANSWER_JSON,
	 {"me", "SELECT to_json(u) FROM chat.me() u", 0}, {{0}}, NULL},
	{METHOD_PATCH, "/api/v1/auth/me", true, 200, ANSWER_JSON,
	 {"update_profile",
	  "SELECT json_build_object('id', p.id, 'username', p.username,"
	  " 'display_name', p.display_name, 'avatar_url', p.avatar_url, 'bio', p.bio,"
	  " 'is_online', u.is_online, 'last_seen', u.last_seen)"
	  " FROM chat.update_profile($1, $2, $3, $4, $5) p, chat.me() u", 5},
	 {{"display_name", FROM_BODY, TYPE_CLEARABLE, false}, {"bio", FROM_BODY, TYPE_CLEARABLE, false},
	  {"avatar_url", FROM_BODY, TYPE_CLEARABLE, false},
	  {"first_name", FROM_BODY, TYPE_CLEARABLE, false},
	  {"last_name", FROM_BODY, TYPE_CLEARABLE, false}}, NULL},
	{METHOD_DELETE, "/api/v1/auth/me", true, 204, ANSWER_GRANT,
	 {"delete_account", OUTCOME "chat.delete_account($1, coalesce($2, true)) o", 2},
	 {{"password", FROM_BODY, TYPE_TEXT, true}, {"keep_content", FROM_BODY, TYPE_BOOL, false}},
	 NULL},
	{METHOD_GET, "/api/v1/auth/profile", true, 200, ANSWER_JSON,
	 {"profile", "SELECT to_json(p) FROM chat.profile() p", 0}, {{0}}, NULL},
	{METHOD_GET, "/api/v1/auth/export", true, 200, ANSWER_JSON,
	 {"export", "SELECT chat.export_account(coalesce($1, 0), coalesce($2, 0))", 2},
	 {{"after_conversation_id", FROM_QUERY, TYPE_INT64, false},
	  {"after_seq", FROM_QUERY, TYPE_INT64, false}}, NULL},
	{METHOD_GET, "/.well-known/jwks.json", false, 200, ANSWER_JSON,
	 {"jwks", "SELECT chat.jwks()", 0}, {{0}}, NULL},

	/* ---- people */
	{METHOD_GET, "/api/v1/users", true, 200, ANSWER_JSON,
	 {"search_users",
	  ARRAY_OF("chat.search_users($1, coalesce($2, 20))"), 2},
	 {{"search", FROM_QUERY, TYPE_TEXT, true}, QUERY_LIMIT}, NULL},
	{METHOD_GET, "/api/v1/users/{id}", true, 200, ANSWER_JSON,
	 {"user", "SELECT to_json(u) FROM chat.user_by_id($1) u", 1}, {PATH_ID("id")}, NULL},
	{METHOD_GET, "/api/v1/users/{id}/status", true, 200, ANSWER_JSON,
	 {"user_status", "SELECT to_json(s) FROM chat.user_status($1) s", 1}, {PATH_ID("id")}, NULL},
	{METHOD_GET, "/api/v1/users/blocked", true, 200, ANSWER_JSON,
	 {"blocked", ARRAY_OF("chat.blocked()"), 0}, {{0}}, NULL},
	{METHOD_PUT, "/api/v1/users/{id}/block", true, 204, ANSWER_EMPTY,
	 {"block", "SELECT chat.block($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_DELETE, "/api/v1/users/{id}/block", true, 204, ANSWER_EMPTY,
	 {"unblock", "SELECT chat.unblock($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/users/{id}/report", true, 201, ANSWER_JSON,
	 {"report_account", "SELECT json_build_object('report_id', chat.report($1, $2))", 2},
	 {PATH_ID("id"), {"reason", FROM_BODY, TYPE_TEXT, true}}, NULL},

	/* ---- conversations */
	{METHOD_GET, "/api/v1/conversations", true, 200, ANSWER_JSON,
	 {"conversations",
	  ARRAY_OF("chat.conversations(coalesce($1, 50), $2)"), 2},
	 {QUERY_LIMIT, {"before", FROM_QUERY, TYPE_TEXT, false}}, NULL},
	{METHOD_POST, "/api/v1/conversations", true, 201, ANSWER_JSON,
	 {"create_group",
	  "SELECT to_json(c)"
	  " FROM chat.create_group($1, coalesce($2, '{}'::text[]), coalesce($3, false)) c", 3},
	 {{"name", FROM_BODY, TYPE_TEXT, true}, {"usernames", FROM_BODY, TYPE_TEXTS, false},
	  {"is_public", FROM_BODY, TYPE_BOOL, false}}, NULL},
	{METHOD_GET, "/api/v1/conversations/stats", true, 200, ANSWER_JSON,
	 {"stats", "SELECT to_json(s) FROM chat.stats() s", 0}, {{0}}, NULL},
	{METHOD_POST, "/api/v1/conversations/direct/{username}", true, 201, ANSWER_JSON,
	 {"direct", "SELECT to_json(d.conversation), NOT d.created FROM chat.direct($1) d", 1},
	 {PATH_TEXT("username")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}", true, 200, ANSWER_JSON,
	 {"conversation", "SELECT to_json(c) FROM chat.conversation($1) c", 1}, {PATH_ID("id")}, NULL},
	{METHOD_PATCH, "/api/v1/conversations/{id}", true, 200, ANSWER_JSON,
	 {"change_group",
	  "SELECT to_json(CASE WHEN $3::boolean IS NULL THEN c ELSE chat.set_public($1, $3) END)"
	  " FROM (SELECT CASE WHEN $2::text IS NULL THEN chat.conversation($1)"
	  " ELSE chat.rename($1, $2) END AS c OFFSET 0) renamed", 3},
	 {PATH_ID("id"), {"name", FROM_BODY, TYPE_TEXT, false},
	  {"is_public", FROM_BODY, TYPE_BOOL, false}}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}", true, 204, ANSWER_EMPTY,
	 {"delete_group", "SELECT chat.delete_group($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/join", true, 200, ANSWER_JSON,
	 {"join", "SELECT to_json(c) FROM chat.join($1) c", 1}, {PATH_ID("id")}, NULL},

	/* ---- members */
	{METHOD_GET, "/api/v1/conversations/{id}/members", true, 200, ANSWER_JSON,
	 {"members", ARRAY_OF("chat.members($1)"), 1},
	 {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/members", true, 201, ANSWER_JSON,
	 {"add_member", "SELECT to_json(m) FROM chat.add_member($1, $2) m", 2},
	 {PATH_ID("id"), {"username", FROM_BODY, TYPE_TEXT, true}}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/members/{account_id}", true, 204, ANSWER_EMPTY,
	 {"remove_member", "SELECT chat.remove_member($1, $2)", 2},
	 {PATH_ID("id"), PATH_ID("account_id")}, NULL},
	{METHOD_PATCH, "/api/v1/conversations/{id}/members/{account_id}", true, 200, ANSWER_JSON,
	 {"change_member",
	  "SELECT to_json(CASE WHEN $4::text IS NULL THEN m"
	  " WHEN $4 = '' THEN chat.unmute($1, $2) ELSE chat.mute($1, $2, $4::timestamptz) END)"
	  " FROM (SELECT CASE WHEN $3::text IS NOT NULL THEN chat.set_role($1, $2, $3)"
	  " ELSE (SELECT r FROM chat.members($1) r WHERE r.id = $2) END AS m OFFSET 0) changed", 4},
	 {PATH_ID("id"), PATH_ID("account_id"), {"role", FROM_BODY, TYPE_TEXT, false},
	  {"muted_until", FROM_BODY, TYPE_CLEARABLE, false}}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/bans", true, 200, ANSWER_JSON,
	 {"banned", ARRAY_OF("chat.banned($1)"), 1}, {PATH_ID("id")}, NULL},
	{METHOD_PUT, "/api/v1/conversations/{id}/bans/{account_id}", true, 204, ANSWER_EMPTY,
	 {"ban", "SELECT chat.ban($1, $2, $3)", 3},
	 {PATH_ID("id"), PATH_ID("account_id"), {"reason", FROM_BODY, TYPE_TEXT, false}}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/bans/{account_id}", true, 204, ANSWER_EMPTY,
	 {"unban", "SELECT chat.unban($1, $2)", 2}, {PATH_ID("id"), PATH_ID("account_id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/leave", true, 204, ANSWER_EMPTY,
	 {"leave", "SELECT chat.leave($1)", 1}, {PATH_ID("id")}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/read", true, 200, ANSWER_JSON,
	 {"read", "SELECT json_build_object('read_seq', chat.mark_read($1, $2))", 2},
	 {PATH_ID("id"), {"seq", FROM_BODY, TYPE_INT64, true}}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/delivered", true, 200, ANSWER_JSON,
	 {"delivered", "SELECT json_build_object('delivered_seq', chat.mark_delivered($1, $2))", 2},
	 {PATH_ID("id"), {"seq", FROM_BODY, TYPE_INT64, true}}, NULL},

	/* ---- messages */
	{METHOD_GET, "/api/v1/conversations/{id}/messages", true, 200, ANSWER_JSON,
	 {"history",
	  "SELECT to_json(p) FROM chat.history_page($1, $2, $3, $4, coalesce($5, 50)) p", 5},
	 {PATH_ID("id"), {"before", FROM_QUERY, TYPE_INT64, false},
	  {"after", FROM_QUERY, TYPE_INT64, false}, {"around", FROM_QUERY, TYPE_INT64, false},
	  QUERY_LIMIT}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/messages", true, 201, ANSWER_JSON,
	 {"send",
	  "SELECT to_json(m), s.repeated FROM chat.send($1, $2, $3, $4) s"
	  " CROSS JOIN LATERAL chat.message($1, s.seq) m", 4},
	 {PATH_ID("id"), {"content", FROM_BODY, TYPE_TEXT, true},
	  {"client_id", FROM_BODY, TYPE_UUID, false}, {"reply_to", FROM_BODY, TYPE_INT64, false}},
	 NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/messages/{seq}", true, 200, ANSWER_JSON,
	 {"message", "SELECT to_json(m) FROM chat.message($1, $2) m", 2},
	 {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_PATCH, "/api/v1/conversations/{id}/messages/{seq}", true, 200, ANSWER_JSON,
	 {"edit", "SELECT to_json(m) FROM chat.edit($1, $2, $3) m", 3},
	 {PATH_ID("id"), PATH_ID("seq"), {"content", FROM_BODY, TYPE_TEXT, true}}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/messages/{seq}", true, 204, ANSWER_EMPTY,
	 {"delete", "SELECT chat.delete($1, $2)", 2}, {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/messages/{seq}/revisions", true, 200, ANSWER_JSON,
	 {"revisions", ARRAY_OF("chat.revisions($1, $2)"), 2}, {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/messages/{seq}/thread", true, 200, ANSWER_JSON,
	 {"thread", ARRAY_OF("chat.thread($1, $2, $3, coalesce($4, 50))"), 4},
	 {PATH_ID("id"), PATH_ID("seq"), {"after", FROM_QUERY, TYPE_INT64, false}, QUERY_LIMIT}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/messages/{seq}/reactions", true, 200, ANSWER_JSON,
	 {"reactions", ARRAY_OF("chat.reactions($1, $2, $3, $4, coalesce($5, 200))"), 5},
	 {PATH_ID("id"), PATH_ID("seq"), {"emoji", FROM_QUERY, TYPE_TEXT, false},
	  {"after", FROM_QUERY, TYPE_TEXT, false}, QUERY_LIMIT}, NULL},
	{METHOD_PUT, "/api/v1/conversations/{id}/messages/{seq}/reactions/{emoji}", true, 200,
	 ANSWER_JSON, {"react", "SELECT chat.react($1, $2, $3)", 3},
	 {PATH_ID("id"), PATH_ID("seq"), PATH_TEXT("emoji")}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/messages/{seq}/reactions/{emoji}", true, 200,
	 ANSWER_JSON, {"unreact", "SELECT chat.unreact($1, $2, $3)", 3},
	 {PATH_ID("id"), PATH_ID("seq"), PATH_TEXT("emoji")}, NULL},
	{METHOD_PUT, "/api/v1/conversations/{id}/messages/{seq}/pin", true, 204, ANSWER_EMPTY,
	 {"pin", "SELECT chat.pin($1, $2)", 2}, {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_DELETE, "/api/v1/conversations/{id}/messages/{seq}/pin", true, 204, ANSWER_EMPTY,
	 {"unpin", "SELECT chat.unpin($1, $2)", 2}, {PATH_ID("id"), PATH_ID("seq")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/pins", true, 200, ANSWER_JSON,
	 {"pins", ARRAY_OF("chat.pins($1)"), 1}, {PATH_ID("id")}, NULL},
	{METHOD_GET, "/api/v1/conversations/{id}/mentions", true, 200, ANSWER_JSON,
	 {"mentions", ARRAY_OF("chat.mentions($1, $2, coalesce($3, 50))"), 3},
	 {PATH_ID("id"), {"before", FROM_QUERY, TYPE_INT64, false}, QUERY_LIMIT}, NULL},
	{METHOD_POST, "/api/v1/conversations/{id}/messages/{seq}/report", true, 201, ANSWER_JSON,
	 {"report_message", "SELECT json_build_object('report_id', chat.report($1, $2, $3))", 3},
	 {PATH_ID("id"), PATH_ID("seq"), {"reason", FROM_BODY, TYPE_TEXT, true}}, NULL},

	/* ---- catch-up */
	{METHOD_POST, "/api/v1/sync", true, 200, ANSWER_JSON,
	 {"sync", ARRAY_OF("chat.sync(coalesce($1, '{}'::jsonb), coalesce($2, 200))"), 2},
	 {{"cursors", FROM_BODY, TYPE_JSON, false}, {"max_messages", FROM_BODY, TYPE_INT64, false}},
	 NULL},

	/* ---- search */
	{METHOD_GET, "/api/v1/search", true, 200, ANSWER_JSON,
	 {"search",
	  ARRAY_OF("chat.search($1, $2, $3, $4, $5, coalesce($6, 20), coalesce($7, false), $8)"), 8},
	 {{"q", FROM_QUERY, TYPE_TEXT, true}, {"conversation_id", FROM_QUERY, TYPE_INT64, false},
	  {"from", FROM_QUERY, TYPE_TEXT, false}, {"before", FROM_QUERY, TYPE_TEXT, false},
	  {"after", FROM_QUERY, TYPE_TEXT, false}, QUERY_LIMIT,
	  {"newest_first", FROM_QUERY, TYPE_BOOL, false}, {"page", FROM_QUERY, TYPE_TEXT, false}},
	 NULL},
	{METHOD_GET, "/api/v1/search/conversations", true, 200, ANSWER_JSON,
	 {"search_conversations", ARRAY_OF("chat.search_conversations($1, coalesce($2, 20))"), 2},
	 {{"q", FROM_QUERY, TYPE_TEXT, true}, QUERY_LIMIT}, NULL},

	/* ---- administrators */
	{METHOD_GET, "/api/v1/audit", true, 200, ANSWER_JSON,
	 {"audit",
	  ARRAY_OF("chat.audit($1, string_to_array($2, ','), $3, $4, $5, $6, $7, coalesce($8, 100))"),
	  8},
	 {{"account_id", FROM_QUERY, TYPE_INT64, false}, {"kinds", FROM_QUERY, TYPE_TEXT, false},
	  {"conversation_id", FROM_QUERY, TYPE_INT64, false},
	  {"address", FROM_QUERY, TYPE_TEXT, false}, {"since", FROM_QUERY, TYPE_TEXT, false},
	  {"until", FROM_QUERY, TYPE_TEXT, false}, {"before", FROM_QUERY, TYPE_INT64, false},
	  QUERY_LIMIT}, NULL},
	{METHOD_GET, "/api/v1/reports", true, 200, ANSWER_JSON,
	 {"reports",
	  ARRAY_OF("chat.admin_reports(coalesce($1, false), coalesce($2, 0), coalesce($3, 50))"), 3},
	 {{"also_closed", FROM_QUERY, TYPE_BOOL, false}, {"after", FROM_QUERY, TYPE_INT64, false},
	  QUERY_LIMIT}, NULL},
	{METHOD_POST, "/api/v1/reports/{id}/close", true, 204, ANSWER_EMPTY,
	 {"close_report", "SELECT chat.admin_close_report($1, $2)", 2},
	 {PATH_ID("id"), {"decision", FROM_BODY, TYPE_TEXT, true}}, NULL},

	/* ---- pushd itself */
	{METHOD_GET, "/livez", false, 200, ANSWER_LOCAL, {0}, {{0}}, probe_livez},
	{METHOD_GET, "/readyz", false, 200, ANSWER_LOCAL, {0}, {{0}}, probe_readyz},
	{METHOD_GET, "/metrics", false, 200, ANSWER_LOCAL, {0}, {{0}}, probe_metrics},
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

const Route *
route_by_name(const char *name)
{
	for (size_t i = 0; i < lengthof(routes); i++)
		if (routes[i].login &&
			(routes[i].answer == ANSWER_JSON || routes[i].answer == ANSWER_EMPTY) &&
			strcmp(routes[i].statement.name, name) == 0)
			return &routes[i];
	return NULL;
}

bool
route_has_body(const Route *route)
{
	for (const RouteParam *param = route->params; param->name; param++)
		if (param->from == FROM_BODY)
			return true;
	return false;
}
