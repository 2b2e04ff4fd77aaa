# send.sh: chat.send against a bare INSERT into an equal table.  Sourced.
#
# Pairs, each of equal round trips and commits, by pgbench with prepared statements:
#
#	call          one statement, one round trip:
#	              SELECT chat.send(…) FROM chat.act_as(…)  |  INSERT … RETURNING
#	transaction   one pipeline: BEGIN; SELECT chat.act_as(…); SELECT chat.send(…); COMMIT
#	              | BEGIN; SELECT 1; INSERT … RETURNING; COMMIT
#
# The equal table has chat.message's columns, checks, indexes and foreign keys, both
# sides store a random client id and the same text.  The bare side numbers by a
# sequence: it checks no member and no repeat, and leaves gaps.  `count` stands between:
# the bare INSERT with one counter row updated in the same statement, which is the least
# that numbers without gaps cost; where all clients write to one conversation, that
# row's lock is held over each commit, so it bounds chat.send there.
#
# Rounds go A B C A B C …; a figure is the median of its rounds.  `CPU` is the same ratio
# by CPU time of the backends, commit included: it moves little when others use the
# machine, and says nothing about waiting for locks and disk.

# What sql/*.sql are told: the first conversation, the step from one client's to the
# next one's, and over how many a batch is spread.
first= step= spread=1

choose_conversations()
{
	case $1 in
		own) first=$(database -c "SELECT conversation_id FROM bench.client WHERE number = 0") step=1 ;;
		one) first=$(database -c "SELECT conversation_id FROM bench.room WHERE kind = 'shared'") step=0 ;;
	esac
}

# CPU time in ticks of all backends that have ended: what the postmaster reaped.
backend_ticks()
{
	sleep 0.1
	sed 's/^.*) //' "/proc/$postgres_pid/stat" | awk '{ print $14 + $15 }'
}

# one_round NAME SCRIPT CLIENTS: records NAME, transactions a second, and NAME.cpu_us, the
# CPU time of the backends a transaction, which holds when others use the machine too
one_round()
{
	local log=$place/log/pgbench.log ticks

	ticks=$(backend_ticks)
	"${as_owner[@]}" "$pg_bin/pgbench" -n -M prepared -c "$3" -j $(($3 < 2 ? 1 : 2)) \
		-T "$send_seconds" -D first="$first" -D step="$step" -D spread="$spread" -f - \
		-h "$place/run" -U postgres chat \
		<"$bench/sql/$2.sql" >"$log" 2>&1 ||
		die "pgbench $2: $(grep -m 1 -i error "$log" || last_line "$log")"
	record "$1" "$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$log")"
	record "$1.cpu_us" "$(awk -v ticks=$(($(backend_ticks) - ticks)) -v hertz="$(getconf CLK_TCK)" \
		'/actually processed/ { printf "%.1f", ticks * 1e6 / hertz / $NF }' "$log")"
}

# rounds PREFIX CLIENTS SCRIPT...: records PREFIX.SCRIPT, one figure a round
rounds()
{
	local prefix=$1 clients=$2 script

	shift 2
	for _ in $(seq "$send_rounds"); do
		for script in "$@"; do
			one_round "$prefix.$script" "$script" "$clients"
		done
	done
}

# cpu_ratio PREFIX OURS BARE: how much of our CPU time the bare statement would take
cpu_ratio()
{
	local by

	by=$(ratio "$(median "$1.$3.cpu_us")" "$(median "$1.$2.cpu_us")")
	record "$1.cpu_ratio" "$by"
	echo "$by"
}

# send_table FORM CONVERSATIONS SCRIPT...: the first of the scripts is ours
send_table()
{
	local form=$1 conversations=$2 clients prefix

	shift 2
	choose_conversations "$conversations"
	for clients in $send_clients; do
		prefix=send.$form.$conversations.$clients
		rounds "$prefix" "$clients" "$@"
		send_row "$form" "$conversations" "$clients" "$prefix" "$@"
	done
}

send_row()
{
	local prefix=$4 ours bare count=- of_count=-

	ours=$(median "$prefix.$5")
	bare=$(median "$prefix.$6")
	record "$prefix.ratio" "$(ratio "$ours" "$bare")"
	if [ -n "${7:-}" ]; then
		count=$(median "$prefix.$7")
		of_count=$(ratio "$ours" "$count")
		record "$prefix.ratio_to_count" "$of_count"
		count=$(printf %.0f "$count")
	fi
	row '%-12s %-5s %7s %9.0f %9.0f %6s %6s %9s %6s %6s%%\n' "$1" "$2" "$3" "$ours" "$bare" \
		"$(ratio "$ours" "$bare")" "$(cpu_ratio "$prefix" "$5" "$6")" "$count" "$of_count" \
		"$(spread "$prefix.$5")"
}

measure_send()
{
	note ""
	note "chat.send against a bare INSERT into an equal table (per second; $send_rounds rounds of $send_seconds s)"
	row '%-12s %-5s %7s %9s %9s %6s %6s %9s %6s %7s\n' form conv clients send insert ratio \
		CPU count ratio spread
	send_table call own send_call bare_call count_call
	send_table call one send_call bare_call count_call
	send_table transaction own send_transaction bare_transaction
}

# Messages, not calls: 100 a call, all in one conversation or spread over 32, as they
# reach parley-pushd, which sends them so on one connection.
measure_batch()
{
	note ""
	note "chat.send_batch against INSERT … SELECT, 100 messages a call (messages per second)"
	row '%7s %13s %9s %9s %6s %6s %7s\n' clients conversations batch insert ratio CPU spread
	choose_conversations own
	batch_row 1 1
	batch_row 8 1
	batch_row 1 32
}

# batch_row CLIENTS CONVERSATIONS
batch_row()
{
	local prefix=batch.$1.$2 ours bare

	spread=$2
	rounds "$prefix" "$1" send_batch bare_batch
	ours=$(median "$prefix.send_batch")
	bare=$(median "$prefix.bare_batch")
	record "$prefix.ratio" "$(ratio "$ours" "$bare")"
	row '%7s %13s %9.0f %9.0f %6s %6s %6s%%\n' "$1" "$2" "$(awk "BEGIN { print $ours * 100 }")" \
		"$(awk "BEGIN { print $bare * 100 }")" "$(ratio "$ours" "$bare")" \
		"$(cpu_ratio "$prefix" send_batch bare_batch)" "$(spread "$prefix.send_batch")"
}
