/*
 * drop.h
 *	  DROP EXTENSION is refused while there are messages.
 */
#ifndef PARLEY_DROP_H
#define PARLEY_DROP_H

/* Defines the setting; called once, from _PG_init. */
extern void DropInit(void);

#endif /* PARLEY_DROP_H */
