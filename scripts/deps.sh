# deps.sh: the Debian packages a command needs; installs those that are missing.
# Sourced, after postgres.sh.

# What each command needs beside PostgreSQL and Node.js.
# shellcheck disable=SC2034 # no command needs all
{
build_packages="gcc libc6-dev make pkg-config libssl-dev libpq-dev libwebsockets-dev
	libwebsockets-evlib-uv libuv1-dev libjansson-dev zlib1g-dev libbrotli-dev"
extension_packages="libargon2-dev libzstd-dev"
check_packages="chromium clang-format cppcheck git libipc-run-perl libmojolicious-perl pgxnclient shellcheck
	valgrind"
}

# missing_packages PACKAGE...: those of them that are not installed
missing_packages()
{
	local installed package

	installed=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
		awk '$2 == "installed" { print $1 }' | tr '\n' ' ')"
	for package in "$@"; do
		case $installed in
			*" $package "*) ;;
			*) echo "$package" ;;
		esac
	done
}

# The major version that this release of Debian or Ubuntu carries.
packaged_postgres()
{
	local major

	major=$(apt-cache show postgresql 2>/dev/null |
		sed -n 's/^Depends:.*\<postgresql-\([0-9][0-9]*\).*/\1/p' | head -n 1)
	echo "${major:-15}"
}

# A server and its PGXS, unless they are there, from wherever.
missing_postgres()
{
	local major

	find_postgres
	major=${pg_major:-$(packaged_postgres)}
	[ -n "$pg_config" ] && [ -x "$("$pg_config" --bindir)/initdb" ] || echo "postgresql-$major"
	[ -n "$pg_config" ] && [ -f "$("$pg_config" --pgxs)" ] || echo "postgresql-server-dev-$major"
}

missing_psql()
{
	command -v psql >/dev/null || echo postgresql-client
}

# Any Node.js will do that is new enough, from wherever it came.
missing_node()
{
	if ! command -v node >/dev/null; then
		echo nodejs
	elif [ "$(node -p 'parseInt(process.versions.node)')" -lt 18 ]; then
		die "$(command -v node) is Node.js $(node --version), the web UI needs 18 or newer"
	fi
	command -v npm >/dev/null || echo npm
}

# install_packages PACKAGE...: says so first, then does it as root.
install_packages()
{
	local sudo=()

	[ $# -gt 0 ] || return 0
	if ! am_root; then
		command -v sudo >/dev/null ||
			die "there is no sudo; as root: apt-get install --no-install-recommends $*"
		sudo -n true 2>/dev/null || [ -t 0 ] ||
			die "sudo wants a password; as root: apt-get install --no-install-recommends $*"
		sudo=(sudo)
	fi
	say "installing Debian packages: $*"
	"${sudo[@]}" bash "$root/scripts/apt.sh" "$@" || die "apt-get could not install $*"
}

# need SET...: packages, and the words postgres, psql and node.
need()
{
	local word missing=
	local -a plain=()

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		say "no apt-get here: taking it that everything is installed"
		return 0
	fi
	for word in "$@"; do
		case $word in
			postgres | psql | node) missing+=" $("missing_$word")" || exit ;;
			*) plain+=("$word") ;;
		esac
	done
	missing+=" $(missing_packages "${plain[@]}")"
	# shellcheck disable=SC2086 # one word each
	install_packages $missing
}
