# deps.sh: the Debian packages a command needs; installs those that are missing.
# Sourced, after postgres.sh.

# The packages of each command, beside PostgreSQL and Node.js.
# shellcheck disable=SC2034 # no command needs all
{
build_packages="gcc libc6-dev make pkg-config libssl-dev libpq-dev libwebsockets-dev
	libwebsockets-evlib-uv libuv1-dev libjansson-dev zlib1g-dev libbrotli-dev"
extension_packages="libargon2-dev libzstd-dev"
}

# The packages of each suite that needs more than a build: what its programs and modules are in.
declare -A suite_packages=(
	[format]=clang-format
	[shell]=shellcheck
	[cppcheck]=cppcheck
	[memcheck]=valgrind
	[tap]="libipc-run-perl libmojolicious-perl openssl pgxnclient git"
	[browser]=chromium
	[fresh]="debootstrap libmojolicious-perl"
)
for suite in processes tables sanitized soak; do
	suite_packages[$suite]=${suite_packages[tap]}
done
unset suite

# What the commands call that neither a package of the lists above nor an essential one of Debian
# has to bring, as where there is no apt-get.
build_programs="cc make pkg-config perl"
build_modules="libuv libwebsockets jansson openssl zlib libbrotlienc libargon2 libzstd"

# packages_of_suites [SUITE...]: all suites of `make check` where none is named
packages_of_suites()
{
	local suite

	[ $# -gt 0 ] || set -- format shell cppcheck tap browser
	for suite in "$@"; do
		echo "${suite_packages[$suite]:-}"
	done | tr ' ' '\n' | sort -u
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

# A server, its headers and its test programs, unless they are there, from wherever.  Debian has
# the PGXS makefiles and the test programs in the client's package, so they say nothing of a server.
missing_postgres()
{
	local major

	find_postgres
	major=${pg_major:-$(packaged_postgres)}
	has_server || echo "postgresql-$major"
	has_headers || echo "postgresql-server-dev-$major"
	has_pgxs || echo "postgresql-client-$major"
}

missing_psql()
{
	command -v psql >/dev/null || echo postgresql-client
}

# A release archive brings the web UI along: an index.html and no history of git.
has_web_ui()
{
	[ ! -e "$root/.git" ] && [ -s "$root/web/dist/index.html" ]
}

# Any Node.js will do that is new enough, from wherever it came.
missing_node()
{
	! has_web_ui || return 0
	if ! command -v node >/dev/null; then
		echo nodejs
	elif [ "$(node -p 'parseInt(process.versions.node)')" -lt 18 ]; then
		die "$(command -v node) is Node.js $(node --version), and the web UI needs 18 or newer:" \
			"put a newer one first in the PATH, or remove it and let \`make run\` install Debian's"
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

# Where no apt-get can install anything, names in one line what is not there.
need_by_name()
{
	local name
	local -a absent=()

	for name in $build_programs; do
		command -v "$name" >/dev/null || absent+=("$name")
	done
	! command -v pkg-config >/dev/null || for name in $build_modules; do
		pkg-config --exists "$name" || absent+=("the development files of $name")
	done
	has_web_ui || command -v npm >/dev/null || absent+=("Node.js 18 or newer with npm")
	[ ${#absent[@]} = 0 ] || die "there is no apt-get here, so install by hand: $(join_words "${absent[@]}")"
}

join_words()
{
	local joined

	printf -v joined '%s, ' "$@"
	echo "${joined%, }"
}

# need SET...: packages, and the words postgres, psql and node.
need()
{
	local word missing=
	local -a plain=()

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		need_by_name
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
