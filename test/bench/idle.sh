# idle.sh: memory of parley-pushd per idle, authenticated connection.  Sourced.
#
# A fresh daemon; every connection is of another account, which is a member of one
# group of 50.  Resident memory of the process: what the kernel holds for the sockets
# (the same for any server) is not in it.

measure_idle()
{
	local few=$((idle_connections / 5)) full=$idle_connections connections log=$place/log/idle.log

	start_pushd
	make_plan "$place/plan" all
	"$bench/chatload" idle --server-pid "$pushd_pid" --port "$pushd_port" --plan "$place/plan" \
		--connections "$full" >"$log" 2>"$log.err" || die "idle failed: $(last_line "$log.err")"
	record_all idle <"$log"
	note ""
	note "memory of parley-pushd with idle, authenticated connections"
	row '%11s %12s %16s\n' connections resident_kB bytes/connection
	for connections in 0 "$few" "$full"; do
		row '%11s %12s %16s\n' "$connections" "$(value "idle.resident_kb_at_$connections")" \
			"$(value "idle.bytes_per_connection_at_$connections")"
	done
	row '%s %s\n' "each beyond the first $few:" \
		"$(value idle.bytes_per_further_connection) bytes"
	stop_pushd
}
