# fanout.sh: parley-pushd against a bare epoll loop.  Sourced.
#
# chatload is the client of both: its senders send `message` frames, every member of
# the room receives the event.  parley-pushd stores each message first (send_batch,
# commit, WAL, output plugin) and fans out what the feed brings; epollcast stores
# nothing, builds an equal frame and does one send() per member.
#
# The server under test has CPU 0 for itself; CPU 1 is shared by chatload and, for
# parley-pushd, PostgreSQL.  `per CPU s` divides by the CPU time of the server process
# alone (for parley-pushd PostgreSQL's comes on top), so it holds even where the client
# or PostgreSQL is the limit.
#
# large   one room of 1000: fan-out alone, PostgreSQL has next to nothing to do
# small   100 rooms of 10: every tenth delivery is a durable message
#         (both: 16 messages under way per room)
# open    the large room at a fixed rate, half of what pushd did in the closed loop;
#         latency from when a message was due to each receiver

# fanout_once NAME PID PORT PLAN OPTION...: one run, figures recorded as fanout.NAME
fanout_once()
{
	local name=$1 pid=$2 port=$3 plan=$4 log=$place/log/chatload.log status=0

	shift 4
	on_cpu 1 "$bench/chatload" fanout --server-pid "$pid" --port "$port" --plan "$plan" \
		--window 16 --seconds "$fanout_seconds" "$@" >"$log" 2>"$log.err" || status=$?
	record_all "fanout.$name" <"$log"
	[ $status = 0 ] || die "fanout.$name failed: $(last_line "$log.err")" \
		"$(grep -E '^(lost|duplicated|stray|gaps|refused) [^0]' "$log" | tr '\n' ' ')"
}

# fanout_pair NAME ROOMS OPTION...: one run of each
fanout_pair()
{
	local name=$1 rooms=$2 plan=$place/plan

	shift 2
	make_plan "$plan" "$rooms"
	awk '{ print $1, $2, 1, $1 }' "$plan" >"$plan.epollcast"
	fanout_once "$name.pushd" "$pushd_pid" "$pushd_port" "$plan" "$@"
	fanout_once "$name.epollcast" "$epollcast_pid" "$epollcast_port" "$plan.epollcast" "$@"
}

fanout_row()
{
	local name=$1 server=$2 prefix=fanout.$1.$2

	row '%-7s %-10s %9.0f %9.0f %6.2f %6.2f %6.2f %6.0f %9.0f\n' "$name" "$server" \
		"$(median "$prefix.deliveries_per_s")" "$(median "$prefix.deliveries_per_cpu_s")" \
		"$(median "$prefix.server_cpu")" "$(median "$prefix.client_cpu")" \
		"$(median "$prefix.messages_per_frame")" "$(median "$prefix.bytes_per_delivery")" \
		"$(median "$prefix.user_ns_per_delivery")"
}

fanout_ratios()
{
	local figure

	for figure in deliveries_per_s deliveries_per_cpu_s; do
		record "fanout.$1.ratio_$figure" "$(ratio "$(median "fanout.$1.pushd.$figure")" \
			"$(median "fanout.$1.epollcast.$figure")")"
	done
	row '%-7s %-10s %9s %9s\n' "$1" ratio "$(value "fanout.$1.ratio_deliveries_per_s")" \
		"$(value "fanout.$1.ratio_deliveries_per_cpu_s")"
}

latency_row()
{
	local prefix=fanout.open.$1.delivery

	row '%-7s %-10s %9.1f %9.1f %9.1f %9.1f %9.1f\n' open "$1" \
		"$(value "${prefix}_p50_us" | milliseconds)" "$(value "${prefix}_p90_us" | milliseconds)" \
		"$(value "${prefix}_p99_us" | milliseconds)" "$(value "${prefix}_p999_us" | milliseconds)" \
		"$(value "${prefix}_max_us" | milliseconds)"
}

milliseconds()
{
	awk '{ print $1 / 1000 }'
}

measure_fanout()
{
	local name rate

	start_pushd
	start_epollcast
	pin 0 "$pushd_pid"
	pin 0 "$epollcast_pid"
	pin 1 "$postgres_pid"
	note ""
	note "fan-out: parley-pushd against a bare epoll loop (closed loop; $fanout_rounds rounds of $fanout_seconds s)"
	row '%-7s %-10s %9s %9s %6s %6s %6s %6s %9s\n' rooms server per_s per_CPU_s CPU client \
		msg/fr bytes user_ns
	for name in large small; do
		for _ in $(seq "$fanout_rounds"); do
			fanout_pair "$name" "$name"
		done
		fanout_row "$name" pushd
		fanout_row "$name" epollcast
		fanout_ratios "$name"
	done
	rate=$(median fanout.large.pushd.deliveries_per_s | awk '{ print int($1 / 1000 / 2) }')
	fanout_pair open large --rate "$rate"
	note ""
	note "fan-out: latency at $rate messages/s to 1000 members (open loop; ms)"
	row '%-7s %-10s %9s %9s %9s %9s %9s\n' rooms server p50 p90 p99 p99.9 max
	latency_row pushd
	latency_row epollcast
	stop_epollcast
	stop_pushd
	pin "0-$(($(nproc) - 1))" "$postgres_pid"
}
