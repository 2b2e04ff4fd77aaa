/*
 * password.c
 *	  Argon2id by libargon2.
 *
 * libargon2 takes its working memory from malloc and gives it back before it
 * returns; a hash can't be interrupted.  No copy of a password is made here.
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

void
PasswordCheck(const char *password)
{
	size_t size = strlen(password);
	int characters = size <= PASSWORD_MAX_BYTES ? pg_mbstrlen(password) : INT_MAX;

	if (characters < PASSWORD_MIN_CHARACTERS)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_PASSWORD),
						errmsg("a password has at least %d characters", PASSWORD_MIN_CHARACTERS)));
	if (characters > PASSWORD_MAX_CHARACTERS)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_PASSWORD),
						errmsg("a password has at most %d characters and %d bytes",
							   PASSWORD_MAX_CHARACTERS, PASSWORD_MAX_BYTES)));
}

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
	uint8 salt[SALT_SIZE];

	CryptoRandom(salt, sizeof(salt));
	Hash(password, salt, encoded, size);
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

bool
PasswordVerify(const char *phc, const char *password)
{
	size_t size = strlen(password);
	sigset_t previous;
	HashCost cost;
	int slot;
	int result;

	if (phc == NULL || size > PASSWORD_MAX_BYTES || !ParseCost(phc, &cost))
	{
		PretendToVerify();
		return false;
	}
	slot = HashSlotTake();
	HoldSignals(&previous);
	result = argon2id_verify(phc, password, size);
	ReleaseSignals(&previous);
	HashSlotRelease(slot);
	if (result == ARGON2_MEMORY_ALLOCATION_ERROR || result == ARGON2_THREAD_FAIL)
		Fail(result);
	return result == ARGON2_OK;
}

bool
PasswordNeedsRehash(const char *phc)
{
	HashCost today = CurrentCost();
	HashCost then;

	return !ParseCost(phc, &then) || then.memory_kb != today.memory_kb ||
		   then.iterations != today.iterations || then.parallelism != today.parallelism;
}
