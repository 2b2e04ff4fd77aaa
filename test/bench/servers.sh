# servers.sh: a cluster and a parley-pushd for the bench alone, and the bare epoll loop.
# Sourced, after the project's scripts.
#
# PostgreSQL runs with its defaults and what the feed needs, but for two things: no
# checkpoint falls into a round (max_wal_size, checkpoint_timeout).  Commits are
# durable: fsync and synchronous_commit stay on.

postgres_pid=
pushd_pid=
epollcast_pid=

start_servers()
{
	need_postgres
	PARLEY_HOME=$(mktemp -d "${TMPDIR:-/tmp}/parley-bench-XXXXXX")
	chmod 755 "$PARLEY_HOME"
	make_home
	build_extension
	built bench make -s -C "$bench" chatload epollcast
	make_cluster
	configure_cluster
	"${as_owner[@]}" setpriv --pdeathsig INT "$pg_bin/postgres" -D "$place/data" \
		-c max_wal_size=8GB -c checkpoint_timeout=1h >"$place/log/postgres.log" 2>&1 </dev/null &
	postgres_pid=$!
	wait_until 30 postgres_answers || die "PostgreSQL: $(last_line "$place/log/postgres.log")"
	make_database
	say "making $accounts accounts"
	database -v accounts="$accounts" -f - <"$bench/sql/setup.sql" >"$place/log/setup.log" ||
		die "the database could not be filled"
	daemon_is_built=
}

postgres_answers()
{
	"$pg_bin/pg_isready" -q -h "$place/run" -U postgres -d postgres
}

# database ARGUMENT...: psql
database()
{
	"${as_owner[@]}" "$pg_bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$place/run" -U postgres \
		-d chat "$@"
}

conninfo()
{
	echo "host='$place/run' user=$1 dbname=chat"
}

# Sets pushd_pid and pushd_port.
start_pushd()
{
	if [ -z "$daemon_is_built" ]; then
		build_daemon
		daemon_is_built=1
	fi
	pushd_port=$(free_port)
	PARLEY_MAX_CONNECTIONS_PER_ADDRESS=0 PARLEY_MAX_LOGINS_PER_MINUTE=0 \
		PARLEY_DATABASE=$(conninfo parley_pushd) PARLEY_LISTEN_PORT=$pushd_port \
		PARLEY_LOG_LEVEL=warn "${as_owner[@]}" setpriv --pdeathsig TERM \
		"$place/stage/bin/parley-pushd" >>"$place/log/parley-pushd.log" 2>&1 </dev/null &
	pushd_pid=$!
	wait_until 20 pushd_is_ready || die "parley-pushd: $(last_line "$place/log/parley-pushd.log")"
}

pushd_is_ready()
{
	[ "$(http_status "$pushd_port" /readyz)" = 200 ]
}

# Sets epollcast_pid and epollcast_port.
start_epollcast()
{
	epollcast_port=$(free_port)
	"$bench/epollcast" "$epollcast_port" >"$place/log/epollcast.log" 2>&1 </dev/null &
	epollcast_pid=$!
	wait_until 5 port_is_open "$epollcast_port" ||
		die "epollcast: $(last_line "$place/log/epollcast.log")"
}

# stop PID SIGNAL: and waits for its end, ten seconds at most
stop()
{
	[ -n "$1" ] && kill -s "$2" "$1" 2>/dev/null || return 0
	wait_until 10 gone "$1" || kill -s KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

stop_pushd()
{
	stop "$pushd_pid" TERM
	pushd_pid=
}

stop_epollcast()
{
	stop "$epollcast_pid" TERM
	epollcast_pid=
}

stop_servers()
{
	stop_epollcast
	stop_pushd
	stop "$postgres_pid" INT
	cd /
	[ -z "${place:-}" ] || [ -n "${BENCH_KEEP:-}" ] || rm -rf "$place"
}

# pin CPU PID: the process and its children, where there is more than one CPU
pin()
{
	local pid

	[ "$(nproc)" -gt 1 ] || return 0
	for pid in "$2" $(pgrep -P "$2"); do
		taskset -a -c -p "$1" "$pid" >/dev/null 2>&1 || true
	done
}

# on_cpu CPU COMMAND...
on_cpu()
{
	local cpu=$1

	shift
	if [ "$(nproc)" -gt 1 ]; then
		taskset -c "$cpu" "$@"
	else
		"$@"
	fi
}

# make_plan FILE KIND: who connects to parley-pushd (see plan.h)
make_plan()
{
	database -c "COPY (SELECT format('%s %s %s %s', conversation_id, account_id, next_seq, token)
		FROM bench.plan WHERE kind = '$2' ORDER BY conversation_id, account_id) TO STDOUT" >"$1"
}

# I1 for everything that was sent, by whatever way: numbers 1 to n, each once.
check_numbering()
{
	local broken

	broken=$(database -c "SELECT count(*) FROM chat.conversation_counter c WHERE c.last_seq <>
		(SELECT count(*) FROM chat.message m WHERE m.conversation_id = c.conversation_id)
		OR c.last_seq <> (SELECT coalesce(max(seq), 0) FROM chat.message m
			WHERE m.conversation_id = c.conversation_id)")
	[ "$broken" = 0 ] || die "$broken conversations have gaps in their numbers"
	note ""
	note "numbering: $(database -c "SELECT count(*) FROM chat.message") messages stored," \
		"1 to n without a gap in every conversation"
}
