# external.sh: PARLEY_DATABASE_URL, a server that is not ours.  It gets the extension and
# nothing else; what it lacks is said in words that can be pasted.  Sourced.

# ask SQL: of that server
ask()
{
	PGCONNECT_TIMEOUT=5 "${as_owner[@]}" \
		psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$PARLEY_DATABASE_URL" -c "$1"
}

check_your_server()
{
	local answer version

	answer=$(ask "SELECT 1" 2>&1) || die "PARLEY_DATABASE_URL: $(tail -n 1 <<<"${answer//$'\n\t'/ }")"
	version=$(ask "SELECT current_setting('server_version_num')::int / 10000")
	[ "$version" -ge "$oldest_postgres" ] && [ "$version" -le "$newest_postgres" ] ||
		die "the server is PostgreSQL $version, pg_parley needs $oldest_postgres to $newest_postgres"
	check_your_extension
	check_your_settings
	check_your_role
}

check_your_extension()
{
	local installed answer change

	installed=$(ask "SELECT extversion FROM pg_extension WHERE extname = 'pg_parley'")
	case $installed in
		"$(extension_version)") return ;;
		'') change="CREATE EXTENSION pg_parley" ;;
		*) change="ALTER EXTENSION pg_parley UPDATE TO '$(extension_version)'" ;;
	esac
	say "$change"
	answer=$(ask "$change" 2>&1) || die "on the server: make && sudo make install;" \
		"in the database, as a superuser: $change; ($(head -n 1 <<<"$answer"))"
}

# Who may not read which plugins are trusted finds out by trying.
check_your_settings()
{
	local plugins

	[ "$(ask "SHOW wal_level")" = logical ] ||
		die "the feed needs: ALTER SYSTEM SET wal_level = 'logical'; then restart the server"
	plugins=$(ask "SELECT current_setting('output_plugin_libraries', true) FROM pg_roles
		WHERE rolname = current_user AND (rolsuper OR pg_has_role('pg_read_all_settings', 'USAGE'))")
	case ,${plugins// /}, in
		,, | *,pg_parley,*) ;;
		*) die "the feed needs: ALTER SYSTEM SET output_plugin_libraries = $plugins, pg_parley;" \
			"SELECT pg_reload_conf();" ;;
	esac
}

check_your_role()
{
	[ "$(ask "SELECT rolsuper OR rolreplication AND pg_has_role(oid, 'chat_gateway', 'MEMBER')
		FROM pg_roles WHERE rolname = current_user")" = t ] ||
		die "the user of PARLEY_DATABASE_URL needs: ALTER ROLE $(ask "SELECT quote_ident(current_user)")" \
			"REPLICATION; GRANT chat_gateway TO $(ask "SELECT quote_ident(current_user)");"
}
