#!/bin/bash
# dist.sh: `make dist`, the archive for PGXN: what is committed, and the web UI as it is built, so
# that nobody needs Node.js who installs from it.

. "$(dirname "$0")/lib.sh"

cd "$root" || exit
scripts/versions >/dev/null || die "the versions differ: make versions"
scripts/meta >/dev/null || die "META.json is not valid: make meta"
name=pg_parley-$(extension_version)
make -s web >/dev/null || die "the web UI cannot be built: make web"
web=(web/dist/*)
git archive --format zip --output "$name.zip" \
	--prefix "$name/web/dist/" "${web[@]/#/--add-file=}" --prefix "$name/" HEAD
say "$name.zip"
