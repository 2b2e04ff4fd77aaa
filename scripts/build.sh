# build.sh: builds everything and puts it where the server and the daemon find it.
# Sourced, after home.sh and postgres.sh.

# built NAME COMMAND...: quiet unless it fails
built()
{
	local name=$1 log=$place/log/build-$1.log

	shift
	"$@" >"$log" 2>&1 && return
	tail -n 25 "$log" >&2
	die "building $name failed ($log)"
}

build_extension()
{
	local -a make=(make -s -C "$root" -j "$(nproc)" "PG_CONFIG=$pg_config" with_llvm=no)

	built extension "${make[@]}" all
	built extension "${make[@]}" install "DESTDIR=$place/stage"
}

build_daemon()
{
	built daemon make -s -C "$root" -j "$(nproc)" pushd
	mkdir -p "$place/stage/bin"
	install "$root/pushd/parley-pushd" "$place/stage/bin/"
}

build_web()
{
	built web make -s -C "$root" web
	rm -rf "$place/stage/web"
	cp -R "$root/web/dist" "$place/stage/web"
	chmod -R a+rX "$place/stage/web"
}
