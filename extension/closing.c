/*
 * closing.c
 *	  Closing an account: its profile goes, its sessions and memberships end, and its
 *	  messages are given a neutral name, or erased.
 *
 * The account keeps its id, because messages refer to it.  chat.delete_account() does
 * all but the messages at once, and of those as many as FIRST_STEP; the rest is
 * written down in chat.erasure and done by chat.erase_content() in small transactions,
 * so that no conversation stays locked for long.  Conversations are taken in the order
 * of their ids, like everywhere.
 *
 * A message that is kept changes only the name of its sender, which is no change of
 * what was said: no version, no event.  One that is erased becomes a tombstone like
 * any other.
 */
#include "compat.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "account.h"
#include "archive_store.h"
#include "argument.h"
#include "audit.h"
#include "counter.h"
#include "edit.h"
#include "hold.h"
#include "identity.h"
#include "member.h"
#include "secret.h"
#include "session.h"
#include "spi.h"

#define FIRST_STEP 1000 /* messages that chat.delete_account() itself does */
#define STEP_MAX 10000	/* messages of one transaction */

PG_FUNCTION_INFO_V1(chat_delete_account);
PG_FUNCTION_INFO_V1(chat_erase_content);

/* How far the messages of one account are done: all up to this place. */
typedef struct Erasure
{
	int64 account_id;
	int64 conversation_id;
	int64 seq;
	bool keeps_content;
	int left; /* messages this transaction may still do */
} Erasure;

/* ---- messages ----------------------------------------------------------- */

/* Those that are done already are not found again. */
static SpiQuery find_messages = {
	.sql = "SELECT seq, deleted_at IS NOT NULL FROM chat.message "
		   "WHERE conversation_id = $1 AND sender_id = $2 AND seq > $3 "
		   "AND (sender_name <> $5 OR (NOT $6 AND deleted_at IS NULL)) ORDER BY seq LIMIT $4",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID, TEXTOID, BOOLOID},
};

static SpiQuery rename_sender = {
	.sql = "UPDATE chat.message SET sender_name = $3 WHERE conversation_id = $1 AND seq = $2",
	.argtypes = {INT8OID, INT8OID, TEXTOID},
};

typedef struct Found
{
	int64 seq;
	bool is_deleted;
} Found;

/* In the memory of SpiBegin(). */
static Found *
FindMessages(const Erasure *erasure, const char *name, int *count)
{
	Found *found;

	*count = (int) SpiRun(&find_messages,
						  SpiArgs(SpiInt64(erasure->conversation_id), SpiInt64(erasure->account_id),
								  SpiInt64(erasure->seq), SpiInt32(erasure->left), SpiText(name),
								  SpiDatum(BoolGetDatum(erasure->keeps_content), false)));
	found = palloc(Max(*count, 1) * sizeof(Found));
	for (int i = 0; i < *count; i++)
		found[i] = (Found){.seq = SpiGetInt64(i, 1), .is_deleted = SpiGetBool(i, 2)};
	return found;
}

static SpiQuery defer_erasure = {
	.sql = "INSERT INTO chat.erasure_deferred (conversation_id, account_id, keeps_content) "
		   "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
	.argtypes = {INT8OID, INT8OID, BOOLOID},
};

/* What is held waits until the hold is lifted. */
static bool
DeferIfHeld(const Erasure *erasure)
{
	if (!HoldExists(erasure->conversation_id))
		return false;
	SpiRun(&defer_erasure,
		   SpiArgs(SpiInt64(erasure->conversation_id), SpiInt64(erasure->account_id),
				   SpiDatum(BoolGetDatum(erasure->keeps_content), false)));
	return true;
}

/* Archived messages become rows first. */
static void
EraseMessages(Erasure *erasure)
{
	const char *name = psprintf(ACCOUNT_CLOSED_PREFIX INT64_FORMAT, erasure->account_id);
	int count;
	Found *found;

	CounterLock(erasure->conversation_id);
	if (DeferIfHeld(erasure))
		return;
	ArchiveUnpackSender(erasure->conversation_id,
						&(ArchiveErasure){.sender_id = erasure->account_id,
										  .after = erasure->seq,
										  .name = name,
										  .keeps_content = erasure->keeps_content},
						erasure->left);
	found = FindMessages(erasure, name, &count);

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		SpiBegin();
		if (!erasure->keeps_content && !found[i].is_deleted)
			EditBury(erasure->conversation_id, found[i].seq,
					 CounterNextVer(erasure->conversation_id));
		SpiRun(&rename_sender,
			   SpiArgs(SpiInt64(erasure->conversation_id), SpiInt64(found[i].seq), SpiText(name)));
		SpiEnd();
		erasure->seq = found[i].seq;
	}
	erasure->left -= count;
}

/* ---- conversations ------------------------------------------------------ */

/* Those left long ago too: what was said there is still there. */
static SpiQuery find_memberships = {
	.sql = "SELECT conversation_id, state = 'joined' FROM chat.member "
		   "WHERE account_id = $1 AND conversation_id >= $2 ORDER BY conversation_id",
	.argtypes = {INT8OID, INT8OID},
};

typedef struct Membership
{
	int64 conversation_id;
	bool is_joined;
} Membership;

static Membership *
FindMemberships(const Erasure *erasure, int *count)
{
	Membership *found;

	*count = (int) SpiRun(&find_memberships, SpiArgs(SpiInt64(erasure->account_id),
													 SpiInt64(erasure->conversation_id)));
	found = palloc(Max(*count, 1) * sizeof(Membership));
	for (int i = 0; i < *count; i++)
		found[i] =
			(Membership){.conversation_id = SpiGetInt64(i, 1), .is_joined = SpiGetBool(i, 2)};
	return found;
}

/*
 * Leaves every conversation, and does messages while some are left to do.  Leaving
 * comes first: nothing is said there after it.
 */
static void
Proceed(Erasure *erasure)
{
	int count;
	Membership *memberships = FindMemberships(erasure, &count);

	for (int i = 0; i < count; i++)
	{
		if (memberships[i].is_joined)
			MemberQuit(memberships[i].conversation_id, erasure->account_id);
		if (erasure->left == 0)
			continue;
		if (memberships[i].conversation_id != erasure->conversation_id)
		{
			erasure->conversation_id = memberships[i].conversation_id;
			erasure->seq = 0;
		}
		SpiBegin();
		EraseMessages(erasure);
		SpiEnd();
	}
}

static SpiQuery insert_erasure = {
	.sql = "INSERT INTO chat.erasure (account_id, keeps_content) VALUES ($1, $2)",
	.argtypes = {INT8OID, BOOLOID},
};

static SpiQuery advance_erasure = {
	.sql = "UPDATE chat.erasure SET conversation_id = $2, seq = $3 WHERE account_id = $1",
	.argtypes = {INT8OID, INT8OID, INT8OID},
};

static SpiQuery finish_erasure = {
	.sql = "DELETE FROM chat.erasure WHERE account_id = $1",
	.argtypes = {INT8OID},
};

/* As far as may be now, and writes down how far that was.  Inside SpiBegin(). */
static void
Erase(Erasure *erasure)
{
	Proceed(erasure);
	if (erasure->left > 0)
		SpiRun(&finish_erasure, SpiArgs(SpiInt64(erasure->account_id)));
	else
		SpiRun(&advance_erasure,
			   SpiArgs(SpiInt64(erasure->account_id), SpiInt64(erasure->conversation_id),
					   SpiInt64(erasure->seq)));
}

/* ---- chat.delete_account() ---------------------------------------------- */

static SpiQuery clear_profile = {
	.sql = "UPDATE chat.account SET username = '" ACCOUNT_CLOSED_PREFIX "' || id, "
		   "email = id || '@" ACCOUNT_CLOSED_DOMAIN "', display_name = 'Deleted user', "
		   "avatar_url = NULL, bio = NULL, first_name = NULL, last_name = NULL, "
		   "closed_at = now() WHERE id = $1",
	.argtypes = {INT8OID},
};

static SpiQuery clear_clients = {
	.sql = "UPDATE chat.session SET client_info = NULL "
		   "WHERE account_id = $1 AND client_info IS NOT NULL",
	.argtypes = {INT8OID},
};

static SpiQuery delete_presence = {
	.sql = "DELETE FROM chat.presence WHERE account_id = $1",
	.argtypes = {INT8OID},
};

static SpiQuery delete_admin = {
	.sql = "DELETE FROM chat.admin WHERE account_id = $1",
	.argtypes = {INT8OID},
};

static SpiQuery delete_blocks = {
	.sql = "DELETE FROM chat.block WHERE blocker_id = $1",
	.argtypes = {INT8OID},
};

/*
 * Everything but memberships and messages.  Inside SpiBegin().  The account comes before its
 * sessions: sockets are told of what the feed says first.
 */
static void
Close(int64 account_id)
{
	const NullableDatum *account = SpiArgs(SpiInt64(account_id));

	SecretDelete(account_id);
	SpiRun(&clear_profile, account);
	SessionEndOthers(account_id, 0, "account_closed");
	SpiRun(&clear_clients, account);
	SpiRun(&delete_presence, account);
	SpiRun(&delete_blocks, account);
	if (SpiRun(&delete_admin, account) > 0)
		AuditWrite(.kind = AUDIT_ADMIN_REVOKED, .account_id = account_id);
}

/* Nobody is authenticated any more when this returns. */
Datum
chat_delete_account(PG_FUNCTION_ARGS)
{
	char *password = ArgumentRequireText(fcinfo, 0, "password");
	bool keeps_content = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);
	Erasure erasure = {
		.account_id = IdentityRequire(),
		.keeps_content = keeps_content,
		.left = FIRST_STEP,
	};
	SecretAnswer answer = SecretVerifyAgain(erasure.account_id, password, "delete_account");

	if (answer.refusal != PARLEY_NO_ERROR)
		return SecretOutcome(fcinfo, answer);
	SpiBegin();
	Close(erasure.account_id);
	SpiRun(&insert_erasure,
		   SpiArgs(SpiInt64(erasure.account_id), SpiDatum(BoolGetDatum(keeps_content), false)));
	Erase(&erasure);
	SpiEnd();
	AuditWrite(.kind = AUDIT_ACCOUNT_CLOSED, .account_id = erasure.account_id,
			   .detail = keeps_content ? "kept" : "erased");
	IdentitySet(0, 0);
	return SecretOutcome(fcinfo, answer);
}

/* ---- chat.erase_content() ----------------------------------------------- */

/* Of a conversation that is held no more; the walk begins there, and finds the rest done. */
static SpiQuery resume_deferred = {
	.sql = "WITH free AS (DELETE FROM chat.erasure_deferred d WHERE NOT EXISTS "
		   "(SELECT FROM chat.hold h WHERE h.conversation_id = d.conversation_id) AND NOT EXISTS "
		   "(SELECT FROM chat.erasure e WHERE e.account_id = d.account_id) RETURNING *) "
		   "INSERT INTO chat.erasure (account_id, conversation_id, keeps_content) "
		   "SELECT account_id, min(conversation_id), bool_and(keeps_content) FROM free "
		   "GROUP BY account_id",
};

/* Those that another call is at are left to it. */
static SpiQuery take_erasure = {
	.sql = "SELECT account_id, conversation_id, seq, keeps_content FROM chat.erasure "
		   "ORDER BY account_id LIMIT 1 FOR UPDATE SKIP LOCKED",
};

/* Inside SpiBegin(). */
static bool
TakeErasure(Erasure *erasure, int left)
{
	if (SpiRun(&take_erasure, SpiNoArgs) == 0 &&
		(SpiRun(&resume_deferred, SpiNoArgs) == 0 || SpiRun(&take_erasure, SpiNoArgs) == 0))
		return false;
	*erasure = (Erasure){.account_id = SpiGetInt64(0, 1),
						 .conversation_id = SpiGetInt64(0, 2),
						 .seq = SpiGetInt64(0, 3),
						 .keeps_content = SpiGetBool(0, 4),
						 .left = left};
	return true;
}

/* One account a call, so that conversations are locked in the order of their ids. */
Datum
chat_erase_content(PG_FUNCTION_ARGS)
{
	int max = CheckLimit(PG_GETARG_INT32(0), STEP_MAX);
	Erasure erasure;
	bool found;

	SpiBegin();
	found = TakeErasure(&erasure, max);
	if (found)
		Erase(&erasure);
	SpiEnd();
	PG_RETURN_BOOL(found);
}
