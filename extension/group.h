/*
 * group.h
 *	  What a group is called, who may come in, and its end.
 */
#ifndef PARLEY_GROUP_H
#define PARLEY_GROUP_H

#include "postgres.h"

/*
 * Ends the group if nobody is a member any more: there is nobody left who could
 * bring in another, and none may come in as if it were theirs.  Under the
 * conversation's lock, inside SpiBegin().
 */
extern void GroupEndIfEmpty(int64 conversation_id, int64 ver);

#endif /* PARLEY_GROUP_H */
