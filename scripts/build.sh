# build.sh: builds everything and puts it where the server and the daemon find it.
# Sourced, after home.sh, postgres.sh and deps.sh.

# building NAME WHAT: the compilers take minutes the first time, so say where they are
building()
{
	say "building $2 ($place/log/build-$1.log)"
}

# built NAME COMMAND...: quiet unless it fails
built()
{
	local name=$1 log=$place/log/build-$1.log

	shift
	"$@" >"$log" 2>&1 && return
	tail -n 25 "$log" >&2
	die "building $name failed ($log)"
}

# Everything is built in the clone.
check_writable()
{
	if [ ! -w "$root" ] || [ ! -w "$root/extension" ]; then
		die "$root cannot be written, and everything is built there: clone it to a folder of yours"
	fi
}

build_extension()
{
	local -a make=(make -s -C "$root" -j "$(nproc)" "PG_CONFIG=$pg_config" with_llvm=no)

	building extension "the extension"
	built extension "${make[@]}" all
	built extension "${make[@]}" install "DESTDIR=$place/stage"
}

build_daemon()
{
	building daemon parley-pushd
	built daemon make -s -C "$root" -j "$(nproc)" pushd
	mkdir -p "$place/stage/bin"
	install "$root/pushd/parley-pushd" "$place/stage/bin/"
}

# A release archive has it built.
build_web()
{
	if ! has_web_ui; then
		building web "the web client and UI"
		built web make -s -C "$root" web
	fi
	rm -rf "$place/stage/web"
	cp -R "$root/web/dist" "$place/stage/web"
	chmod -R a+rX "$place/stage/web"
}
