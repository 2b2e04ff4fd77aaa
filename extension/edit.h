/*
 * edit.h
 *	  Taking messages back, for other rooms.
 */
#ifndef PARLEY_EDIT_H
#define PARLEY_EDIT_H

#include "postgres.h"

/*
 * Makes a message a tombstone, at a version of its conversation that the caller has
 * taken (counter.h): content, revisions, reactions, mentions and attachments go.
 * Inside SpiBegin().
 */
extern void EditBury(int64 conversation_id, int64 seq, int64 ver);

#endif /* PARLEY_EDIT_H */
