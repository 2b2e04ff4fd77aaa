/*
 * feed_relation.h
 *	  Which relation of the WAL is which table of the feed.
 *
 * A name proves nothing: a backup copy may be called chat.message_20261201, and a table of
 * another schema message.  A table of the feed is one that the extension owns (pg_depend), so
 * it stays one when its schema is renamed.  On a node of a Citus cluster the rows lie in
 * shards, which the extension does not own; there pg_dist_shard says which tables are shards
 * of ours.
 *
 * Both are read from the catalogs as they were when the change was made, within an output
 * plugin's change callback.
 */
#ifndef PARLEY_FEED_RELATION_H
#define PARLEY_FEED_RELATION_H

#include "postgres.h"

#include "access/attnum.h"
#include "utils/rel.h"

#include "feed_event.h"

typedef struct FeedRelation
{
	Oid relid;				/* hash key */
	uint64 generation;		/* of the catalogs, when this was looked up */
	const FeedTable *table; /* NULL: not in the feed */
	bool is_shard;			/* of that table, on a node of a Citus cluster */
	AttrNumber attnums[FEED_MAX_COLUMNS];
} FeedRelation;

/* Call before the first look-up; safe to repeat. */
extern void FeedRelationsInit(void);

/* The result is valid until the next call.  Warns once of a table of the feed that lacks a column. */
extern const FeedRelation *FeedRelationOf(Relation relation);

#endif /* PARLEY_FEED_RELATION_H */
