/*
 * hold.h
 *	  Legal holds: what was said in a conversation that is held stays, until the last hold is
 *	  lifted.  A hold comes and goes under the conversation's lock (counter.h); what was found
 *	  stands as long as that is held.  Inside SpiBegin().
 */
#ifndef PARLEY_HOLD_H
#define PARLEY_HOLD_H

#include "postgres.h"

extern bool HoldExists(int64 conversation_id);

/* Raises PARLEY_ERROR_HELD if the conversation is held. */
extern void HoldRequireNone(int64 conversation_id);

#endif /* PARLEY_HOLD_H */
