/*
 * post.c
 *	  Puts messages into conversations.
 *
 * The messages are taken conversation by conversation, in the order of ids, so that
 * two batches never wait for each other in a circle.  For each conversation as many
 * numbers are reserved as there are messages, which locks it (counter.h).  Numbers
 * that a refused or repeated message did not use are given back under the same lock:
 * nobody has seen them, and the numbering has no gap.
 */
#include "compat.h"

#include "post.h"

#include "archive.h"
#include "archive_key.h"
#include "attachment.h"
#include "bucket.h"
#include "content.h"
#include "conversation.h"
#include "counter.h"
#include "ratelimit.h"
#include "mention.h"
#include "utils/uuid.h"

/* The row, or else where the archive may have it ($4, archive_key.h). */
static SpiQuery find_repeated = {
	.sql = "SELECT seq, created_at, NULL::bytea FROM chat.message "
		   "WHERE conversation_id = $1 AND sender_id = $2 AND client_id = $3 "
		   "UNION ALL SELECT NULL, NULL, p.keys FROM " ARCHIVE_KEY_PAGE("$1", "$4") " p LIMIT 1",
	.argtypes = {INT8OID, INT8OID, UUIDOID, INT8OID},
};

/*
 * The time is taken under the lock: created_at does not run against seq.  $7 is of
 * replies only, which are of the thread of what they answer; a statement of their
 * own keeps the look for that out of all others.
 */
#define INSERT_MESSAGE(thread, reply_to, answered) \
	"INSERT INTO chat.message (conversation_id, seq, sender_id, sender_name, content, " \
	"client_id, attachments, created_at, thread, reply_to) " \
	"SELECT $1, $3, $2, a.username, $4, $5, $6, clock_timestamp(), " thread ", " reply_to " " \
	"FROM chat.member m JOIN chat.account a ON a.id = m.account_id " answered \
	"WHERE m.conversation_id = $1 AND m.account_id = $2 " \
	"AND " MEMBER_MAY_SPEAK " AND a.closed_at IS NULL " \
	"RETURNING created_at"

static SpiQuery insert_message = {
	.sql = INSERT_MESSAGE("NULL", "NULL", ""),
	.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, UUIDOID, JSONOID},
};

static SpiQuery insert_reply = {
	.sql = INSERT_MESSAGE("coalesce(r.thread, r.seq)", "r.seq",
						  "CROSS JOIN LATERAL " MESSAGE_AT("$1", "$7") " r "),
	.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, UUIDOID, JSONOID, INT8OID},
};

/* ---- one conversation's part of a batch; inside SpiBegin() --------------- */

static TimestampTz
GetTimestamp(int column)
{
	bool isnull;

	return DatumGetTimestampTz(SpiGetDatum(0, column, &isnull));
}

/* Of what find_repeated gave. */
static bool
FindArchived(Send *send, const uint8 *client_id)
{
	bool isnull;
	Datum page = SpiGetDatum(0, 3, &isnull);
	const PackMessage *first =
		ArchiveKeyFind(send->conversation_id, send->sender_id, client_id, page);

	if (first == NULL)
		return false;
	send->seq = first->seq;
	send->created_at = first->created_at;
	return true;
}

static bool
FindRepeated(Send *send)
{
	const uint8 *client_id;

	if (send->client_id.isnull)
		return false;
	client_id = DatumGetUUIDP(send->client_id.value)->data;
	if (SpiRun(&find_repeated,
			   SpiArgs(SpiInt64(send->conversation_id), SpiInt64(send->sender_id), send->client_id,
					   SpiInt64(ArchiveKeyOf(send->sender_id, client_id)))) == 0)
		return false;
	send->seq = SpiGetInt64(0, 1);
	if (send->seq == 0)
		return send->repeated = FindArchived(send, client_id);
	send->created_at = GetTimestamp(2);
	send->repeated = true;
	return true;
}

static ParleyError
ExplainRefusal(const Send *send)
{
	ParleyError silence = ConversationFindSilence(send->conversation_id, send->sender_id);

	return silence == PARLEY_NO_ERROR ? PARLEY_ERROR_MESSAGE_NOT_FOUND : silence;
}

static bool
Insert(const Send *send, int64 seq, NullableDatum attachments)
{
	return SpiRun(send->reply_to.isnull ? &insert_message : &insert_reply,
				  SpiArgs(SpiInt64(send->conversation_id), SpiInt64(send->sender_id), SpiInt64(seq),
						  SpiText(send->content), send->client_id, attachments, send->reply_to)) >
		   0;
}

/* A mute that ends between the refusal and the look for its reason is none. */
static bool
InsertOrExplain(Send *send, int64 seq, NullableDatum attachments)
{
	if (Insert(send, seq, attachments))
		return true;
	send->refusal = ExplainRefusal(send);
	if (send->refusal != PARLEY_ERROR_MESSAGE_NOT_FOUND || !Insert(send, seq, attachments))
		return false;
	send->refusal = SEND_OK;
	return true;
}

/* Says it under the number seq.  False: the number was not used. */
static bool
PostMessage(Send *send, int64 seq)
{
	NullableDatum attachments = {.isnull = true};

	send->refusal = ContentCheck(send->content, send->attachments != NULL);
	if (send->refusal != SEND_OK || FindRepeated(send))
		return false;
	if (send->attachments)
		attachments = AttachmentDescribe(send->conversation_id, send->sender_id, send->attachments);

	if (!InsertOrExplain(send, seq, attachments))
		return false;
	send->seq = seq;
	send->created_at = GetTimestamp(1);
	if (send->attachments)
		AttachmentClaim(send->conversation_id, send->sender_id, seq, send->attachments);
	if (strchr(send->content, '@'))
		MentionStore(send->conversation_id, seq, send->sender_id, send->content);
	return true;
}

static void
RefuseAll(Send **sends, int count, ParleyError refusal)
{
	for (int i = 0; i < count; i++)
		sends[i]->refusal = refusal;
}

static void
PostConversation(Send **sends, int count)
{
	int64 conversation_id = sends[0]->conversation_id;
	int64 last = CounterMoveSeq(conversation_id, count);
	int64 next = last - count + 1;

	if (last == 0)
	{
		RefuseAll(sends, count, PARLEY_ERROR_CONVERSATION_NOT_FOUND);
		return;
	}
	for (int i = 0; i < count; i++)
	{
		if (PostMessage(sends[i], next))
			next++;
	}
	if (next <= last)
		CounterMoveSeq(conversation_id, next - last - 1);
}

static void
RefuseIfBusy(Send **sends, int count)
{
	if (!CounterTryLock(sends[0]->conversation_id))
		RefuseAll(sends, count, PARLEY_ERROR_CONVERSATION_BUSY);
}

/*
 * One account's sends take their turn in the order of accounts, for the same reason as
 * the conversations: without shared memory, a bucket is locked until the commit (bucket.h).
 */
static int
CompareSenders(const void *a, const void *b)
{
	const Send *left = *(Send *const *) a;
	const Send *right = *(Send *const *) b;

	if (left->sender_id != right->sender_id)
		return left->sender_id < right->sender_id ? -1 : 1;
	return left < right ? -1 : left > right;
}

static void
Throttle(Send *send, bool wait)
{
	int wait_s = wait ? RateLimitTake(RATE_SEND, send->sender_id)
					  : RateLimitTakeNow(RATE_SEND, send->sender_id);

	if (wait_s == BUCKET_BUSY)
		send->refusal = PARLEY_ERROR_CONVERSATION_BUSY;
	else if (wait_s > 0)
	{
		send->refusal = PARLEY_ERROR_THROTTLED;
		send->wait_s = wait_s;
	}
}

void
PostThrottle(Send *sends, int count, bool wait)
{
	Send **sorted = palloc(count * sizeof(Send *));

	for (int i = 0; i < count; i++)
		sorted[i] = &sends[i];
	qsort(sorted, count, sizeof(Send *), CompareSenders);
	for (int i = 0; i < count; i++)
	{
		if (sorted[i]->refusal == SEND_OK)
			Throttle(sorted[i], wait);
	}
}

static int
CompareSends(const void *a, const void *b)
{
	const Send *left = *(Send *const *) a;
	const Send *right = *(Send *const *) b;

	if (left->conversation_id != right->conversation_id)
		return left->conversation_id < right->conversation_id ? -1 : 1;
	return left < right ? -1 : left > right; /* in the order they came */
}

/* What is done with those sends of one conversation that are not refused yet. */
typedef void (*ConversationAction)(Send **sends, int count);

static void
ForEachConversation(Send *sends, int count, ConversationAction action)
{
	Send **sorted = palloc(count * sizeof(Send *));
	int wanted = 0;

	for (int i = 0; i < count; i++)
	{
		if (sends[i].refusal == SEND_OK)
			sorted[wanted++] = &sends[i];
	}
	qsort(sorted, wanted, sizeof(Send *), CompareSends);

	SpiBegin();
	for (int begin = 0, end; begin < wanted; begin = end)
	{
		end = begin + 1;
		while (end < wanted && sorted[end]->conversation_id == sorted[begin]->conversation_id)
			end++;
		action(&sorted[begin], end - begin);
	}
	SpiEnd();
}

void
PostRefuseBusy(Send *sends, int count)
{
	ForEachConversation(sends, count, RefuseIfBusy);
}

void
PostAll(Send *sends, int count)
{
	ForEachConversation(sends, count, PostConversation);
}

/* ---- refusals ----------------------------------------------------------- */

void
PostRaiseRefusal(const Send *send)
{
	switch (send->refusal)
	{
		case SEND_OK:
			return;
		case PARLEY_ERROR_INVALID_CONTENT:
		case PARLEY_ERROR_CONTENT_TOO_LONG:
			ContentRaise(send->refusal, send->content);
			break;
		case PARLEY_ERROR_THROTTLED:
			RateLimitRaise(send->wait_s);
		case PARLEY_ERROR_MESSAGE_NOT_FOUND:
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_MESSAGE_NOT_FOUND),
							errmsg("there is no message %lld to reply to",
								   (long long) DatumGetInt64(send->reply_to.value))));
		default:
			ConversationRaiseSilence(send->refusal, send->conversation_id);
	}
}
