# cluster.sh: the private PostgreSQL cluster in PARLEY_HOME.  Sourced, after home.sh
# and postgres.sh.

data_version()
{
	"${as_owner[@]}" cat "$place/data/PG_VERSION" 2>/dev/null
}

make_cluster()
{
	if [ -d "$place/data" ]; then
		[ "$(data_version)" = "$pg_major" ] ||
			die "$home/data is of PostgreSQL $(data_version), $pg_bin is $pg_major (PG_CONFIG names another)"
		return
	fi
	say "making a PostgreSQL $pg_major cluster in $home/data"
	rm -rf "$place/data.new"
	install -d -m 700 -o "$owner" -g "$(id -g "$owner")" "$place/data.new"
	"${as_owner[@]}" "$pg_bin/initdb" -D "$place/data.new" -U postgres -A trust -k \
		-E UTF8 --locale=C.UTF-8 >"$place/log/initdb.log" 2>&1 ||
		die "initdb: $(last_line "$place/log/initdb.log")"
	"${as_owner[@]}" tee -a "$place/data.new/postgresql.conf" >/dev/null <<-'END'

		# written at every `make run`; what stands below it wins
		include 'parley.conf'
	END
	mv "$place/data.new" "$place/data"
}

# Anew at every start: the folder may have moved, the server may know more settings.
configure_cluster()
{
	{
		staged_settings "$place/stage"
		cat <<-END
			cluster_name = 'pg_parley'
			listen_addresses = ''
			port = 5432
			unix_socket_directories = $(quote_setting "\"$place/run\"")
			max_slot_wal_keep_size = 1GB
			shared_preload_libraries = 'pg_parley'
		END
	} | "${as_owner[@]}" tee "$place/data/parley.conf" >/dev/null
}

# A server that outlived its `make run`, because that was killed.
stop_leftover_server()
{
	local pid

	pid=$("${as_owner[@]}" head -n 1 "$place/data/postmaster.pid" 2>/dev/null) || return 0
	[ "$(readlink "/proc/$pid/cwd")" = "$place/data" ] || return 0
	say "stopping a PostgreSQL that was left over (process $pid)"
	"${as_owner[@]}" "$pg_bin/pg_ctl" stop -s -m fast -D "$place/data" ||
		die "PostgreSQL (process $pid) does not stop"
}

# in_database NAME SQL...: prints bare values
in_database()
{
	local name=$1

	shift
	"${as_owner[@]}" "$pg_bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$place/run" -U postgres \
		-d "$name" "${@/#/--command=}"
}

# The database `chat`, the extension in it, up to date, and the role of parley-pushd.
make_database()
{
	local version installed

	if [ -z "$(in_database postgres "SELECT 1 FROM pg_database WHERE datname = 'chat'")" ]; then
		say "creating database chat"
		in_database postgres "CREATE DATABASE chat"
	fi
	version=$(extension_version)
	installed=$(in_database chat "SELECT extversion FROM pg_extension WHERE extname = 'pg_parley'")
	if [ -z "$installed" ]; then
		in_database chat "CREATE EXTENSION pg_parley"
	elif [ "$installed" != "$version" ]; then
		say "updating pg_parley $installed to $version"
		in_database chat "ALTER EXTENSION pg_parley UPDATE"
	fi
	in_database chat "DO \$\$ BEGIN
		IF to_regrole('parley_pushd') IS NULL THEN
			CREATE ROLE parley_pushd LOGIN REPLICATION IN ROLE chat_gateway;
		END IF; END \$\$" "ALTER ROLE parley_pushd SET log_parameter_max_length = 0"
}
