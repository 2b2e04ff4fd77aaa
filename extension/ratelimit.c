/*
 * ratelimit.c
 *	  Token buckets and login delays.
 *
 * A token bucket is one time: when it will be full again (the generic cell rate
 * algorithm).  Taking a token moves it by 60 s / per_minute, and is refused where that
 * would put it further off than all tokens of the bucket take.
 *
 * The limits are kept in each backend; a trigger on chat.rate_limit has all backends
 * read them anew.
 */
#include "compat.h"

#include "ratelimit.h"

#include <sys/socket.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "utils/formatting.h"
#include "utils/inet.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "audit.h"
#include "bucket.h"
#include "client.h"
#include "errors.h"
#include "guc.h"
#include "identity.h"
#include "spi.h"

#define LONGEST_DELAY (15 * USECS_PER_MINUTE)
#define FORGET_FAILURES USECS_PER_HOUR
#define AUDIT_EVERY USECS_PER_MINUTE
#define IPV6_NETWORK_BYTES 8

/* ---- the table of the header -------------------------------------------- */

typedef struct ActionRow
{
	const char *name;
	const char *meaning;
	RateLimit limits[RATE_SCOPE_COUNT];
} ActionRow;

static const ActionRow actions[RATE_ACTION_COUNT] = {
#define ACTION_ROW(symbol, name, account_burst, account_rate, address_burst, address_rate, \
				   meaning) \
	[RATE_##symbol] = {name, \
					   meaning, \
					   {[RATE_SCOPE_ACCOUNT] = {account_burst, account_rate}, \
						[RATE_SCOPE_ADDRESS] = {address_burst, address_rate}}},
	RATE_ACTIONS(ACTION_ROW)
#undef ACTION_ROW
};

static const char *const scopes[RATE_SCOPE_COUNT] = {
#define SCOPE_ROW(symbol, name) [RATE_SCOPE_##symbol] = name,
	RATE_SCOPES(SCOPE_ROW)
#undef SCOPE_ROW
};

const char *
RateActionName(RateAction action)
{
	return actions[action].name;
}

const char *
RateActionMeaning(RateAction action)
{
	return actions[action].meaning;
}

const char *
RateScopeName(RateScope scope)
{
	return scopes[scope];
}

RateLimit
RateLimitDefault(RateAction action, RateScope scope)
{
	return actions[action].limits[scope];
}

/* ---- the limits that hold ----------------------------------------------- */

static struct
{
	bool valid;
	uint64 changes; /* how often somebody said that they have changed */
	Oid table;
	RateLimit limits[RATE_ACTION_COUNT][RATE_SCOPE_COUNT];
} cache;

static void
ForgetLimits(Datum arg, Oid relation)
{
	if (relation == cache.table || !OidIsValid(relation))
	{
		cache.valid = false;
		cache.changes++;
	}
}

static bool throttle_trusted = false;

static const BoolSetting settings[] = {
	{"pg_parley.throttle_trusted",
	 "Whether the rate limits of an account hold for a trusted role that acts for it, too.",
	 &throttle_trusted},
};

void
RateLimitInit(void)
{
	DefineBoolSettings(settings, lengthof(settings));
	CacheRegisterRelcacheCallback(ForgetLimits, (Datum) 0);
}

static SpiQuery find_limits = {
	.sql = "SELECT action, scope, burst::bigint, per_minute FROM chat.rate_limit",
	.read_only = true,
};

static int
IndexOf(const char *name, const char *(*name_of)(int), int count)
{
	int i = 0;

	while (i < count && strcmp(name, name_of(i)) != 0)
		i++;
	return i;
}

static const char *
ActionNameAt(int i)
{
	return actions[i].name;
}

static const char *
ScopeNameAt(int i)
{
	return scopes[i];
}

/* A row of another version of the library, with a name unknown here, means nothing. */
static void
ReadLimit(uint64 row)
{
	int action = IndexOf(SpiGetText(row, 1), ActionNameAt, RATE_ACTION_COUNT);
	int scope = IndexOf(SpiGetText(row, 2), ScopeNameAt, RATE_SCOPE_COUNT);
	bool isnull;
	Datum per_minute = SpiGetDatum(row, 4, &isnull);

	if (action < RATE_ACTION_COUNT && scope < RATE_SCOPE_COUNT)
		cache.limits[action][scope] = (RateLimit){
			.burst = SpiGetInt64(row, 3),
			.per_minute = isnull ? 0 : DatumGetFloat8(per_minute),
		};
}

/*
 * With the newest snapshot, and not the transaction's: what is read now is kept
 * after it.
 */
static void
LoadLimits(void)
{
	uint64 changes = cache.changes;
	bool newest = !IsInParallelMode();
	uint64 rows;

	cache.table = get_relname_relid("rate_limit", get_namespace_oid("chat", false));
	for (int i = 0; i < RATE_ACTION_COUNT; i++)
		memcpy(cache.limits[i], actions[i].limits, sizeof(cache.limits[i]));

	PushActiveSnapshot(newest ? GetLatestSnapshot() : GetActiveSnapshot());
	SpiBegin();
	rows = SpiRun(&find_limits, SpiNoArgs);
	for (uint64 row = 0; row < rows; row++)
		ReadLimit(row);
	SpiEnd();
	PopActiveSnapshot();
	cache.valid = newest && changes == cache.changes;
}

RateLimit
RateLimitGet(RateAction action, RateScope scope)
{
	if (!cache.valid)
		LoadLimits();
	return cache.limits[action][scope];
}

/* ---- whose bucket ------------------------------------------------------- */

/*
 * The table's oid tells one installation from the next in the same database, whose
 * accounts have the same ids.  A token bucket is one of its limit: what was taken under
 * another is a time that means nothing under this one.  No padding: the bytes are the key.
 */
typedef struct Key
{
	uint32 table;
	uint16 action;
	uint16 scope;
	int64 account_id;
	uint8 address[IPV6_NETWORK_BYTES];
	RateLimit limit; /* zero for failures, which go on counting */
} Key;

StaticAssertDecl(sizeof(Key) == 40, "the key of a bucket has no padding");

/* An IPv4 address, also one that is dressed as IPv6, or an IPv6 network. */
static void
PutAddress(uint8 *to, inet *address)
{
	static const uint8 mapped[12] = {[10] = 0xff, [11] = 0xff};
	const uint8 *bytes = ip_addr(address);

	if (ip_family(address) == PGSQL_AF_INET)
		memcpy(to, bytes, 4);
	else if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
		memcpy(to, bytes + sizeof(mapped), 4);
	else
		memcpy(to, bytes, IPV6_NETWORK_BYTES);
}

/* False where there is nobody to limit. */
static bool
MakeKey(RateAction action, RateScope scope, int64 account_id, Key *key)
{
	inet *address;

	*key = (Key){.table = cache.table, .action = action, .scope = scope};
	switch (scope)
	{
		case RATE_SCOPE_ACCOUNT:
			key->account_id = account_id;
			return account_id != 0;
		case RATE_SCOPE_ADDRESS:
			address = ClientAddress();
			if (address)
				PutAddress(key->address, address);
			return address != NULL;
		default:
			return true;
	}
}

/* BucketApply or BucketTry. */
typedef int64 (*BucketWay)(const void *key, Size size, BucketStep step, const void *rule);

/* Applies the step to the bucket of a scope; 0 where nothing is limited. */
static int64
ApplyBy(BucketWay apply, RateAction action, RateScope scope, int64 account_id, BucketStep step)
{
	RateLimit limit = RateLimitGet(action, scope);
	Key key;

	if (limit.burst == 0 || !MakeKey(action, scope, account_id, &key))
		return 0;
	if (action != RATE_LOGIN_FAILURE)
		key.limit = limit;
	return apply(&key, sizeof(key), step, &limit);
}

static int64
Apply(RateAction action, RateScope scope, int64 account_id, BucketStep step)
{
	return ApplyBy(BucketApply, action, scope, account_id, step);
}

static int
WholeSeconds(int64 microseconds)
{
	return (int) ((microseconds + USECS_PER_SEC - 1) / USECS_PER_SEC);
}

/* ---- token buckets ------------------------------------------------------ */

static inline int64
IntervalOf(const RateLimit *limit)
{
	return (int64) Max(USECS_PER_MINUTE / limit->per_minute, 1);
}

/* How long to wait, in microseconds; 0: taken. */
static int64
TakeToken(Bucket *bucket, const void *rule, TimestampTz now)
{
	const RateLimit *limit = rule;
	int64 interval = IntervalOf(limit);
	TimestampTz full_at = Max(bucket->forget_at, now) + interval;
	int64 wait = full_at - now - limit->burst * interval;

	if (wait > 0)
		return wait;
	bucket->forget_at = full_at;
	return 0;
}

/* No session: a role that may act as anybody speaks for the account. */
static bool
IsTrusted(int64 account_id)
{
	const Identity *identity = IdentityGet();

	return !throttle_trusted && identity && identity->account_id == account_id &&
		   identity->session_id == 0;
}

int
RateLimitTakeNow(RateAction action, int64 account_id)
{
	int64 wait = 0;

	if (IsTrusted(account_id))
		return 0;
	for (RateScope scope = 0; scope < RATE_SCOPE_COUNT && wait == 0; scope++)
	{
		wait = ApplyBy(BucketTry, action, scope, account_id, TakeToken);
		if (wait == BUCKET_BUSY && scope != RATE_SCOPE_ACCOUNT)
			wait = 0;
	}
	return wait == BUCKET_BUSY ? BUCKET_BUSY : WholeSeconds(wait);
}

int
RateLimitTake(RateAction action, int64 account_id)
{
	int64 wait = 0;

	if (IsTrusted(account_id))
		return 0;
	for (RateScope scope = 0; scope < RATE_SCOPE_COUNT && wait == 0; scope++)
		wait = Apply(action, scope, account_id, TakeToken);
	return WholeSeconds(wait);
}

void
RateLimitRaise(int wait_s)
{
	ereport(ERROR,
			(ParleyErrcode(PARLEY_ERROR_THROTTLED), errmsg("too many requests"),
			 errdetail("retry_after_s=%d", wait_s), errhint("Try again in %d seconds.", wait_s)));
}

void
RateLimitRequire(RateAction action, int64 account_id)
{
	int wait_s = RateLimitTake(action, account_id);

	if (wait_s > 0)
		RateLimitRaise(wait_s);
}

/* ---- login delays ------------------------------------------------------- */

/* After so many failures. */
static int64
DelayAfter(int64 failures, const RateLimit *limit)
{
	int64 delay = IntervalOf(limit);

	if (failures < limit->burst)
		return 0;
	for (int64 i = limit->burst; i < failures && delay < LONGEST_DELAY; i++)
		delay *= 2;
	return Min(delay, LONGEST_DELAY);
}

static int64
CountFailure(Bucket *bucket, const void *rule, TimestampTz now)
{
	TimestampTz failed_at = bucket->forget_at - FORGET_FAILURES;
	int64 wait = bucket->count == 0 ? 0 : failed_at + DelayAfter(bucket->count, rule) - now;

	if (wait > 0)
		return wait;
	bucket->count++;
	bucket->forget_at = now + FORGET_FAILURES;
	return 0;
}

/* The try that was counted was none; those before it stay. */
static int64
UncountFailure(Bucket *bucket, const void *rule, TimestampTz now)
{
	if (bucket->count > 0)
		bucket->count--;
	return 0;
}

static int64
ForgetAllFailures(Bucket *bucket, const void *rule, TimestampTz now)
{
	*bucket = (Bucket){0};
	return 0;
}

int
RateLimitTry(int64 account_id)
{
	int64 wait = Apply(RATE_LOGIN_FAILURE, RATE_SCOPE_ADDRESS, 0, CountFailure);

	if (wait > 0)
		return WholeSeconds(wait);
	wait = Apply(RATE_LOGIN_FAILURE, RATE_SCOPE_ACCOUNT, account_id, CountFailure);
	if (wait > 0)
		Apply(RATE_LOGIN_FAILURE, RATE_SCOPE_ADDRESS, 0, UncountFailure);
	return WholeSeconds(wait);
}

int
RateLimitTryPassword(int64 account_id, RateAction *refused)
{
	int wait_s = RateLimitTake(RATE_LOGIN, account_id);

	*refused = RATE_LOGIN;
	if (wait_s == 0)
	{
		wait_s = RateLimitTry(account_id);
		*refused = RATE_LOGIN_FAILURE;
	}
	return wait_s;
}

/* Whoever has one account could else guess at others from the same address for ever. */
void
RateLimitTrySucceeded(int64 account_id)
{
	Apply(RATE_LOGIN_FAILURE, RATE_SCOPE_ADDRESS, 0, UncountFailure);
	Apply(RATE_LOGIN_FAILURE, RATE_SCOPE_ACCOUNT, account_id, ForgetAllFailures);
}

int64
RateLimitStandIn(const char *login)
{
	char *lower = asc_tolower(login, strlen(login));
	uint64 hash = hash_bytes_extended((const unsigned char *) lower, (int) strlen(lower), 0);

	return -(int64) (hash >> 1) - 1;
}

/* ---- audit -------------------------------------------------------------- */

/* Said a moment ago? */
static int64
SayOnce(Bucket *bucket, const void *rule, TimestampTz now)
{
	if (bucket->forget_at > now)
		return 1;
	bucket->forget_at = now + AUDIT_EVERY;
	return 0;
}

void
RateLimitAudit(RateAction action, int64 account_id)
{
	Key key = {.table = cache.table, .action = action, .scope = RATE_SCOPE_COUNT};
	inet *address = ClientAddress();

	key.account_id = account_id;
	if (address)
		PutAddress(key.address, address);
	if (BucketApply(&key, sizeof(key), SayOnce, NULL) == 0)
		AuditWrite(.kind = AUDIT_THROTTLED, .account_id = Max(account_id, 0),
				   .detail = actions[action].name);
}
