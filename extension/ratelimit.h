/*
 * ratelimit.h
 *	  How often something may be done: a token bucket for each action, in up to three
 *	  scopes at once: the account, the client's address, and everybody together.
 *
 *		wait = RateLimitTake(RATE_SIGNUP, 0);
 *
 *	  A bucket holds `burst` tokens and gets `per_minute` new ones a minute.  What stands
 *	  in chat.rate_limit goes before the defaults of this table.  A scope that is not known
 *	  is not limited: no account, or an address that client.h can't tell.  Of an IPv6
 *	  address the network counts, its first 64 bits.
 *
 *	  Where counts are kept, and what becomes of them: bucket.h.
 */
#ifndef PARLEY_RATELIMIT_H
#define PARLEY_RATELIMIT_H

#include "postgres.h"

#include "errors.h"

/*
 * X(symbol, name, account: burst, per minute, address: burst, per minute, meaning);
 * 0 and 0: no limit by default.  LOGIN_FAILURE is no bucket: see RateLimitTry().
 */
#define RATE_ACTIONS(X) \
	X(SIGNUP, "signup", 0, 0, 200, 60, "An account is made") \
	X(LOGIN, "login", 60, 60, 600, 300, "A password is checked, right or wrong") \
	X(LOGIN_FAILURE, "login_failure", 10, 60, 50, 60, \
	  "A wrong password: after burst of them the next try waits 60 / per_minute seconds, " \
	  "and twice as long after each further one, at most 15 minutes; an hour after the last " \
	  "all is forgotten, for the account also at the right password") \
	X(REFRESH, "refresh", 60, 60, 1200, 1200, "A refresh token is traded") \
	X(SEND, "send", 10000, 1200, 0, 0, "A message is sent") \
	X(SEARCH, "search", 300, 120, 0, 0, "Something is searched for") \
	X(CONVERSATION, "conversation", 200, 60, 0, 0, "A conversation is made") \
	X(JOIN, "join", 500, 120, 0, 0, "A public group is joined, or somebody added to a group") \
	X(EDIT, "edit", 2000, 600, 0, 0, "A message is edited or deleted") \
	X(REACT, "react", 2000, 600, 0, 0, "A reaction is added or taken away") \
	X(ATTACH, "attach", 500, 120, 0, 0, "An attachment is brought") \
	X(BLOCK, "block", 500, 60, 0, 0, "Somebody is blocked, or a block lifted") \
	X(REPORT, "report", 50, 10, 0, 0, "A message or an account is reported")

typedef enum RateAction
{
#define RATE_ACTION_ENUM(symbol, name, b1, m1, b2, m2, meaning) RATE_##symbol,
	RATE_ACTIONS(RATE_ACTION_ENUM)
#undef RATE_ACTION_ENUM
	RATE_ACTION_COUNT
} RateAction;

/* In the order of taking: what one person uses up for nothing is not everybody's. */
#define RATE_SCOPES(X) \
	X(ADDRESS, "address") \
	X(ACCOUNT, "account") \
	X(ALL, "all")

typedef enum RateScope
{
#define RATE_SCOPE_ENUM(symbol, name) RATE_SCOPE_##symbol,
	RATE_SCOPES(RATE_SCOPE_ENUM)
#undef RATE_SCOPE_ENUM
	RATE_SCOPE_COUNT
} RateScope;

/* Neither: no limit. */
typedef struct RateLimit
{
	int64 burst;
	float8 per_minute;
} RateLimit;

/* Defines the setting; called once, from _PG_init. */
extern void RateLimitInit(void);

/*
 * Takes a token of each bucket of the action.  0: go on; else the whole seconds after
 * which there will be one, and nothing was done to the bucket that is empty.
 * account_id is 0 for nobody, negative for what stands in for an account.  An account
 * that a trusted role speaks for (identity.h) waits for nothing: what an application
 * sends by itself is its own affair, unless pg_parley.throttle_trusted says otherwise.
 */
extern int RateLimitTake(RateAction action, int64 account_id);

/*
 * The same, but waits for no transaction: BUCKET_BUSY (bucket.h) where another one has the bucket
 * of the account.  A bucket that is shared with others and busy is left out.
 */
extern int RateLimitTakeNow(RateAction action, int64 account_id);

/* The same as RateLimitTake, but raises PARLEY_ERROR_THROTTLED where there is to wait. */
extern void RateLimitRequire(RateAction action, int64 account_id);
extern void RateLimitRaise(int wait_s) pg_attribute_noreturn();

/*
 * A password is about to be checked.  0: go on, and it counts as a failure until
 * RateLimitTrySucceeded(), so that many tries at once are many; else the seconds to
 * wait.  No wait is for ever, and a try during it makes it no longer.
 */
extern int RateLimitTry(int64 account_id);

/* The same, after a token of LOGIN; `refused` is the action that says to wait. */
extern int RateLimitTryPassword(int64 account_id, RateAction *refused);
extern void RateLimitTrySucceeded(int64 account_id);

/* What stands for the account of a login name that has none: known and unknown look alike. */
extern int64 RateLimitStandIn(const char *login);

/*
 * Writes to the audit log that somebody was throttled, once a minute for each account
 * and address.  Only for refusals that are returned: an error would take it back.
 */
extern void RateLimitAudit(RateAction action, int64 account_id);

/* For showing and changing the limits. */
extern const char *RateActionName(RateAction action);
extern const char *RateActionMeaning(RateAction action);
extern const char *RateScopeName(RateScope scope);
extern RateLimit RateLimitDefault(RateAction action, RateScope scope);
extern RateLimit RateLimitGet(RateAction action, RateScope scope);

#endif /* PARLEY_RATELIMIT_H */
