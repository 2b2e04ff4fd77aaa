/*
 * zone.h
 *	  Days in a time zone that a caller names.
 */
#ifndef PARLEY_ZONE_H
#define PARLEY_ZONE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/*
 * When a day of the calendar (year 1 to 9999) begins: in `zone`, the name of a zone such as
 * Asia/Tokyo or an offset such as +09:00, east being positive; NULL: the session's TimeZone.
 * What is neither raises PARLEY_ERROR_INVALID_ARGUMENT.
 */
extern TimestampTz ZoneDay(const char *zone, int year, int month, int day);

/* Raises the same if there is no such zone. */
extern void ZoneCheck(const char *zone);

#endif /* PARLEY_ZONE_H */
