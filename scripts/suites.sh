#!/bin/bash
# suites.sh [SUITE...]: runs the test suites in the tree that it stands in, as an ordinary
# user, and counts.  check.sh prepares that tree.
#
# Those that take long run only when they are named: memcheck, undefined, sanitized and soak.
#
# A suite is a function; what it prints is kept, and the lines in it that report a test
# are counted: TAP, or pg_regress before 16.  A suite that fails without such a line, or
# that has none, counts as one failure.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"

suites="build layers versions format shell cppcheck unit regress regress_stock hostile isolation tap web browser leftovers"
time_limit=900 # seconds, for one suite
patient_suites="memcheck sanitized soak" # four times as long
telling_suites="soak"                   # what they say beside their tests is of interest, too
passed_line='^ok |^(test|    ).* \.\.\. ok '
failed_line='^not ok |^(test|    ).* \.\.\. FAILED '
work=${TMPDIR:?}/check
stage=$work/stage
skipped_line='^ok .*# SKIP|^1\.\.0 # SKIP'
passed_in_all=0
failed_in_all=0
skipped_in_all=0
failed_suites=

# ---- suites --------------------------------------------------------------

# step NAME COMMAND...: one test that passes when COMMAND does
step()
{
	local name=$1

	shift
	if "$@"; then
		echo "ok - $name"
	else
		echo "not ok - $name"
	fi
}

# A warning is an error here, and only here: a newer compiler may warn of more.
suite_build()
{
	local -a make=(make -s -j "$(nproc)" "PG_CONFIG=$pg_config" with_llvm=no
		"COPT=-Wall -Wextra -Wno-unused-parameter -Werror" WERROR=-Werror)

	step extension "${make[@]}" all
	step install "${make[@]}" install "DESTDIR=$stage"
	step daemon "${make[@]}" pushd
	step web test -s web/dist/index.html
}

suite_layers()
{
	scripts/layers --tap
}

suite_versions()
{
	local status=0

	scripts/versions --tap || status=1
	scripts/meta --tap || status=1
	return $status
}

# written_for PROGRAM VERSION...: other versions of a formatter or a checker want other things of
# the same tree, and which is there says nothing of it.
written_for()
{
	local program=$1 found

	shift
	found=$("$program" --version 2>/dev/null | grep -o -m 1 '[0-9]\+\.[0-9]\+' | head -n 1)
	for version in "$@"; do
		[[ $found != "$version"* ]] || return 0
	done
	echo "ok - $program # SKIP $program is ${found:-not there}, the tree is written for $*"
	return 1
}

suite_format()
{
	local file

	written_for clang-format 14. || return 0
	for file in extension/*.[ch] pushd/*.[ch] test/unit/*.[ch] test/bench/*.[ch]; do
		[ ! -f "$file" ] || step "$file" clang-format --dry-run -Werror "$file"
	done
}

suite_shell()
{
	local file

	written_for shellcheck 0.9 || return 0
	for file in .ci/run scripts/{run,psql,check,suites,apt,dist}.sh scripts/{versions,reference} test/bench/run test/fresh/run test/fresh/matrix; do
		step "$file" shellcheck -x -a "$file"
	done
}

suite_cppcheck()
{
	local room

	written_for cppcheck 2.10 || return 0
	for room in extension pushd; do
		step $room cppcheck --quiet --error-exitcode=1 --std=c11 --language=c --inline-suppr \
			--enable=warning,portability --suppressions-list=scripts/cppcheck.txt -Iextension -I$room $room
	done
}

suite_unit()
{
	local status=0

	make -s -C test/unit check || status=1
	make -s -C test/fuzz check || status=1
	make -s -C test/bench check || status=1
	return $status
}

# regress NAME CONFIG [BINDIR]: sql/ against expected/
regress()
{
	local tests=(sql/*.sql)

	tests=("${tests[@]##*/}")
	"$pgxs/src/test/regress/pg_regress" --bindir="${3:-$pg_bin}" --inputdir=. --outputdir="$work/$1" \
		--temp-instance="$work/$1/instance" --temp-config="$2" --no-locale --encoding=UTF8 \
		--dbname=contrib_regression "${tests[@]%.sql}" || { show "$work/$1/regression.diffs"; return 1; }
}

suite_regress()
{
	regress regress "$work/preloaded.conf"
}

# As `make installcheck` on a server that nobody prepared.
suite_regress_stock()
{
	regress regress_stock "$work/stock.conf"
}

# What a server, a database or a role may be set to changes no result: the SQL tests, and those of
# delivery, with settings against us.  Left out is what only changes how the tests themselves are
# read and written.
suite_hostile()
{
	local settings="transform_null_equals=on gin_fuzzy_search_limit=1
		default_text_search_config=pg_catalog.simple default_transaction_deferrable=on
		plan_cache_mode=force_custom_plan check_function_bodies=off backslash_quote=off"
	local status=0

	# shellcheck disable=SC2086 # one word each
	PGOPTIONS=$(printf ' -c %s' $settings) regress hostile "$work/preloaded.conf" || status=1
	PARLEY_TEST_HOSTILE=1 tap hostile_tap "$PWD/pushd/parley-pushd" \
		test/t/{001_rest,002_websocket_auth,003_delivery,010_rest_more,041_frames,042_catchup,044_presence}.pl || status=1
	return $status
}

# Every backend under valgrind.  PostgreSQL as it is packaged does not tell valgrind of its memory
# contexts, so what is found is misuse of the stack, of whole blocks and of what libraries allocate.
suite_memcheck()
{
	local program bin=$work/memcheck/bin logs=$work/memcheck/found status=0

	mkdir -p "$bin" "$logs"
	for program in "$pg_bin"/*; do
		ln -sf "$program" "$bin/"
	done
	rm "$bin/postgres"
	cat >"$bin/postgres" <<-END
		#!/bin/sh
		exec valgrind --quiet --trace-children=yes --leak-check=no --num-callers=25 --error-limit=no --vgdb=no \\
			--suppressions='$PWD/test/memcheck.supp' --log-file='$logs/%p' '$pg_bin/postgres' "\$@"
	END
	chmod +x "$bin/postgres"
	PGCTLTIMEOUT=300 regress memcheck "$work/preloaded.conf" "$bin" || status=1
	find "$logs" -type f -size +0 -exec head -n 60 {} +
	step "valgrind finds nothing" test -z "$(find "$logs" -type f -size +0)"
	return $status
}

# The extension alone with the checks of undefined behaviour: the first found ends its backend.
suite_undefined()
{
	local place=$work/undefined

	mkdir -p "$place"
	cp -R Makefile extension "$place"
	rm -f "$place"/extension/*.o "$place"/*.so
	make -s -j "$(nproc)" -C "$place" install "PG_CONFIG=$pg_config" with_llvm=no "DESTDIR=$place/stage" \
		"COPT=-fsanitize=undefined -fno-sanitize-recover=all" "SHLIB_LINK=-largon2 -lcrypto -lubsan" || return
	sed "s|$stage|$place/stage|" "$work/preloaded.conf" >"$place/preloaded.conf"
	regress undefined "$place/preloaded.conf" || { grep -a "runtime error" -r "$place/log"; return 1; }
}

suite_isolation()
{
	"$pgxs/src/test/isolation/pg_isolation_regress" --bindir="$pg_bin" --inputdir=test/isolation \
		--outputdir="$work/isolation" --temp-instance="$work/isolation/instance" \
		--temp-config="$work/preloaded.conf" --no-locale --encoding=UTF8 \
		--load-extension=pg_parley --schedule=test/isolation/schedule ||
		{ show "$work/isolation/regression.diffs"; return 1; }
}

# tap PLACE DAEMON TESTS...: every cluster that a TAP test makes gets TEMP_CONFIG.  Most of the
# time a test waits for something, so several run at once; each is told when it has ended.
tap()
{
	local place=$1 daemon=$2

	shift 2
	mkdir -p "$work/$place/told"
	# shellcheck disable=SC2016 # for the inner shell
	printf '%s\n' "$@" |
		PATH=$pg_bin:$PATH TESTDIR=$work/$place TESTDATADIR=$work/$place TESTLOGDIR=$work/$place/log \
			PG_REGRESS=$pgxs/src/test/regress/pg_regress TEMP_CONFIG=$work/preloaded.conf \
			PARLEY_STAGE=$stage PARLEY_PUSHD=$daemon PARLEY_WEB_ROOT=$PWD/web/dist \
			TOLD=$work/$place/told PERL5LIB=$pgxs/src/test/perl \
			xargs -P 2 -I TEST bash -c 'told=$TOLD/$(basename TEST) status=0
				prove --verbose --merge TEST >"$told" 2>&1 || status=1
				flock "$TOLD" cat "$told"
				exit $status'
}

suite_tap()
{
	tap tap "$PWD/pushd/parley-pushd" test/t/*.pl
}

# The same with three daemons as one server, and with the feed from the tables: only when named.
suite_processes()
{
	PARLEY_TEST_PROCESSES=3 tap processes "$PWD/pushd/parley-pushd" test/t/*.pl
}

suite_tables()
{
	PARLEY_TEST_FEED=table tap tables "$PWD/pushd/parley-pushd" test/t/*.pl
}

# The same with the daemon under AddressSanitizer and UBSan, leaks included.
suite_sanitized()
{
	local status=0 found=$work/sanitized/found

	mkdir -p "$found"
	make -s -j "$(nproc)" -C pushd "PG_CONFIG=$pg_config" SANITIZE=address,undefined || return
	PARLEY_TEST_PATIENCE=120 ASAN_OPTIONS=log_path=$found/report \
		UBSAN_OPTIONS=print_stacktrace=1:log_path=$found/report \
		tap sanitized "$PWD/pushd/build-address-undefined/parley-pushd" test/t/*.pl || status=1
	find "$found" -type f -exec head -n 60 {} +
	step "the sanitizers find nothing" test -z "$(find "$found" -type f)"
	return $status
}

# A day of chat in SOAK_MINUTES minutes with SOAK_PEOPLE people.
suite_soak()
{
	tap soak "$PWD/pushd/parley-pushd" test/soak/day.pl
}

suite_web()
{
	cd web
	step typecheck npm run --silent typecheck
	npm test --silent -- --test-reporter=tap
}

# Two browsers against what `make run` starts.
suite_browser()
{
	local port log=$work/run.log run status=0

	port=$(free_port)
	PARLEY_HOME=$work/home PARLEY_PORT=$port scripts/run.sh >"$log" 2>&1 &
	run=$!
	if wait_until 120 grep -q '^ready: ' "$log"; then
		PARLEY_URL=http://127.0.0.1:$port node test/e2e/run.mjs || status=$?
	else
		status=1
	fi
	kill -TERM $run 2>/dev/null || true
	wait $run || status=$?
	[ $status = 0 ] || show "$log"
	return $status
}

suite_leftovers()
{
	step "nothing still runs" soon nothing_runs_here
}

# soon COMMAND...: does it hold within five seconds?  A script that was told to stop leaves
# the short sleep behind that it was in.
soon()
{
	local deadline=$((SECONDS + 5))

	until "$@" >"$work/soon"; do
		[ "$SECONDS" -lt "$deadline" ] || { cat "$work/soon"; return 1; }
		sleep 0.1
	done
}

# Of this user's processes in the scratch folder only this one and its parents remain.
nothing_runs_here()
{
	local directory pid=$$ expected=" " found=0

	while [ "$pid" -gt 1 ]; do
		expected+="$pid "
		pid=$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status")
	done
	for directory in /proc/[0-9]*/cwd; do
		pid=$(basename "$(dirname "$directory")")
		case "$expected $(readlink "$directory" 2>/dev/null)" in
			*" $pid "*) ;;
			*" $(dirname "$root")"/*)
				echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
				found=1
				;;
		esac
	done
	[ $found = 0 ]
}

# ---- running and counting ------------------------------------------------

show()
{
	[ ! -f "$1" ] || head -n 100 "$1"
}

prepare()
{
	mkdir -p "$work"/{log,hostile,regress,regress_stock,isolation,memcheck,sanitized}
	staged_settings "$stage" >"$work/preloaded.conf"
	grep -v '^wal_level\|^output_plugin' "$work/preloaded.conf" >"$work/stock.conf"
	echo "shared_preload_libraries = 'pg_parley'" >>"$work/preloaded.conf"
}

# count PATTERN LOG
count()
{
	grep -a -c -E "$1" "$2" || true
}

run_suite()
{
	local name=$1 log=$work/log/$1 limit=$time_limit started passed failed skipped status=0

	started=$(date +%s%N)
	[[ " $patient_suites " != *" $name "* ]] || limit=$((4 * time_limit))
	timeout $limit bash "$0" --one "$name" >"$log" 2>&1 || status=$?
	skipped=$(count "$skipped_line" "$log")
	passed=$(($(count "$passed_line" "$log") - $(count "^ok .*# SKIP" "$log")))
	failed=$(count "$failed_line" "$log")
	[ $status != 124 ] || echo "stopped after $limit s" >>"$log"
	if [ "$failed" = 0 ] && { [ $status != 0 ] || [ "$((passed + skipped))" = 0 ]; }; then
		failed=1
	fi
	printf '%-14s %8d %8d %8d %9.1f\n' "$name" "$passed" "$failed" "$skipped" \
		"$((($(date +%s%N) - started) / 1000000))e-3"
	passed_in_all=$((passed_in_all + passed))
	failed_in_all=$((failed_in_all + failed))
	skipped_in_all=$((skipped_in_all + skipped))
	[ "$failed" = 0 ] || failed_suites+=" $name"
	[[ " $telling_suites " != *" $name "* ]] || grep -a '^# \|^ok \|^not ok ' "$log"
}

# What a log says beside the tests that passed: all of it, or what follows the failures.
tell()
{
	grep -a -v '^ok' "$1" >"$work/told" || true
	if [ "$(wc -l <"$work/told")" -le 200 ]; then
		cat "$work/told"
	else
		grep -a -A 20 -E "$failed_line" "$work/told" >"$work/failures" || true
		head -n 150 "$work/failures"
		echo "[...]"
		tail -n 30 "$work/told"
	fi
}

report()
{
	local name

	for name in $failed_suites; do
		printf '\n---- %s\n' "$name"
		tell "$work/log/$name"
	done
	if [ "$skipped_in_all" != 0 ]; then
		printf '\nSKIPPED, and so not known:\n'
		grep -a -h -o -E "$skipped_line.*" "$work"/log/* | sed 's/.*# SKIP/   /' | sort -u
	fi
	printf '\n%d passed, %d failed, %d skipped\n' "$passed_in_all" "$failed_in_all" "$skipped_in_all"
	[ "$failed_in_all" = 0 ]
}

cd "$root"
need_postgres
pgxs=$(realpath "$(dirname "$("$pg_config" --pgxs)")/../..")
if [ "${1:-}" = --one ]; then
	set +e
	"suite_$2"
	exit
fi
prepare
printf '%-14s %8s %8s %8s %9s\n' suite passed failed skipped seconds
if [ $# = 0 ]; then
	# shellcheck disable=SC2086 # one word each
	set -- $suites
fi
for suite in "$@"; do
	run_suite "$suite"
done
report
