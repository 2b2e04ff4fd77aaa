#!/bin/bash
# dist.sh: `make dist`, the archive for PGXN: what is committed, nothing else.

. "$(dirname "$0")/lib.sh"

cd "$root" || exit
scripts/versions >/dev/null || die "the versions differ: make versions"
scripts/meta >/dev/null || die "META.json is not valid: make meta"
name=pg_parley-$(extension_version)
git archive --format zip --prefix "$name/" --output "$name.zip" HEAD
say "$name.zip"
