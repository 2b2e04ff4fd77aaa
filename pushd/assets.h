/*
 * assets.h
 *	  The static web UI, read into memory at start.
 *
 * Only what was found under the root then is ever served, by exact name, so that
 * no request can reach outside of it.  Names that start with a dot are left out.
 * `x.br` and `x.gz` beside `x` are served in its place to clients that take them.
 */
#ifndef PARLEY_ASSETS_H
#define PARLEY_ASSETS_H

#include "coding.h"
#include "etag.h"
#include "util.h"

typedef struct Assets Assets;

typedef struct AssetBody
{
	uint8_t *bytes; /* NULL: there is none in this coding */
	size_t length;
	char etag[ETAG_SIZE]; /* strong */
} AssetBody;

typedef struct Asset
{
	char *path; /* "/assets/index-4f3a9c21.js" */
	const char *content_type;
	bool immutable; /* the name holds a hash of the contents */
	AssetBody bodies[CODING_COUNT];
} Asset;

/*
 * Reads the folder and those below it.  NULL, with one line in `why`, when the
 * folder cannot be read or holds no index.html.
 */
Assets *assets_load(const char *root, Buffer *why) MUST_CHECK;
void assets_free(Assets *assets); /* NULL is fine */

/* "/" is index.html; NULL when there is no such asset. */
const Asset *assets_find(const Assets *assets, const char *path);

/* The best body for an Accept-Encoding header (NULL: none was sent). */
Coding asset_choose(const Asset *asset, const char *accept_encoding);

size_t assets_count(const Assets *assets);

#endif /* PARLEY_ASSETS_H */
