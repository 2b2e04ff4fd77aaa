/*
 * frames.c
 *	  What a client may say on a WebSocket: one table of frame types.
 *
 * To add a frame, write its handler and add a row to frame_types.  The parsed JSON
 * lives for the time of frames_receive().
 */
#include "frames.h"

#include <string.h>

#include <jansson.h>

#include "calls.h"
#include "metrics.h"

#define ID_MAX 64

typedef struct Frame
{
	const Frames *frames;
	Session *session;
	const json_t *json;
	const char *id;	  /* or NULL */
	const char *text; /* as it came */
	size_t length;
} Frame;

typedef struct FrameType
{
	const char *name;
	bool needs_login;
	void (*handle)(const Frame *frame);
} FrameType;

/* ---- fields ------------------------------------------------------------- */

static void
refuse(const Frame *frame, ProblemId id, const char *message)
{
	session_problem(frame->session, id, frame->id, message);
}

static void
refuse_field(const Frame *frame, ProblemId id, const char *what, const char *name)
{
	Buffer text = BUFFER_EMPTY;

	buffer_append_string(&text, name);
	buffer_append_string(&text, what);
	refuse(frame, id, buffer_cstring(&text));
	buffer_free(&text);
}

/* The field, or NULL after an error was answered; JSON null counts as missing. */
static const json_t *
need_field(const Frame *frame, const char *name, json_type type, const char *what)
{
	const json_t *value = json_object_get(frame->json, name);

	if (!value || json_is_null(value))
		refuse_field(frame, PROBLEM_MISSING_FIELD, " is missing", name);
	else if (json_typeof(value) != type)
		refuse_field(frame, PROBLEM_WRONG_TYPE, what, name);
	else
		return value;
	return NULL;
}

/* Numbers of rows and messages: integers from 1 up. */
static bool
need_number(const Frame *frame, const char *name, int64_t *number)
{
	const json_t *value = need_field(frame, name, JSON_INTEGER, " must be an integer");

	if (!value)
		return false;
	*number = json_integer_value(value);
	if (*number < 1)
		refuse_field(frame, PROBLEM_INVALID_ARGUMENT, " must be positive", name);
	return *number >= 1;
}

/* The conversation may be left out on a socket that is scoped to one. */
static bool
need_conversation(const Frame *frame, int64_t *id)
{
	int64_t scope = session_scope(frame->session);

	if (scope != 0 && !json_object_get(frame->json, "conversation_id"))
	{
		*id = scope;
		return true;
	}
	if (!need_number(frame, "conversation_id", id))
		return false;
	if (scope == 0 || scope == *id)
		return true;
	refuse(frame, PROBLEM_INVALID_ARGUMENT, "This connection is for another conversation");
	return false;
}

/* ---- handlers ----------------------------------------------------------- */

static void
handle_auth(const Frame *frame)
{
	const json_t *token = need_field(frame, "token", JSON_STRING, " must be a string");

	if (token)
		session_authenticate(frame->session,
							 &(Credential){CREDENTIAL_TOKEN, json_string_value(token)}, frame->id);
}

static void
handle_message(const Frame *frame)
{
	BatcherSend send = {.id = frame->id};
	const json_t *content;
	const json_t *reply_to = json_object_get(frame->json, "reply_to");

	if (frame->id && !uuid_is_valid(frame->id, strlen(frame->id)))
	{
		refuse(frame, PROBLEM_INVALID_ARGUMENT, "id must be a UUID");
		return;
	}
	if (!need_conversation(frame, &send.conversation_id))
		return;
	content = need_field(frame, "content", JSON_STRING, " must be a string");
	if (!content)
		return;
	if (reply_to && !json_is_null(reply_to) && !need_number(frame, "reply_to", &send.reply_to))
		return;
	send.content = json_string_value(content);
	send.content_length = json_string_length(content);
	batcher_send(frame->frames->batcher, frame->session, &send);
}

static void
report_position(const Frame *frame, PositionKind kind)
{
	int64_t conversation_id;
	int64_t seq;

	if (need_conversation(frame, &conversation_id) && need_number(frame, "seq", &seq))
		positions_report(frame->frames->positions, frame->session, kind, conversation_id, seq,
						 frame->id);
}

static void
handle_read(const Frame *frame)
{
	report_position(frame, POSITION_READ);
}

static void
handle_delivered(const Frame *frame)
{
	report_position(frame, POSITION_DELIVERED);
}

static void
handle_call(const Frame *frame)
{
	const json_t *method = need_field(frame, "method", JSON_STRING, " must be a string");
	const json_t *params = json_object_get(frame->json, "params");
	Call call = {.id = frame->id, .params = json_is_null(params) ? NULL : params};

	if (!method)
		return;
	call.method = json_string_value(method);
	if (call.params && !json_is_object(call.params))
		refuse(frame, PROBLEM_WRONG_TYPE, "params must be an object");
	else
		calls_run(frame->frames->pool, frame->frames->quota, frame->session, &call);
}

static void
handle_typing(const Frame *frame)
{
	const json_t *is_typing = json_object_get(frame->json, "is_typing");
	int64_t conversation_id;

	if (!need_conversation(frame, &conversation_id))
		return;
	if (is_typing && !json_is_boolean(is_typing))
		refuse_field(frame, PROBLEM_WRONG_TYPE, " must be true or false", "is_typing");
	else if (!is_typing)
		refuse_field(frame, PROBLEM_MISSING_FIELD, " is missing", "is_typing");
	else
		typing_frame(frame->frames->typing, frame->session, frame->id, conversation_id,
					 json_is_true(is_typing));
}

/* A cursor that cannot be: then an error was answered. */
static bool
read_cursor(const Frame *frame, const char *key, const json_t *value, CatchupCursor *cursor)
{
	const json_t *seq = json_object_get(value, "seq");
	const json_t *ver = json_object_get(value, "ver");
	int64_t scope = session_scope(frame->session);

	if (!parse_int64(key, strlen(key), &cursor->conversation_id) || cursor->conversation_id < 1)
		refuse(frame, PROBLEM_INVALID_ARGUMENT, "cursors are named by conversation ids");
	else if (scope != 0 && cursor->conversation_id != scope)
		refuse(frame, PROBLEM_INVALID_ARGUMENT, "This connection is for another conversation");
	else if (!json_is_integer(seq) || !json_is_integer(ver))
		refuse(frame, PROBLEM_WRONG_TYPE, "a cursor is {\"seq\": integer, \"ver\": integer}");
	else if (json_integer_value(seq) < 0 || json_integer_value(ver) < 0)
		refuse(frame, PROBLEM_INVALID_ARGUMENT, "seq and ver are not negative");
	else
	{
		cursor->cursor = (RingCursor){json_integer_value(seq), json_integer_value(ver)};
		return true;
	}
	return false;
}

/* Appends CatchupCursors. */
static bool
read_cursors(const Frame *frame, Buffer *cursors)
{
	json_t *object = json_object_get(frame->json, "cursors");
	const char *key;
	const json_t *value;

	if (!object || json_is_null(object))
		return true;
	if (!json_is_object(object))
	{
		refuse(frame, PROBLEM_WRONG_TYPE, "cursors must be an object");
		return false;
	}
	json_object_foreach(object, key, value)
	{
		CatchupCursor cursor;

		if (!read_cursor(frame, key, value, &cursor))
			return false;
		buffer_append(cursors, &cursor, sizeof(cursor));
	}
	return true;
}

/* Also while the login is under way: then nothing of the feed comes before the answer. */
static void
handle_sync(const Frame *frame)
{
	const json_t *only = json_object_get(frame->json, "only");
	const json_t *timeline = json_object_get(frame->json, "timeline");
	Buffer cursors = BUFFER_EMPTY;

	if (session_state(frame->session) == SESSION_OPEN)
		refuse(frame, PROBLEM_UNAUTHENTICATED, "Send an auth frame first");
	else if (only && !json_is_boolean(only) && !json_is_null(only))
		refuse(frame, PROBLEM_WRONG_TYPE, "only must be true or false");
	else if (timeline && !json_is_string(timeline) && !json_is_null(timeline))
		refuse(frame, PROBLEM_WRONG_TYPE, "timeline must be a string");
	else if (read_cursors(frame, &cursors))
		catchup_sync(frame->frames->catchup, frame->session,
					 &(CatchupSync){.id = frame->id,
									.timeline = json_string_value(timeline),
									.cursors = (const CatchupCursor *) (void *) cursors.data,
									.count = cursors.length / sizeof(CatchupCursor),
									.only = json_is_true(only)});
	buffer_free(&cursors);
}

/* ---- table -------------------------------------------------------------- */

static const FrameType frame_types[] = {
	{"auth", false, handle_auth}, {"message", true, handle_message},
	{"read", true, handle_read},  {"delivered", true, handle_delivered},
	{"call", true, handle_call},  {"typing", true, handle_typing},
	{"sync", false, handle_sync},
};

static void take(const void *arg, Session *session, const char *text, size_t length);

static const FrameType *
find_type(const char *name)
{
	for (size_t i = 0; i < lengthof(frame_types); i++)
		if (strcmp(frame_types[i].name, name) == 0)
			return &frame_types[i];
	return NULL;
}

/* Not yet live: what comes behind a token waits for the answer to it. */
static void
take_later(const Frame *frame, bool is_call)
{
	if (session_state(frame->session) == SESSION_OPEN)
		refuse(frame, PROBLEM_UNAUTHENTICATED, "Send an auth frame first");
	else
		session_defer(frame->session, frame->text, frame->length, is_call, take, frame->frames);
}

static void
dispatch(const Frame *frame)
{
	const json_t *type = need_field(frame, "type", JSON_STRING, " must be a string");
	const FrameType *row;

	if (!type)
		return;
	row = find_type(json_string_value(type));
	if (!row)
		refuse(frame, PROBLEM_UNKNOWN_TYPE, problem_get(PROBLEM_UNKNOWN_TYPE)->title);
	else if (row->needs_login && session_state(frame->session) != SESSION_LIVE)
		take_later(frame, row->handle == handle_call);
	else
		row->handle(frame);
}

/* The `id` that answers repeat: absent, or a string of at most 64 bytes. */
static bool
read_id(Frame *frame)
{
	const json_t *id = json_object_get(frame->json, "id");

	if (!id || json_is_null(id))
		return true;
	if (!json_is_string(id))
		refuse(frame, PROBLEM_WRONG_TYPE, "id must be a string");
	else if (json_string_length(id) > ID_MAX)
		refuse(frame, PROBLEM_INVALID_ARGUMENT, "id must not be longer than 64 bytes");
	else
	{
		frame->id = json_string_value(id);
		return true;
	}
	return false;
}

static json_t *
parse(const Frame *frame, const char *text, size_t length)
{
	json_error_t error;
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

	if (!json)
		refuse(frame, PROBLEM_INVALID_JSON, problem_get(PROBLEM_INVALID_JSON)->title);
	else if (!json_is_object(json))
		refuse(frame, PROBLEM_INVALID_FRAME, problem_get(PROBLEM_INVALID_FRAME)->title);
	else
		return json;
	json_decref(json);
	return NULL;
}

/* `arg` is the Frames. */
static void
take(const void *arg, Session *session, const char *text, size_t length)
{
	const Frames *frames = arg;
	Frame frame = {.frames = frames, .session = session, .text = text, .length = length};
	json_t *json = parse(&frame, text, length);

	frame.json = json;
	if (session_state(session) == SESSION_LIVE)
		presence_active(frames->presence, session_account_id(session));
	if (json && read_id(&frame))
		dispatch(&frame);
	json_decref(json);
}

void
frames_receive(const Frames *frames, Session *session, const char *text, size_t length)
{
	metric_add(METRIC_FRAMES_RECEIVED, 1);
	take(frames, session, text, length);
}
