# bounce.sh: everybody comes back to a daemon that was killed.  Sourced.
#
# While it is down every room of 50 gets messages; then all log in at once and sync.

bounce_missed=3

# questions: requests to the daemon's pools of connections since it started
questions()
{
	http_body "$pushd_port" /metrics | awk '/^parley_pool_requests_total/ { n += $2 } END { print n + 0 }'
}

# http_body PORT PATH: prints the answer to a GET
http_body()
{
	exec 3<>"/dev/tcp/127.0.0.1/$1"
	printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
	cat <&3
	exec 3>&-
}

# Sends $bounce_missed messages to every room, and tells the version that all had before.
miss_messages()
{
	database -c "SELECT min(last_ver) FROM bench.room JOIN chat.conversation_counter USING (conversation_id)
		WHERE kind = 'all'"
	database -c "DO \$\$ DECLARE r bench.room; BEGIN
		FOR r IN SELECT * FROM bench.room WHERE kind = 'all' LOOP
			PERFORM chat.act_as(r.first_account);
			PERFORM chat.send(r.conversation_id, 'missed') FROM generate_series(1, $bounce_missed);
		END LOOP;
	END \$\$"
}

measure_bounce()
{
	local ver before log=$place/log/bounce.log

	start_pushd
	stop "$pushd_pid" KILL 2>/dev/null
	make_plan "$place/plan" all
	ver=$(miss_messages)
	start_pushd
	before=$(questions)
	"$bench/chatload" bounce --port "$pushd_port" --plan "$place/plan" \
		--connections "$idle_connections" --missed "$bounce_missed" --ver "$ver" \
		>"$log" 2>"$log.err" || die "bounce failed: $(last_line "$log.err") $(tr '\n' ' ' <"$log")"
	record_all bounce <"$log"
	record bounce.queries $(($(questions) - before))
	note ""
	note "$idle_connections clients come back to a daemon that was killed; each missed $bounce_missed messages"
	row '%-28s %8.2f s\n' "the last one is in step after" \
		"$(awk -v us="$(value bounce.back_max_us)" 'BEGIN { print us / 1000000 }')"
	row '%-28s %8s\n' "queries" "$(value bounce.queries)"
	stop_pushd
}
