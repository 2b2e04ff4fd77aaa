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
	[fresh]="debootstrap libmojolicious-perl procps"
)
for suite in processes tables sanitized soak; do
	suite_packages[$suite]=${suite_packages[tap]}
done
unset suite

# What a package or a word of `need` is wanted for, to look for where there is no apt-get: a program,
# a module of pkg-config, or one of Perl.  The tests themselves say when an optional program is missing.
declare -A wanted_for=(
	[gcc]="program cc" [make]="program make" [pkg-config]="program pkg-config"
	[libssl-dev]="library openssl" [libwebsockets-dev]="library libwebsockets" [libuv1-dev]="library libuv"
	[libjansson-dev]="library jansson" [zlib1g-dev]="library zlib" [libbrotli-dev]="library libbrotlienc"
	[libargon2-dev]="library libargon2" [libzstd-dev]="library libzstd"
	[libipc-run-perl]="perl IPC::Run" [libmojolicious-perl]="perl Mojolicious"
	[openssl]="program openssl" [git]="program git" [psql]="program psql"
)

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

# A Node.js that is there is used, so it must be new enough; prints nothing.
check_node_version()
{
	local version

	command -v node >/dev/null || return 0
	version=$(node -p 'parseInt(process.versions.node)' 2>/dev/null) || die "$(command -v node) does not run"
	[ "$version" -ge 18 ] ||
		die "$(command -v node) is Node.js $(node --version), and the web UI needs 18 or newer:" \
			"put a newer one first in the PATH, or remove it and let \`make run\` install Debian's"
}

# Any Node.js will do that is new enough, from wherever it came.
missing_node()
{
	check_node_version
	command -v node >/dev/null || echo nodejs
	command -v npm >/dev/null || echo npm
}

# What it takes to build the web UI, unless it is there.
missing_web_ui()
{
	has_web_ui || missing_node
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

# look_for WORD: prints in words what WORD is wanted for, if that is not there
look_for()
{
	local kind name

	read -r kind name <<<"${wanted_for[$1]:-}"
	case $kind in
		program) command -v "$name" >/dev/null || echo "$name" ;;
		library)
			! command -v pkg-config >/dev/null || pkg-config --exists "$name" ||
				echo "the development files of $name"
			;;
		perl) perl "-M$name" -e 1 2>/dev/null || echo "the Perl module $name" ;;
	esac
}

# Where no apt-get can install anything, names in one line what is not there.  need_postgres says
# what a PostgreSQL lacks.
need_by_name()
{
	local word lacking
	local -a absent=()

	for word in "$@"; do
		case $word in
			node | web_ui)
				lacking=$("missing_$word") || exit
				[ -z "$lacking" ] || absent+=("Node.js 18 or newer with npm")
				;;
			*) mapfile -t -O ${#absent[@]} absent < <(look_for "$word") ;;
		esac
	done
	[ ${#absent[@]} = 0 ] || die "there is no apt-get here, so install by hand: $(join_words "${absent[@]}")"
}

join_words()
{
	local joined

	printf -v joined '%s, ' "$@"
	echo "${joined%, }"
}

# need WORD...: packages, and the words postgres, psql, node and web_ui.
need()
{
	local word missing=
	local -a plain=()

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		need_by_name "$@"
		return 0
	fi
	for word in "$@"; do
		case $word in
			postgres | psql | node | web_ui) missing+=" $("missing_$word")" || exit ;;
			*) plain+=("$word") ;;
		esac
	done
	missing+=" $(missing_packages "${plain[@]}")"
	# shellcheck disable=SC2086 # one word each
	install_packages $missing
}
