#!/bin/bash
# chat.sh: run once, by the entrypoint of the image `postgres`, in a new cluster: the database, the
# extension, and the role of parley-pushd, whose password is PARLEY_PUSHD_PASSWORD.
set -euo pipefail

: "${PARLEY_PUSHD_PASSWORD:?the role parley_pushd needs a password}"

psql --no-psqlrc -v ON_ERROR_STOP=1 -v password="$PARLEY_PUSHD_PASSWORD" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
ALTER SYSTEM SET wal_level = 'logical';
ALTER SYSTEM SET max_slot_wal_keep_size = '1GB';
ALTER SYSTEM SET shared_preload_libraries = 'pg_parley';
-- Where the server has it: the list of plugins that a role without superuser may use.
SELECT setting || ', pg_parley' AS plugins FROM pg_settings WHERE name = 'output_plugin_libraries' \gset
\if :{?plugins}
ALTER SYSTEM SET output_plugin_libraries = :plugins;
\endif
CREATE EXTENSION pg_parley;
CREATE ROLE parley_pushd LOGIN REPLICATION PASSWORD :'password' IN ROLE chat_gateway;
ALTER ROLE parley_pushd SET log_parameter_max_length = 0;
SQL
