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

# Every file that git does not ignore, whose tree ever it is; all of them where there is no git.
list_files()
{
	if [ -e .git ] && command -v git >/dev/null; then
		GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' \
			git ls-files -z --cached --others --exclude-standard
	else
		find . -name node_modules -prune -o -name .parley -prune -o -type f -print0
	fi
}

# git names files that were deleted, too.
only_existing()
{
	local file

	while IFS= read -r -d '' file; do
		[ ! -e "$file" ] || printf '%s\0' "$file"
	done
}

# With what npm installed and built, whose rules look at times.
copy_tree()
{
	mkdir "$scratch/tree" "$scratch/tmp"
	list_files | only_existing | tar -c --null -T - | tar -C "$scratch/tree" -x
	cp -a --parents {web,test/e2e}/node_modules web/dist "$scratch/tree"
	chmod 755 "$scratch"
	chown -R "$owner" "$scratch/tree" "$scratch/tmp"
}

trap clean_up EXIT
trap 'exit 130' INT TERM HUP
forget_pg_environment
unset "${!PARLEY_@}"
# shellcheck disable=SC2046,SC2086 # one word each
need $build_packages $extension_packages $(packages_of_suites "$@") postgres node
need_postgres
need_test_programs
find_owner
say "building the web UI"
make -s -C "$root" web test/e2e/node_modules/.package-lock.json >/dev/null
scratch=$(mktemp -d /var/tmp/pg_parley-check-XXXXXX)
cd "$root" || exit
copy_tree
cd /
TMPDIR=$scratch/tmp PG_CONFIG=$pg_config setsid "${as_owner[@]}" setpriv --pdeathsig TERM \
	env -C "$scratch/tree" "HOME=$scratch/tmp" scripts/suites.sh "$@" </dev/null &
suites_pid=$!
ended=
until [ "$ended" = "$suites_pid" ]; do
	! make_was_told_to_stop || exit 130
	sleep 1 &
	status=0
	wait -n -p ended "$suites_pid" $! || status=$?
done
exit "$status"
