/*
 * closecode.c
 *	  Why the server closes a WebSocket: the published codes, their names, and which of
 *	  them it is.
 */
#include "closecode.h"

#include <stdio.h>

#include "metrics.h"

static const struct
{
	int code;
	const char *reason;
} closes[SESSION_CLOSE_COUNT] = {
#define SESSION_CLOSE_ROW(symbol, code, reason) {code, reason},
	SESSION_CLOSES(SESSION_CLOSE_ROW)
#undef SESSION_CLOSE_ROW
};

int
session_close_code(SessionClose close)
{
	return closes[close].code;
}

const char *
session_close_reason(SessionClose close)
{
	return closes[close].reason;
}

SessionClose
session_close_of_problem(ProblemId id)
{
	static const struct
	{
		ProblemId id;
		SessionClose close;
	} rules[] = {
		{PROBLEM_TOKEN_EXPIRED, SESSION_CLOSE_TOKEN_EXPIRED},
		{PROBLEM_SESSION_REVOKED, SESSION_CLOSE_SESSION_REVOKED},
		{PROBLEM_CONVERSATION_NOT_FOUND, SESSION_CLOSE_NOT_A_MEMBER},
	};

	for (size_t i = 0; i < lengthof(rules); i++)
		if (rules[i].id == id)
			return rules[i].close;
	return problem_get(id)->status >= 500 ? SESSION_CLOSE_UNAVAILABLE
										  : SESSION_CLOSE_UNAUTHENTICATED;
}

SessionClose
session_close_of_end(HubEnd why)
{
	static const SessionClose close_of[] = {
		[HUB_END_SESSION_REVOKED] = SESSION_CLOSE_SESSION_REVOKED,
		[HUB_END_ACCOUNT_CLOSED] = SESSION_CLOSE_ACCOUNT_CLOSED,
		[HUB_END_NOT_A_MEMBER] = SESSION_CLOSE_NOT_A_MEMBER,
		[HUB_END_FEED_LOST] = SESSION_CLOSE_FEED_RESET,
	};

	return close_of[why];
}

void
session_close_observe(SessionClose close)
{
	char labels[64];

	snprintf(labels, sizeof(labels), "reason=\"%s\"",
			 close != SESSION_CLOSE_NONE ? closes[close].reason : "client");
	metric_count(METRIC_FAMILY_CLOSES, labels);
}
