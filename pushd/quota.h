/*
 * quota.h
 *	  How often somebody may call REST: a token bucket for each class of operation and
 *	  each caller.
 *
 * This is the first line, of one process and with generous limits, so that a flood does
 * not reach the database; what an account may do in all is chat.rate_limit's to say.  A
 * caller is an access token, or without one a client's address.  Memory is bounded:
 * where there is no room for another bucket, the fullest one near it is forgotten.
 */
#ifndef PARLEY_QUOTA_H
#define PARLEY_QUOTA_H

#include "util.h"

/*
 * X(symbol, name, burst, per minute); 0: no limit.  AUTH is passwords and tokens, SYNC is
 * catching up and exports.
 */
#define RATE_CLASSES(X) \
	X(NONE, "none", 0, 0) \
	X(AUTH, "auth", 2000, 1200) \
	X(READ, "read", 6000, 6000) \
	X(WRITE, "write", 3000, 1200) \
	X(SEND, "send", 10000, 1200) \
	X(SEARCH, "search", 600, 240) \
	X(SYNC, "sync", 600, 240) \
	X(UPLOAD, "upload", 200, 60) \
	X(ADMIN, "admin", 600, 600)

typedef enum RateClass
{
#define RATE_CLASS_ENUM(symbol, name, burst, per_minute) RATE_##symbol,
	RATE_CLASSES(RATE_CLASS_ENUM)
#undef RATE_CLASS_ENUM
	RATE_CLASS_COUNT
} RateClass;

typedef struct Quota Quota;

typedef struct QuotaState
{
	int64_t limit;	  /* 0: there is none, and all else is 0 */
	int64_t window_s; /* in which an empty bucket fills */
	int64_t remaining;
	int64_t full_in_s;
	int64_t retry_after_s; /* 0: go on; else nothing was taken */
} QuotaState;

/* Limits are taken times `percent` / 100; 0: nothing is limited. */
Quota *quota_create(int64_t percent) MUST_CHECK;
void quota_free(Quota *quota);

/* A change begins anew for everybody. */
void quota_set_percent(Quota *quota, int64_t percent);

/* Stands for a caller; depends on a secret of this process. */
uint64_t quota_caller(const Quota *quota, const void *bytes, size_t length);

/* Takes one of the caller's tokens for the class, if there is one. */
QuotaState quota_take(Quota *quota, RateClass class, uint64_t caller, int64_t now_ms);

const char *quota_class_name(RateClass class);

/* RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10). */
void quota_write_fields(Buffer *fields, RateClass class, const QuotaState *state);

#endif /* PARLEY_QUOTA_H */
