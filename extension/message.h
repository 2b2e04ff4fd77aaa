/*
 * message.h
 *	  Messages.  The room's functions are called from SQL; C needs only its start.
 */
#ifndef PARLEY_MESSAGE_H
#define PARLEY_MESSAGE_H

/* Defines the settings; called once, from _PG_init. */
extern void MessageInit(void);

#endif /* PARLEY_MESSAGE_H */
