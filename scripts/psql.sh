#!/bin/bash
# psql.sh: `make psql`, on the database that `make run` serves.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/home.sh"

command -v psql >/dev/null || die "there is no psql yet: make run installs it"
if [ -n "${PARLEY_DATABASE_URL:-}" ]; then
	exec psql "$PARLEY_DATABASE_URL"
fi
forget_pg_environment
name_home
[ -S "$home/run/.s.PGSQL.5432" ] || die "nothing runs in $home: start it with make run"
exec psql -h "$home/run" -U postgres chat
