# home.sh: PARLEY_HOME, the folder with everything that `make run` keeps.  Sourced.
#
#	data/   the cluster (owner's)       stage/  the installed extension, daemon and web UI
#	run/    the Unix socket (owner's)   log/    of PostgreSQL and parley-pushd
#
# PostgreSQL and parley-pushd must be able to enter it.  Where root has its clone in a
# folder that others cannot enter, PARLEY_HOME becomes a symbolic link to a folder
# under /var/lib/pg_parley.

socket_path_limit=107

# The path as the user wrote it; nothing is made yet.
name_home()
{
	home=${PARLEY_HOME:-$root/.parley}
	case $home in
		/*) ;;
		*) home=$PWD/$home ;;
	esac
	case $home in
		*[\'\"\$\\]*) die "PARLEY_HOME=$home has a quote, a dollar sign or a backslash, which make cannot take" ;;
	esac
	local socket=$home/run/.s.PGSQL.5432
	[ ${#socket} -le $socket_path_limit ] ||
		die "PARLEY_HOME=$home is too long for a Unix socket: at most" \
			"$((socket_path_limit - ${#socket} + ${#home})) characters"
}

owner_can_enter()
{
	"${as_owner[@]}" test -x "$1" 2>/dev/null
}

make_home_elsewhere()
{
	local elsewhere

	mkdir -p /var/lib/pg_parley
	elsewhere=$(mktemp -d "/var/lib/pg_parley/$(basename "$root")-XXXXXX")
	chmod 755 "$elsewhere"
	ln -s "$elsewhere" "$home"
	say "user $owner cannot enter $(dirname "$home"): $home is a link to $elsewhere"
}

# Makes what is missing and sets place, the path without symbolic links.
make_home()
{
	name_home
	find_owner
	mkdir -p "$(dirname "$home")"
	if [ ! -e "$home" ] && [ ! -L "$home" ]; then
		if owner_can_enter "$(realpath "$(dirname "$home")")"; then
			mkdir "$home"
		else
			make_home_elsewhere
		fi
	fi
	place=$(realpath -m "$home")
	mkdir -p "$place/stage" "$place/log"
	chmod a+x "$place"
	owner_can_enter "$place" || die "user $owner cannot enter PARLEY_HOME=$home ($place)"
	[ -d "$place/run" ] || install -d -m 700 -o "$owner" "$place/run"
	cd "$place" || exit
}

check_not_running()
{
	[ ! -f "$home/lock" ] || flock -n "$home/lock" true ||
		die "\`make run\` is already running in $home (process $(cat "$home/lock"))"
}

# One `make run` at a time; the children don't keep the lock (9>&-).
lock_home()
{
	check_not_running
	exec 9>>"$place/lock"
	flock -n 9
	echo $$ >"$place/lock"
}
