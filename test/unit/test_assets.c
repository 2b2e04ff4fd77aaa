/*
 * test_assets.c
 *	  Static files: what is found, types, entity tags, codings.
 */
#include "assets.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char root[] = "/tmp/parley-assets-XXXXXX";
static const char *const files[] = {"index.html",		  "app-4F3A9C21.js", "app-4F3A9C21.js.gz",
									"app-4F3A9C21.js.br", ".secret",		 "sub/a.css",
									"my-component.css"};

static void
make_files(void)
{
	if (!mkdtemp(root) || chdir(root) != 0 || mkdir("sub", 0700) != 0)
		exit(1);
	for (size_t i = 0; i < lengthof(files); i++)
	{
		FILE *file = fopen(files[i], "w");

		if (!file || fputs(files[i], file) < 0 || fclose(file) != 0)
			exit(1);
	}
}

static void
remove_files(void)
{
	for (size_t i = 0; i < lengthof(files); i++)
		unlink(files[i]);
	rmdir("sub");
	rmdir(root);
}

static void
test_finding(const Assets *assets)
{
	const Asset *page = assets_find(assets, "/");
	const Asset *code = assets_find(assets, "/app-4F3A9C21.js");
	const Asset *style = assets_find(assets, "/sub/a.css");

	ok(page && page == assets_find(assets, "/index.html"), "the root is index.html");
	ok(page && !page->immutable, "which may change");
	ok(code && code->immutable, "a name with a hash may not");
	ok(assets_find(assets, "/my-component.css") &&
		   !assets_find(assets, "/my-component.css")->immutable,
	   "a word behind a dash is no hash");
	is_text(style ? style->content_type : "", "text/css; charset=utf-8", "a type by its ending");
	ok(!assets_find(assets, "/.secret"), "hidden files are not there");
	ok(!assets_find(assets, "/../etc/passwd"), "nor is anything outside");
	ok(!assets_find(assets, "/sub"), "nor is a folder");
	ok(page && code && strcmp(page->bodies[0].etag, code->bodies[0].etag) != 0,
	   "each has an entity tag of its own");
}

static void
test_codings(const Assets *assets)
{
	const Asset *code = assets_find(assets, "/app-4F3A9C21.js");
	const Asset *page = assets_find(assets, "/");

	is_number(asset_choose(code, "gzip, deflate, br"), CODING_BROTLI, "the best that is taken");
	is_number(asset_choose(code, "gzip"), CODING_GZIP, "the other one");
	is_number(asset_choose(code, "br;q=0, gzip;q=0.5"), CODING_GZIP, "one that is refused");
	is_number(asset_choose(code, "brx"), CODING_PLAIN, "a name that only begins so");
	is_number(asset_choose(code, ""), CODING_PLAIN, "none");
	is_number(asset_choose(code, NULL), CODING_PLAIN, "no header");
	is_number(asset_choose(page, "br"), CODING_PLAIN, "a file that has none");
}

int
main(void)
{
	Buffer why = BUFFER_EMPTY;
	Assets *assets;

	make_files();
	assets = assets_load(root, &why);
	if (ok(assets != NULL, "the folder is read"))
	{
		is_number((int64_t) assets_count(assets), 4, "as many as there are");
		test_finding(assets);
		test_codings(assets);
	}
	assets_free(assets);
	ok(!assets_load("/nonexistent", &why), "a folder that is not there");
	is_like(buffer_cstring(&why), "No such file", "and why");
	unlink("index.html");
	buffer_reset(&why);
	ok(!assets_load(root, &why), "a folder without a page");
	is_like(buffer_cstring(&why), "no index.html", "and why");
	buffer_free(&why);
	remove_files();
	return done_testing();
}
