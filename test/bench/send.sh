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
# Rounds go A B C A B C …; a figure is the median of its rounds.

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

# pgbench_tps SCRIPT CLIENTS
pgbench_tps()
{
	local log=$place/log/pgbench.log

	"${as_owner[@]}" "$pg_bin/pgbench" -n -M prepared -c "$2" -j $(($2 < 2 ? 1 : 2)) \
		-T "$send_seconds" -D first="$first" -D step="$step" -D spread="$spread" -f - \
		-h "$place/run" -U postgres chat \
		<"$bench/sql/$1.sql" >"$log" 2>&1 ||
		die "pgbench $1: $(grep -m 1 -i error "$log" || last_line "$log")"
	sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$log"
}

# rounds PREFIX CLIENTS SCRIPT...: records PREFIX.SCRIPT, one figure a round
rounds()
{
	local prefix=$1 clients=$2 script

	shift 2
	for _ in $(seq "$send_rounds"); do
		for script in "$@"; do
			record "$prefix.$script" "$(pgbench_tps "$script" "$clients")"
		done
	done
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
	row '%-12s %-5s %7s %9.0f %9.0f %6s %9s %6s %6s%%\n' "$1" "$2" "$3" "$ours" "$bare" \
		"$(ratio "$ours" "$bare")" "$count" "$of_count" "$(spread "$prefix.$5")"
}

measure_send()
{
	note ""
	note "chat.send against a bare INSERT into an equal table (per second; $send_rounds rounds of $send_seconds s)"
	row '%-12s %-5s %7s %9s %9s %6s %9s %6s %7s\n' form conv clients send insert ratio count ratio spread
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
	row '%7s %13s %9s %9s %6s %7s\n' clients conversations batch insert ratio spread
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
	row '%7s %13s %9.0f %9.0f %6s %6s%%\n' "$1" "$2" "$(awk "BEGIN { print $ours * 100 }")" \
		"$(awk "BEGIN { print $bare * 100 }")" "$(ratio "$ours" "$bare")" \
		"$(spread "$prefix.send_batch")"
}
