/*
 * retention.h
 *	  How long messages are kept: its settings.
 */
#ifndef PARLEY_RETENTION_H
#define PARLEY_RETENTION_H

/* Defines the settings; called once, from _PG_init. */
extern void RetentionInit(void);

#endif /* PARLEY_RETENTION_H */
