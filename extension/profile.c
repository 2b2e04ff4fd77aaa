/*
 * profile.c
 *	  One's own profile, and whether somebody is online.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "errors.h"
#include "identity.h"
#include "spi.h"
#include "wake.h"

#define NAME_MAX_CHARACTERS 100
#define BIO_MAX_CHARACTERS 1000
#define AVATAR_URL_MAX_BYTES 2048

PG_FUNCTION_INFO_V1(chat_profile);
PG_FUNCTION_INFO_V1(chat_update_profile);
PG_FUNCTION_INFO_V1(chat_stamp_profile);
PG_FUNCTION_INFO_V1(chat_user_status);

/* ---- what may stand in a profile ---------------------------------------- */

static void
CheckPersonName(const char *what, const char *name)
{
	CheckName(what, name, NAME_MAX_CHARACTERS);
}

static void
CheckBio(const char *what, const char *bio)
{
	CheckText(what, bio, BIO_MAX_CHARACTERS);
}

/* Others' browsers fetch it: a web address, or a path on the own server. */
static bool
IsPictureUrl(const char *url)
{
	for (const unsigned char *c = (const unsigned char *) url; *c; c++)
	{
		if (*c <= ' ' || *c == 0x7f || *c == '"' || *c == '\\')
			return false;
	}
	if (strlen(url) > AVATAR_URL_MAX_BYTES)
		return false;
	return pg_strncasecmp(url, "https://", 8) == 0 || pg_strncasecmp(url, "http://", 7) == 0 ||
		   (url[0] == '/' && url[1] != '/');
}

static void
CheckAvatarUrl(const char *what, const char *url)
{
	if (!IsPictureUrl(url))
		ereport(ERROR,
				(ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT), errmsg("the %s is not valid", what),
				 errhint("Use an https: or http: address, or a path that begins with one slash, "
						 "of at most %d bytes.",
						 AVATAR_URL_MAX_BYTES)));
}

/* The arguments of chat.update_profile(), in their order. */
static const struct
{
	const char *what;
	void (*check)(const char *what, const char *value);
} fields[] = {
	{"display name", CheckPersonName},	{"bio", CheckBio},
	{"avatar address", CheckAvatarUrl}, {"first name", CheckPersonName},
	{"last name", CheckPersonName},
};

/* ---- the caller's own --------------------------------------------------- */

static SpiQuery show_profile = {
	.sql = "SELECT p FROM chat.profile_info p WHERE id = $1",
	.argtypes = {INT8OID},
};

/* NULL leaves a value, the empty string takes it away; a display name falls back to the user name. */
static SpiQuery update_profile = {
	.sql = "UPDATE chat.account SET "
		   "display_name = CASE WHEN $2 = '' THEN username ELSE coalesce($2, display_name) END, "
		   "bio = nullif(coalesce($3, bio), ''), "
		   "avatar_url = nullif(coalesce($4, avatar_url), ''), "
		   "first_name = nullif(coalesce($5, first_name), ''), "
		   "last_name = nullif(coalesce($6, last_name), '') WHERE id = $1",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID},
};

Datum
chat_profile(PG_FUNCTION_ARGS)
{
	return SpiReturnValue(fcinfo, &show_profile, SpiArgs(SpiInt64(IdentityRequire())));
}

Datum
chat_update_profile(PG_FUNCTION_ARGS)
{
	int64 account_id = IdentityRequire();
	NullableDatum args[1 + lengthof(fields)] = {SpiInt64(account_id)};

	for (int i = 0; i < (int) lengthof(fields); i++)
	{
		char *value = ArgumentText(fcinfo, i);

		if (value && *value)
			fields[i].check(fields[i].what, value);
		args[1 + i] = SpiFunctionArg(fcinfo, i);
	}
	SpiBegin();
	SpiRun(&update_profile, args);
	WakeGateways();
	SpiEnd();
	return SpiReturnValue(fcinfo, &show_profile, SpiArgs(SpiInt64(account_id)));
}

/* A trigger, so that an owner's UPDATE by hand is told as well. */
Datum
chat_stamp_profile(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc description;
	int column;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("chat.stamp_profile() is a trigger")));
	description = RelationGetDescr(trigger->tg_relation);
	column = get_attnum(RelationGetRelid(trigger->tg_relation), "profile_changed_at");
	if (column <= 0 || !TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("chat.stamp_profile() is a trigger of chat.account, before UPDATE")));
	return PointerGetDatum(heap_modify_tuple_by_cols(
		trigger->tg_newtuple, description, 1, &column,
		(Datum[]){TimestampTzGetDatum(GetCurrentTransactionStartTimestamp())}, (bool[]){false}));
}

/* ---- others ------------------------------------------------------------- */

static SpiQuery show_status = {
	.sql = "SELECT ROW(id, username, is_online, last_seen)::chat.status_info "
		   "FROM chat.user_info WHERE id = $1",
	.argtypes = {INT8OID},
	.read_only = true,
};

Datum
chat_user_status(PG_FUNCTION_ARGS)
{
	Datum status;

	IdentityRequire();
	status = SpiReturnValue(fcinfo, &show_status, SpiArgs(SpiFunctionArg(fcinfo, 0)));
	if (fcinfo->isnull)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_USER_NOT_FOUND),
						errmsg("there is no user %lld", (long long) PG_GETARG_INT64(0))));
	return status;
}
