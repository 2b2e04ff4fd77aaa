/*
 * shapes.c
 *	  What answers look like: one table of shapes and their members.
 */
#include "shapes.h"

#include <string.h>

#define USER(shape_) \
	{shape_, "id", "int"}, {shape_, "username", "text"}, {shape_, "display_name", "text"}, \
		{shape_, "avatar_url", "text?"}, {shape_, "bio", "text?"}, {shape_, "is_online", "bool"}, \
	{ \
		shape_, "last_seen", "time?" \
	}

/* clang-format off */
static const struct ShapeMember
{
	const char *shape; /* rows of one shape stand together */
	const char *name;
	const char *type;
} members[] = {
	USER("user"),
	USER("member"), {"member", "role", "text"}, {"member", "muted_until", "time?"},
	{"profile", "id", "int"}, {"profile", "username", "text"}, {"profile", "email", "text"},
	{"profile", "display_name", "text"}, {"profile", "avatar_url", "text?"},
	{"profile", "bio", "text?"}, {"profile", "first_name", "text?"},
	{"profile", "last_name", "text?"}, {"profile", "created_at", "time"},
	{"grant", "user", "user"}, {"grant", "access_token", "text?"}, {"grant", "token_type", "text"},
	{"grant", "expires_in", "int"}, {"grant", "refresh_token", "text?"},
	{"ticket", "ticket", "text"}, {"ticket", "expires_in", "int"},
	{"session", "id", "int"}, {"session", "client_info", "text?"},
	{"session", "created_at", "time"}, {"session", "last_used_at", "time"},
	{"session", "expires_at", "time"}, {"session", "is_current", "bool"},
	{"is_admin", "is_admin", "bool"},
	{"key_set", "keys", "[json]"},
	{"status", "user_id", "int"}, {"status", "username", "text"}, {"status", "is_online", "bool"},
	{"status", "last_seen", "time?"},
	{"export", "exported_at", "time"}, {"export", "profile", "profile"},
	{"export", "sessions", "[json]"}, {"export", "conversations", "[json]"},
	{"export", "blocked", "[text]"}, {"export", "messages", "[message]"},
	{"export", "next", "export_place?"},
	{"export_place", "conversation_id", "int"}, {"export_place", "seq", "int"},
	{"report_id", "report_id", "int"},

	{"conversation", "id", "int"}, {"conversation", "is_group", "bool"},
	{"conversation", "name", "text?"}, {"conversation", "members", "[member]"},
	{"conversation", "member_count", "int"}, {"conversation", "last_message", "message?"},
	{"conversation", "last_seq", "int"}, {"conversation", "unread", "int"},
	{"conversation", "read_seq", "int"}, {"conversation", "mentions", "int"},
	{"conversation", "is_public", "bool"}, {"conversation", "active_at", "time"},
	{"stats", "conversations", "int"}, {"stats", "messages", "int"}, {"stats", "unread", "int"},
	{"language", "language", "text"},
	{"permission", "action", "text"}, {"permission", "in_group", "text"},
	{"permission", "in_direct", "text?"}, {"permission", "meaning", "text"},
	{"read_position", "read_seq", "int"},
	{"delivered_position", "delivered_seq", "int"},

	{"message", "conversation_id", "int"}, {"message", "seq", "int"},
	{"message", "sender_id", "int"}, {"message", "sender", "text"}, {"message", "content", "text"},
	{"message", "client_id", "uuid?"}, {"message", "reply_to", "int?"},
	{"message", "created_at", "time"}, {"message", "edited_at", "time?"},
	{"message", "deleted", "bool"}, {"message", "reactions", "[reaction_count]"},
	{"message", "thread", "int?"}, {"message", "pinned", "bool"},
	{"message", "attachments", "[message_attachment]"},
	{"page", "messages", "[message]"}, {"page", "has_more", "bool"},
	{"reaction_count", "emoji", "text"}, {"reaction_count", "count", "int"},
	{"reaction_count", "user_ids", "[int]"},
	{"reaction", "emoji", "text"}, {"reaction", "account_id", "int"},
	{"reaction", "username", "text"}, {"reaction", "created_at", "time"},
	{"revision", "revision", "int"}, {"revision", "content", "text"},
	{"revision", "written_at", "time"},
	{"message_attachment", "id", "int"}, {"message_attachment", "name", "text"},
	{"message_attachment", "media_type", "text"}, {"message_attachment", "size", "int"},
	{"message_attachment", "sha256", "text"},
	{"attachment", "conversation_id", "int"}, {"attachment", "id", "int"},
	{"attachment", "seq", "int?"}, {"attachment", "account_id", "int"},
	{"attachment", "name", "text"}, {"attachment", "media_type", "text"},
	{"attachment", "size", "int"}, {"attachment", "sha256", "text"},
	{"attachment", "created_at", "time"},

	{"change", "conversation_id", "int"}, {"change", "status", "text"}, {"change", "seq", "int?"},
	{"change", "ver", "int?"}, {"change", "conversation", "conversation?"},
	{"change", "messages", "[message]?"}, {"change", "changed", "[message]?"},
	{"change", "memberships", "[membership]?"}, {"change", "positions", "[position]?"},
	{"membership", "user_id", "int"}, {"membership", "role", "text"},
	{"membership", "state", "text"}, {"membership", "muted_until", "time?"},
	{"membership", "ver", "int"},
	{"position", "user_id", "int"}, {"position", "read_seq", "int"},
	{"position", "delivered_seq", "int"},

	{"hit", "message", "message"}, {"hit", "rank", "number"}, {"hit", "snippet", "text"},
	{"hit", "next_page", "text"},
	{"found_conversation", "id", "int"}, {"found_conversation", "is_group", "bool"},
	{"found_conversation", "name", "text?"}, {"found_conversation", "is_public", "bool"},
	{"found_conversation", "joined", "bool"}, {"found_conversation", "member_count", "int"},

	{"audit_row", "id", "int"}, {"audit_row", "at", "time"}, {"audit_row", "kind", "text"},
	{"audit_row", "account_id", "int?"}, {"audit_row", "actor_id", "int?"},
	{"audit_row", "session_id", "int?"}, {"audit_row", "conversation_id", "int?"},
	{"audit_row", "role_name", "text"}, {"audit_row", "address", "text?"},
	{"audit_row", "agent", "text?"}, {"audit_row", "detail", "text?"},
	{"audit_row", "place", "int?"},
	{"audit_kind", "kind", "text"}, {"audit_kind", "meaning", "text"},
	{"rate_limit", "action", "text"}, {"rate_limit", "scope", "text"},
	{"rate_limit", "burst", "int?"}, {"rate_limit", "per_minute", "number?"},
	{"rate_limit", "default_burst", "int?"}, {"rate_limit", "default_per_minute", "number?"},
	{"rate_limit", "meaning", "text"},
	{"report", "id", "int"}, {"report", "created_at", "time"}, {"report", "reporter_id", "int"},
	{"report", "reporter", "text"}, {"report", "account_id", "int"}, {"report", "username", "text"},
	{"report", "conversation_id", "int?"}, {"report", "seq", "int?"}, {"report", "content", "text?"},
	{"report", "reason", "text"}, {"report", "closed_at", "time?"}, {"report", "closed_by", "int?"},
	{"report", "decision", "text?"},

	{"health", "status", "text"},
	{"readiness", "status", "text"}, {"readiness", "feed", "text"},
	{"readiness", "feed_state", "text"}, {"readiness", "pool_connections", "int"},
	{"readiness", "slot", "text?"}, {"readiness", "reason", "text?"},
	{"readiness", "reasons", "[text]"}, {"readiness", "canary", "json"},

	{"problem", "type", "text"}, {"problem", "title", "text"}, {"problem", "status", "int"},
	{"problem", "code", "text"}, {"problem", "detail", "text"}, {"problem", "instance", "text"},
};
/* clang-format on */

/* JSON Schema 2020-12 of the types that are no shapes. */
static const struct
{
	const char *type;
	const char *json; /* NULL: anything */
	const char *format;
} types[] = {
	{"int", "integer", "int64"}, {"number", "number", NULL},	  {"text", "string", NULL},
	{"bool", "boolean", NULL},	 {"time", "string", "date-time"}, {"uuid", "string", "uuid"},
	{"json", NULL, NULL},
};

static bool
is_type(const char *type, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(name, type, length) == 0;
}

/* A plain type, or a reference to a shape. */
static void
write_name(Buffer *to, const char *type, size_t length, bool nullable)
{
	for (size_t i = 0; i < lengthof(types); i++)
	{
		if (!is_type(type, length, types[i].type))
			continue;
		if (!types[i].json)
			buffer_append_string(to, "{}");
		else if (nullable)
			buffer_printf(to, "{\"type\":[\"%s\",\"null\"]", types[i].json);
		else
			buffer_printf(to, "{\"type\":\"%s\"", types[i].json);
		if (types[i].json && types[i].format)
			buffer_printf(to, ",\"format\":\"%s\"", types[i].format);
		if (types[i].json)
			buffer_append_char(to, '}');
		return;
	}
	buffer_printf(to,
				  nullable ? "{\"anyOf\":[{\"$ref\":\"#/components/schemas/%.*s\"},"
							 "{\"type\":\"null\"}]}"
						   : "{\"$ref\":\"#/components/schemas/%.*s\"}",
				  (int) length, type);
}

void
shape_write_type(Buffer *to, const char *type)
{
	size_t length = strlen(type);
	bool nullable = type[length - 1] == '?';

	length -= nullable ? 1 : 0;
	if (type[0] != '[')
	{
		write_name(to, type, length, nullable);
		return;
	}
	buffer_printf(to, "{\"type\":%s,\"items\":", nullable ? "[\"array\",\"null\"]" : "\"array\"");
	write_name(to, type + 1, length - 2, false);
	buffer_append_char(to, '}');
}

/* The schema of the shape whose rows begin at `number`; returns how many they are. */
static size_t
write_shape(Buffer *to, size_t number)
{
	const char *shape = members[number].shape;
	size_t end = number;

	buffer_printf(to, "\"%s\":{\"type\":\"object\",\"properties\":{", shape);
	for (; end < lengthof(members) && strcmp(members[end].shape, shape) == 0; end++)
	{
		buffer_printf(to, "%s\"%s\":", end > number ? "," : "", members[end].name);
		shape_write_type(to, members[end].type);
	}
	buffer_append_string(to, "},\"required\":[");
	for (size_t i = number; i < end; i++)
		buffer_printf(to, "%s\"%s\"", i > number ? "," : "", members[i].name);
	buffer_append_string(to, "]}");
	return end - number;
}

void
shapes_write(Buffer *to)
{
	buffer_append_char(to, '{');
	for (size_t number = 0; number < lengthof(members);)
	{
		if (number > 0)
			buffer_append_char(to, ',');
		number += write_shape(to, number);
	}
	buffer_append_char(to, '}');
}
