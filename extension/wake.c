/*
 * wake.c
 *	  NOTIFY at every commit that the feed tells of.
 */
#include "compat.h"

#include "wake.h"

#include "commands/async.h"

#include "guc.h"
#include "wire.h"

static bool notify = false;

static const BoolSetting settings[] = {
	{"pg_parley.notify", "Wakes gateways that read the tables by NOTIFY at each commit.", &notify},
};

void
WakeInit(void)
{
	DefineBoolSettings(settings, lengthof(settings));
}

bool
WakeIsOn(void)
{
	return notify;
}

/* Of equal notifications of one transaction the server keeps one. */
void
WakeGateways(void)
{
	if (notify)
		Async_Notify(PARLEY_WAKE_CHANNEL, "");
}
