# postgres.sh: which PostgreSQL to build against and to run.  Sourced.

oldest_postgres=14
newest_postgres=18

# Prints each pg_config that may be meant: PG_CONFIG alone where it is set, else the one in the PATH,
# then those of Debian's packages, the newest first.
list_pg_configs()
{
	local major

	if [ -n "${PG_CONFIG:-}" ]; then
		echo "$PG_CONFIG"
		return
	fi
	command -v pg_config || true
	for ((major = newest_postgres; major >= oldest_postgres; major--)); do
		[ ! -x "/usr/lib/postgresql/$major/bin/pg_config" ] || echo "/usr/lib/postgresql/$major/bin/pg_config"
	done
}

# Sets version and pg_major to those of pg_config; false where we support no such version.
is_supported()
{
	version=$("$pg_config" --version 2>/dev/null) || version=
	version=${version#PostgreSQL }
	pg_major=${version%%[!0-9]*}
	[ "${pg_major:-0}" -ge $oldest_postgres ] && [ "$pg_major" -le $newest_postgres ]
}

# Sets pg_config and pg_major; leaves both empty where there is no pg_config.  Debian's pg_config in the
# PATH speaks for the newest client package, beside which an older server may be complete: what
# can be built against and run comes first, then what can be run.
find_postgres()
{
	local version wanted
	local -a candidates

	pg_config=
	pg_major=
	mapfile -t candidates < <(list_pg_configs)
	[ ${#candidates[@]} -gt 0 ] || return 0
	for wanted in is_complete has_server true; do
		for pg_config in "${candidates[@]}"; do
			! is_supported || ! $wanted || return 0
		done
	done
	pg_config=${candidates[0]}
	is_supported || [ -n "$version" ] || die "$pg_config does not run"
	die "$pg_config is of PostgreSQL ${version%% *}, pg_parley needs" \
		"$oldest_postgres to $newest_postgres (PG_CONFIG names another)"
}

has_server()
{
	[ -n "$pg_config" ] && [ -x "$("$pg_config" --bindir)/initdb" ] &&
		[ -x "$("$pg_config" --bindir)/postgres" ]
}

has_headers()
{
	[ -n "$pg_config" ] && [ -f "$("$pg_config" --includedir-server)/postgres.h" ]
}

has_pgxs()
{
	[ -n "$pg_config" ] && [ -f "$("$pg_config" --pgxs)" ] && [ -x "$("$pg_config" --bindir)/psql" ]
}

is_complete()
{
	has_server && has_headers && has_pgxs
}

# Once everything is installed: pg_config must be there, and whole.
need_postgres()
{
	find_postgres
	[ -n "$pg_config" ] || die "there is no pg_config (PG_CONFIG names one)"
	pg_bin=$("$pg_config" --bindir)
	has_pgxs || die "$pg_config has no PGXS or no psql: install postgresql-client-$pg_major"
	has_headers || die "$pg_config has no server headers: install postgresql-server-dev-$pg_major"
	has_server || die "there is no server in $pg_bin: install postgresql-$pg_major"
}

# What `make check` runs, beside the server; a PostgreSQL built from source may have been built without.
need_test_programs()
{
	local file tests

	tests=$(dirname "$("$pg_config" --pgxs)")/../test
	for file in regress/pg_regress isolation/pg_isolation_regress perl/PostgreSQL/Test/Cluster.pm; do
		[ -f "$tests/$file" ] ||
			die "$pg_config has no ${file##*/}, which the tests need:" \
				"install postgresql-client-$pg_major, or build PostgreSQL with --enable-tap-tests"
	done
}

server_knows()
{
	grep -q "^#*$1\>" "$("$pg_config" --sharedir)/postgresql.conf.sample"
}

# quote_setting TEXT: as a string of postgresql.conf
quote_setting()
{
	printf "'%s'" "${1//\'/\'\'}"
}

# staged_settings STAGE: the settings with which a server finds the extension that
# `make install DESTDIR=STAGE` put there, and may use it as an output plugin.
staged_settings()
{
	local stage=$1

	if server_knows extension_destdir; then
		echo "extension_destdir = $(quote_setting "$stage")"
	elif server_knows extension_control_path; then
		echo "extension_control_path =" \
			"$(quote_setting "$stage$("$pg_config" --sharedir):\$system")"
	else
		die "$pg_bin/postgres cannot use an extension that is not installed (Debian's can)"
	fi
	echo "dynamic_library_path =" \
		"$(quote_setting "$stage$("$pg_config" --pkglibdir):\$libdir")"
	if server_knows output_plugin_libraries; then
		echo "output_plugin_libraries = 'pgoutput, test_decoding, pg_parley'"
	fi
	echo "wal_level = logical"
}
