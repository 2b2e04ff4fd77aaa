#!/bin/bash
# check.sh: `make check`.  Installs what is missing, copies the tree to a folder that the
# unprivileged user owns, runs every suite of suites.sh there, and leaves nothing.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
. "$(dirname "$0")/deps.sh"

scratch=
suites_pid=

# Everything that still works in the scratch folder was started by a test.
list_leftovers()
{
	local directory

	for directory in /proc/[0-9]*/cwd; do
		case $(readlink "$directory") in
			"$scratch"/*) basename "$(dirname "$directory")" ;;
		esac
	done
}

nothing_is_left()
{
	[ -z "$(list_leftovers)" ]
}

clean_up()
{
	trap '' INT TERM HUP
	[ -n "$scratch" ] || return 0
	if [ -n "$suites_pid" ]; then
		# shellcheck disable=SC2046 # one word each
		kill $(list_leftovers) 2>/dev/null || true
		# shellcheck disable=SC2046
		wait_until 10 nothing_is_left || kill -KILL $(list_leftovers) 2>/dev/null || true
	fi
	rm -rf "$scratch"
}

# What the clone has, less what building and running made, plus the built web UI.
copy_tree()
{
	mkdir "$scratch/tree"
	tar -C "$root" -c --exclude-vcs --exclude=./.parley --exclude='*.o' --exclude='*.bc' \
		--exclude='*.so' --exclude=./extension/.postgres --exclude=./pushd/build* \
		--exclude=./pushd/parley-pushd . | tar -C "$scratch/tree" -x
	mkdir "$scratch/tmp"
	chmod 755 "$scratch"
	chown -R "$owner" "$scratch/tree" "$scratch/tmp"
}

trap clean_up EXIT
trap 'exit 130' INT TERM HUP
forget_pg_environment
unset "${!PARLEY_@}"
# shellcheck disable=SC2086 # one word each
need $build_packages $extension_packages $check_packages postgres node
need_postgres
find_owner
say "building the web UI"
make -s -C "$root" web test/e2e/node_modules/.package-lock.json >/dev/null
scratch=$(mktemp -d /var/tmp/pg_parley-check-XXXXXX)
copy_tree
cd /
TMPDIR=$scratch/tmp PG_CONFIG=$pg_config setsid "${as_owner[@]}" setpriv --pdeathsig TERM \
	env -C "$scratch/tree" "HOME=$scratch/tmp" scripts/suites.sh "$@" </dev/null &
suites_pid=$!
wait "$suites_pid"
