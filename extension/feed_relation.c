/*
 * feed_relation.c
 *	  Which relation of the WAL is which table of the feed.
 *
 * Each look-up is kept in a hash until the catalogs change.  The hash lives for the process,
 * because the invalidation callback that guards it can't be taken back.
 */
#include "compat.h"

#include "feed_relation.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_class_d.h"
#include "catalog/pg_namespace_d.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define EXTENSION "pg_parley"
#define CITUS_SHARDS "pg_dist_shard"

static HTAB *relations = NULL;
static uint64 catalog_generation = 1;

static void
NoteCatalogChange(Datum arg, Oid relid)
{
	catalog_generation++;
}

void
FeedRelationsInit(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(FeedRelation)};

	if (relations)
		return;
	control.hcxt = CacheMemoryContext;
	relations =
		hash_create("pg_parley relations", 128, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(NoteCatalogChange, (Datum) 0);
}

/* ---- tables ------------------------------------------------------------- */

static bool
IsOurs(Oid relid)
{
	Oid extension = getExtensionOfObject(RelationRelationId, relid);

	return OidIsValid(extension) && extension == get_extension_oid(EXTENSION, true);
}

/* The table with this name; NULL: there is none. */
static const FeedTable *
TableOfName(const char *name, size_t length)
{
	for (int i = 0; i < FEED_TABLE_COUNT; i++)
	{
		if (strlen(feed_tables[i].name) == length &&
			strncmp(feed_tables[i].name, name, length) == 0)
			return &feed_tables[i];
	}
	return NULL;
}

/* ---- shards ------------------------------------------------------------- */

/* "message_102010" is the name of shard 102010 of "message": that number, 0 if there is none. */
static int64
ShardNumber(const char *name, size_t *table_length)
{
	const char *underscore = strrchr(name, '_');
	char *end;
	int64 number;

	if (underscore == NULL || underscore[1] < '1' || underscore[1] > '9')
		return 0;
	errno = 0;
	number = strtoi64(underscore + 1, &end, 10);
	*table_length = underscore - name;
	return *end == '\0' && errno == 0 ? number : 0;
}

/*
 * Which distributed table the shard is of, by the row of pg_dist_shard; 0: of none.  To the server
 * that is an ordinary table, but Citus writes it only in transactions that invalidate the cache
 * of a relation; those the snapshot of the decoding knows.
 */
static Oid
FindShardOwner(Oid catalog, int64 number)
{
	AttrNumber shardid = get_attnum(catalog, "shardid");
	AttrNumber owner = get_attnum(catalog, "logicalrelid");
	Oid result = InvalidOid;
	Relation shards;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple row;
	bool isnull;

	if (shardid == InvalidAttrNumber || owner == InvalidAttrNumber)
		return InvalidOid;
	ScanKeyInit(&key, shardid, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(number));
	shards = table_open(catalog, AccessShareLock);
	scan = systable_beginscan(shards, InvalidOid, false, NULL, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
		result = DatumGetObjectId(heap_getattr(row, owner, RelationGetDescr(shards), &isnull));
	systable_endscan(scan);
	table_close(shards, AccessShareLock);
	return result;
}

/* Of which table of the feed the relation is a shard; NULL: of none. */
static const FeedTable *
TableOfShard(Relation relation)
{
	const char *name = RelationGetRelationName(relation);
	size_t length = 0;
	int64 number = ShardNumber(name, &length);
	const FeedTable *table = number == 0 ? NULL : TableOfName(name, length);
	Oid catalog = table ? get_relname_relid(CITUS_SHARDS, PG_CATALOG_NAMESPACE) : InvalidOid;
	Oid owner = OidIsValid(catalog) ? FindShardOwner(catalog, number) : InvalidOid;

	if (!OidIsValid(owner) || !IsOurs(owner) ||
		get_rel_namespace(owner) != RelationGetNamespace(relation))
		return NULL;
	return strcmp(get_rel_name(owner), table->name) == 0 ? table : NULL;
}

/* ---- columns ------------------------------------------------------------ */

static AttrNumber
FindColumn(TupleDesc description, const FeedColumn *column)
{
	for (int i = 0; i < description->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(description, i);

		if (!attribute->attisdropped && attribute->atttypid == column->type &&
			strcmp(NameStr(attribute->attname), column->name) == 0)
			return attribute->attnum;
	}
	return InvalidAttrNumber;
}

/* Finds the columns of a table by name and type; false if the relation lacks one. */
static bool
ResolveColumns(const FeedTable *table, Relation relation, AttrNumber *attnums)
{
	for (int i = 0; i < FEED_MAX_COLUMNS && table->columns[i].name; i++)
	{
		attnums[i] = FindColumn(RelationGetDescr(relation), &table->columns[i]);
		if (attnums[i] != InvalidAttrNumber)
			continue;
		ereport(WARNING, (errmsg("changes of table \"%s\" are not sent to clients",
								 RelationGetRelationName(relation)),
						  errdetail("It has no column \"%s\" of type %s.", table->columns[i].name,
									format_type_be(table->columns[i].type))));
		return false;
	}
	return true;
}

/* ---- the whole ---------------------------------------------------------- */

static const FeedTable *
FindTable(Relation relation, bool *is_shard)
{
	const char *name = RelationGetRelationName(relation);
	const FeedTable *table = TableOfName(name, strlen(name));

	*is_shard = table == NULL;
	if (table)
		return IsOurs(RelationGetRelid(relation)) ? table : NULL;
	return TableOfShard(relation);
}

const FeedRelation *
FeedRelationOf(Relation relation)
{
	Oid relid = RelationGetRelid(relation);
	bool found;
	FeedRelation *entry = hash_search(relations, &relid, HASH_ENTER, &found);

	if (!found || entry->generation != catalog_generation)
	{
		uint64 generation = catalog_generation;

		entry->generation = 0; /* an error below must not leave it looking valid */
		entry->table = FindTable(relation, &entry->is_shard);
		if (entry->table && !ResolveColumns(entry->table, relation, entry->attnums))
			entry->table = NULL;
		entry->generation = generation;
	}
	return entry;
}
