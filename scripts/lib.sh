# lib.sh: what the commands share: words to the user, a clean environment, the
# unprivileged user, waiting.  Sourced by the others.

set -euo pipefail
umask 022

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# What the caller's make and psql were told is not meant for ours.
unset MAKEFLAGS MFLAGS MAKELEVEL CDPATH
export LC_ALL=C.UTF-8

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf 'pg_parley: %s\n' "$*" >&2
	exit 1
}

forget_pg_environment()
{
	local name

	for name in $(compgen -e PG); do
		[ "$name" = PG_CONFIG ] || unset "$name"
	done
}

am_root()
{
	[ "$(id -u)" = 0 ]
}

# PostgreSQL refuses to run as root.  Sets owner, the user that runs it: for root the
# one that the Debian package makes, or `nobody` where only a client is installed;
# and as_owner, the words to put before a command, which keeps its pid.
find_owner()
{
	owner=$(id -un)
	as_owner=()
	if am_root; then
		owner=nobody
		if getent passwd postgres >/dev/null; then
			owner=postgres
		fi
		# shellcheck disable=SC2034 # not every command needs it
		as_owner=(setpriv "--reuid=$owner" "--regid=$(id -g "$owner")" --init-groups --inh-caps=-all
			env "HOME=$(getent passwd "$owner" | cut -d: -f6)")
	fi
}

# wait_until SECONDS COMMAND...: polls until COMMAND succeeds; false when it never did.
wait_until()
{
	local deadline=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}

# A SIGINT or SIGHUP for make alone stays in make, which then waits for this script
# with the signal blocked: bits 1 and 0 of its SigBlk.
make_was_told_to_stop()
{
	local key mask

	[ "$(cat "/proc/$PPID/comm" 2>/dev/null)" = make ] || return 1
	while read -r key mask; do
		[ "$key" != SigBlk: ] || break
	done <"/proc/$PPID/status"
	[ $((0x$mask & 3)) != 0 ]
}

port_is_open()
{
	(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# http_status PORT PATH: prints the status code of a GET, nothing when there was no answer.
http_status()
{
	local line

	{
		printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
		read -r -t 5 line <&3
	} 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || return 0
	line=${line#* }
	printf '%s\n' "${line%% *}"
}

free_port()
{
	perl -MIO::Socket::INET -e \
		'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport'
}

# As the control file says.
extension_version()
{
	sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$root/extension/pg_parley.control"
}

last_line()
{
	tail -n 1 -- "$1" 2>/dev/null || true
}
