/*
 * timeline.c
 *	  Which history of which server this is: numbers and versions compare only within one.
 *
 * A standby that takes over, or a server restored to an earlier point, goes on from less than
 * some clients know, on a timeline of its own, and gives the same numbers to other messages.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(chat_timeline);

Datum
chat_timeline(PG_FUNCTION_ARGS)
{
	char *text = psprintf(UINT64_FORMAT "-%u", GetSystemIdentifier(), ParleyTimeline());

	return CStringGetTextDatum(text);
}
