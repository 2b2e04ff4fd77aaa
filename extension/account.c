/*
 * account.c
 *	  Accounts: making them, showing them, finding them, and who is online.
 */
#include "compat.h"

#include "account.h"

#include <ctype.h>

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "argument.h"
#include "errors.h"
#include "identity.h"
#include "password.h"
#include "spi.h"
#include "unicode.h"

#define USERNAME_MAX 32
#define EMAIL_MAX 254
#define DISPLAY_NAME_MAX_CHARACTERS 100

PG_FUNCTION_INFO_V1(chat_me);
PG_FUNCTION_INFO_V1(chat_user_by_id);

/* ---- making an account -------------------------------------------------- */

static bool
IsUsername(const char *name)
{
	size_t length = strlen(name);

	if (length < 1 || length > USERNAME_MAX || !isalnum((unsigned char) name[0]))
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
		   length;
}

/*
 * Names that mean something else: @all names everybody, from:me the caller, and the others
 * are what people expect of a chat.  Existing accounts keep them.
 */
static const char *const reserved_names[] = {
	"all", "channel", "deleted", "everyone", "here", "me", "system",
};

/*
 * In any case, and with signs behind it that a mention leaves to the sentence.  Nobody else
 * may be taken for an account that was closed either, or keep one from closing.
 */
static bool
IsReserved(const char *name)
{
	size_t length = strlen(name);

	if (pg_strncasecmp(name, ACCOUNT_CLOSED_PREFIX, strlen(ACCOUNT_CLOSED_PREFIX)) == 0)
		return true;
	while (length > 0 && strchr("_.-", name[length - 1]))
		length--;
	for (int i = 0; i < (int) lengthof(reserved_names); i++)
	{
		if (strlen(reserved_names[i]) == length &&
			pg_strncasecmp(name, reserved_names[i], length) == 0)
			return true;
	}
	return false;
}

static void
CheckUsername(const char *name)
{
	if (!IsUsername(name))
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_INVALID_USERNAME), errmsg("the user name is not valid"),
				 errhint("Use 1 to %d letters (a-z), digits, dots, dashes and underscores; "
						 "the first a letter or a digit.",
						 USERNAME_MAX)));
	if (IsReserved(name))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_USERNAME),
						errmsg("the user name \"%s\" is reserved", name)));
}

/*
 * Only what no address can do without (RFC 5321 limits the length), and nothing that
 * can't be seen: whether an address is real shows when mail reaches it.
 */
static bool
IsEmail(const char *email)
{
	size_t length = strlen(email);
	const char *at = strrchr(email, '@');
	pg_wchar c;

	if (length > EMAIL_MAX || at == NULL || at == email || at[1] == '\0')
		return false;
	if (pg_strcasecmp(at + 1, ACCOUNT_CLOSED_DOMAIN) == 0)
		return false;
	while ((c = UnicodeNext(&email)) != 0)
	{
		if (UnicodeIsInvisible(c))
			return false;
	}
	return true;
}

char *
AccountReadEmail(const char *email)
{
	char *normalized = strlen(email) > EMAIL_MAX ? NULL : UnicodeNormalize(UNICODE_NFC, email);

	if (normalized == NULL || !IsEmail(normalized))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_EMAIL),
						errmsg("the e-mail address is not valid")));
	return normalized;
}

/* ON CONFLICT leaves the choice to us which of the two unique names was taken. */
static SpiQuery insert_account = {
	.sql = "INSERT INTO chat.account (username, email, display_name) VALUES ($1, $2, $3) "
		   "ON CONFLICT DO NOTHING RETURNING id",
	.argtypes = {TEXTOID, TEXTOID, TEXTOID},
};

static SpiQuery username_exists = {
	.sql = "SELECT FROM chat.account WHERE lower(username COLLATE \"C\") = lower($1 COLLATE \"C\")",
	.argtypes = {TEXTOID},
};

static SpiQuery insert_secret = {
	.sql = "INSERT INTO chat.account_secret (account_id, password_hash) VALUES ($1, $2)",
	.argtypes = {INT8OID, TEXTOID},
};

static void
pg_attribute_noreturn() RaiseEmailTaken(void)
{
	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_EMAIL_TAKEN),
					errmsg("the e-mail address belongs to another account")));
}

static void
pg_attribute_noreturn() RaiseTaken(const char *username)
{
	if (SpiRun(&username_exists, SpiArgs(SpiText(username))) > 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USERNAME_TAKEN),
						errmsg("the user name \"%s\" is taken", username)));
	RaiseEmailTaken();
}

int64
AccountCreate(const char *username, const char *email, const char *password,
			  const char *display_name)
{
	char *hash;
	int64 id;

	CheckUsername(username);
	email = AccountReadEmail(email);
	PasswordCheck(password);
	if (display_name == NULL)
		display_name = username;
	CheckName("display name", display_name, DISPLAY_NAME_MAX_CHARACTERS);
	hash = PasswordHash(password);

	SpiBegin();
	if (SpiRun(&insert_account,
			   SpiArgs(SpiText(username), SpiText(email), SpiText(display_name))) == 0)
		RaiseTaken(username);
	id = SpiGetInt64(0, 1);
	SpiRun(&insert_secret, SpiArgs(SpiInt64(id), SpiText(hash)));
	SpiEnd();
	return id;
}

static SpiQuery replace_email = {
	.sql = "UPDATE chat.account SET email = $2 WHERE id = $1",
	.argtypes = {INT8OID, TEXTOID},
};

/* An UPDATE has no ON CONFLICT: the error of the index becomes one of ours. */
void
AccountChangeEmail(int64 account_id, const char *email)
{
	SpiBegin();
	PG_TRY();
	{
		SpiRun(&replace_email, SpiArgs(SpiInt64(account_id), SpiText(email)));
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		FlushErrorState();
		RaiseEmailTaken();
	}
	PG_END_TRY();
	SpiEnd();
}

/* ---- finding accounts --------------------------------------------------- */

static SpiQuery find_account = {
	.sql = "SELECT id FROM chat.account WHERE lower(username COLLATE \"C\") = lower($1 COLLATE "
		   "\"C\") AND closed_at IS NULL",
	.argtypes = {TEXTOID},
};

/* What is longer than any name is nobody's, and would be long to look for. */
int64
AccountFind(const char *username)
{
	if (strlen(username) > USERNAME_MAX)
		return 0;
	return SpiRun(&find_account, SpiArgs(SpiText(username))) > 0 ? SpiGetInt64(0, 1) : 0;
}

void
AccountRaiseUnknown(const char *username)
{
	int shown = pg_mbcliplen(username, (int) strlen(username), 2 * USERNAME_MAX);

	ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USER_NOT_FOUND),
					errmsg("there is no user \"%.*s\"", shown, username)));
}

int64
AccountRequire(const char *username)
{
	int64 id = AccountFind(username);

	if (id == 0)
		AccountRaiseUnknown(username);
	return id;
}

static SpiQuery hold_account = {
	.sql = "SELECT FROM chat.account WHERE id = $1 AND closed_at IS NULL FOR SHARE",
	.argtypes = {INT8OID},
};

bool
AccountHold(int64 account_id)
{
	return account_id != 0 && SpiRun(&hold_account, SpiArgs(SpiInt64(account_id))) > 0;
}

static SpiQuery find_open_account = {
	.sql = "SELECT FROM chat.account WHERE id = $1 AND closed_at IS NULL",
	.argtypes = {INT8OID},
};

void
AccountRequireOpen(int64 account_id)
{
	bool found;

	SpiBegin();
	found = SpiRun(&find_open_account, SpiArgs(SpiInt64(account_id))) > 0;
	SpiEnd();
	if (!found)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USER_NOT_FOUND),
						errmsg("there is no user %lld", (long long) account_id)));
}

/* Not read-only: signup() shows the account it has just made. */
static SpiQuery show_user = {
	.sql = "SELECT u FROM chat.user_info u WHERE id = $1",
	.argtypes = {INT8OID},
};

Datum
AccountShow(int64 account_id)
{
	Datum user;
	bool isnull;

	SpiBegin();
	if (SpiRun(&show_user, SpiArgs(SpiInt64(account_id))) == 0)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USER_NOT_FOUND),
						errmsg("there is no user %lld", (long long) account_id)));
	user = SpiKeepDatum(0, 1, &isnull);
	SpiEnd();
	return user;
}

Datum
chat_me(PG_FUNCTION_ARGS)
{
	return AccountShow(IdentityRequire());
}

Datum
chat_user_by_id(PG_FUNCTION_ARGS)
{
	IdentityRequire();
	return AccountShow(PG_GETARG_INT64(0));
}
