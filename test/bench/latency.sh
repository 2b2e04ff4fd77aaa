# latency.sh: from a commit in SQL to the WebSocket frame, on an idle machine.  Sourced.
#
# What the times mean stands in latency.c.  Nothing is pinned.

latency_limit_us=2000

measure_latency()
{
	local log=$place/log/latency.log name p50 busy

	start_pushd
	make_plan "$place/plan" pair
	busy=$(note_busy latency)
	"$bench/chatload" latency --port "$pushd_port" --plan "$place/plan" \
		--database "$(conninfo postgres)" --samples "$latency_samples" \
		>"$log" 2>"$log.err" || die "latency failed: $(last_line "$log.err")"
	record_all latency <"$log"
	note ""
	note "commit to frame on an idle machine (ms; $latency_samples messages, 10 ms apart; $busy% busy before)"
	row '%-18s %7s %7s %7s %7s %7s\n' "" p50 p90 p99 p99.9 max
	for name in call_to_frame return_to_frame send_call; do
		# shellcheck disable=SC2046 # five numbers
		row '%-18s %7.2f %7.2f %7.2f %7.2f %7.2f\n' "$name" \
			$(for p in p50 p90 p99 p999 max; do value "latency.${name}_${p}_us" | milliseconds; done)
	done
	p50=$(value latency.call_to_frame_p50_us)
	record latency.limit_us $latency_limit_us
	note "wanted: p50 under $((latency_limit_us / 1000)) ms, the whole call included:" \
		"$(awk -v p50="$p50" -v limit=$latency_limit_us 'BEGIN { print p50 < limit ? "met" : "MISSED" }')"
	stop_pushd
}
