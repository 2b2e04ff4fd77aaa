/*
 * transfer.c
 *	  Files on their way between a client and the database, in pieces.
 *
 * A Transfer belongs to its request and goes with it.  It holds one piece at a time, as
 * text for the database (\x and hexadecimal digits) or as the bytes of the answer.
 */
#include "transfer.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "hex.h"
#include "question.h"

#define BYTEA_PREFIX "\\x"

struct Transfer
{
	Request *request;
	int64_t at; /* bytes of the file that have arrived at the other side */

	/* Up. */
	char *conversation_id;
	char *name;
	char *media_type;
	char *sha256;		/* hexadecimal; NULL: the client did not say */
	char upload_id[24]; /* "": none yet */
	Buffer piece;
	size_t piece_length; /* bytes of the file */
	bool last;

	/* Down. */
	Buffer fields;
	char *file_type;
	int64_t first;
	int64_t end; /* behind the last byte that is wanted */
	int status;
};

static const PgStatement attach_begin = {"attach_begin", "SELECT chat.attach_begin($1, $2, $3, $4)",
										 4};
static const PgStatement attach_append = {"attach_append",
										  "SELECT chat.attach_append($1, $2, $3, $4)", 4};
static const PgStatement attach_finish = {
	"attach_finish", "SELECT to_json(a) FROM chat.attach_finish($1, $2, decode($3, 'hex')) a", 3};
static const PgStatement attach_cancel = {"attach_cancel", "SELECT chat.attach_cancel($1, $2)", 2};
static const PgStatement download_piece = {"download_piece", "SELECT chat.download($1, $2, $3, $4)",
										   4};

static char *
copy_param(const PgParam *param)
{
	return param->value ? xstrndup(param->value, param->length) : NULL;
}

static Transfer *
transfer_create(Request *request)
{
	Transfer *transfer = xcalloc(1, sizeof(Transfer));

	transfer->request = request;
	request->transfer = transfer;
	return transfer;
}

/*
 * Every answer of the server passes here: false when it was an error, and is answered.  What
 * is left of a file that is refused would be taken for the next request.
 */
static bool
reply_is_good(Request *request, const PgReply *reply)
{
	request->question = NULL;
	if (pgreply_ok(reply) && pgreply_rows(reply) == 1 && !pgreply_is_null(reply, 0, 0))
		return true;
	request->close |= request->match.route->answer == ANSWER_UPLOAD && !request->transfer->last;
	if (!pgreply_ok(reply))
		question_answer_failure(request, reply);
	else
		answer_problem(request, PROBLEM_NOT_FOUND, NULL, 0);
	return false;
}

/* ---- up ----------------------------------------------------------------- */

void
transfer_begin_upload(Request *request, const Arguments *arguments)
{
	Transfer *transfer = transfer_create(request);

	transfer->conversation_id = copy_param(&arguments->params[0]);
	transfer->name = copy_param(&arguments->params[1]);
	transfer->media_type = copy_param(&arguments->params[2]);
	transfer->sha256 = copy_param(&arguments->params[3]);
	request->state = REQUEST_PIECES;
}

static void
on_attached(void *arg, const PgReply *reply)
{
	Request *request = arg;

	if (reply_is_good(request, reply))
	{
		request->transfer->upload_id[0] = '\0';
		buffer_append(&request->response.content, pgreply_value(reply, 0, 0),
					  pgreply_length(reply, 0, 0));
		answer_content(request, request->match.route->status, "application/json", "");
	}
	request->options->on_progress(request);
}

static void
on_appended(void *arg, const PgReply *reply)
{
	Request *request = arg;
	Transfer *transfer = request->transfer;

	if (!reply_is_good(request, reply))
	{
		request->options->on_progress(request);
		return;
	}
	transfer->at += (int64_t) transfer->piece_length;
	if (transfer->last)
	{
		PgParam params[] = {pgparam_text(transfer->conversation_id),
							pgparam_text(transfer->upload_id), pgparam_text(transfer->sha256)};

		question_ask(request, &attach_finish, params, on_attached);
		return;
	}
	request->state = REQUEST_PIECES;
	request->options->on_progress(request);
}

static void
append_piece(Request *request)
{
	Transfer *transfer = request->transfer;
	char at[PGPARAM_DIGITS];
	PgParam params[] = {pgparam_text(transfer->conversation_id), pgparam_text(transfer->upload_id),
						pgparam_int64(at, transfer->at), pgparam_buffer(&transfer->piece)};

	question_ask(request, &attach_append, params, on_appended);
}

static void
on_begun(void *arg, const PgReply *reply)
{
	Request *request = arg;
	Transfer *transfer = request->transfer;

	if (!reply_is_good(request, reply))
	{
		request->options->on_progress(request);
		return;
	}
	string_copy(transfer->upload_id, sizeof(transfer->upload_id), pgreply_value(reply, 0, 0));
	append_piece(request);
}

static void
begin_pieces(Request *request)
{
	Transfer *transfer = request->transfer;
	char size[PGPARAM_DIGITS];
	int64_t length = request->head.content_length;
	PgParam params[] = {pgparam_text(transfer->conversation_id), pgparam_text(transfer->name),
						pgparam_text(transfer->media_type),
						length >= 0 ? pgparam_int64(size, length) : PGPARAM_NULL};

	question_ask(request, &attach_begin, params, on_begun);
}

/* What comes in one piece is an attachment at once. */
static void
attach_whole(Request *request)
{
	Transfer *transfer = request->transfer;
	PgParam params[] = {pgparam_text(transfer->conversation_id), pgparam_text(transfer->name),
						pgparam_text(transfer->media_type), pgparam_text(transfer->sha256),
						pgparam_buffer(&transfer->piece)};

	question_ask(request, &request->match.route->statement, params, on_attached);
}

void
transfer_take(Request *request, const uint8_t *bytes, size_t length, bool last)
{
	Transfer *transfer = request->transfer;

	buffer_reset(&transfer->piece);
	buffer_append_string(&transfer->piece, BYTEA_PREFIX);
	hex_append(&transfer->piece, bytes, length);
	transfer->piece_length = length;
	transfer->last = last;
	if (transfer->upload_id[0] != '\0')
		append_piece(request);
	else if (last)
		attach_whole(request);
	else
		begin_pieces(request);
}

/* ---- down --------------------------------------------------------------- */

static bool
read_position(const char *text, size_t length, int64_t *position)
{
	return length > 0 && text[0] >= '0' && text[0] <= '9' && parse_int64(text, length, position);
}

/* "bytes=0-99", "bytes=100-", "bytes=-100" (RFC 9110, section 14.1.2). */
static bool
read_range(Span range, int64_t size, int64_t *first, int64_t *end)
{
	static const char unit[] = "bytes=";
	const char *at = range.start + strlen(unit);
	const char *dash;
	size_t left;
	int64_t last;

	if (range.length <= strlen(unit) || memcmp(range.start, unit, strlen(unit)) != 0)
		return false;
	left = range.length - strlen(unit);
	dash = memchr(at, '-', left);
	if (!dash)
		return false;
	left -= (size_t) (dash - at) + 1;
	*end = size;
	if (dash == at)
	{
		if (!read_position(dash + 1, left, &last))
			return false;
		*first = size - last;
		return true;
	}
	if (!read_position(at, (size_t) (dash - at), first))
		return false;
	if (left == 0)
		return true;
	if (!read_position(dash + 1, left, &last) || last < *first)
		return false;
	*end = last < size ? last + 1 : size;
	return true;
}

/* Which part is wanted.  A range that makes no sense, and several at once, count as none. */
static void
choose_part(Transfer *transfer, const Head *head, int64_t size, const char *etag)
{
	Span condition = head_find(head, "If-Range");
	int64_t first = 0;
	int64_t end = size;

	transfer->status = 200;
	transfer->first = 0;
	transfer->end = size;
	if ((condition.length > 0 && !span_is(condition, etag)) ||
		!read_range(head_find(head, "Range"), size, &first, &end))
		return;
	transfer->status = first < size ? 206 : 416;
	transfer->first = first < 0 ? 0 : first;
	transfer->end = end > size ? size : end;
	if (transfer->status == 206)
		buffer_printf(&transfer->fields, "content-range: bytes %lld-%lld/%lld\r\n",
					  (long long) transfer->first, (long long) transfer->end - 1, (long long) size);
	else
		buffer_printf(&transfer->fields, "content-range: bytes */%lld\r\n", (long long) size);
}

/* RFC 6266, and RFC 8187 for what is not ASCII. */
static void
write_disposition(Buffer *fields, const char *name)
{
	buffer_append_string(fields, "content-disposition: attachment; filename=\"");
	for (const char *at = name; *at; at++)
		buffer_append_char(fields, *at >= ' ' && *at <= '~' && !strchr("\"\\%", *at) ? *at : '_');
	buffer_append_string(fields, "\"; filename*=UTF-8''");
	buffer_append_percent(fields, name, strlen(name));
	buffer_append_string(fields, "\r\n");
}

/* Nothing of what is no bytea in text form. */
static void
append_bytes(Buffer *to, const char *text, size_t length)
{
	size_t count = length < strlen(BYTEA_PREFIX) ? 0 : (length - strlen(BYTEA_PREFIX)) / 2;

	if (string_starts_with(text, BYTEA_PREFIX) &&
		hex_read(buffer_reserve(to, count), count, text + strlen(BYTEA_PREFIX)))
		buffer_advance(to, count);
}

static void
answer_first_piece(Request *request)
{
	Transfer *transfer = request->transfer;

	answer_pieces(request, transfer->status, transfer->file_type, buffer_cstring(&transfer->fields),
				  (size_t) (transfer->end - transfer->first));
}

static void
on_piece(void *arg, const PgReply *reply)
{
	Request *request = arg;
	Transfer *transfer = request->transfer;
	Buffer *content = &request->response.content;
	bool first = transfer->at == transfer->first;

	request->question = NULL;
	buffer_reset(content);
	if (pgreply_ok(reply) && pgreply_rows(reply) == 1)
		append_bytes(content, pgreply_value(reply, 0, 0), pgreply_length(reply, 0, 0));
	if (content->length == 0)
	{
		if (!first)
			request->state = REQUEST_BROKEN;
		else if (reply_is_good(request, reply))
			answer_problem(request, PROBLEM_ATTACHMENT_NOT_FOUND, NULL, 0);
	}
	else
	{
		transfer->at += (int64_t) content->length;
		if (first)
			answer_first_piece(request);
		else
			response_go_on(&request->response, content->data, content->length);
		request->state = REQUEST_ANSWERED;
	}
	request->options->on_progress(request);
}

static void
ask_for_piece(Request *request)
{
	Transfer *transfer = request->transfer;
	const RouteMatch *match = &request->match;
	int64_t left = transfer->end - transfer->at;
	char from[24];
	char count[24];
	PgParam params[] = {{match->values[0], match->lengths[0]},
						{match->values[1], match->lengths[1]},
						pgparam_int64(from, transfer->at),
						pgparam_int64(count,
									  left < TRANSFER_PIECE_BYTES ? left : TRANSFER_PIECE_BYTES)};

	question_ask(request, &download_piece, params, on_piece);
}

void
transfer_begin_download(Request *request, const PgReply *reply)
{
	Transfer *transfer = transfer_create(request);
	Buffer *fields = &transfer->fields;
	char *etag = xasprintf("\"%s\"", pgreply_value(reply, 0, 3));

	transfer->file_type = xstrdup(pgreply_value(reply, 0, 1));
	buffer_printf(fields, "etag: %s\r\naccept-ranges: bytes\r\nvary: authorization, cookie\r\n",
				  etag);
	write_disposition(fields, pgreply_value(reply, 0, 0));
	choose_part(transfer, &request->head, pgreply_int64(reply, 0, 2, 0), etag);
	if (answer_is_known(request, etag))
		transfer->status = 304;
	transfer->at = transfer->first;
	if (transfer->status < 300 && request->method != METHOD_HEAD)
		ask_for_piece(request);
	else if (transfer->status == 416)
		answer_problem_with(request, PROBLEM_RANGE_NOT_SATISFIABLE, buffer_cstring(fields));
	else
		answer_first_piece(request);
	if (request->state == REQUEST_ANSWERED)
		transfer->at = transfer->end;
	free(etag);
}

bool
transfer_go_on(Request *request)
{
	const Transfer *transfer = request->transfer;

	if (!transfer || transfer->at >= transfer->end || request->response.status >= 300)
		return false;
	ask_for_piece(request);
	return true;
}

/* ---- the end ------------------------------------------------------------ */

void
transfer_end(Transfer *transfer)
{
	if (!transfer)
		return;
	if (transfer->upload_id[0] != '\0' && !transfer->request->options->draining)
	{
		PgParam params[] = {pgparam_text(transfer->conversation_id),
							pgparam_text(transfer->upload_id)};

		question_ask_alone(transfer->request, &attach_cancel, params);
	}
	free(transfer->conversation_id);
	free(transfer->name);
	free(transfer->media_type);
	free(transfer->sha256);
	free(transfer->file_type);
	buffer_free(&transfer->piece);
	buffer_free(&transfer->fields);
	free(transfer);
}
