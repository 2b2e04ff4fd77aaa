# postgres.sh: which PostgreSQL to build against and to run.  Sourced.

oldest_postgres=14
newest_postgres=18

# Sets pg_config and pg_major: from PG_CONFIG, else the PATH, else the newest Debian
# package that is there; leaves both empty where there is none.
find_postgres()
{
	local version candidate

	pg_config=${PG_CONFIG:-$(command -v pg_config || true)}
	pg_major=
	if [ -z "$pg_config" ]; then
		for candidate in /usr/lib/postgresql/*/bin/pg_config; do
			[ -x "$candidate" ] && pg_config=$candidate
		done
	fi
	[ -n "$pg_config" ] || return 0
	version=$("$pg_config" --version 2>/dev/null) || die "$pg_config does not run"
	version=${version#PostgreSQL }
	pg_major=${version%%[!0-9]*}
	if [ "${pg_major:-0}" -lt $oldest_postgres ] || [ "$pg_major" -gt $newest_postgres ]; then
		die "$pg_config is of PostgreSQL ${version%% *}, pg_parley needs" \
			"$oldest_postgres to $newest_postgres (PG_CONFIG names another)"
	fi
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
