/*
 * notify.h
 *	  Tells the service manager how it goes (sd_notify(3)): datagrams to the socket that
 *	  NOTIFY_SOCKET names.  Without one, nothing happens.
 */
#ifndef PARLEY_NOTIFY_H
#define PARLEY_NOTIFY_H

#include "timerwheel.h"

typedef struct Notify Notify;

/* Takes the variables out of the environment.  Sends WATCHDOG=1 from the wheel, at half the
 * time that WATCHDOG_USEC allows: a loop that hangs sends none. */
Notify *notify_create(TimerWheel *wheel) MUST_CHECK;
void notify_free(Notify *notify);

void notify_ready(const Notify *notify);
void notify_reloading(const Notify *notify); /* followed by notify_ready() */
void notify_stopping(const Notify *notify);

/* One line for people, as `systemctl status` shows it. */
void notify_status(const Notify *notify, const char *status);

#endif /* PARLEY_NOTIFY_H */
