#!/bin/bash
# run.sh: `make run`.  From a clone to "ready: http://127.0.0.1:8080": packages, build,
# PostgreSQL and parley-pushd, both children of this script until it is told to stop.
#
#	PARLEY_HOME           where the cluster lives (.parley in the clone)
#	PARLEY_PORT           where parley-pushd listens (8080)
#	PARLEY_DATABASE_URL   a server of yours in place of the private cluster

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
. "$(dirname "$0")/deps.sh"
. "$(dirname "$0")/home.sh"
. "$(dirname "$0")/build.sh"
. "$(dirname "$0")/cluster.sh"
. "$(dirname "$0")/external.sh"

port=${PARLEY_PORT:-8080}
postgres_pid=
pushd_pid=
status_when_stopped=130

# spawn LOG COMMAND...: a child with a session of its own, so that Ctrl-C reaches this
# script alone and not the children, in whatever order; they end with it even when it is
# killed.  Its pid is $!.
spawn()
{
	local log=$place/log/$1.log signal=$2

	shift 2
	[ ! -f "$log" ] || mv "$log" "$log.1"
	setsid "${as_owner[@]}" setpriv --pdeathsig "$signal" "$@" >"$log" 2>&1 </dev/null 9>&- &
}

is_running()
{
	[ -n "$1" ] && kill -0 "$1" 2>/dev/null
}

gone()
{
	! is_running "$1"
}

# stop_child PID SIGNAL SECONDS LAST-SIGNAL: waits for its end
stop_child()
{
	is_running "$1" || return 0
	kill -s "$2" "$1"
	wait_until "$3" gone "$1" || kill -s "$4" "$1"
	wait "$1" 2>/dev/null || true
}

stop_children()
{
	trap '' INT TERM HUP
	stop_child "$pushd_pid" TERM 10 KILL
	stop_child "$postgres_pid" INT 60 QUIT
}

stop_at_request()
{
	say "stopping"
	exit $status_when_stopped
}

check_port()
{
	case $port in
		*[!0-9]* | '' | ??????*) die "PARLEY_PORT=$port is not a port number" ;;
	esac
	[ "$port" -ge 1 ] && [ "$port" -le 65535 ] || die "PARLEY_PORT=$port is not a port number"
	! port_is_open "$port" ||
		die "port $port is taken (PARLEY_PORT chooses another, as in: make run PARLEY_PORT=8081)"
}

postgres_answers()
{
	gone "$postgres_pid" || "$pg_bin/pg_isready" -q -h "$place/run" -U postgres -d postgres
}

start_postgres()
{
	say "starting PostgreSQL $pg_major"
	spawn postgres INT "$pg_bin/postgres" -D "$place/data"
	postgres_pid=$!
	wait_until 60 postgres_answers || die "PostgreSQL does not answer ($home/log/postgres.log)"
	is_running "$postgres_pid" ||
		die "PostgreSQL did not start: $(last_line "$place/log/postgres.log")"
}

pushd_is_ready()
{
	gone "$pushd_pid" || [ "$(http_status "$port" /readyz)" = 200 ]
}

# The connection string goes by the environment: a command line is for all to see.
start_pushd()
{
	say "starting parley-pushd"
	PARLEY_DATABASE=$1 PARLEY_LISTEN_PORT=$port PARLEY_WEB_ROOT=$place/stage/web \
		spawn parley-pushd TERM "$place/stage/bin/parley-pushd"
	pushd_pid=$!
	wait_until 60 pushd_is_ready ||
		die "parley-pushd is not ready: $(last_line "$place/log/parley-pushd.log")"
	is_running "$pushd_pid" ||
		die "parley-pushd did not start: $(last_line "$place/log/parley-pushd.log")"
}

# child_ended NAME STATUS: in one line why everything stops
child_ended()
{
	local how="exit status $2"

	[ "$2" -lt 128 ] || how="signal $(kill -l "$2")"
	die "$1 ended ($how), its log says: $(last_line "$place/log/$1.log")"
}

watch_children()
{
	local ended=
	local -i status

	while ! make_was_told_to_stop; do
		sleep 1 &
		status=0
		wait -n -p ended $postgres_pid "$pushd_pid" $! 2>/dev/null || status=$?
		if [ "$ended" = "$pushd_pid" ]; then
			child_ended parley-pushd $status
		elif [ "$ended" = "$postgres_pid" ]; then
			child_ended postgres $status
		fi
	done
	stop_at_request
}

run_private_cluster()
{
	forget_pg_environment
	# shellcheck disable=SC2086 # one word each
	need $build_packages $extension_packages postgres web_ui
	need_postgres
	make_home
	lock_home
	build_extension
	build_daemon
	build_web
	stop_leftover_server
	make_cluster
	configure_cluster
	start_postgres
	make_database
	start_pushd "host='$place/run' user=parley_pushd dbname=chat"
}

run_with_your_server()
{
	# shellcheck disable=SC2086 # one word each
	need $build_packages psql web_ui
	make_home
	check_your_server
	lock_home
	build_daemon
	build_web
	start_pushd "$PARLEY_DATABASE_URL"
}

trap stop_children EXIT
trap stop_at_request INT TERM HUP
name_home
check_writable
check_not_running
check_port
if [ -n "${PARLEY_DATABASE_URL:-}" ]; then
	run_with_your_server
else
	run_private_cluster
fi
say "ready: http://127.0.0.1:$port"
status_when_stopped=0 # from here on Ctrl-C is the way to stop, not a failure
watch_children
