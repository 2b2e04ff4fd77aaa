/*
 * password.c
 *	  Argon2id by libargon2.
 *
 * libargon2 takes its working memory from malloc and gives it back before it
 * returns; a hash can't be interrupted.  The normalized copy of a password that is made
 * here is overwritten after use.
 */
#include "compat.h"

#include <argon2.h>
#include <signal.h>

#include "libpq/pqsignal.h"
#include "mb/pg_wchar.h"

#include "crypto.h"
#include "errors.h"
#include "guc.h"
#include "hashslot.h"
#include "password.h"
#include "unicode.h"

#define SALT_SIZE 16
#define HASH_SIZE 32

/* Costs above these are refused, in a setting as well as in a stored hash. */
#define MAX_MEMORY_KB (1024 * 1024)
#define MAX_ITERATIONS 100
#define MAX_PARALLELISM 8
#define MIN_MEMORY_KB (8 * MAX_PARALLELISM) /* Argon2 wants 8 kB for each thread */

typedef struct HashCost
{
	unsigned int memory_kb;
	unsigned int iterations;
	unsigned int parallelism;
} HashCost;

static int memory_kb = 19456;
static int iterations = 2;
static int parallelism = 1;

static const IntSetting settings[] = {
	{"pg_parley.argon2_memory", "Memory that hashing a password takes.", &memory_kb, MIN_MEMORY_KB,
	 MAX_MEMORY_KB, GUC_UNIT_KB},
	{"pg_parley.argon2_iterations", "How often hashing a password passes over its memory.",
	 &iterations, 1, MAX_ITERATIONS, 0},
	{"pg_parley.argon2_parallelism", "How many threads hash a password.", &parallelism, 1,
	 MAX_PARALLELISM, 0},
};

void
PasswordInit(void)
{
	DefineSettings(settings, lengthof(settings));
}

/* ---- one form for what is typed ----------------------------------------- */

/* What is hashed of a password of at most PASSWORD_MAX_BYTES, palloc'd. */
static char *
Normalize(const char *password)
{
	char *normalized = UnicodeNormalize(UNICODE_NFKC, password);
	const char *from = normalized;
	char *to = normalized;

	while (*from)
	{
		const char *at = from;

		if (UnicodeIsSpace(UnicodeNext(&from)))
			*to++ = ' ';
		else
		{
			memmove(to, at, from - at);
			to += from - at;
		}
	}
	*to = '\0';
	return normalized;
}

static void
Forget(char *password)
{
	explicit_bzero(password, strlen(password));
	pfree(password);
}

/* -1: too long */
static int
CountCharacters(const char *password)
{
	char *normalized;
	int count = -1;

	if (strlen(password) > PASSWORD_MAX_BYTES)
		return -1;
	normalized = Normalize(password);
	if (strlen(normalized) <= PASSWORD_MAX_BYTES)
		count = pg_mbstrlen(normalized);
	Forget(normalized);
	return count <= PASSWORD_MAX_CHARACTERS ? count : -1;
}

static bool
HasControl(const char *password)
{
	pg_wchar c;

	while ((c = UnicodeNext(&password)) != 0)
	{
		if (c < ' ' || (c >= 0x7F && c <= 0x9F))
			return true;
	}
	return false;
}

void
PasswordCheck(const char *password)
{
	int characters = CountCharacters(password);

	if (characters < 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_PASSWORD),
						errmsg("a password has at most %d characters and %d bytes",
							   PASSWORD_MAX_CHARACTERS, PASSWORD_MAX_BYTES)));
	if (characters < PASSWORD_MIN_CHARACTERS)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_PASSWORD),
						errmsg("a password has at least %d characters", PASSWORD_MIN_CHARACTERS)));
	if (HasControl(password))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_PASSWORD),
						errmsg("a password has no control characters")));
}

/* ---- hashing ------------------------------------------------------------ */

static HashCost
CurrentCost(void)
{
	return (HashCost){.memory_kb = memory_kb, .iterations = iterations, .parallelism = parallelism};
}

/* The costs in a PHC string; false if it is no Argon2id hash of ours. */
static bool
ParseCost(const char *phc, HashCost *cost)
{
	int end = 0;

	return sscanf(phc, "$argon2id$v=19$m=%u,t=%u,p=%u$%n", &cost->memory_kb, &cost->iterations,
				  &cost->parallelism, &end) == 3 &&
		   end > 0 && cost->memory_kb <= MAX_MEMORY_KB && cost->iterations <= MAX_ITERATIONS &&
		   cost->parallelism <= MAX_PARALLELISM;
}

/*
 * With a parallelism above 1 libargon2 starts threads.  They inherit the signal
 * mask, and a handler of the server must never run in one of them.
 */
static void
HoldSignals(sigset_t *previous)
{
	sigprocmask(SIG_SETMASK, &BlockSig, previous);
}

static void
ReleaseSignals(const sigset_t *previous)
{
	sigprocmask(SIG_SETMASK, previous, NULL);
}

static void
pg_attribute_noreturn() Fail(int result)
{
	bool memory = result == ARGON2_MEMORY_ALLOCATION_ERROR;

	ereport(ERROR, (errcode(memory ? ERRCODE_OUT_OF_MEMORY : ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
					errmsg("could not hash a password"),
					errdetail("libargon2: %s.", argon2_error_message(result))));
}

/* Writes the PHC string to *encoded. */
static void
Hash(const char *password, const uint8 salt[SALT_SIZE], char *encoded, size_t size)
{
	HashCost cost = CurrentCost();
	int slot = HashSlotTake();
	sigset_t previous;
	int result;

	HoldSignals(&previous);
	result = argon2id_hash_encoded(cost.iterations, cost.memory_kb, cost.parallelism, password,
								   strlen(password), salt, SALT_SIZE, HASH_SIZE, encoded, size);
	ReleaseSignals(&previous);
	HashSlotRelease(slot);
	if (result != ARGON2_OK)
		Fail(result);
}

static size_t
EncodedSize(void)
{
	HashCost cost = CurrentCost();

	return argon2_encodedlen(cost.iterations, cost.memory_kb, cost.parallelism, SALT_SIZE,
							 HASH_SIZE, Argon2_id);
}

char *
PasswordHash(const char *password)
{
	size_t size = EncodedSize();
	char *encoded = palloc(size);
	char *normalized = Normalize(password);
	uint8 salt[SALT_SIZE];

	CryptoRandom(salt, sizeof(salt));
	Hash(normalized, salt, encoded, size);
	Forget(normalized);
	return encoded;
}

/* Takes the time of a verification. */
static void
PretendToVerify(void)
{
	static const uint8 salt[SALT_SIZE] = {0};
	size_t size = EncodedSize();
	char *encoded = palloc(size);

	Hash("", salt, encoded, size);
	pfree(encoded);
}

/* phc is an Argon2id hash of costs that are allowed, or NULL. */
static bool
Verify(const char *phc, const char *password)
{
	sigset_t previous;
	int slot;
	int result;

	if (phc == NULL)
	{
		PretendToVerify();
		return false;
	}
	slot = HashSlotTake();
	HoldSignals(&previous);
	result = argon2id_verify(phc, password, strlen(password));
	ReleaseSignals(&previous);
	HashSlotRelease(slot);
	if (result == ARGON2_MEMORY_ALLOCATION_ERROR || result == ARGON2_THREAD_FAIL)
		Fail(result);
	return result == ARGON2_OK;
}

PasswordVerdict
PasswordVerify(const char *phc, const char *password)
{
	PasswordVerdict verdict = PASSWORD_WRONG;
	char *normalized;
	HashCost cost;

	if (strlen(password) > PASSWORD_MAX_BYTES)
	{
		PretendToVerify();
		return PASSWORD_WRONG;
	}
	if (phc && !ParseCost(phc, &cost))
		phc = NULL;
	normalized = Normalize(password);
	if (Verify(phc, normalized))
		verdict = PASSWORD_RIGHT;
	else if (strcmp(normalized, password) != 0 && Verify(phc, password))
		verdict = PASSWORD_RIGHT_AS_TYPED;
	Forget(normalized);
	return verdict;
}

bool
PasswordNeedsRehash(const char *phc)
{
	HashCost today = CurrentCost();
	HashCost then;

	return !ParseCost(phc, &then) || then.memory_kb != today.memory_kb ||
		   then.iterations != today.iterations || then.parallelism != today.parallelism;
}
