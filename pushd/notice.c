/*
 * notice.c
 *	  What the server says to a client by itself: welcome, your token ends, come back later.
 */
#include "notice.h"

#include <string.h>

void
notice_welcome(Buffer *text, int64_t scope, const char *request_id, const LoginGrant *grant,
			   int64_t heartbeat_s)
{
	buffer_append_string(text, "{\"type\":\"welcome\"");
	if (scope != 0)
		buffer_printf(text, ",\"conversation_id\":%lld", (long long) scope);
	if (request_id)
	{
		buffer_append_string(text, ",\"id\":");
		buffer_append_json(text, request_id, strlen(request_id));
	}
	buffer_printf(text, ",\"user\":%s,\"session_id\":%lld,\"heartbeat_s\":%lld", grant->user,
				  (long long) grant->session_id, (long long) heartbeat_s);
	buffer_printf(text, ",\"expires_in_s\":%lld,\"timeline\":\"%s\"}",
				  (long long) grant->expires_in_s, grant->timeline);
}

void
notice_expiring(Buffer *text, int64_t in_s)
{
	buffer_printf(text, "{\"type\":\"expiring\",\"in_s\":%lld}", (long long) in_s);
}

void
notice_reconnect(Buffer *text, int64_t after_ms)
{
	buffer_printf(text, "{\"type\":\"reconnect\",\"after_ms\":%lld}", (long long) after_ms);
}
