/*
 * assets.c
 *	  The static web UI, read into memory at start.
 *
 * Assets owns the table, the names and all bytes; nothing changes after assets_load().
 */
#include "assets.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 8
#define HASH_CHARACTERS 8 /* in a name, to count as immutable */

struct Assets
{
	Asset *rows;
	size_t count;
	size_t capacity;
	Buffer *why;
	bool failed;
};

static const struct
{
	const char *extension;
	const char *content_type;
} types[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".json", "application/json"},
	{".map", "application/json"},
	{".webmanifest", "application/manifest+json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".jpg", "image/jpeg"},
	{".webp", "image/webp"},
	{".ico", "image/vnd.microsoft.icon"},
	{".woff2", "font/woff2"},
	{".wasm", "application/wasm"},
	{".txt", "text/plain; charset=utf-8"},
};

/* Of the file on disk. */
static const char *const extensions[CODING_COUNT] = {
	[CODING_PLAIN] = "",
	[CODING_GZIP] = ".gz",
	[CODING_BROTLI] = ".br",
};

static bool
ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);
	size_t end_length = strlen(end);

	return length > end_length && strcmp(text + length - end_length, end) == 0;
}

static const char *
type_of(const char *path)
{
	for (size_t i = 0; i < lengthof(types); i++)
		if (ends_with(path, types[i].extension))
			return types[i].content_type;
	return "application/octet-stream";
}

/* "name-HASH.ext", the hash of eight or more characters with a digit or capital. */
static bool
has_hash(const char *path)
{
	const char *dash = strrchr(path, '-');
	const char *end = dash ? strchr(dash, '.') : NULL;
	bool telling = false;

	if (!end || end - dash <= HASH_CHARACTERS)
		return false;
	for (const char *at = dash + 1; at < end; at++)
	{
		if (*at == '/')
			return false;
		telling |= (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z');
	}
	return telling;
}

static bool
read_file(const char *name, AssetBody *body)
{
	FILE *file = fopen(name, "rb");
	Buffer bytes = BUFFER_EMPTY;
	size_t got;
	bool good;

	if (!file)
		return false;
	while ((got = fread(buffer_reserve(&bytes, 65536), 1, 65536, file)) > 0)
		buffer_advance(&bytes, got);
	good = !ferror(file);
	fclose(file);
	(void) buffer_cstring(&bytes);
	body->bytes = buffer_take(&bytes, &body->length);
	etag_write(body->etag, ETAG_STRONG, body->bytes, body->length);
	return good;
}

static Asset *
find(const Assets *assets, const char *path)
{
	for (size_t i = 0; i < assets->count; i++)
		if (strcmp(assets->rows[i].path, path) == 0)
			return &assets->rows[i];
	return NULL;
}

/* The row of a name on disk: x.gz and x.br belong to x. */
static Asset *
row_of(Assets *assets, const char *path, Coding *coding)
{
	size_t length = strlen(path);
	char *name;
	Asset *row;

	*coding = CODING_PLAIN;
	for (int i = CODING_PLAIN + 1; i < CODING_COUNT; i++)
		if (ends_with(path, extensions[i]))
		{
			*coding = (Coding) i;
			length -= strlen(extensions[i]);
		}
	name = xstrndup(path, length);
	row = find(assets, name);
	if (row)
	{
		free(name);
		return row;
	}
	if (assets->count == assets->capacity)
	{
		assets->capacity = assets->capacity ? assets->capacity * 2 : 16;
		assets->rows = xreallocarray(assets->rows, assets->capacity, sizeof(Asset));
	}
	row = &assets->rows[assets->count++];
	*row = (Asset){.path = name, .content_type = type_of(name), .immutable = has_hash(name)};
	return row;
}

static void
fail(Assets *assets, const char *name)
{
	if (!assets->failed)
		buffer_printf(assets->why, "%s: %s", name, strerror(errno));
	assets->failed = true;
}

static void load_folder(Assets *assets, const char *folder, const char *path, int depth);

static void
load_entry(Assets *assets, const char *name, const char *path, int depth)
{
	struct stat status;
	Coding coding;
	Asset *row;

	if (stat(name, &status) != 0)
		fail(assets, name);
	else if (S_ISDIR(status.st_mode))
		load_folder(assets, name, path, depth + 1);
	else if (S_ISREG(status.st_mode))
	{
		row = row_of(assets, path, &coding);
		if (!read_file(name, &row->bodies[coding]))
			fail(assets, name);
	}
}

static void
load_folder(Assets *assets, const char *folder, const char *path, int depth)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(folder) : NULL;
	struct dirent *entry;

	if (!dir)
	{
		fail(assets, folder);
		return;
	}
	while ((entry = readdir(dir)))
	{
		char *name;
		char *inner;

		if (entry->d_name[0] == '.')
			continue;
		name = xasprintf("%s/%s", folder, entry->d_name);
		inner = xasprintf("%s/%s", path, entry->d_name);
		load_entry(assets, name, inner, depth);
		free(name);
		free(inner);
	}
	closedir(dir);
}

Assets *
assets_load(const char *root, Buffer *why)
{
	Assets *assets = xcalloc(1, sizeof(Assets));

	assets->why = why;
	load_folder(assets, root, "", 0);
	if (!assets->failed && !assets_find(assets, "/"))
	{
		buffer_printf(why, "%s: no index.html", root);
		assets->failed = true;
	}
	if (!assets->failed)
		return assets;
	assets_free(assets);
	return NULL;
}

void
assets_free(Assets *assets)
{
	if (!assets)
		return;
	for (size_t i = 0; i < assets->count; i++)
	{
		for (int coding = 0; coding < CODING_COUNT; coding++)
			free(assets->rows[i].bodies[coding].bytes);
		free(assets->rows[i].path);
	}
	free(assets->rows);
	free(assets);
}

const Asset *
assets_find(const Assets *assets, const char *path)
{
	const Asset *asset = find(assets, strcmp(path, "/") == 0 ? "/index.html" : path);

	return asset && asset->bodies[CODING_PLAIN].bytes ? asset : NULL;
}

Coding
asset_choose(const Asset *asset, const char *accept_encoding)
{
	for (int i = CODING_COUNT - 1; accept_encoding && i > CODING_PLAIN; i--)
		if (asset->bodies[i].bytes && coding_is_accepted((Coding) i, accept_encoding))
			return (Coding) i;
	return CODING_PLAIN;
}

size_t
assets_count(const Assets *assets)
{
	return assets->count;
}
