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
#include "postgres.h"

#include "post.h"

#include "argument.h"
#include "conversation.h"
#include "counter.h"
#include "guc.h"

static int max_content_kb = 16;

static const IntSetting settings[] = {
	{"pg_parley.max_content_size", "The longest content a message may have.", &max_content_kb, 1,
	 1024, GUC_UNIT_KB},
};

void
PostInit(void)
{
	DefineSettings(settings, lengthof(settings));
}

static SpiQuery find_repeated = {
	.sql = "SELECT seq, created_at FROM chat.message "
		   "WHERE conversation_id = $1 AND sender_id = $2 AND client_id = $3",
	.argtypes = {INT8OID, INT8OID, UUIDOID},
};

/* The time is taken under the lock: created_at does not run against seq. */
static SpiQuery insert_message = {
	.sql = "INSERT INTO chat.message (conversation_id, seq, sender_id, sender_name, content, "
		   "client_id, reply_to, created_at) "
		   "SELECT $1, $3, $2, a.username, $4, $5, $6, clock_timestamp() "
		   "FROM chat.member m JOIN chat.account a ON a.id = m.account_id "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 "
		   "AND m.state = 'joined' AND a.closed_at IS NULL "
		   "AND ($6 IS NULL OR EXISTS "
		   "(SELECT FROM chat.message r WHERE r.conversation_id = $1 AND r.seq = $6)) "
		   "RETURNING created_at",
	.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, UUIDOID, INT8OID},
};

static SpiQuery can_send = {
	.sql = "SELECT FROM chat.member m JOIN chat.account a ON a.id = m.account_id "
		   "WHERE m.conversation_id = $1 AND m.account_id = $2 AND m.state = 'joined' "
		   "AND a.closed_at IS NULL",
	.argtypes = {INT8OID, INT8OID},
};

/* ---- one conversation's part of a batch; inside SpiBegin() --------------- */

ParleyError
PostCheckContent(const char *content)
{
	if (content == NULL || IsBlank(content))
		return PARLEY_ERROR_INVALID_CONTENT;
	if (strlen(content) > (size_t) max_content_kb * 1024)
		return PARLEY_ERROR_CONTENT_TOO_LONG;
	return SEND_OK;
}

static TimestampTz
GetTimestamp(int column)
{
	bool isnull;

	return DatumGetTimestampTz(SpiGetDatum(0, column, &isnull));
}

static bool
FindRepeated(Send *send)
{
	if (send->client_id.isnull ||
		SpiRun(&find_repeated, SpiArgs(SpiInt64(send->conversation_id), SpiInt64(send->sender_id),
									   send->client_id)) == 0)
		return false;
	send->seq = SpiGetInt64(0, 1);
	send->created_at = GetTimestamp(2);
	send->repeated = true;
	return true;
}

static ParleyError
ExplainRefusal(const Send *send)
{
	if (SpiRun(&can_send, SpiArgs(SpiInt64(send->conversation_id), SpiInt64(send->sender_id))) == 0)
		return PARLEY_ERROR_CONVERSATION_NOT_FOUND;
	return PARLEY_ERROR_MESSAGE_NOT_FOUND;
}

/* Says it under the number seq.  False: the number was not used. */
static bool
PostMessage(Send *send, int64 seq)
{
	send->refusal = PostCheckContent(send->content);
	if (send->refusal != SEND_OK || FindRepeated(send))
		return false;

	if (SpiRun(&insert_message,
			   SpiArgs(SpiInt64(send->conversation_id), SpiInt64(send->sender_id), SpiInt64(seq),
					   SpiText(send->content), send->client_id, send->reply_to)) == 0)
	{
		send->refusal = ExplainRefusal(send);
		return false;
	}
	send->seq = seq;
	send->created_at = GetTimestamp(1);
	return true;
}

static void
PostConversation(Send **sends, int count)
{
	int64 conversation_id = sends[0]->conversation_id;
	int64 last = CounterMoveSeq(conversation_id, count);
	int64 next = last - count + 1;

	for (int i = 0; i < count; i++)
	{
		if (last == 0)
			sends[i]->refusal = PARLEY_ERROR_CONVERSATION_NOT_FOUND;
		else if (PostMessage(sends[i], next))
			next++;
	}
	if (last != 0 && next <= last)
		CounterMoveSeq(conversation_id, next - last - 1);
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

void
PostAll(Send *sends, int count)
{
	Send **sorted = palloc(count * sizeof(Send *));

	for (int i = 0; i < count; i++)
		sorted[i] = &sends[i];
	qsort(sorted, count, sizeof(Send *), CompareSends);

	SpiBegin();
	for (int begin = 0, end; begin < count; begin = end)
	{
		end = begin + 1;
		while (end < count && sorted[end]->conversation_id == sorted[begin]->conversation_id)
			end++;
		PostConversation(&sorted[begin], end - begin);
	}
	SpiEnd();
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
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_CONTENT),
							errmsg("the content of a message must not be empty")));
		case PARLEY_ERROR_CONTENT_TOO_LONG:
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_CONTENT_TOO_LONG),
							errmsg("the content is longer than %d kB", max_content_kb)));
		case PARLEY_ERROR_MESSAGE_NOT_FOUND:
			ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_MESSAGE_NOT_FOUND),
							errmsg("there is no message %lld to reply to",
								   (long long) DatumGetInt64(send->reply_to.value))));
		default:
			ConversationRaiseNotFound(send->conversation_id);
	}
}
