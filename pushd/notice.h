/*
 * notice.h
 *	  What the server says to a client by itself: welcome, your token ends, come back later.
 */
#ifndef PARLEY_NOTICE_H
#define PARLEY_NOTICE_H

#include "login.h"
#include "util.h"

/* `scope` and `request_id` as of the login; 0 and NULL leave them out. */
void notice_welcome(Buffer *text, int64_t scope, const char *request_id, const LoginGrant *grant,
					int64_t heartbeat_s);

void notice_expiring(Buffer *text, int64_t in_s);
void notice_reconnect(Buffer *text, int64_t after_ms);

#endif /* PARLEY_NOTICE_H */
