/*
 * zone.c
 *	  Days in a time zone that a caller names.
 */
#include "compat.h"

#include "zone.h"

#include <ctype.h>

#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "errors.h"

static int
ReadTwoDigits(const char **text)
{
	int number;

	if (!isdigit((unsigned char) (*text)[0]) || !isdigit((unsigned char) (*text)[1]))
		return -1;
	number = ((*text)[0] - '0') * 10 + (*text)[1] - '0';
	*text += 2;
	return number;
}

/*
 * Z, +09, +0900 or +09:00, in seconds east.  A blank is a plus: that is what an unescaped one
 * in a URL becomes.
 */
static bool
ReadOffset(const char *text, int *seconds)
{
	int sign = *text == '-' ? -1 : 1;
	int hours;
	int minutes = 0;

	*seconds = 0;
	if (pg_strcasecmp(text, "Z") == 0)
		return true;
	if (*text == '\0' || strchr("+- ", *text) == NULL)
		return false;
	text++;
	hours = ReadTwoDigits(&text);
	if (*text == ':')
		text++;
	if (hours >= 0 && *text)
		minutes = ReadTwoDigits(&text);
	*seconds = sign * (hours * 60 + minutes) * 60;
	return *text == '\0' && hours >= 0 && hours <= 15 && minutes >= 0 && minutes <= 59;
}

/*
 * pg_tzset() also takes rules as POSIX writes them, such as UTC+9, which is west of Greenwich,
 * and remembers each for the life of the process.  They have digits; of the zones' names
 * only Etc/GMT+9 and a few old ones do.
 */
static bool
IsName(const char *zone)
{
	const char *rest = pg_strncasecmp(zone, "Etc/GMT", 7) == 0 ? zone + 7 : zone;

	if (rest > zone && (*rest == '+' || *rest == '-'))
		return strlen(rest) <= 3 && rest[1] && strspn(rest + 1, "0123456789") == strlen(rest + 1);
	return *zone && strlen(zone) < 64 && strpbrk(zone, "0123456789,<>:. ") == NULL;
}

static pg_tz *
FindZone(const char *zone)
{
	pg_tz *found = IsName(zone) ? pg_tzset(zone) : NULL;

	if (found == NULL || !pg_tz_acceptable(found))
		ereport(ERROR, (ParleyErrcode(PARLEY_ERROR_INVALID_ARGUMENT),
						errmsg("there is no time zone \"%s\"", zone),
						errhint("Use a name such as Asia/Tokyo or an offset such as +09:00.")));
	return found;
}

void
ZoneCheck(const char *zone)
{
	int seconds;

	if (zone && !ReadOffset(zone, &seconds))
		FindZone(zone);
}

TimestampTz
ZoneDay(const char *zone, int year, int month, int day)
{
	struct pg_tm begin = {.tm_year = year, .tm_mon = month, .tm_mday = day};
	int seconds;

	if (zone == NULL)
		seconds = -DetermineTimeZoneOffset(&begin, session_timezone);
	else if (!ReadOffset(zone, &seconds))
		seconds = -DetermineTimeZoneOffset(&begin, FindZone(zone));
	return (date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY -
		   seconds * USECS_PER_SEC;
}
