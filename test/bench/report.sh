# report.sh: where figures go: a line each to out/results.tsv, from which results.json is
# made, and tables for people to the screen and out/report.txt.  Sourced.

start_report()
{
	out=$bench/out
	mkdir -p "$out"
	: >"$out/results.tsv"
	: >"$out/report.txt"
	note "pg_parley benchmark, $(date -u +%Y-%m-%dT%H:%MZ), commit $(commit_name)${QUICK:+, QUICK}"
	note "$(nproc) CPUs ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1))," \
		"Linux $(uname -r); others keep $(note_busy start)% of them busy"
}

# note_busy WHEN: records and prints it
note_busy()
{
	local percent

	percent=$(busy_percent)
	record "machine.busy_percent_at_$1" "$percent"
	echo "$percent"
}

# What others do on the machine, in percent of it, over a second: they spoil figures.
busy_percent()
{
	local before after

	before=$(head -n 1 /proc/stat)
	sleep 1
	after=$(head -n 1 /proc/stat)
	printf '%s\n%s\n' "$before" "$after" | awk '
		{ total = 0; for (i = 2; i <= 9; i++) total += $i; idle = $5 + $6 }
		NR == 1 { total_before = total; idle_before = idle }
		END { printf "%.0f", 100 - 100 * (idle - idle_before) / (total - total_before) }'
}

commit_name()
{
	git -C "$root" describe --always --dirty 2>/dev/null || echo unknown
}

note()
{
	printf '%s\n' "$*" | tee -a "$out/report.txt"
}

# row FORMAT VALUE...: a line of a table
row()
{
	# shellcheck disable=SC2059 # the format is the point
	printf "$@" | tee -a "$out/report.txt"
}

# record NAME VALUE
record()
{
	printf '%s\t%s\n' "$1" "$2" >>"$out/results.tsv"
}

# record_all PREFIX: "name value" lines of chatload on stdin
record_all()
{
	local name value

	while read -r name value; do
		record "$1.$name" "$value"
	done
}

# value NAME: the figures recorded under that name, one a line
value()
{
	awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$out/results.tsv"
}

# median NAME: of the figures recorded under that name
median()
{
	value "$1" | sort -g | awk '{ v[NR] = $1 }
		END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# spread NAME: (largest - smallest) / median of its rounds, in percent
spread()
{
	value "$1" | sort -g | awk '{ v[NR] = $1 }
		END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
			  printf "%.0f", m ? 100 * (v[NR] - v[1]) / m : 0 }'
}

# ratio A B
ratio()
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b ? a / b : 0 }'
}

run_json()
{
	printf '{"date": "%s", "commit": "%s", "cpus": %d, "linux": "%s", "postgres": "%s", "quick": %s}' \
		"$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(commit_name)" "$(nproc)" "$(uname -r)" \
		"$("$pg_config" --version)" "$([ -n "${QUICK:-}" ] && echo true || echo false)"
}

# One name, one member: the median of its rounds, and the rounds themselves.
finish_report()
{
	awk -F '\t' -v run="$(run_json)" '
		function median(list, n, v, i, j, t) {
			n = split(list, v, " ")
			for (i = 2; i <= n; i++)
				for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
			return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
		}
		!($1 in rounds) { order[++names] = $1 }
		{ rounds[$1] = rounds[$1] (rounds[$1] == "" ? "" : " ") $2 }
		END {
			print "{"
			printf "  \"run\": %s,\n", run
			for (i = 1; i <= names; i++) {
				list = rounds[order[i]]
				commas = list
				gsub(/ /, ", ", commas)
				printf "  \"%s\": {\"median\": %s, \"rounds\": [%s]}%s\n", order[i], median(list),
					commas, i < names ? "," : ""
			}
			print "}"
		}' "$out/results.tsv" >"$out/results.json"
	note ""
	note "finished in $SECONDS s; figures in ${out#"$root"/}/results.json"
}
