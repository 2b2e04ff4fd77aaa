/*
 * content.c
 *	  Rules for the content of messages.
 */
#include "compat.h"

#include "content.h"

#include "guc.h"
#include "legible.h"

static int max_content_kb = 16;

static const IntSetting settings[] = {
	{"pg_parley.max_content_size", "The longest content a message may have.", &max_content_kb, 1,
	 1024, GUC_UNIT_KB},
};

void
ContentInit(void)
{
	DefineSettings(settings, lengthof(settings));
}

ParleyError
ContentCheck(const char *content, bool has_attachments)
{
	if (content == NULL || (LegibleIsBlank(content) && (content[0] != '\0' || !has_attachments)))
		return PARLEY_ERROR_INVALID_CONTENT;
	if (strlen(content) > (size_t) max_content_kb * 1024)
		return PARLEY_ERROR_CONTENT_TOO_LONG;
	return LegiblePilesMarks(content) ? PARLEY_ERROR_INVALID_CONTENT : CONTENT_OK;
}

void
ContentRaise(ParleyError refusal, const char *content)
{
	if (refusal == PARLEY_ERROR_CONTENT_TOO_LONG)
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_CONTENT_TOO_LONG),
						errmsg("the content is longer than %d kB", max_content_kb)));
	if (content == NULL || LegibleIsBlank(content))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_CONTENT),
						errmsg("the content of a message must not be empty")));
	ereport(ERROR,
			(ParleyErrcode(PARLEY_ERROR_INVALID_CONTENT),
			 errmsg("the content has more than %d combining marks in a row", LEGIBLE_MAX_MARKS)));
}
